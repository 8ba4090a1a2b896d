"""The sizes of the tensors of a file, added up before one of them is made.

What a file declares and what follows from it for the operators that make large tensors of small
ones. A size that does not follow here is counted when its node is read, before its value is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from ...core.sizes import VALUES, WEIGHTS, Tally
from .records import OnnxModel, OnnxNode


Shape = tuple[int, ...]

Shapes = list[Shape | None]


def add_up(model: OnnxModel, inputs: Mapping[str, Shape]) -> None:
    """Refuse a model whose tensors are too large, all together.

    Args:
        model: The file.
        inputs: The full shape of each input.

    Raises:
        ModelError: They are.
    """
    shapes: dict[str, Shape] = dict(inputs)
    shapes.update((name, array.shape) for name, array in model.constants.items())
    known = dict(model.constants)
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
            known[out] = value
        shape = _shape(node, shapes, known)
        if shape is None or min(shape, default=0) < 0:
            continue
        depends = not varying.isdisjoint(node.inputs)
        (values if depends else weights).add(shape, f"node `{node.name}` ({node.op})")
        shapes[out] = shape
        if depends:
            varying.add(out)


def _shape(
    node: OnnxNode, shapes: Mapping[str, Shape], known: Mapping[str, np.ndarray]
) -> Shape | None:
    """The shape of the result of `node`; None where it does not follow."""
    if node.op == "Constant":
        return known[node.outputs[0]].shape if node.outputs[0] in known else None
    given: Shapes = [shapes.get(name) for name in node.inputs]
    rule = _RULES.get(node.op)
    try:
        if rule is not None:
            return rule(node, given, [known.get(name) for name in node.inputs])
        if node.op in _BROADCAST:
            sure = [shape for shape in given if shape is not None]
            return np.broadcast_shapes(*sure) if sure and len(sure) == len(given) else None
        return given[0] if node.op in _SAME else None
    except (LookupError, TypeError, ValueError):
        return None  # Not legal, or of another form: whoever reads the node says so.


def _concat(node: OnnxNode, given: Shapes, _: list) -> Shape | None:
    sure = [shape for shape in given if shape is not None]
    if len(sure) < len(given):
        return None
    axis = int(node.attributes.get("axis", 1)) % len(sure[0])
    joined = list(sure[0])
    joined[axis] = sum(shape[axis] for shape in sure)
    return tuple(joined)


def _ints(array: np.ndarray | None) -> Shape | None:
    return None if array is None or array.ndim != 1 else tuple(int(n) for n in array)


def _filled(node: OnnxNode, given: Shapes, known: list) -> Shape | None:
    return _ints(known[0])


def _expand(node: OnnxNode, given: Shapes, known: list) -> Shape | None:
    wanted = _ints(known[1])
    if given[0] is None or wanted is None:
        return None
    # NumPy's own function fails on sizes beyond its integers.
    rank = max(len(given[0]), len(wanted))
    pair = [(1,) * (rank - len(shape)) + shape for shape in (given[0], wanted)]
    return tuple(max(a, b) for a, b in zip(*pair, strict=True))


def _tile(node: OnnxNode, given: Shapes, known: list) -> Shape | None:
    repeats = _ints(known[1])
    if given[0] is None or repeats is None:
        return None
    return tuple(n * k for n, k in zip(given[0], repeats, strict=True))


def _transposed(node: OnnxNode, given: Shapes, _: list) -> Shape | None:
    order, shape = node.attributes.get("perm"), given[0]
    if shape is None:
        return None
    return shape[::-1] if order is None else tuple(shape[int(i)] for i in order)


def _reshaped(node: OnnxNode, given: Shapes, known: list) -> Shape | None:
    wanted, shape = _ints(known[1]), given[0]
    if shape is None or wanted is None:
        return None
    sizes = [shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    if -1 in sizes:
        rest = math.prod(n for n in sizes if n != -1)
        sizes[sizes.index(-1)] = math.prod(shape) // max(rest, 1)
    return tuple(sizes) if math.prod(sizes) == math.prod(shape) else None


def _flat(node: OnnxNode, given: Shapes, _: list) -> Shape | None:
    if given[0] is None:
        return None
    axis = int(node.attributes.get("axis", 1)) % (len(given[0]) + 1)
    return math.prod(given[0][:axis]), math.prod(given[0][axis:])


def _product(node: OnnxNode, given: Shapes, _: list) -> Shape | None:
    x, y = given[:2]
    if x is None or y is None or len(x) < 2 or len(y) < 2:
        return None
    x = (x[1], x[0]) if node.attributes.get("transA") else x
    y = (y[1], y[0]) if node.attributes.get("transB") else y
    return (*np.broadcast_shapes(x[:-2], y[:-2]), x[-2], y[-1])


_RULES: dict[str, Callable[[OnnxNode, Shapes, list], Shape | None]] = {
    "Concat": _concat, "ConstantOfShape": _filled, "Expand": _expand, "Tile": _tile,
    "Transpose": _transposed, "Reshape": _reshaped, "Flatten": _flat,
    "MatMul": _product, "Gemm": _product,
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
