"""Comparison of a graph with the model from which it was read."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..core import Box, ModelError
from ..core.progress import begin_phase
from ..graph import Graph
from ..graph.domain import is_inside, is_undefined_by_rounding
from ..graph.float32 import PointErrors, run_with_error_bounds
from ..graph.gradient import is_discontinuous
from ..ops import Affine
from .domain_points import with_points_inside
from .network import Network
from .points import points as points
from .tolerance import tolerance


COMPARING = "comparing the graph with the model"
"""Name of the progress phase."""

_ENTRIES = 2**22
"""Maximum number of graph values in memory during a comparison, counting each point separately."""

_SMALL = 10.0
"""Input magnitude up to which the model is assumed not to overflow."""

_LARGE = 2**17
"""Graphs with more values than this are compared at fewer points, to save time."""

_HEAVY = 2**23
"""Graphs with more multiplications than this are also compared at fewer points."""


def check_same(network: Network, box: Box | None = None, *, seed: int = 0) -> None:
    """Compare the graph (in float64) with the model itself (in its own element type).

    Both are evaluated at random points of several magnitudes, integers, half-integers, sign
    vectors, zero, and points of `box`, all within the limits of the inputs. The difference allowed
    at each point is an estimate of the model's rounding error there. Points that hit a pole, or at
    which an intermediate value overflows, are skipped. If few of the points lie in the domain of
    the graph (of a logarithm, say), the check searches for more such points. It warns if no point
    lies in the domain.

    Args:
        network: The network built by a front-end. Without a `predict` there is nothing to compare.
            With a `probe`, the error names the first layer that differs.
        box: The caller's input box, from which points are drawn as well.
        seed: Seed of the random points.

    Raises:
        InputError: `box` does not have one entry per input of the model.
        ModelError: A difference exceeds what rounding explains, the graph and the model have
            different numbers of outputs, or the model has no outputs.
    """
    if not network.written.value_size(network.written.output):
        raise ModelError(
            "A model must return at least one number. Received: outputs of shapes "
            f"{[slot.shape for slot in network.graph.outputs]} from `{network.name}`."
        )
    if network.predict is None:
        return
    begin_phase(COMPARING)
    x = points(network.graph, box, seed, few=is_large(network.written))
    x, reached = with_points_inside(network.written, x, at_once, seed)
    if not reached:
        warnings.warn(_undefined_message(network, len(x)), stacklevel=2)
    check_at(network, x, network.predict(x.astype(network.computed.dtype)), seed=seed)


def check_at(network: Network, x: np.ndarray, actual: np.ndarray, *, seed: int = 0) -> None:
    """Compare the graph with the model's outputs at given points.

    Args:
        network: The network built by a front-end.
        x: The points, `(count, inputs)`.
        actual: The model's outputs at these points, `(count, outputs)`.
        seed: Seed of the random roundings, which estimate the model's rounding error.

    Raises:
        ModelError: A difference exceeds what rounding explains, or the graph and the model have
            different numbers of outputs.
    """
    actual = np.asarray(actual, np.float64)
    for part in at_once(network.written, len(x)):
        _compare(network, x[part], actual[part], seed)


def is_large(graph: Graph) -> bool:
    """Return whether the graph exceeds `_LARGE` or `_HEAVY`, so that fewer points are compared."""
    products = sum(n.op.terms * n.size for n in graph.nodes if isinstance(n.op, Affine))
    return _values(graph) > _LARGE or products > _HEAVY


def _values(graph: Graph) -> int:
    return sum(node.size for node in graph.nodes) + graph.size


def at_once(graph: Graph, count: int) -> Iterator[slice]:
    """Yield consecutive slices of `count` points, each with at most `_ENTRIES` graph values."""
    rows = max(1, _ENTRIES // max(_values(graph), 1))
    for start in range(0, count, rows):
        yield slice(start, start + rows)


def _compare(network: Network, x: np.ndarray, actual: np.ndarray, seed: int) -> None:
    """Compare the graph with the model's outputs at the points `x`, all in one batch."""
    graph = network.written
    strayed = run_with_error_bounds(graph, x, computed=network.computed)
    expected = strayed.values[graph.output]
    if actual.shape != expected.shape:
        raise ModelError(
            f"The graph read from `{network.name}` must return as many numbers as the model. This "
            f"error is a bug in outrange; please report it. Received: {expected.shape[1:]} from "
            f"the graph, {actual.shape[1:]} from the model."
        )
    with np.errstate(all="ignore"):
        difference = expected - actual
    allowed = tolerance(graph, strayed, seed, difference)
    # Roundings may reach a pole, where the bound is infinite.
    comparable = np.isfinite(strayed.bounds[graph.output]) | np.isfinite(actual)
    # The root of -1e-20 is undefined in the graph, but 0 in a model that rounds its argument to 0.
    by_rounding = is_undefined_by_rounding(graph, strayed.values, strayed.bounds)
    comparable &= ~(np.isnan(expected) & by_rounding[:, None])
    # A model may discard an undefined value in a branch of `where`; bounds reject such a box.
    if any(is_discontinuous(node.op) for node in graph.nodes):
        comparable &= ~np.isnan(expected) | is_inside(graph, strayed.values)[:, None]
    reference = np.where(comparable, expected, actual)
    worst = _worst(reference, actual, allowed, strayed, x)
    if worst is None and network.plain is not None:
        values = network.graph.run_all(x)
        # A curve may be valid on a part of its domain only; do not compare outside.
        allowed, inside = tolerance(graph, strayed, seed), is_inside(network.graph, values)[:, None]
        # Where the graph as written is undefined too, the rewritten graph must not have a value.
        nowhere = np.isnan(expected) & np.isnan(actual)
        allowed = np.where(nowhere, 0.0, allowed)
        expected = np.where(inside, values[network.graph.output], actual)
        worst = _worst(expected, actual, allowed, strayed, x)
    if worst is not None:
        raise ModelError(_message(network, strayed, x, worst))


