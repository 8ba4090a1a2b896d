"""Loss and optimizer of a compiled model, as plain records."""

from typing import Any

from ....program import Loss, Metric, Optimizer
from ..api import is_keras_class
from ..trace.tolerant import TolerantRun


def losses(k: Any, model: Any, y: Any, outputs: list[Any]) -> tuple[list[tuple], list[str]]:
    """Return the losses that a compiled model applies to its outputs.

    Args:
        y: The model's targets, or None.
        outputs: A symbol for each output.

    Returns:
        A list with a tuple for each loss: the loss object, the output's index, the symbol of the
        targets, and the loss weight; and a list of messages about what could not be read.
    """
    compiled = getattr(model, "_compile_loss", None)
    if compiled is None or y is None:
        return [], []
    overridden = overridden_training_method(k, model)
    if overridden:
        return [], [
            f"the loss: the model has its own `{overridden}`, which may ignore the compiled loss"
        ]
    targets_given = k.tree.flatten(y)
    if len(targets_given) != len(outputs):
        return [], [f"{len(targets_given)} arrays of targets for {len(outputs)} outputs"]
    targets = [k.KerasTensor((1, *t.shape[1:]), dtype=_dtype(k, t)) for t in targets_given]
    # A new copy resolves names and structures without building the model's own loss.
    fresh = type(compiled)(
        compiled._user_loss, compiled._user_loss_weights, output_names=compiled.output_names
    )
    try:
        structure = model.output if hasattr(model, "output") else outputs[0]
        packed = k.tree.pack_sequence_as(structure, outputs)
        fresh.build(k.tree.pack_sequence_as(structure, targets), packed)
        at = {id(t): i for i, t in enumerate(outputs)}
        records = []
        for path, loss, weight, _ in fresh._flat_losses:
            output = _follow_path(packed, path)
            index = at[id(output)]
            records.append((loss, index, targets[index], 1.0 if weight is None else float(weight)))
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        return [], [f"the compiled loss could not be read ({type(error).__name__}: {first[:160]})"]
    return records, []


def metrics(k: Any, model: Any, y: Any, outputs: list[Any]) -> tuple[list[Metric], list[str]]:
    """Return the compiled metrics of the only output, as Keras resolves names such as `"accuracy"`.

    Args:
        y: The model's targets, or None.
        outputs: A symbol for each output.

    Returns:
        The metrics that use no sample weights, empty if there are several outputs; and a list of
        messages about what could not be read.
    """
    compiled = getattr(model, "_compile_metrics", None)
    arrays = k.tree.flatten(y) if y is not None else []
    if compiled is None or not compiled._user_metrics or len(arrays) != 1 or len(outputs) != 1:
        return [], []
    target = k.KerasTensor((1, *arrays[0].shape[1:]), dtype=_dtype(k, arrays[0]))
    # A new copy resolves names without building the model's own metrics.
    fresh = type(compiled)(compiled._user_metrics, None, output_names=compiled.output_names)
    try:
        fresh.build(target, outputs[0])
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        return [], [f"the compiled metrics could not be read ({first[:160]})"]
    resolved = fresh._flat_metrics[0]
    return [
        Metric(metric.name, type(metric).__name__ if _is_own(k, metric) else "")
        for metric in (resolved.metrics if resolved is not None else ())
    ], []


def _is_own(k: Any, metric: Any) -> bool:
    """Return whether a metric's class is Keras's own, not a user's."""
    return getattr(k.metrics, type(metric).__name__, None) is type(metric)


TRAINING = (
    "train_step", "compute_loss", "_compute_loss", "compute_loss_and_updates",
    "stateless_compute_loss", "make_train_function",
)  # fmt: skip
"""Methods of a model that define how it is trained."""


def overridden_training_method(k: Any, model: Any) -> str:
    """Return the name of a method with which a model overrides Keras's training, or `""`."""
    for name in TRAINING:
        is_inherited = getattr(type(model), name, None) is getattr(k.Model, name, None)
        if not is_inherited or name in vars(model):
            return name
    return ""


