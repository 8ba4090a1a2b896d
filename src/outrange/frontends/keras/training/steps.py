"""A recording as numbered steps, with what passes a gradient and what does not."""

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

from ....program import KernelProduct, RecordedStep
from ..api import is_keras_class
from ..trace.records import OperationRecord
from ..trace.tolerant import TolerantRun


NO_GRADIENT = frozenset({
    "All", "AllClose", "Any", "Argmax", "Argmin", "Argpartition", "Argsort", "Bincount",
    "BitwiseAnd", "BitwiseInvert", "BitwiseLeftShift", "BitwiseNot", "BitwiseOr",
    "BitwiseRightShift", "BitwiseXor", "Ceil", "CountNonzero", "Digitize", "EmptyLike", "Equal",
    "Floor", "FloorDivide", "FullLike", "Gcd", "Greater", "GreaterEqual", "Heaviside", "Histogram",
    "InTopK", "IsIn", "Isclose", "Isfinite", "Isinf", "Isnan", "Isneginf", "Isposinf", "Isreal",
    "Lcm", "LeftShift", "Less", "LessEqual", "LogicalAnd", "LogicalNot", "LogicalOr", "LogicalXor",
    "MultiHot", "Nanargmax", "Nanargmin", "Ndim", "Nonzero", "NotEqual", "OneHot", "OnesLike",
    "RightShift", "Round", "SearchSorted", "Sign", "Signbit", "Size", "StopGradient", "Trunc",
    "ZerosLike",
})  # fmt: skip
"""Operations constant between their jumps: no backend passes a gradient through any of them."""

CONDITION = {"Where": ("condition", 0), "Select": ("condlist", 0)}
"""Operations one argument of which only chooses."""

INDICES = {
    "Take": ("indices", 1), "TakeAlongAxis": ("indices", 1), "GetItem": ("key", 1),
    "SparseCategoricalCrossentropy": ("target", 0),
}  # fmt: skip
"""Operations one argument of which holds whole numbers."""

OPTIONS = ("axis", "dtype", "from_logits", "num_classes", "axes", "keepdims")


def steps(
    k: Any, found: TolerantRun, weights: Mapping[int, int]
) -> tuple[list[RecordedStep], dict[int, int]]:
    """Every record as a `RecordedStep`.

    Args:
        weights: `id` of a variable to its index.

    Returns:
        The steps, and `id` of each symbol to its tensor number.
    """
    number: dict[int, int] = {}

    def numbered(t: Any) -> int:
        return number.setdefault(id(t), len(number))

    for tensor in (*found.trace.inputs, *found.targets):
        numbered(tensor)
    made = []
    for place, record in enumerate(found.trace.records):
        made.append(_step(k, record, numbered, weights, place < found.inside, found.opaque))
    for tensor in k.tree.flatten(found.trace.outputs):
        numbered(tensor)
    return made, number


def _step(
    k: Any,
    record: OperationRecord,
    numbered: Any,
    weights: Mapping[int, int],
    inside: bool,
    opaque: Container[int],
) -> RecordedStep:
    flat = k.tree.flatten((record.args, record.kwargs))
    held = _held(k, record)
    tensors = [t for t in flat if isinstance(t, k.KerasTensor)]
    variables = [v for v in flat if isinstance(v, k.Variable) and id(v) in weights]
    stops = _stops(record)
    reads = () if stops else tuple(numbered(t) for t in tensors if id(t) not in held)
    blocked = tuple(numbered(t) for t in tensors if stops or id(t) in held)
    passing = () if stops else tuple(weights[id(v)] for v in variables if id(v) not in held)
    held_weights = tuple(weights[id(v)] for v in variables if stops or id(v) in held)
    is_opaque = id(record) in opaque
    whole = is_opaque or isinstance(record.op, k.Layer)  # its weights are no arguments
    if whole and not stops:
        owner = record.layer if is_opaque else record.op
        passing = tuple(weights[id(v)] for v in owner.variables if id(v) in weights)
    options = (
        {}
        if is_opaque
        else {
            name: value
            for name, value in vars(record.op).items()
            if name in OPTIONS and isinstance(value, str | int | float | bool | type(None))
        }
    )
    gives = tuple(numbered(t) for t in k.tree.flatten(record.outputs))
    layer = record.source if inside else ""
    return RecordedStep(
        record.kind, layer, gives, reads, blocked, passing, held_weights, inside, is_opaque,
        options, *_laid_out(k, record, weights),
    )  # fmt: skip


