"""Construction of a graph value by value, with constant folding.

Front-ends use this class and `composites`. An *operand* is a `Value` of this builder or a NumPy
array. If no operand of an operation is a `Value`, the result is a NumPy array. Shapes are those of
the user's model with a batch axis of length 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from ..core import ModelError
from ..core.sizes import INPUTS, NODES, VALUES, Tally
from ..ops import Largest, Rearrange, combine, curve, dense, gather_sum, scale
from ..ops.finite import check_attributes, check_finite
from .composites import pointwise
from .composites.einsum import einsum
from .composites.products import multiply
from .graph import Graph, Node, Op, Ranking, Slot
from .integer_inference import limit_inputs
from .rewrites.constants import fold_constants
from .rewrites.fuse import fuse
from .values import Constant, Operand, Shape, Value, operand, positions


Arrays = list[np.ndarray]


@dataclass(eq=False)
class Builder:
    """A graph under construction.

    Args:
        inputs: The model's inputs (shapes without the batch axis), in a fixed order.
        source: The layer path of nodes added from now on. Front-ends set it for every layer.
        operation: The framework's operation to which nodes added from now on belong.
        within: `(entries, least, most)`: limits on integer entries of the flat input.
        bounded: `(value, least, most)`: limits on a value; beyond them, the model may differ.
        moved: After `finish`: maps the index of each remaining value to its index in the graph.
        plain: After `finish`: the graph as recorded, if it differs from the finished graph.
        whole: Cache of integer inference: maps a value to its op and a mask of integer entries.
        entries: Running total of the entries of all values.
        steps: Running count of the nodes.
        bypassed: After `finish`: values of the graph that lie inside a fused region. Some nodes
            that read them in `plain` read the root of the region in the graph.
    """

    inputs: Sequence[Slot]
    source: str = ""
    nodes: list[Node] = field(default_factory=list)
    layers: dict[str, list[int]] = field(default_factory=dict)
    rankings: dict[int, Ranking] = field(default_factory=dict)
    within: list[tuple[np.ndarray, float, float]] = field(default_factory=list)
    bounded: list[tuple[int, float, float]] = field(default_factory=list)
    moved: dict[int, int] = field(default_factory=dict)
    plain: Graph | None = None
    whole: dict[int, tuple[Op | None, np.ndarray]] = field(default_factory=dict, repr=False)
    bypassed: frozenset[int] = frozenset()
    operation: str = field(default="", kw_only=True)
    entries: Tally = field(default_factory=lambda: Tally(VALUES), repr=False)
    steps: Tally = field(default_factory=lambda: Tally(NODES), repr=False)

    def __post_init__(self) -> None:
        """Reject inputs that exceed the size limit."""
        entries = Tally(INPUTS)
        for slot in self.inputs:
            entries.add(slot.shape, f"input `{slot.name}`")

    def input_values(self) -> list[Value]:
        """Return one value per input, each of shape `(1, *slot.shape)`."""
        total = sum(slot.size for slot in self.inputs)
        whole = Value(self, 0, (1, total))
        if len(self.inputs) == 1:
            return [Value(self, 0, (1, *self.inputs[0].shape))]
        ends = np.cumsum([0, *(slot.size for slot in self.inputs)])
        return [
            self.rearrange([whole], np.arange(a, b).reshape(1, *slot.shape), name="input")
            for a, b, slot in zip(ends[:-1], ends[1:], self.inputs, strict=True)
        ]

    def finish(
        self,
        outputs: Sequence[Operand],
        names: Sequence[str],
        keep: Sequence[int] = (),
        *,
        fused: bool = True,
    ) -> Graph:
        """Return the graph that computes `outputs`; its output slots have no batch axis.

        Elementwise sub-graphs of one tensor may become single curves; values in `keep` and results
        of layers remain. With `fused=False` every node stays as recorded: a graph that is evaluated
        only a few times needs no analysis of its curves.
        """  # fmt: skip
        slots = tuple(Slot(n, tuple(o.shape[1:])) for n, o in zip(names, outputs, strict=True))
        if len(outputs) == 1 and isinstance(outputs[0], Value):
            last = outputs[0]
        else:
            flat = [self.reshape(o, (1, -1)) for o in outputs]
            last = self.concat(flat, axis=1)
        if not isinstance(last, Value):
            last = self.constant_value(last)
        marked = {v for values in self.layers.values() for v in values}
        marked |= {v for value, ranking in self.rankings.items() for v in (value, ranking.source)}
        inputs = tuple(limit_inputs(self))
        if not fused:
            self.moved = {v: v for v in range(len(self.nodes) + 1)}
            nodes, rankings = tuple(self.nodes), dict(self.rankings)
            layers = {k: tuple(values) for k, values in self.layers.items()}
            return Graph(inputs, nodes, last.index, slots, layers, rankings)
        nodes, self.moved, bypassed = fuse(self.nodes, last.index, {*keep, *marked})
        self.bypassed = frozenset(self.moved[v] for v in bypassed)
        nodes = fold_constants(nodes, self._flat_input().size)
        if nodes != self.nodes:
            self.plain = Graph(inputs, tuple(self.nodes), last.index, slots)
        layers = {k: tuple(self.moved[v] for v in values) for k, values in self.layers.items()}
        rankings = {
            self.moved[v]: replace(ranking, source=self.moved[ranking.source])
            for v, ranking in self.rankings.items()
        }
        return Graph(inputs, tuple(nodes), self.moved[last.index], slots, layers, rankings)

    @property
    def places(self) -> dict[int, int]:
        """Map from a value's index in the graph to its index in `plain`; valid after `finish`."""
        return {new: old for old, new in self.moved.items()}

    def add_node(self, op: Op, inputs: Sequence[Value], shape: Shape) -> Value:
        """Append a node and return its value; all methods below add their nodes through this one.

        Raises:
            ModelError: A constant is not finite, or the graph becomes too large.
        """
        shape = tuple(int(n) for n in shape)
        self.steps.add((), f"`{op.name}` of layer `{self.source}`")
        self.entries.add(shape, f"`{op.name}` of layer `{self.source}`")
        check_finite(op, self.source)
        size = math.prod(shape)
        node = Node(op, tuple(v.index for v in inputs), size, shape, self.source, self.operation)
        self.nodes.append(node)
        return Value(self, len(self.nodes), shape)

    def mark_layer(self, path: str, value: Operand) -> None:
        """Record that a call of the layer `path` returned `value`; ignore a constant."""
        if isinstance(value, Value):
            self.layers.setdefault(path, []).append(value.index)

    def constant_value(self, array: np.ndarray) -> Value:
        """Return a value of the graph that equals the constant `array` for every input."""
        array = np.asarray(array, np.float64)
        index = np.full(array.size, -1)
        op = Rearrange("constant", index, (self._flat_input().size,), array.ravel())
        return self.add_node(op, [self._flat_input()], array.shape)

    def _flat_input(self) -> Value:
        return Value(self, 0, (1, sum(slot.size for slot in self.inputs)))

    # ---- rearranging ----------------------------------------------------------------------

    def rearrange(
        self,
        values: Sequence[Value],
        index: ArrayLike,
        fill: Constant = 0.0,
        *,
        name: str = "rearrange",
    ) -> Value:
        """Select entries of the concatenated, flat `values` by `index`; `-1` selects `fill`."""
        index = np.asarray(index, np.int64)
        flat = index.ravel()
        sizes = tuple(v.size for v in values)
        if len(values) == 1 and flat.size == sizes[0] and np.array_equal(flat, np.arange(sizes[0])):
            return Value(self, values[0].index, index.shape)
        fill = np.broadcast_to(np.asarray(fill, np.float64), index.shape).ravel()
        return self.add_node(Rearrange(name, flat, sizes, fill), values, index.shape)

    @overload
    def structural(
        self, function: Callable[[Arrays], np.ndarray], operands: list[Value], *, name: str = ...
    ) -> Value: ...
    @overload
    def structural(
        self, function: Callable[[Arrays], Arrays], operands: list[Value], *, name: str = ...
    ) -> list[Value]: ...
    @overload
    def structural(
        self, function: Callable[[Arrays], Any], operands: Sequence[Operand], *, name: str = ...
    ) -> Any: ...
    def structural(
        self,
        function: Callable[[Arrays], Any],
        operands: Sequence[Operand],
        *,
        name: str = "rearrange",
    ) -> Any:
        """Apply any op that only moves entries, by running it on their positions.

        Args:
            function: Maps one int32 array per operand to an array or a list of arrays. Entries are
                positions + 1, so that a 0 in the result is padding.
            operands: Values and constants to rearrange.

        Returns:
            One value, or a list if `function` returns a list; arrays if all operands are constants.
        """
        values = [v for v in operands if isinstance(v, Value)]
        if not values:
            return function([np.asarray(v) for v in operands])
        marked, position, fill = positions(operands)

        def wrap(out: ArrayLike) -> Value:
            out = np.asarray(out)
            return self.rearrange(values, position[out], fill[out], name=name)

        result = function(marked)
        return [wrap(r) for r in result] if isinstance(result, list | tuple) else wrap(result)

    @overload
    def reshape(self, x: Value, shape: Shape) -> Value: ...
    @overload
    def reshape(self, x: Operand, shape: Shape) -> Operand: ...
    def reshape(self, x: Operand, shape: Shape) -> Operand:
        return self.structural(lambda a: a[0].reshape(shape), [x], name="reshape")

    def transpose(self, x: Operand, axes: Sequence[int] | None = None) -> Operand:
        return self.structural(lambda a: np.transpose(a[0], axes), [x], name="transpose")

    def concat(self, operands: Sequence[Operand], axis: int) -> Operand:
        self._fits([sum(v.size if isinstance(v, Value) else np.size(v) for v in operands)])
        return self.structural(lambda a: np.concatenate(a, axis=axis), operands, name="concat")

    def _fits(self, shape: Shape) -> None:
        """Reject a value that would be too large, before its indices are allocated."""
        self.entries.check_room(shape, f"layer `{self.source}`")

    @overload
    def broadcast(self, x: Value, shape: Shape) -> Value: ...
    @overload
    def broadcast(self, x: Operand, shape: Shape) -> Operand: ...
    def broadcast(self, x: Operand, shape: Shape) -> Operand:
        if tuple(x.shape) == tuple(shape):
            return x
        self._fits(shape)
        return self.structural(lambda a: np.broadcast_to(a[0], shape), [x], name="broadcast")

    # ---- affine ---------------------------------------------------------------------------

    def dense(
        self, x: Operand, weight: ArrayLike, bias: np.ndarray | None = None, *, name: str = "dense"
    ) -> Operand:
        """Return `x @ weight + bias` on the last axis."""
        weight = np.asarray(weight, np.float64)
        if not isinstance(x, Value):
            out = np.asarray(x, np.float64) @ weight
            return out if bias is None else out + bias
        copies = x.size // weight.shape[0]
        op = dense(weight, bias, copies=copies, name=name)
        return self.add_node(op, [x], (*x.shape[:-1], weight.shape[1]))

    @overload
    def affine_map(
        self, x: Value, factor: ArrayLike, shift: Constant = 0, *, name: str = ..., ulps: int = ...
    ) -> Value: ...
    @overload
    def affine_map(
        self,
        x: Operand,
        factor: ArrayLike,
        shift: Constant = 0,
        *,
        name: str = ...,
        ulps: int = ...,
    ) -> Operand: ...
    def affine_map(
        self,
        x: Operand,
        factor: ArrayLike,
        shift: Constant = 0,
        *,
        name: str = "scale",
        ulps: int = 0,
    ) -> Operand:
        """Return `x * factor + shift`, broadcast; `factor` has errors of up to `ulps` roundoffs."""
        factor, shift = np.asarray(factor, np.float64), np.asarray(shift, np.float64)
        shape = np.broadcast_shapes(tuple(x.shape), factor.shape, shift.shape)
        self._fits(shape)
        if not isinstance(x, Value):
            return np.asarray(x, np.float64) * factor + shift
        x = self.broadcast(x, shape)
        op = scale(
            np.broadcast_to(factor, shape).ravel(),
            np.broadcast_to(shift, shape).ravel(),
            name=name,
            ulps=ulps,
        )
        return self.add_node(op, [x], shape)

    def combine(
        self, coefficients: Sequence[float], operands: Sequence[Operand], *, name: str = "add"
    ) -> Operand:
        """Return `sum_i c_i x_i` of broadcast operands; constants become the bias."""
        shape = np.broadcast_shapes(*(tuple(v.shape) for v in operands))
        self._fits(shape)
        shift = np.zeros(shape)
        values, factors = [], []
        for c, v in zip(coefficients, operands, strict=True):
            if isinstance(v, Value):
                values.append(self.broadcast(v, shape))
                factors.append(float(c))
            else:
                shift = shift + float(c) * np.asarray(v, np.float64)
        if not values:
            return shift
        shift = np.ravel(shift)
        op = combine(factors, values[0].size, shift, name=name)
        return self.add_node(op, values, shape)

    def add(self, x: Operand | float, y: Operand | float) -> Operand:
        return self.combine((1, 1), [operand(x), operand(y)], name="add")

    def subtract(self, x: Operand | float, y: Operand | float) -> Operand:
        return self.combine((1, -1), [operand(x), operand(y)], name="subtract")

    def multiply(self, x: Operand | float, y: Operand | float) -> Operand:
        """Return `x * y`, broadcast; a tensor times itself becomes a square."""
        x, y = operand(x), operand(y)
        if not isinstance(x, Value):
            return self.affine_map(y, x) if isinstance(y, Value) else np.multiply(x, y)
        if not isinstance(y, Value):
            return self.affine_map(x, y)
        fused = None if x.index == y.index else pointwise.multiply(self, x, y)
        return multiply(self, x, y) if fused is None else fused

    def divide(self, x: Operand | float, y: Operand | float) -> Operand:
        """Return `x / y`; a `y` that depends on the input must not reach 0."""
        x, y = operand(x), operand(y)
        if isinstance(y, Value):
            inverse = self.curve("reciprocal", y)
            if not isinstance(x, Value) or not isinstance(inverse, Value):
                return self.multiply(x, inverse)
            fused = pointwise.multiply(self, x, inverse, eager=True)
            return multiply(self, x, inverse) if fused is None else fused
        with np.errstate(divide="ignore"):  # An infinite factor is refused.
            return self.affine_map(x, 1.0 / y, ulps=1) if isinstance(x, Value) else np.divide(x, y)

    def gather_sum(
        self,
        x: Operand,
        index: np.ndarray,
        weight: Constant,
        shape: Shape,
        *,
        name: str = "sum",
        ulps: int = 0,
    ) -> Operand:
        """Return `y_j = sum_k weight[j, k] * x_flat[index[j, k]]`, reshaped to `shape`."""
        if not isinstance(x, Value):
            flat = np.append(np.ravel(x), 0.0)
            return (flat[index] * weight).sum(axis=1).reshape(shape)
        return self.add_node(gather_sum(index, weight, x.size, name=name, ulps=ulps), [x], shape)

    def einsum(self, spec: str, x: Operand, y: Operand) -> Operand:
        """Return `numpy.einsum` of two operands, without `...` in `spec`."""
        return einsum(self, spec, x, y)

    def reduce(
        self,
        how: str,
        x: Operand,
        axes: int | Sequence[int] | np.ndarray | None = None,
        keepdims: bool = False,
    ) -> Operand:
        """Reduce `x` over `axes` (all if None); `how` is one of sum, mean, max, min."""
        rank = len(x.shape)
        axes = range(rank) if axes is None else np.atleast_1d(np.asarray(axes, int))
        axes = tuple(sorted({int(a) % rank for a in axes}))
        if not isinstance(x, Value):
            return getattr(np, how)(np.asarray(x, np.float64), axis=axes, keepdims=keepdims)
        outer = [i for i in range(rank) if i not in axes]
        positions = np.arange(x.size).reshape(x.shape).transpose(*outer, *axes)
        count = int(np.prod([x.shape[i] for i in axes], dtype=np.int64))
        windows = positions.reshape(-1, count)
        shape = [1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes]
        if how in ("sum", "mean"):
            return self.gather_sum(
                x,
                windows,
                1.0 if how == "sum" else 1.0 / count,
                shape,
                name=how,
                ulps=int(how == "mean"),
            )
        return self.largest(x, windows, shape, negate=how == "min")

    # ---- the rest -------------------------------------------------------------------------

    def largest(self, x: Value, windows: ArrayLike, shape: Shape, *, negate: bool = False) -> Value:
        """Return the largest entry of each window, or the smallest with `negate`.

        Each row of `windows` lists positions in the flattened `x`, with `-1` for an absent entry.
        """
        if negate:
            flipped = self.largest(self.affine_map(x, -1.0), windows, shape)
            return self.affine_map(flipped, -1.0)
        return self.add_node(Largest("max", np.asarray(windows, np.int64)), [x], shape)

    def maximum(self, x: Operand | float, y: Operand | float, *, negate: bool = False) -> Operand:
        """Return the larger of two broadcast operands, or the smaller with `negate`."""
        x, y = operand(x), operand(y)
        shape = np.broadcast_shapes(tuple(x.shape), tuple(y.shape))
        self._fits((2, *shape))
        if not isinstance(x, Value) and not isinstance(y, Value):
            return np.minimum(x, y) if negate else np.maximum(x, y)
        both = self.structural(
            lambda a: np.stack([np.broadcast_to(v, shape) for v in a], axis=-1), [x, y], name="pair"
        )
        windows = np.arange(both.size).reshape(-1, 2)
        return self.largest(both, windows, shape, negate=negate)

    def minimum(self, x: Operand | float, y: Operand | float) -> Operand:
        return self.maximum(x, y, negate=True)

    def clip(self, x: Operand, lo: float, hi: float) -> Operand:
        """Return `min(max(x, lo), hi)`; the limits are Python floats and may be infinite."""
        if lo > hi:
            raise ModelError(f"`{self.source}` must clip to an interval. Received: [{lo}, {hi}].")
        if not isinstance(x, Value):
            return np.clip(x, lo, hi)
        return self.curve("clip", x, least=float(lo), most=float(hi))

    def curve(self, name: str, x: Operand, **attributes: Any) -> Operand:
        """Apply the elementwise function `name` of `outrange.ops`; attributes are Python floats."""
        check_attributes(name, attributes, self.source)
        facts = curve(name, **attributes)
        if not isinstance(x, Value):
            return facts.f(np.asarray(x, np.float64))
        return self.add_node(facts, [x], x.shape)

    def prelu(self, x: Operand, alpha: ArrayLike) -> Operand:
        """Return `alpha x + (1 - alpha) relu(x)`: `x` if it is positive, `alpha * x` otherwise."""
        alpha = np.asarray(alpha, np.float64)
        return self.add(
            self.affine_map(x, alpha), self.affine_map(self.curve("relu", x), 1.0 - alpha, ulps=1)
        )