def _dtype(k: Any, array: Any) -> str:
    """Return the dtype in which `fit` passes targets to a loss."""
    name = str(array.dtype)
    return k.backend.floatx() if name.startswith("float") else name


def _follow_path(struct: Any, path: Any) -> Any:
    for key in path:
        struct = struct[key]
    return struct


def loss_record(
    k: Any, loss: Any, output: int, tensor: int | None, weight: float, rank: int, masked: bool
) -> Loss:
    """Convert a Keras loss object and its weight to a record.

    Args:
        output: Index of the output to which the loss applies.
        tensor: Index of the tensor of the loss; None if the loss could not be traced.
        weight: Factor of the loss in the total loss.
        rank: Number of axes of the output, including the batch axis.
        masked: Whether the output may carry a mask; the loss ignores masked entries.
    """
    kind = type(loss)
    function = getattr(loss, "fn", None)
    options = dict(getattr(loss, "_fn_kwargs", {}) or {})
    name = getattr(function, "__name__", kind.__name__)
    from_logits = options.pop("from_logits", None)
    smoothing = options.pop("label_smoothing", 0.0) or 0.0
    native = _is_native(k, loss, function)
    if native and from_logits is None and name.endswith("crossentropy"):
        from_logits = False
    plain = {n: v for n, v in options.items() if isinstance(v, int | float | str)}
    reduction, dtype = getattr(loss, "reduction", None), getattr(loss, "dtype", None)
    plain |= {"weight": weight, "reduction": str(reduction), "dtype": str(dtype)}
    is_known = (
        native
        and not masked
        and options.get("axis") in (None, -1, rank - 1)
        and dtype in ("float32", "float64")
        and reduction not in (None, "none")
        and k.config.epsilon() == EPSILON
    )
    return Loss(name, is_known, output, from_logits, float(smoothing), tensor, plain, native)


EPSILON = 1e-7
"""Keras's default epsilon, with which it keeps probabilities away from 0 and 1."""


def _is_native(k: Any, loss: Any, function: Any) -> bool:
    """Return whether a loss's class and function are Keras's own objects, not user wrappers."""
    home = k.src.losses.losses
    kind, overridden = type(loss), {"call", "__call__"} & set(vars(loss))
    if getattr(home, kind.__name__, None) is not kind or overridden:
        return False
    return function is None or getattr(home, getattr(function, "__name__", ""), None) is function


def makes_masks(k: Any, run: TolerantRun) -> bool:
    """Return whether a layer may create a mask, which makes later layers ignore steps."""
    return any(
        isinstance(layer, k.layers.Masking)
        or getattr(layer, "mask_zero", False)
        or (
            type(layer).compute_mask is not k.Layer.compute_mask and not is_keras_class(type(layer))
        )
        for visit in run.trace.visits
        if isinstance(visit.layer, k.Layer)
        for layer in visit.layer._flatten_layers()
    )


def optimizer_record(k: Any, model: Any) -> Optimizer | None:
    """Convert the compiled optimizer to a record, or return None if there is none.

    The learning rate of a Keras schedule is its largest value at the steps 0, 1, 10, 100 and 1000.
    """
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return None
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    rate = inner._learning_rate
    scheduled = callable(rate) and not hasattr(rate, "shape")
    if scheduled:
        if isinstance(rate, k.optimizers.schedules.LearningRateSchedule):
            # It may start at 0 to warm up, so the rate is the largest one of some early steps.
            rate = max(float(k.ops.convert_to_numpy(rate(step))) for step in (0, 1, 10, 100, 1000))
        else:
            rate = rate()
    plain = {
        name: value
        for name, value in vars(inner).items()
        if isinstance(value, int | float) and not name.startswith("_")
    }
    return Optimizer(
        type(inner).__name__,
        float(k.ops.convert_to_numpy(rate)),
        float(plain.get("momentum", 0.0) or 0.0),
        plain,
        scheduled,
    )