DENSE, CONVOLUTIONS = ("Dense",), ("Conv1D", "Conv2D", "Conv3D")


def _laid_out(k: Any, record: OperationRecord, weights: Mapping[int, int]) -> tuple[Any, ...]:
    """The fields of a `RecordedStep` from `shape` on."""
    outputs = [t for t in k.tree.flatten(record.outputs) if isinstance(t, k.KerasTensor)]
    shape = tuple(outputs[0].shape) if outputs else ()
    if not is_keras_class(type(record.op)):
        return shape, None, (), True  # an operation of the user's own, by whatever name
    entering = [*k.tree.flatten((record.args, record.kwargs)), *vars(record.op).values()]
    return shape, _product(k, record, weights), _over(k, record), any(map(_array(k), entering))


def _array(k: Any) -> Callable[[Any], bool]:
    def is_array(value: Any) -> bool:
        if isinstance(value, k.KerasTensor | k.Variable):
            return False
        if isinstance(value, list | tuple):
            return any(isinstance(v, float) or is_array(v) for v in value)
        shape = getattr(value, "shape", None)
        return isinstance(shape, Iterable) and any(n != 1 for n in shape)

    return is_array


def _product(k: Any, record: OperationRecord, weights: Mapping[int, int]) -> KernelProduct | None:
    if record.kind not in ("Matmul", "Conv") or len(record.args) < 2:
        return None
    x, kernel = record.args[:2]
    if not isinstance(x, k.KerasTensor) or not isinstance(kernel, k.Variable):
        return None
    rank, dense = len(x.shape), record.kind == "Matmul"
    axis = rank - 1 if dense or not _channels_first(k, record.op) else 1
    rightly = len(kernel.shape) == (2 if dense else rank) and rank >= (2 if dense else 3)
    # A kernel with fewer rows than channels belongs to a convolution in groups.
    if not rightly or id(kernel) not in weights or x.shape[axis] != kernel.shape[-2]:
        return None
    layer, names = record.layer, DENSE if dense else CONVOLUTIONS
    own = any(type(layer) is getattr(k.layers, name) for name in names)
    if layer is None or not own or layer.kernel is not kernel:
        return KernelProduct(weights[id(kernel)], axis)
    bias = layer.bias if layer.use_bias else None
    return KernelProduct(weights[id(kernel)], axis, True, weights.get(id(bias)))


def _channels_first(k: Any, op: Any) -> bool:
    return (op.data_format or k.config.image_data_format()) == "channels_first"


def _over(k: Any, record: OperationRecord) -> tuple[int, ...]:
    kind = record.kind
    x: Any = record.args[0] if record.args else None
    if kind not in ("MaxPool", "AveragePool", "Mean", "Max") or not isinstance(x, k.KerasTensor):
        return ()
    rank = len(x.shape)
    if kind in ("MaxPool", "AveragePool"):
        first = _channels_first(k, record.op)
        return tuple(range(2, rank) if first else range(1, rank - 1))
    axes = record.op.axis
    if axes is None:
        return tuple(range(rank))
    return tuple(sorted(a % rank for a in (axes if isinstance(axes, list | tuple) else (axes,))))


def _held(k: Any, record: OperationRecord) -> set[int]:
    """`id` of the arguments that only choose or count."""
    for table in (CONDITION, INDICES):
        if record.kind in table:
            name, place = table[record.kind]
            given = record.kwargs.get(name)
            if given is None and place < len(record.args):
                given = record.args[place]
            return {id(t) for t in k.tree.flatten(given)}
    return set()


def _stops(record: OperationRecord) -> bool:
    if record.kind in NO_GRADIENT:
        return True
    if record.kind in ("Cast", "ConvertToTensor", "SaturateCast"):
        dtype = str(getattr(record.op, "dtype", None) or "")
        return dtype.startswith(("int", "uint", "bool"))
    return False
