"""OR005: weights that no gradient reaches."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import RecordedStep
from ..context import DiagnosisContext
from ..paths import lost_weights, weights_after, weights_behind
from ..registry import Example, ModelAndData, Rule, register
from ..wording import names, share
from .dead import dead_layers


def _classes(keras: ModuleType, loss: Callable[[ModuleType], Callable[..., Any]]) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = rng.integers(0, 3, (64, 1)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, "tanh"),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), loss(keras))
    return model, x, y


def _argmax(keras: ModuleType) -> Callable[[Any, Any], Any]:
    def class_distance(y_true: Any, y_pred: Any) -> Any:
        chosen = keras.ops.cast(keras.ops.argmax(y_pred, axis=-1), "float32")
        return keras.ops.mean(keras.ops.square(y_true[:, 0] - chosen))

    return class_distance


def _rounded_loss(keras: ModuleType) -> Callable[[Any, Any], Any]:
    def rounded_error(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.square(y_true - keras.ops.round(y_pred)))

    return rounded_error


def _soft_index(keras: ModuleType) -> Callable[[Any, Any], Any]:
    def soft_index(y_true: Any, y_pred: Any) -> Any:
        index = keras.ops.sum(y_pred * keras.ops.arange(3, dtype="float32"), axis=-1)
        return keras.ops.mean(keras.ops.square(y_true[:, 0] - index))

    return soft_index


def _plain(keras: ModuleType) -> Callable[[Any, Any], Any]:
    def plain(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.square(y_true - y_pred))

    return plain


SOFT = {
    "Argmax": "index = ops.sum(p * ops.arange(n), axis=-1)   # a soft index; p is the softmax",
    "Argmin": "index = ops.sum(ops.softmax(-x) * ops.arange(n), axis=-1)",
    "Round": "round after predict() only: train with the unrounded outputs",
    "Floor": "round after predict() only: train with the unrounded outputs",
    "Ceil": "round after predict() only: train with the unrounded outputs",
    "Cast": "remove the cast to integers, so that the loss reads floats",
    "Sign": "ops.tanh(beta * x)   # a soft sign",
    "StopGradient": "remove the stop_gradient, or freeze these weights with trainable = False",
}
"""Map from an operation that passes no gradient to the proposed fix."""

SOFT_COMPARISON = "ops.sigmoid(beta * (a - b))   # a soft comparison"


@register(
    "OR005", "no gradient reaches some weights",
    """Every path from the loss to some weights passes through an operation that is constant between
    its jumps (argmax, round, floor, sign, comparisons, casts to integers) or through a
    stop_gradient, or there is no path at all. The rule follows the recorded operations of the model
    and the loss backwards. The finding is PROVED if every use of these weights was recorded. It is
    MEASURED if the code could not be traced, but the backend's own differentiation returns no
    gradient. It is SUSPECTED if a stop_gradient inside the model cuts off some weights, and copies
    of the model still learn in short training runs, since the stop_gradient may be intended. If no
    weight has a gradient, TensorFlow raises "No gradients provided". PyTorch raises an error or
    silently returns zeros, depending on the operation. JAX continues to train silently, with the
    weights frozen. Replace the operation with a differentiable approximation, at least in the
    loss.""",
    Example(lambda k: _classes(k, _argmax), lambda k: _classes(k, _soft_index)),
    Example(lambda k: _classes(k, _rounded_loss), lambda k: _classes(k, _plain)),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report weights that no gradient of the losses reaches."""
    program = case.program
    if not program.losses:
        return
    if any(loss.tensor is None for loss in program.losses):
        yield from _check_measured(rule, case)
        return
    hidden = [i for i in sorted(program.escaped) if program.weights[i].trainable]
    if hidden and not case.batch_normalized:
        yield from _check_measured(rule, case, hidden)
    for steps, weights in lost_weights(program):
        total = sum(w.trainable for w in program.weights)
        paths = [program.weights[i].path for i in weights]
        if _is_contradicted(case, weights):
            continue
        level = Level.PROVED
        if steps:
            # It is common to cut off a part on purpose, if the rest learns without it.
            meant = all(step.kind == "StopGradient" and step.inside for step in steps)
            level = Level.SUSPECTED if meant and _learns(case) else level
            passes = "passes" if len(steps) == 1 else "pass"
            reason = f"{' and '.join(_place(step) for step in steps[:3])} {passes} no gradient"
            fix = SOFT.get(steps[0].kind, SOFT_COMPARISON)
        else:
            reason = "the loss does not depend on them"
            fix = "use the output of these layers in the loss, or remove the layers"
        yield rule.finding(
            level, steps[0].layer if steps else program.weights[weights[0]].layer,
            f"{share(len(weights), total)} trainable weights get no gradient: {names(paths, 4)}; "
            f"{reason}. {_consequence(case, weights, len(weights) == total)}",
            fix, cost={"share": len(weights) / total, "weights": paths,
                       "operations": [_operation_name(step.kind) for step in steps]},
            holds_for="" if level is Level.SUSPECTED
            else (
                "all weights and all inputs, because it follows from the graph; regularization "
                "penalties are not considered"
            ),
        )  # fmt: skip


