"""Convex combinations written with one product: `z a + (1 - z) b = b + z (a - b)`.

Gates of recurrent cells mix two values so. Two products know nothing of each other, and their
errors add up; one product of the difference is never worse, and exact where `a` and `b` agree.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..ops import Affine, Product, combine
from .graph import Graph, Node
from .rewrite import fold, piecewise_to_pairs


def simplified(graph: Graph) -> Graph:
    """The graph as the search wants it: pairs for maxima, gates merged, nothing idle."""
    return fold(merge_gates(fold(piecewise_to_pairs(graph))))


def merge_gates(graph: Graph) -> Graph:
    """Every sum of two products whose first factors add up to 1, as one product.

    Equal to the original in real arithmetic; values that are not needed any more stay.
    """
    nodes: list[Node] = []
    moved: dict[int, int] = {0: 0}

    def append(op, inputs, node: Node) -> int:
        nodes.append(Node(op, tuple(inputs), node.size, node.shape, node.source))
        return len(nodes)

    for k, node in enumerate(graph.nodes, 1):
        node = replace(node, inputs=tuple(moved[j] for j in node.inputs))
        found = _mixed(nodes, node)
        if found is None:
            nodes.append(node)
            moved[k] = len(nodes)
        else:
            moved[k] = _written(append, node, *found)
    layers = {path: tuple(moved[v] for v in values) for path, values in graph.layers.items()}
    return replace(graph, nodes=tuple(nodes), output=moved[graph.output], layers=layers)


def _written(append: Callable, node: Node, gate: int, first: int, second: int) -> int:
    """`second + gate * (first - second)`."""
    n = node.size
    difference = append(combine((1, -1), n, name="subtract"), (first, second), node)
    places = np.arange(n)
    product = append(Product("mix", places, places, (n, n)), (gate, difference), node)
    return append(combine((1, 1), n, name="mix"), (second, product), node)


def _mixed(nodes: list[Node], node: Node) -> tuple[int, int, int] | None:
    """The values `(z, a, b)` if `node` is `z a + (1 - z) b`, entry by entry."""
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


def _both_ways(pair: tuple[int, int] | None):
    return () if pair is None else (pair, pair[::-1])


def _is_sum(node: Node) -> bool:
    op = node.op
    if not isinstance(op, Affine) or op.terms != 2 or op.sizes != (op.size, op.size):
        return False
    if op.bias.any():
        return False
    # One product an entry and input: unrelated vectors whose sums come back leave no other map.
    x, y = np.random.default_rng(0).integers(1, 1 << 20, (2, 2, op.size)).astype(np.float64)
    return np.array_equal(op.apply((x, y), False), x + y)


def _factors(nodes: list[Node], value: int) -> tuple[int, int] | None:
    """The two factors of an entrywise product."""
    node = nodes[value - 1] if value else None
    if node is None or not isinstance(node.op, Product) or node.op.limits != (-np.inf, np.inf):
        return None
    places = np.arange(node.size)
    op = node.op
    plain = op.sizes == (node.size, node.size)
    same = np.array_equal(op.left, places) and np.array_equal(op.right, places)
    return (node.inputs[0], node.inputs[1]) if plain and same else None


def _is_rest(nodes: list[Node], value: int, of: int) -> bool:
    """Whether `value` is `1 - of`."""
    node = nodes[value - 1] if value else None
    if node is None or not isinstance(node.op, Affine) or node.inputs != (of,):
        return False
    op = node.op
    minus = op.factor is not None and op.ulps == 0 and bool((op.factor == -1.0).all())
    return minus and bool((op.bias == 1.0).all())
