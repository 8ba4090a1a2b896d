"""The last activation or layer that computes each output of a model, read from its recording."""

from dataclasses import replace
from typing import Any

from ....program import Head
from ..trace.records import OperationRecord, Trace
from .copies.borrowed import preserve_variables
from .modes import may_differ
from .randomness import may_draw, preserve_random_state


SHAPES = ("Reshape", "Squeeze", "ExpandDims", "Ravel", "Copy")
"""Operations that change at most the shape of their input."""

ACTIVATIONS = {
    "Softmax": "softmax", "Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu", "ReLU": "relu",
    "Softsign": "softsign", "Elu": "elu", "Selu": "selu", "Gelu": "gelu", "Silu": "swish",
    "Softplus": "softplus", "Exp": "exponential", "LeakyRelu": "leaky_relu", "Relu6": "relu6",
    "Mish": "mish",
}  # fmt: skip

AFFINE = ("Add", "Matmul", "Conv", "DepthwiseConv", "SeparableConv", "Einsum", "Tensordot", "Dot")

LOGITS_OF = {
    "Softmax": ("categorical_crossentropy", "sparse_categorical_crossentropy"),
    "Sigmoid": ("binary_crossentropy",),
}
"""Map from an operation to the cross-entropies that recover its input in a TensorFlow graph."""


def head(k: Any, model: Any, trace: Trace, output: Any, number: dict[int, int], loss: str) -> Head:
    """Return the `Head` of one output: its last activation or layer.

    Args:
        trace: The recording of the model.
        output: Symbol of the output.
        number: Map from the `id` of a symbol to the index of its tensor.
        loss: Name of the loss of this output, or `""` if it has none.
    """
    maker = {id(t): r for r in trace.records for t in k.tree.flatten(r.outputs)}
    record = _source_record(k, maker, output)
    steps = _steps_of(k, maker, record)
    if steps:
        record = steps[0]
    width = int(output.shape[-1]) if len(output.shape) > 1 else 1
    if record is None:
        return Head("other", "", width)
    dropout = _dropout(k, trace, output)
    kind, axis = _activation(record), _axis(k, record)
    if not kind or axis is None:
        trained_part = _trained_part(k, record)
        name = "linear" if trained_part else "other"
        return Head(name, record.source, width, dropped=dropout, moved=trained_part)
    source = k.tree.flatten(record.args)[0]
    inner = _source_record(k, maker, source)
    logits = None if steps else number.get(id(source))
    rank = len(source.shape)
    axis = axis - rank if axis >= 0 else axis
    whole = _is_made_by(k, output, record) or (axis == -1 and int(source.shape[-1]) == width)
    recovers = _recovers_logits(k, model, output, record, loss)
    if (kind == "softmax" and not whole) or (recovers and _differs(k, trace, output, record)):
        # A softmax over pieces of a row; or training computes other numbers than evaluation.
        return Head("other", record.source, width, dropped=dropout)
    return Head(
        kind,
        record.source,
        width,
        axis,
        logits,
        _activation(inner) if inner is not None else "",
        dropout,
        recovers,
        _trained_part(k, inner),
    )


def _steps_of(
    k: Any, maker: dict[int, OperationRecord], record: OperationRecord | None
) -> list[OperationRecord]:
    """Return the records of one operation that `TimeDistributed` applied to every step, or `[]`.

    `TimeDistributed` runs its layer once per step of a sequence, stacks the results and transposes
    them.
    """
    if record is not None and record.kind == "Transpose":
        axes = record.op.axes
        if axes is None or axes[-1] != len(axes) - 1:
            return []
        record = _source_record(k, maker, k.tree.flatten(record.args)[0])
    if record is None or record.kind != "Stack" or record.op.axis != 0:
        return []
    parts = [_source_record(k, maker, t) for t in k.tree.flatten(record.args)]
    records = [part for part in parts if part is not None]
    kinds = {(part.kind, part.source) for part in records}
    return records if len(records) == len(parts) and len(kinds) == 1 else []


def _activation(record: OperationRecord) -> str:
    """Return Keras's name of an activation, or `""` for any other operation."""
    if record.kind == "ReLU":
        slope, most, least = (
            getattr(record.op, name, None) for name in ("negative_slope", "max_value", "threshold")
        )
        if most is not None or least != 0.0:
            return "relu6" if (slope, most, least) == (0.0, 6.0, 0.0) else ""
        return "leaky_relu" if slope else "relu"
    return ACTIVATIONS.get(record.kind, "")


def _is_made_by(k: Any, output: Any, record: OperationRecord) -> bool:
    return any(t is output for t in k.tree.flatten(record.outputs))