def _learns(case: DiagnosisContext) -> bool:
    """Return whether every short training run gets below half of the best constant's loss.

    Returns False if that is unknown.
    """
    ratios = case.trials.ratios()
    return bool(ratios) and max(ratios) < 0.5


def _place(step: RecordedStep) -> str:
    return f"`{_operation_name(step.kind)}` in " + (
        f"layer {step.layer!r}" if step.inside else "the loss"
    )


def _operation_name(kind: str) -> str:
    return {"ConvertToTensor": "cast"}.get(kind, kind.lower())


def _is_contradicted(case: DiagnosisContext, weights: Iterable[int]) -> bool:
    """Return whether the backend measures a nonzero gradient for any of the given weights.

    Also returns True if gradients cannot be measured, so that nothing is claimed. Losses that
    layers add themselves are part of the measured gradient, but not of the recorded steps.
    """
    measured = case.measurement
    if measured is None or measured.error:
        return True
    gradients = [measured.gradients.get(i) for i in weights]
    return any(g is not None and np.any(g != 0) for g in gradients)


def _consequence(case: DiagnosisContext, weights: Sequence[int], everything: bool) -> str:
    """Describe in a sentence how `fit` treats weights without a gradient on the program's backend.

    Args:
        everything: Whether the model has no other trainable weights.
    """
    name = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}[case.program.backend]
    measured = case.measurement
    gradients = {} if measured is None else measured.gradients
    missing = bool(gradients) and all(gradients.get(i) is None for i in weights)
    if missing and everything and name == "TensorFlow":
        return 'On TensorFlow `fit` raises "No gradients provided for any variable".'
    if missing and everything and name == "PyTorch":
        return 'On PyTorch `fit` raises "element 0 of tensors does not require grad".'
    does = "`fit` only warns" if missing and name == "TensorFlow" else "there is no error"
    return f"On {name} {does}: training continues {_meanwhile(case)}."


def _meanwhile(case: DiagnosisContext) -> str:
    """Describe in a phrase whether weights without a gradient stay unchanged in training.

    Weight decay and momentum from earlier steps may still move them.
    """
    optimizer, stepping = case.program.optimizer, case.program.stepping
    still = (
        optimizer is not None
        and stepping is not None
        and not (stepping.refusal or stepping.taken or optimizer.options.get("weight_decay"))
    )
    return (
        "with these weights frozen" if still else "without any effect of the loss on these weights"
    )


LOOK_FOR = "look for argmax, round, comparisons, casts to integers or NumPy calls in the loss"

LOOK_IN_MODEL = LOOK_FOR.replace("the loss", "the layers of the model")
"""The advice for a loss of Keras, whose code needs no check."""


