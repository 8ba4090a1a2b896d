"""Numbered steps of a recording, and which of their arguments pass a gradient."""

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
"""Operations through which backends pass no gradient; most are constant between jumps."""

CONDITION = {"Where": ("condition", 0), "Select": ("condlist", 0)}
"""Map from an operation to the name and the position of an argument that only selects entries."""

INDICES = {
    "Take": ("indices", 1), "TakeAlongAxis": ("indices", 1), "GetItem": ("key", 1),
    "SparseCategoricalCrossentropy": ("target", 0),
}  # fmt: skip
"""Map from an operation to the name and the position of an argument that consists of integers."""

OPTIONS = ("axis", "dtype", "from_logits", "num_classes", "axes", "keepdims")


def steps(
    k: Any, run: TolerantRun, weights: Mapping[int, int]
) -> tuple[list[RecordedStep], dict[int, int]]:
    """Convert every recorded operation to a `RecordedStep`.

    Args:
        weights: Map from the `id` of a variable to its index.

    Returns:
        The steps, and a map from the `id` of each symbol to the index of its tensor.
    """
    number: dict[int, int] = {}

    def number_of(t: Any) -> int:
        return number.setdefault(id(t), len(number))

    for tensor in (*run.trace.inputs, *run.targets):
        number_of(tensor)
    recorded = []
    for place, record in enumerate(run.trace.records):
        recorded.append(_step(k, record, number_of, weights, place < run.inside, run.opaque))
    for tensor in k.tree.flatten(run.trace.outputs):
        number_of(tensor)
    return recorded, number


def _step(
    k: Any,
    record: OperationRecord,
    number_of: Any,
    weights: Mapping[int, int],
    inside: bool,
    opaque: Container[int],
) -> RecordedStep:
    flat = k.tree.flatten((record.args, record.kwargs))
    selecting = _selecting_arguments(k, record)
    tensors = [t for t in flat if isinstance(t, k.KerasTensor)]
    variables = [v for v in flat if isinstance(v, k.Variable) and id(v) in weights]
    stops = _stops(record)
    reads = () if stops else tuple(number_of(t) for t in tensors if id(t) not in selecting)
    blocked = tuple(number_of(t) for t in tensors if stops or id(t) in selecting)
    passing = () if stops else tuple(weights[id(v)] for v in variables if id(v) not in selecting)
    held_weights = tuple(weights[id(v)] for v in variables if stops or id(v) in selecting)
    is_opaque = id(record) in opaque
    whole = is_opaque or isinstance(record.op, k.Layer)  # its weights are not arguments
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
    gives = tuple(number_of(t) for t in k.tree.flatten(record.outputs))
    layer = record.source if inside else ""
    return RecordedStep(
        record.kind, layer, gives, reads, blocked, passing, held_weights, inside, is_opaque,
        options, *_layout_fields(k, record, weights),
    )  # fmt: skip


DENSE, CONVOLUTIONS = ("Dense",), ("Conv1D", "Conv2D", "Conv3D")


def _layout_fields(k: Any, record: OperationRecord, weights: Mapping[int, int]) -> tuple[Any, ...]:
    """Return the fields `shape`, `product`, `over` and `arrays` of a `RecordedStep`."""
    outputs = [t for t in k.tree.flatten(record.outputs) if isinstance(t, k.KerasTensor)]
    shape = tuple(outputs[0].shape) if outputs else ()
    if not is_keras_class(type(record.op)):
        return shape, None, (), True  # a user's operation, whatever its name
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
    # A kernel with fewer rows than channels belongs to a grouped convolution.
    if not rightly or id(kernel) not in weights or x.shape[axis] != kernel.shape[-2]:
        return None
    layer, names = record.layer, DENSE if dense else CONVOLUTIONS
    is_keras_layer = any(type(layer) is getattr(k.layers, name) for name in names)
    if layer is None or not is_keras_layer or layer.kernel is not kernel:
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


def _selecting_arguments(k: Any, record: OperationRecord) -> set[int]:
    """Return the ids of the arguments that only select entries or are integers."""
    for table in (CONDITION, INDICES):
        if record.kind in table:
            name, place = table[record.kind]
            argument = record.kwargs.get(name)
            if argument is None and place < len(record.args):
                argument = record.args[place]
            return {id(t) for t in k.tree.flatten(argument)}
    return set()


def _stops(record: OperationRecord) -> bool:
    if record.kind in NO_GRADIENT:
        return True
    if record.kind in ("Cast", "ConvertToTensor", "SaturateCast"):
        dtype = str(getattr(record.op, "dtype", None) or "")
        return dtype.startswith(("int", "uint", "bool"))
    return False
