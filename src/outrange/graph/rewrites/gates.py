"""Convex combinations rewritten with one product: `z a + (1 - z) b = b + z (a - b)`.

Gates of recurrent cells mix two values in this way. Two products are relaxed independently, and
their errors add up. A single product with the difference is tighter in general, and exact where `a`
and `b` agree. For `z` in [0, 1], a mixture stays in the hull of the mixed values. If that hull is
known for all inputs (the state of a GRU mixes values of tanh), the mixture is clipped to it.
Otherwise, bounds would grow from step to step.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...core import down, up
from ...ops import Affine, Curve, Product, Rearrange, combine, curve
from ..graph import Graph, Node, Op
from .rewrite import fold, piecewise_to_pairs


_ROUNDING = 2.0**-40
"""Largest distance by which the stated range of a gate may exceed [0, 1]."""

Ends = tuple[float, float]
"""A lower and an upper bound on all entries of a value."""

_UNKNOWN: Ends = (-np.inf, np.inf)


def simplify(graph: Graph) -> Graph:
    """Simplify a graph for a search: write maxima as pairs, merge gates, drop unneeded nodes."""
    return fold(merge_gates(fold(piecewise_to_pairs(graph))))


def merge_gates(graph: Graph) -> Graph:
    """Rewrite every recognized sum `z a + (1 - z) b` of two products with a single product.

    The result is equal to the original in real arithmetic. Values that are no longer needed remain.
    """
    nodes: list[Node] = []
    moved: dict[int, int] = {0: 0}
    ends: dict[int, Ends] = {}

    def append(op: Op, inputs: Sequence[int], node: Node) -> int:
        nodes.append(Node(op, tuple(inputs), node.size, node.shape, node.source))
        return len(nodes)

    for k, node in enumerate(graph.nodes, 1):
        node = node.renumber_inputs(moved)
        mixture = _find_mixture(nodes, node)
        if mixture is None:
            nodes.append(node)
            moved[k] = len(nodes)
        else:
            mixed = _write_mixture(append, node, *mixture)
            moved[k] = _within_hull(append, nodes, node, mixed, mixture, ends)
    layers = {path: tuple(moved[v] for v in values) for path, values in graph.layers.items()}
    return replace(graph, nodes=tuple(nodes), output=moved[graph.output], layers=layers)


def _write_mixture(append: Callable, node: Node, gate: int, first: int, second: int) -> int:
    """Append the nodes of `second + gate * (first - second)`; return the index of the result."""
    n = node.size
    difference = append(combine((1, -1), n, name="subtract"), (first, second), node)
    places = np.arange(n)
    product = append(Product("mix", places, places, (n, n)), (gate, difference), node)
    return append(combine((1, 1), n, name="mix"), (second, product), node)


def _within_hull(
    append: Callable,
    nodes: list[Node],
    node: Node,
    value: int,
    mixed: tuple[int, int, int],
    known: dict[int, Ends],
) -> int:
    """Clip the mixture `value` of `mixed = (z, a, b)` to the hull of `a` and `b`.

    If the hull is unknown, or `z` is not known to lie in [0, 1], return `value` itself.
    """
    gate, *parts = (bound_for_all_inputs(nodes, v, known) for v in mixed)
    least, most = min(p[0] for p in parts), max(p[1] for p in parts)
    # The stated range of a sigmoid includes its rounding, by which a mixture may leave the hull.
    is_gate = gate[0] >= -_ROUNDING and gate[1] <= 1.0 + _ROUNDING
    if not is_gate or not (np.isfinite(least) and np.isfinite(most)):
        return value
    pad = 4.0 * _ROUNDING * (most - least + abs(least) + abs(most))
    return append(curve("clip", least=least - pad, most=most + pad), (value,), node)


def bound_for_all_inputs(nodes: Sequence[Node], value: int, known: dict[int, Ends]) -> Ends:
    """Bound all entries of a value over all possible inputs; unknown bounds are infinite.

    Args:
        nodes: Nodes of a graph; it may grow between calls.
        value: The value to bound.
        known: Bounds of values from earlier calls; this call adds those that it computes.

    Cost: each value is bounded once. The function keeps its own stack, because a graph may be
    deeper than Python's call stack.
    """
    known.setdefault(0, _UNKNOWN)
    waiting = [value]
    while waiting:
        v = waiting.pop()
        if v in known:
            continue
        node = nodes[v - 1]
        missing = [j for j in node.inputs if j not in known]
        if missing:
            waiting += [v, *missing]
        else:
            known[v] = _bound_node(node, [known[j] for j in node.inputs])
    return known[value]


def _bound_node(node: Node, ends: list[Ends]) -> Ends:
    """Bound the entries of a value from the bounds of its inputs."""
    op = node.op
    if isinstance(op, Curve):
        if op.on != _UNKNOWN or op.holes:
            return _UNKNOWN
        least, most = op.range(*(np.float64(end) for end in ends[0]))
        return float(least), float(most)
    if isinstance(op, Rearrange):
        fill = op.fill[op.index < 0]
        return (
            min([*(e[0] for e in ends), *fill.tolist()]),
            max([*(e[1] for e in ends), *fill.tolist()]),
        )
    if not np.isfinite(ends).all():
        return _UNKNOWN
    if isinstance(op, Product):
        corners = [x * y for x in ends[0] for y in ends[1]]
        return float(down(min(corners))), float(up(max(corners)))
    if isinstance(op, Affine) and (op.factor is not None or op.coefficients is not None):
        factors = [op.factor] if op.factor is not None else list(op.coefficients or ())
        terms = [
            np.sort([np.multiply(c, e) for e in end], axis=0)
            for c, end in zip(factors, ends, strict=True)
        ]
        # Terms may cancel: the error of a sum is relative to their sizes, not to the result.
        sizes = sum(np.abs(t).max(axis=0) for t in terms) + np.abs(op.bias)
        pad = 2.0**-40 * (1.0 + float(np.max(sizes)))
        least = float(np.min(sum(t[0] for t in terms) + op.bias))
        most = float(np.max(sum(t[1] for t in terms) + op.bias))
        return least - pad, most + pad
    return _UNKNOWN


def _find_mixture(nodes: list[Node], node: Node) -> tuple[int, int, int] | None:
    """Return the values `(z, a, b)` if `node` is `z a + (1 - z) b`, entry by entry."""
    if len(node.inputs) != 2 or not _is_sum(node):
        return None
    pairs = [_factors(nodes, j) for j in node.inputs]
    for z, x in _both_ways(pairs[0]):
        for w, y in _both_ways(pairs[1]):
            if _is_rest(nodes, w, z):
                return z, x, y
            if _is_rest(nodes, z, w):
                return w, y, x
    return None


def _both_ways(pair: tuple[int, int] | None) -> tuple[tuple[int, ...], ...]:
    return () if pair is None else (pair, pair[::-1])


def _is_sum(node: Node) -> bool:
    op = node.op
    if not isinstance(op, Affine) or op.terms != 2 or op.sizes != (op.size, op.size):
        return False
    if op.bias.any():
        return False
    # Each entry has one product per input, so correct sums of random vectors prove a sum.
    x, y = np.random.default_rng(0).integers(1, 1 << 20, (2, 2, op.size)).astype(np.float64)
    return np.array_equal(op.apply((x, y), False), x + y)


def _factors(nodes: list[Node], value: int) -> tuple[int, int] | None:
    """Return the two factors of a value if it is an entrywise product, otherwise None."""
    node = nodes[value - 1] if value else None
    if node is None or not isinstance(node.op, Product) or node.op.limits != (-np.inf, np.inf):
        return None
    places = np.arange(node.size)
    op = node.op
    plain = op.sizes == (node.size, node.size)
    same = np.array_equal(op.left, places) and np.array_equal(op.right, places)
    return (node.inputs[0], node.inputs[1]) if plain and same else None


def _is_rest(nodes: list[Node], value: int, of: int) -> bool:
    """Return whether the graph computes value `value` as 1 minus value `of`."""
    node = nodes[value - 1] if value else None
    if node is None or not isinstance(node.op, Affine) or node.inputs != (of,):
        return False
    op = node.op
    minus = op.factor is not None and op.ulps == 0 and bool((op.factor == -1.0).all())
    return minus and bool((op.bias == 1.0).all())
