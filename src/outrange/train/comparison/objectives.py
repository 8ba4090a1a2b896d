"""Prepares losses, targets and optimizers, and the metric by which training runs are compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from ...core import InputError
from ...frontends.keras.api import keras
from ..targets import Targets
from .plan import Objective, OptimizerChoice


@dataclass(frozen=True, eq=False)
class Yardstick:
    """The metric by which training runs with different losses are compared.

    Args:
        name: `"accuracy"`, `"mse"`, or the name of the user's function.
        better: Which values are better, `"higher"` or `"lower"`.
        baseline: The metric of a constant prediction. The constant is the best one for the built-in
            metrics, and the mean of the targets for the user's function.
        function: The user's `function(targets, predictions)`; None for the built-in metrics.
    """

    name: str
    better: str
    baseline: float
    function: Callable[[Any, Any], Any] | None = None


def label_things(things: Any, what: str) -> dict[str, Any]:
    """Convert a dict, a list or a single object to a dict from labels to objects.

    Args:
        things: Activations, losses or optimizers.
        what: Name of the objects in messages, a plural.

    Raises:
        InputError: `things` is empty, or two entries of a list have the same label.
    """
    if isinstance(things, Mapping):
        labelled = {str(key): value for key, value in things.items()}
    else:
        many = things if isinstance(things, Sequence) and not isinstance(things, str) else [things]
        labelled = {}
        for thing in many:
            if label(thing) in labelled:
                raise InputError(
                    f"Labels of {what} must differ. Received: {label(thing)!r} twice. Pass a dict "
                    "from labels to these objects."
                )
            labelled[label(thing)] = thing
    if not labelled:
        raise InputError(f"The {what} must have at least one entry. Received: {things!r}.")
    return labelled


def label(thing: Any) -> str:
    """Return the label of an activation, a loss or an optimizer in tables."""
    if thing is None:
        return "linear"
    if isinstance(thing, str):
        return thing
    name = getattr(thing, "__name__", None) or getattr(thing, "name", None)
    return str(name or type(thing).__name__)


def optimizer_choice(name: str, thing: Any) -> OptimizerChoice:
    """Convert an optimizer to a factory of new optimizers with the same settings."""
    k = keras()
    try:
        model = k.optimizers.get(thing() if isinstance(thing, type) else thing)
    except (ValueError, TypeError) as error:
        raise InputError(
            "An optimizer must be a name that Keras knows, an optimizer, or its class. "
            f"Received: {thing!r}."
        ) from error
    kind, config = type(model), model.get_config()
    return OptimizerChoice(name, lambda: kind.from_config(config))


def objective(
    name: str, thing: Any, targets: Targets, outputs: tuple[int, ...], yardstick: Yardstick
) -> Objective:
    """Combine a loss with its targets and its metric, for a model with a given output shape.

    Args:
        outputs: Shape of the model's output, without the batch axis.
    """
    k = keras()
    try:
        loss = k.losses.get(thing() if isinstance(thing, type) else thing)
    except (ValueError, TypeError) as error:
        raise InputError(
            "A loss must be a name that Keras knows, a loss, its class, or a function "
            f"`loss(y_true, y_pred)`. Received: {thing!r}."
        ) from error
    kind = _kind(k, loss)
    encoded = encode(targets, outputs, "sparse" in kind)
    if isinstance(loss, k.losses.Loss):
        value = loss
    else:

        def value(y: Any, p: Any) -> Any:
            return k.ops.mean(loss(y, p))

    metric = _metric(k, yardstick, targets, outputs, _threshold(loss, kind, targets))
    return Objective(name, thing, value, encoded, metric)


def _kind(k: Any, loss: Any) -> str:
    """Return the name of a loss in lowercase, such as `"sparse_categorical_crossentropy"`."""
    name = getattr(loss, "__name__", None) or getattr(loss, "name", None) or type(loss).__name__
    return str(name).lower()


def _threshold(loss: Any, kind: str, targets: Targets) -> float:
    """Return the threshold at which a single output decides between two classes: 0 or 0.5.

    It is 0 for losses named `hinge` or `squared_hinge`, for losses that expect logits, and for
    labels of -1 and 1.
    """
    margin = kind in ("hinge", "squared_hinge") or getattr(loss, "from_logits", False)
    return 0.0 if margin or targets.names == (-1, 1) else 0.5


def encode(targets: Targets, outputs: tuple[int, ...], sparse: bool) -> np.ndarray:
    """Convert the targets to the form that a model with a given output shape needs.

    Args:
        outputs: Shape of the model's output, without the batch axis.
        sparse: Whether the loss expects class numbers.

    Raises:
        InputError: The targets do not fit the output shape.
    """
    columns = int(np.prod(outputs, dtype=np.int64))
    values = targets.values
    if targets.kind in ("binary", "classes"):
        number = values[:, 0].astype(np.int32)
        if sparse:
            return number
        if columns == targets.classes:
            return np.eye(columns, dtype=np.float32)[number].reshape(-1, *outputs)
        if columns == 1:
            signs = targets.names == (-1, 1)
            chosen = np.where(number == 1, 1.0, -1.0) if signs else values[:, 0]
            return chosen.astype(np.float32).reshape(-1, *outputs)
    elif columns == values.shape[1]:
        if sparse and targets.kind == "one_hot":
            return values.argmax(axis=1).astype(np.int32)
        return values.astype(np.float32).reshape(-1, *outputs)
    raise InputError(
        f"The model must have one output per target column or class ({targets.classes} here), or "
        f"one for all classes. Received: outputs of shape {outputs} for {targets.kind} targets."
    )


def yardstick(metric: Any, targets: Targets, outputs: tuple[int, ...]) -> Yardstick:
    """Return the metric by which training runs are compared: the user's, or a default.

    Raises:
        InputError: The metric is unknown, does not fit the targets, or lacks its direction.
    """
    decides = targets.kind in ("binary", "classes", "one_hot", "multi_label")
    if metric is None:
        metric = "accuracy" if decides else "mse"
    function, better = metric if isinstance(metric, tuple) and len(metric) == 2 else (metric, None)
    if callable(function):
        if better not in ("higher", "lower"):
            raise InputError(
                'A custom metric needs its direction: pass `metric=(function, "higher")` or '
                f'`metric=(function, "lower")`. Received: metric={metric!r:.60}.'
            )
        dense = encode(targets, outputs, False)
        constant = np.broadcast_to(dense.mean(axis=0), dense.shape)
        baseline = keras().ops.convert_to_numpy(function(dense, constant))
        return Yardstick(label(function), better, float(baseline), function)
    if metric not in ("accuracy", "mse") or (metric == "accuracy" and not decides):
        raise InputError(
            '`metric` must be "accuracy" (for classes), "mse", or a pair such as `(function, '
            '"lower")`, whose function of targets and predictions uses keras.ops. '
            f"Received: metric={metric!r} for {targets.kind} targets."
        )
    values = targets.values
    if metric == "mse":
        dense = encode(targets, outputs, False).astype(np.float64)
        return Yardstick("mse", "lower", float(np.mean((dense - dense.mean(axis=0)) ** 2)))
    if targets.kind == "multi_label":
        share = values.mean(axis=0)
        return Yardstick("accuracy", "higher", float(np.mean(np.maximum(share, 1 - share))))
    number = values.argmax(axis=1) if targets.kind == "one_hot" else values[:, 0].astype(int)
    return Yardstick("accuracy", "higher", float(np.bincount(number).max() / len(number)))


def _metric(
    k: ModuleType,
    yardstick: Yardstick,
    targets: Targets,
    outputs: tuple[int, ...],
    threshold: float,
) -> Callable[[Any], Any]:
    """Return a function that computes the metric of predictions, a scalar, with Keras operations.

    Args:
        threshold: The threshold at which a single output decides between two classes.
    """
    dense = k.ops.convert_to_tensor(encode(targets, outputs, False))
    if yardstick.function is not None:
        function = yardstick.function
        return lambda p: k.ops.cast(function(dense, p), "float32")
    if yardstick.name == "mse":
        return lambda p: k.ops.mean(k.ops.square(p - dense))
    columns = int(np.prod(outputs, dtype=np.int64))
    if targets.kind != "multi_label" and columns > 1:
        right = k.ops.argmax(dense, axis=-1)
        return lambda p: _share(k, k.ops.argmax(p, axis=-1) == right, p)
    if targets.kind in ("binary", "multi_label"):
        high = dense > 0.5
        return lambda p: _share(k, (p > threshold) == high, p)
    # With several classes on one output, the nearest integer decides.
    return lambda p: _share(k, k.ops.abs(p - dense) < 0.5, p)


def _share(k: ModuleType, right: Any, predictions: Any) -> Any:
    """Compute the fraction of correct predictions; it is 0 if any prediction is not finite."""
    fine = k.ops.all(k.ops.isfinite(predictions))
    share = k.ops.mean(k.ops.cast(right, "float32"))
    return k.ops.where(fine, share, k.ops.zeros_like(share))