def _differs(k: Any, trace: Trace, output: Any, record: OperationRecord) -> bool:
    """Return whether another layer that returns `output` at inference may draw random numbers.

    Such a layer may change the output in training. Models and the layer of `record` are ignored.
    """
    return any(
        visit.layer is not record.layer
        and isinstance(visit.layer, k.Layer)
        and any(t is output for t in k.tree.flatten(visit.outputs))
        and not isinstance(visit.layer, k.Model)
        and may_draw(k, visit.layer)
        for visit in trace.visits
    )


def _axis(k: Any, record: OperationRecord) -> int | None:
    """Return the axis of a softmax, or -1 for other operations.

    The result is None for a softmax with several axes or a mask.
    """
    if record.kind != "Softmax":
        return -1
    if isinstance(record.op, k.Layer):
        return None
    axes = k.tree.flatten(record.op.get_config().get("axis", -1))
    return int(axes[0]) if len(axes) == 1 and axes[0] is not None else None


def _source_record(
    k: Any, maker: dict[int, OperationRecord], tensor: Any
) -> OperationRecord | None:
    """Return the record that computes the values of a tensor, skipping changes of shape."""
    record = maker.get(id(tensor))
    while record is not None and record.kind in SHAPES:
        record = maker.get(id(k.tree.flatten(record.args)[0]))
    return record


def _recovers_logits(k: Any, model: Any, output: Any, record: OperationRecord, loss: str) -> bool:
    """Return whether the backend's cross-entropy computes the loss from the logits of `output`.

    TensorFlow's cross-entropy does so if it finds the logits from which `output` was computed.
    """
    if k.backend.backend() != "tensorflow" or not loss.endswith("crossentropy"):
        return False
    if output.dtype != "float32":
        return False  # the loss casts it, and the cast hides its origin
    if hasattr(output, "_keras_logits"):
        return True
    eager = bool(getattr(model, "run_eagerly", False))
    direct = _is_made_by(k, output, record)
    return direct and not eager and loss in LOGITS_OF.get(record.kind, ())


def _trained_part(k: Any, record: OperationRecord | None) -> str:
    """Return `"bias"` or `"kernel"`, the trained weight that an operation applies, or `""`."""
    if record is None or record.kind not in AFFINE:
        return ""
    flat = k.tree.flatten((record.args, record.kwargs))
    trained = any(isinstance(v, k.Variable) and v.trainable for v in flat)
    return ("bias" if record.kind == "Add" else "kernel") if trained else ""


def _dropout(k: Any, trace: Trace, output: Any) -> float:
    """Return the rate of a dropout layer if no other noisy layer returns `output`, otherwise 0.

    If several noisy layers return the same symbol, it is unknown which one comes last.
    """
    noisy = [
        visit.layer for visit in trace.visits
        if isinstance(visit.layer, k.Layer) and may_differ(visit.layer)
        and any(t is output for t in k.tree.flatten(visit.outputs))
    ]  # fmt: skip
    return float(noisy[0].rate) if [type(o) for o in noisy] == [k.layers.Dropout] else 0.0


def without_inactive_dropout(
    k: Any, model: Any, x: Any, heads: tuple[Head, ...]
) -> tuple[Head, ...]:
    """Return the heads, with `dropped` set to 0 where the model does not activate its dropout.

    Any enclosing code may deactivate dropout. So one row is run in training mode, and the training
    flag that each dropout layer receives is recorded. If this run fails, all rates are set to 0.

    Args:
        x: Inputs in the model's structure, of which the first row is used.
        heads: The head of each output.
    """
    if not any(h.dropped for h in heads):
        return heads
    calls: list[tuple[Any, Any]] = []
    drops = [layer for layer in model._flatten_layers() if type(layer) is k.layers.Dropout]

    def recording(call: Any) -> Any:
        def record_call(inputs: Any, training: Any = False) -> Any:
            result = call(inputs, training=training)
            calls.append((training, result))
            return result

        return record_call

    row = k.tree.map_structure(lambda a: k.ops.convert_to_tensor(a[:1]), x)
    try:
        for layer in drops:
            vars(layer)["call"] = recording(layer.call)
        with preserve_random_state(k), preserve_variables(k, model), k.StatelessScope():
            outputs = k.tree.flatten(model(row, training=True))
    except Exception:
        outputs = []
    finally:
        for layer in drops:
            vars(layer).pop("call", None)
    done = [any(t is o for is_on, t in calls if is_on) for o in outputs] or [False] * len(heads)
    return tuple(h if on else replace(h, dropped=0.0) for h, on in zip(heads, done, strict=True))
