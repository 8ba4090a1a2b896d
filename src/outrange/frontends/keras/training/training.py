"""Loss and optimizer of a compiled model, as plain records."""

from typing import Any

from ....program import Loss, Optimizer


def losses(k: Any, model: Any, y: Any, outputs: list[Any]) -> tuple[list[tuple], list[str]]:
    """The loss object of each output.

    Args:
        k: Keras.
        model: Perhaps compiled.
        y: Its targets, or None.
        outputs: A symbol for each output.

    Returns:
        `(loss object, output index, symbol of its targets, weight)` of each; and what could not be
        read.
    """
    compiled = getattr(model, "_compile_loss", None)
    if compiled is None or y is None:
        return [], []
    own = own_training(k, model)
    if own:
        return [], [f"the loss: the model has its own `{own}`, which need not use what is compiled"]
    given = k.tree.flatten(y)
    if len(given) != len(outputs):
        return [], [f"{len(given)} arrays of targets for {len(outputs)} outputs"]
    targets = [k.KerasTensor((1, *t.shape[1:]), dtype=_dtype(k, t)) for t in given]
    # A fresh copy resolves names and structures without building the model's own.
    fresh = type(compiled)(
        compiled._user_loss, compiled._user_loss_weights, output_names=compiled.output_names
    )
    try:
        structure = model.output if hasattr(model, "output") else outputs[0]
        packed = k.tree.pack_sequence_as(structure, outputs)
        fresh.build(k.tree.pack_sequence_as(structure, targets), packed)
        at = {id(t): i for i, t in enumerate(outputs)}
        found = []
        for path, loss, weight, _ in fresh._flat_losses:
            output = _resolved(packed, path)
            index = at[id(output)]
            found.append((loss, index, targets[index], 1.0 if weight is None else float(weight)))
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        return [], [f"the compiled loss could not be read ({type(error).__name__}: {first[:160]})"]
    return found, []


def own_training(k: Any, model: Any) -> str:
    """Name of the method by which a model replaces Keras's way of training; `""` if it does not."""
    for name in ("train_step", "compute_loss", "_compute_loss"):
        if getattr(type(model), name, None) is not getattr(k.Model, name, None):
            return name
    return ""


def _dtype(k: Any, array: Any) -> str:
    """The dtype in which a fit hands targets to a loss."""
    name = str(array.dtype)
    return k.backend.floatx() if name.startswith("float") else name


def _resolved(struct: Any, path: Any) -> Any:
    for key in path:
        struct = struct[key]
    return struct


def loss_record(loss: Any, output: int, tensor: int | None, weight: float) -> Loss:
    """A Keras loss object, and its weight among the losses, as a record."""
    kind = type(loss)
    function = getattr(loss, "fn", None)
    options = dict(getattr(loss, "_fn_kwargs", {}) or {})
    name = getattr(function, "__name__", kind.__name__)
    home = getattr(function, "__module__", kind.__module__) if function else kind.__module__
    from_logits = options.pop("from_logits", None)
    smoothing = options.pop("label_smoothing", 0.0) or 0.0
    known = str(home).startswith("keras.") and kind.__module__.startswith("keras.")
    if known and from_logits is None and name.endswith("crossentropy"):
        from_logits = False
    plain = {n: v for n, v in options.items() if isinstance(v, int | float | str)}
    plain["weight"] = weight
    plain |= {name: str(getattr(loss, name, "")) for name in ("reduction", "dtype")}
    return Loss(name, known, output, from_logits, float(smoothing), tensor, plain)


def optimizer_record(k: Any, model: Any) -> Optimizer | None:
    """The compiled optimizer as a record."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return None
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    rate = inner._learning_rate
    scheduled = callable(rate) and not hasattr(rate, "shape")
    if scheduled:
        if isinstance(rate, k.optimizers.schedules.LearningRateSchedule):
            # It may start at 0 to warm up: the rate that counts is the largest soon after.
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
