"""The last layers of a model's outputs, from its recording."""

from dataclasses import replace
from typing import Any

from ....program import Head
from ..trace.records import OperationRecord, Trace
from .copies.lent import numbers_kept
from .modes import may_differ
from .randomness import chance_kept, may_draw


SHAPES = ("Reshape", "Squeeze", "ExpandDims", "Ravel", "Copy")
"""Operations behind which the same numbers stand."""

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
"""Operations that TensorFlow's cross-entropies look through, in a graph."""


def head(k: Any, model: Any, trace: Trace, output: Any, number: dict[int, int], loss: str) -> Head:
    """The head of one output.

    Args:
        number: `id` of a symbol to its tensor number.
        loss: Name of the loss put on it, `""` for none.
    """
    maker = {id(t): r for r in trace.records for t in k.tree.flatten(r.outputs)}
    record = _behind(k, maker, output)
    steps = _steps_of(k, maker, record)
    if steps:
        record = steps[0]
    width = int(output.shape[-1]) if len(output.shape) > 1 else 1
    if record is None:
        return Head("other", "", width)
    dropped = _dropout(k, trace, output)
    kind, axis = _activation(record), _axis(k, record)
    if not kind or axis is None:
        moved = _moved(k, record)
        name = "linear" if moved else "other"
        return Head(name, record.source, width, dropped=dropped, moved=moved)
    source = k.tree.flatten(record.args)[0]
    inner = _behind(k, maker, source)
    logits = None if steps else number.get(id(source))
    rank = len(source.shape)
    axis = axis - rank if axis >= 0 else axis
    whole = _is_made_by(k, output, record) or (axis == -1 and int(source.shape[-1]) == width)
    found = _recovered(k, model, output, record, loss)
    if (kind == "softmax" and not whole) or (found and _differs(k, trace, output, record)):
        # A softmax over pieces of a row; or training compares other numbers than evaluation.
        return Head("other", record.source, width, dropped=dropped)
    return Head(
        kind,
        record.source,
        width,
        axis,
        logits,
        _activation(inner) if inner is not None else "",
        dropped,
        found,
        _moved(k, inner),
    )


def _steps_of(
    k: Any, maker: dict[int, OperationRecord], record: OperationRecord | None
) -> list[OperationRecord]:
    """The records of one activation applied to every step of a sequence; empty if it is none.

    `TimeDistributed` runs its layer once a step, stacks the results and turns the axes.
    """
    if record is not None and record.kind == "Transpose":
        axes = record.op.axes
        if axes is None or axes[-1] != len(axes) - 1:
            return []
        record = _behind(k, maker, k.tree.flatten(record.args)[0])
    if record is None or record.kind != "Stack" or record.op.axis != 0:
        return []
    parts = [_behind(k, maker, t) for t in k.tree.flatten(record.args)]
    found = [part for part in parts if part is not None]
    kinds = {(part.kind, part.source) for part in found}
    return found if len(found) == len(parts) and len(kinds) == 1 else []


def _activation(record: OperationRecord) -> str:
    """Keras's name of what an operation is, `""` if it is no activation or one bent otherwise."""
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
    """Whether a layer that returns the output itself may return something else in training."""
    return any(
        visit.layer is not record.layer
        and isinstance(visit.layer, k.Layer)
        and any(t is output for t in k.tree.flatten(visit.outputs))
        and not isinstance(visit.layer, k.Model)
        and may_draw(k, visit.layer)
        for visit in trace.visits
    )


def _axis(k: Any, record: OperationRecord) -> int | None:
    """The one axis of a softmax; None where it has several, or leaves entries out by a mask."""
    if record.kind != "Softmax":
        return -1
    if isinstance(record.op, k.Layer):
        return None
    axes = k.tree.flatten(record.op.get_config().get("axis", -1))
    return int(axes[0]) if len(axes) == 1 and axes[0] is not None else None


def _behind(k: Any, maker: dict[int, OperationRecord], tensor: Any) -> OperationRecord | None:
    """The record that computes a tensor's numbers."""
    record = maker.get(id(tensor))
    while record is not None and record.kind in SHAPES:
        record = maker.get(id(k.tree.flatten(record.args)[0]))
    return record


def _recovered(k: Any, model: Any, output: Any, record: OperationRecord, loss: str) -> bool:
    """Whether this backend's cross-entropy reads the logits behind `output` by itself."""
    if k.backend.backend() != "tensorflow" or not loss.endswith("crossentropy"):
        return False
    if output.dtype != "float32":
        return False  # the loss casts it, and the cast hides where it came from
    if hasattr(output, "_keras_logits"):
        return True
    eager = bool(getattr(model, "run_eagerly", False))
    direct = _is_made_by(k, output, record)
    return direct and not eager and loss in LOGITS_OF.get(record.kind, ())


def _moved(k: Any, record: OperationRecord | None) -> str:
    """By what training moves the result of an operation: see `Head`."""
    if record is None or record.kind not in AFFINE:
        return ""
    flat = k.tree.flatten((record.args, record.kwargs))
    trained = any(isinstance(v, k.Variable) and v.trainable for v in flat)
    return ("bias" if record.kind == "Add" else "kernel") if trained else ""


def _dropout(k: Any, trace: Trace, output: Any) -> float:
    """The rate of a dropout layer that returns the output itself, and nothing noisy beside it.

    At inference all of them return what they get, which does not say which one comes last.
    """
    noisy = [
        visit.layer for visit in trace.visits
        if isinstance(visit.layer, k.Layer) and may_differ(visit.layer)
        and any(t is output for t in k.tree.flatten(visit.outputs))
    ]  # fmt: skip
    return float(noisy[0].rate) if [type(o) for o in noisy] == [k.layers.Dropout] else 0.0


def dropping(k: Any, model: Any, x: Any, heads: tuple[Head, ...]) -> tuple[Head, ...]:
    """The heads, without a dropout that is not asked to drop when the model is in training.

    Who asks it may be any code around it: a row is run, and what each dropout was told is noted.
    """
    if not any(h.dropped for h in heads):
        return heads
    told: list[tuple[Any, Any]] = []
    drops = [one for one in model._flatten_layers() if type(one) is k.layers.Dropout]

    def noting(call: Any) -> Any:
        def noted(inputs: Any, training: Any = False) -> Any:
            found = call(inputs, training=training)
            told.append((training, found))
            return found

        return noted

    row = k.tree.map_structure(lambda a: k.ops.convert_to_tensor(a[:1]), x)
    try:
        for one in drops:
            vars(one)["call"] = noting(one.call)
        with chance_kept(k), numbers_kept(k, model), k.StatelessScope():
            outputs = k.tree.flatten(model(row, training=True))
    except Exception:
        outputs = []
    finally:
        for one in drops:
            vars(one).pop("call", None)
    done = [any(t is o for is_on, t in told if is_on) for o in outputs] or [False] * len(heads)
    return tuple(h if on else replace(h, dropped=0.0) for h, on in zip(heads, done, strict=True))
