"""The domain of a graph: logarithms, roots and quotients have no value outside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..ops import Curve
from .gradient import vector_jacobian_product
from .graph import Graph, Op


def is_inside(graph: Graph, values: Sequence[np.ndarray]) -> np.ndarray:
    """Return for each point `(batch,)` whether every function is defined at the graph's values."""
    is_defined = np.ones(len(values[0]), bool)
    for curve, source in restricted_functions(graph):
        x = values[source]
        inside = (x >= curve.on[0]) & (x <= curve.on[1])
        for pole in curve.poles:
            inside &= x != pole
        is_defined &= inside.all(axis=1)
    return is_defined


def is_undefined_by_rounding(
    graph: Graph, values: Sequence[np.ndarray], errors: Sequence[np.ndarray]
) -> np.ndarray:
    """Return for each point `(batch,)` whether rounding may explain why the graph has no value.

    That is so if a function is undefined at its argument, but every such argument is at most its
    rounding error away from the domain. Arguments that are NaN are not counted, because an
    undefined function comes before them.

    Args:
        graph: The graph.
        values: Values of the graph's nodes, each `(batch, size)`.
        errors: Bounds on the rounding errors of these values, of the same shapes.
    """
    may_be_defined = np.ones(len(values[0]), bool)
    for curve, source in restricted_functions(graph):
        x, error = values[source], errors[source]
        near = (x + error >= curve.on[0]) & (x - error <= curve.on[1])
        may_be_defined &= (near | np.isnan(x)).all(axis=1)
    return may_be_defined & ~is_inside(graph, values)


def restricted_functions(graph: Graph) -> Iterator[tuple[Curve, int]]:
    """Yield the functions that are not defined everywhere, each with the index of its argument."""
    for node in graph.nodes:
        if isinstance(node.op, Curve) and is_restricted(node.op):
            yield node.op, node.inputs[0]


def is_restricted(op: Op) -> bool:
    """Return whether an op is a curve that is not defined everywhere."""
    if not isinstance(op, Curve) or op.beyond is not None:
        return False
    return bool(op.holes) or bool(np.isfinite(op.on).any())


def step_inside(graph: Graph, x: np.ndarray) -> np.ndarray:
    """Move points toward the domain of the first function whose argument does not lie inside it.

    Each move is one step of the subgradient method, with the length that is exact for a linear
    function.

    Args:
        graph: The graph whose domain is sought.
        x: Points to move, `(batch, size)`.

    Returns:
        A copy of `x`. A point stays where it is if all arguments lie strictly inside the domains.

    Reference: B. Polyak, *Minimization of unsmooth functionals*, 1969.
    """
    x = np.array(x)
    waiting = np.ones(len(x), bool)
    with np.errstate(all="ignore"):
        values = graph.run_all(x)
        for curve, source in restricted_functions(graph):
            lo, hi = curve.on
            at = values[source]
            margin = 0.1 * (1.0 + np.abs(at))
            below = np.where(waiting[:, None] & ~(at > lo), lo - at + margin, 0.0)
            above = np.where(waiting[:, None] & ~(at < hi), at - hi + margin, 0.0)
            push = np.nan_to_num(below - above)
            rows = push.any(axis=1)
            if not rows.any():
                continue
            waiting &= ~rows
            chosen = [v[rows] for v in values]
            slope = vector_jacobian_product(replace(graph, output=source), chosen, push[rows])
            slope = np.nan_to_num(slope)
            square = np.square(slope).sum(axis=1, keepdims=True)
            length = np.square(push[rows]).sum(axis=1, keepdims=True)
            x[rows] += np.nan_to_num(slope * length / square)
    return x