@dataclass(frozen=True)
class _Mismatch:
    point: int
    output: int
    expected: float
    actual: float
    allowed: float


def _worst(
    expected: np.ndarray,
    actual: np.ndarray,
    allowed: np.ndarray,
    strayed: PointErrors,
    x: np.ndarray,
) -> _Mismatch | None:
    """Return the difference with the largest ratio to its allowed size; None if all are allowed.

    Points at which an intermediate value overflows are skipped.
    """
    calm = ~strayed.overflows[:, None]
    with np.errstate(all="ignore"):
        excess = np.abs(expected - actual) / allowed
    # A model may overflow inside a formula that the graph writes differently, but not at small
    # inputs.
    small = (np.abs(x).max(axis=1, initial=0.0) <= _SMALL)[:, None]
    lost = np.isfinite(expected) & ~np.isfinite(actual) & np.isfinite(allowed) & small
    invented = np.isnan(expected) & np.isfinite(actual)
    excess = np.where(np.isfinite(expected) & np.isfinite(actual), excess, 0.0)
    excess = np.where((lost | invented) & calm, np.inf, excess)
    excess = np.where(np.isnan(excess), 0.0, excess)
    if not excess.size or excess.max() <= 1.0:
        return None
    point, output = np.unravel_index(int(np.argmax(excess)), excess.shape)
    at = (point, output)
    return _Mismatch(
        int(point), int(output), float(expected[at]), float(actual[at]), float(allowed[at])
    )


def _message(network: Network, strayed: PointErrors, x: np.ndarray, worst: _Mismatch) -> str:
    point = x[worst.point]
    shown = ", ".join(f"{v:.6g}" for v in point[:8]) + (", ..." if point.size > 8 else "")
    digits = 9 if network.computed.dtype is np.float32 else 17
    return (
        f"The graph read from `{network.name}` must compute what the model computes, but does not"
        f"{_culprit(network, strayed, x, worst.point)}. Output {worst.output} is "
        f"{worst.expected:.{digits}g} in the graph and {worst.actual:.{digits}g} in the model; "
        f"{network.computed.name} rounding explains a difference of at most "
        f"{worst.allowed:.2g}. If the model runs in reduced precision (TF32, bfloat16), disable "
        "that; otherwise please report this as a bug. "
        f"Received: the input [{shown}]."
    )


def _undefined_message(network: Network, count: int) -> str:
    return (
        f"The graph read from `{network.name}` could not be compared with the model: at each of "
        f"{count} points, one of its functions is undefined (a logarithm, a root, a quotient). "
        "Look for a function that is undefined everywhere, or pass a smaller input set."
    )


def _culprit(network: Network, strayed: PointErrors, x: np.ndarray, point: int) -> str:
    """Return `" (first in layer ...)"`, which names the first layer that differs at a point.

    The result is `""` if the network has no `probe`, or if no layer differs.
    """
    if network.probe is None:
        return ""
    inner_values = network.probe(x[point : point + 1].astype(network.computed.dtype))
    for value in sorted(inner_values):
        if _differs(network.written, strayed, np.ravel(inner_values[value]), value, point):
            node = network.written.nodes[value - 1]
            return f" (first in layer `{node.source}`, operation `{node.op.name}`)"
    return ""


def _differs(
    graph: Graph, strayed: PointErrors, actual: np.ndarray, value: int, point: int
) -> bool:
    if value == 0 or actual.size != graph.value_size(value):
        return False
    expected, allowed = strayed.values[value][point], 4.0 * strayed.bounds[value][point]
    return bool((np.abs(actual - expected) > allowed).any())
