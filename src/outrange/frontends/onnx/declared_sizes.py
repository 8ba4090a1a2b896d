"""Limit on the total size of a file's tensors, checked before any node is lowered.

The file declares the sizes of inputs and constants. For some operators, such as those that build
large tensors from small ones, the rules below derive the size of the result. Other sizes are
checked when their nodes are lowered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from ...core.sizes import VALUES, WEIGHTS, Tally
from .records import OnnxModel, OnnxNode


Shape = tuple[int, ...]

Shapes = list[Shape | None]


def check_total_size(model: OnnxModel, inputs: Mapping[str, Shape]) -> None:
    """Raise if the tensors of a model are too large in total.

    Args:
        model: The records of the file.
        inputs: Map from the name of each input to its full shape, with the batch axis.

    Raises:
        ModelError: The constants have more than `WEIGHTS` entries in total, or the values that
            depend on the input have more than `VALUES`.
    """
    shapes: dict[str, Shape] = dict(inputs)
    shapes.update((name, array.shape) for name, array in model.constants.items())
    constants = dict(model.constants)
    varying = set(inputs)
    values, weights = Tally(VALUES), Tally(WEIGHTS)
    for array in model.constants.values():
        weights.add(array.shape, "a stored tensor")
    for node in model.nodes:
        if len(node.outputs) != 1 or node.domain:
            continue
        (out,) = node.outputs
        value = node.attributes.get("value") if node.op == "Constant" else None
        if isinstance(value, np.ndarray):
            constants[out] = value
        shape = _shape(node, shapes, constants)
        if shape is None or min(shape, default=0) < 0:
            continue
        depends = not varying.isdisjoint(node.inputs)
        (values if depends else weights).add(shape, f"node `{node.name}` ({node.op})")
        shapes[out] = shape
        if depends:
            varying.add(out)


def _shape(
    node: OnnxNode, shapes: Mapping[str, Shape], constants: Mapping[str, np.ndarray]
) -> Shape | None:
    """Return the shape of the result of `node`; None if it cannot be derived."""
    if node.op == "Constant":
        return constants[node.outputs[0]].shape if node.outputs[0] in constants else None
    shapes_of_inputs: Shapes = [shapes.get(name) for name in node.inputs]
    rule = _RULES.get(node.op)
    try:
        if rule is not None:
            return rule(node, shapes_of_inputs, [constants.get(name) for name in node.inputs])
        if node.op in _BROADCAST:
            inferred = [shape for shape in shapes_of_inputs if shape is not None]
            return (
                np.broadcast_shapes(*inferred)
                if inferred and len(inferred) == len(shapes_of_inputs)
                else None
            )
        return shapes_of_inputs[0] if node.op in _SAME else None
    except (LookupError, TypeError, ValueError):
        return None  # illegal, or of another form; lowering the node reports it


def _concat(node: OnnxNode, shapes: Shapes, _: list) -> Shape | None:
    inferred = [shape for shape in shapes if shape is not None]
    if len(inferred) < len(shapes):
        return None
    axis = int(node.attributes.get("axis", 1)) % len(inferred[0])
    result = list(inferred[0])
    result[axis] = sum(shape[axis] for shape in inferred)
    return tuple(result)


def _ints(array: np.ndarray | None) -> Shape | None:
    return None if array is None or array.ndim != 1 else tuple(int(n) for n in array)


def _fill(node: OnnxNode, shapes: Shapes, constants: list) -> Shape | None:
    return _ints(constants[0])


def _expand(node: OnnxNode, shapes: Shapes, constants: list) -> Shape | None:
    target = _ints(constants[1])
    if shapes[0] is None or target is None:
        return None
    # NumPy's own function fails on sizes that exceed its integers.
    rank = max(len(shapes[0]), len(target))
    pair = [(1,) * (rank - len(shape)) + shape for shape in (shapes[0], target)]
    return tuple(max(a, b) for a, b in zip(*pair, strict=True))


def _tile(node: OnnxNode, shapes: Shapes, constants: list) -> Shape | None:
    repeats = _ints(constants[1])
    if shapes[0] is None or repeats is None:
        return None
    return tuple(n * k for n, k in zip(shapes[0], repeats, strict=True))


def _transpose(node: OnnxNode, shapes: Shapes, _: list) -> Shape | None:
    order, shape = node.attributes.get("perm"), shapes[0]
    if shape is None:
        return None
    return shape[::-1] if order is None else tuple(shape[int(i)] for i in order)


def _reshape(node: OnnxNode, shapes: Shapes, constants: list) -> Shape | None:
    target, shape = _ints(constants[1]), shapes[0]
    if shape is None or target is None:
        return None
    sizes = [shape[i] if n == 0 else n for i, n in enumerate(target)]
    if -1 in sizes:
        rest = math.prod(n for n in sizes if n != -1)
        sizes[sizes.index(-1)] = math.prod(shape) // max(rest, 1)
    return tuple(sizes) if math.prod(sizes) == math.prod(shape) else None


def _flatten(node: OnnxNode, shapes: Shapes, _: list) -> Shape | None:
    if shapes[0] is None:
        return None
    axis = int(node.attributes.get("axis", 1))
    axis += len(shapes[0]) if axis < 0 else 0
    return math.prod(shapes[0][:axis]), math.prod(shapes[0][axis:])


def _matmul(node: OnnxNode, shapes: Shapes, _: list) -> Shape | None:
    x, y = shapes[:2]
    if x is None or y is None or len(x) < 2 or len(y) < 2:
        return None
    x = (x[1], x[0]) if node.attributes.get("transA") else x
    y = (y[1], y[0]) if node.attributes.get("transB") else y
    return (*np.broadcast_shapes(x[:-2], y[:-2]), x[-2], y[-1])


_RULES: dict[str, Callable[[OnnxNode, Shapes, list], Shape | None]] = {
    "Concat": _concat, "ConstantOfShape": _fill, "Expand": _expand, "Tile": _tile,
    "Transpose": _transpose, "Reshape": _reshape, "Flatten": _flatten,
    "MatMul": _matmul, "Gemm": _matmul,
}  # fmt: skip

_BROADCAST = frozenset(
    "Add Sub Mul Div Pow Sum Mean Max Min Mod PRelu Where And Or Xor Equal Greater Less "
    "GreaterOrEqual LessOrEqual".split()
)

_SAME = frozenset(
    "Identity Dropout Cast Relu LeakyRelu Elu Selu Celu Sigmoid Tanh Softplus Softsign Softmax "
    "LogSoftmax Erf Exp Log Sqrt Reciprocal Sin Cos Neg Abs Sign Floor Ceil Round Clip Not Gelu "
    "HardSigmoid HardSwish ThresholdedRelu BatchNormalization InstanceNormalization".split()
)