def _zero(case: DiagnosisContext, layer: str) -> tuple[str, str, str]:
    """Return a layer, a reason and a fix for gradients that exist but are exactly 0.

    Args:
        layer: The layer to return, with an empty reason, if no reason is found.
    """
    for weight in case.program.weights:
        if weight.trainable and len(weight.shape) >= 2 and np.prod(weight.shape[:-1]) > 1:
            values = weight.read()
            if np.all(values == values.flat[0]):
                return (
                    weight.layer,
                    f"All {values.size:,} entries of `{weight.path}` are {values.flat[0]:g}, so "
                    "all units of this layer return the same value.",
                    'kernel_initializer="glorot_uniform" in every layer',
                )
    for (name, _), output, head in zip(
        case.program.outputs, case.predictions, case.program.heads, strict=False
    ):
        flat = head.activation in ("softmax", "sigmoid") and np.isin(output, (0.0, 1.0)).all()
        if flat:
            return (
                head.layer or name,
                f"The {head.activation} is saturated: it returns exactly 0 or 1 for every row, and "
                "its slope there is 0.",
                "x = (x - x.mean(0)) / x.std(0)\n"
                'or kernel_initializer="glorot_uniform" in every layer',
            )
    return layer, "", LOOK_FOR


def _are_dead(case: DiagnosisContext, weights: Iterable[int]) -> bool:
    """Return whether each of the given weights affects, or is affected by, a dead layer.

    Rule OR003 reports such a layer. The inputs of the next layers are constant, and often 0.
    """
    explained: set[int] = set()
    for layer, _, units, _ in dead_layers(case):
        if units.all():
            explained |= weights_behind(case.program, layer.after) or set()
            explained |= weights_after(case.program, [layer.after])
    return explained.issuperset(weights)


def _only_at_first(case: DiagnosisContext, weights: Iterable[int]) -> bool:
    """Return whether the gradient of some weights is blocked only by a kernel that starts at 0.

    In that case the kernel has a nonzero gradient, and the weights move in a short training run of
    a copy.
    """
    measured, training = case.measurement, case.trials.run()
    if measured is None or training is None:
        return False
    leaves = any(
        g is not None and np.any(g != 0) and len(case.program.weights[i].shape) >= 2
        and not np.any(case.program.weights[i].read())
        for i, g in measured.gradients.items()
    )  # fmt: skip
    return leaves and all(training.moved.get(i, 0.0) > 0.0 for i in weights)


def _check_measured(
    rule: Rule, case: DiagnosisContext, among: Iterable[int] | None = None
) -> Iterator[Finding]:
    """Report weights for which the backend's differentiation returns no gradient, or only zeros.

    Args:
        among: Indices of the weights to check; None for all.
    """
    measured = case.measurement
    if measured is None or measured.error or not measured.gradients:
        return
    weights = [
        i for i, g in measured.gradients.items()
        if (among is None or i in among) and (g is None or not np.any(g != 0))
    ]  # fmt: skip
    if not weights or _only_at_first(case, weights):
        return
    paths = [case.program.weights[i].path for i in weights]
    total = len(measured.gradients)
    cut = any(measured.gradients[i] is None for i in weights)
    layer, why, fix = case.program.weights[weights[0]].layer, "", LOOK_FOR
    if not cut:
        layer, why, fix = _zero(case, layer)
    if not why and all(loss.native for loss in case.program.losses):
        if not cut and (measured.loss == 0 or _are_dead(case, weights)):
            return  # at a loss of 0 no gradient is expected
        fix = LOOK_IN_MODEL
    then = why or _consequence(case, weights, len(weights) == total)
    yield rule.finding(
        Level.MEASURED, layer,
        f"{share(len(weights), total)} trainable weights get {'no gradient' if cut else ''}"
        f"{'' if cut else 'a gradient of exactly 0'}: {names(paths, 4)}. {then}", fix,
        cost={"share": len(weights) / total, "weights": paths},
        holds_for="the stored weights and your first rows",
    )  # fmt: skip
