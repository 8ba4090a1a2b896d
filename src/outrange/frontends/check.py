"""Comparison of a graph with its model, at the end of every load."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..core import Box, ModelError
from ..core.watch import begin_phase
from ..graph import Graph
from ..graph.domain import is_inside
from ..graph.float32 import Strayed, stray
from ..graph.gradient import jumps
from ..ops import Affine
from .inside import with_points_inside
from .network import Network
from .points import points as points
from .tolerance import tolerance


COMPARING = "comparing the graph with the model"
"""Name of the phase."""

_ENTRIES = 2**22
"""Values of the graph held at once, over all points; they set the memory of a comparison."""

_SMALL = 10.0
"""Inputs up to this size should overflow nothing."""

_LARGE = 2**17
"""Values in a graph from which on fewer points are compared: they cost seconds then."""

_HEAVY = 2**23
"""Products in an evaluation from which on they do too, however few the values."""


def check_same(network: Network, box: Box | None = None, *, seed: int = 0) -> None:
    """Compare the graph (in float64) with the model itself (in its own element type).

    Random points of several magnitudes, whole numbers, halves, sign vectors, zero, and points of
    `box` are run through both, within the limits of the inputs. The difference allowed at each is
    an estimate of what the model's rounding does there. Nothing is compared where a value overflows
    on the way, or at a pole. Where few of the points lie in the domain of the graph (of a
    logarithm, say), others are looked for; a warning says if there are none.

    Args:
        network: What a front-end returns. Without a `predict` there is nothing to compare; with
            a `probe` the error names the first layer that differs.
        box: The caller's inputs, compared at too.
        seed: Of the random points.

    Raises:
        InputError: `box` has another number of entries than the model has inputs.
        ModelError: They differ by more than rounding explains, or there are no outputs.
    """
    if not network.written.value_size(network.written.output):
        raise ModelError(
            "A model must return at least one number. Received: outputs of the shapes "
            f"{[slot.shape for slot in network.graph.outputs]} from `{network.name}`."
        )
    if network.predict is None:
        return
    begin_phase(COMPARING)
    x = points(network.graph, box, seed, few=is_large(network.written))
    x, reached = with_points_inside(network.written, x, at_once, seed)
    if not reached:
        warnings.warn(_unreached(network, len(x)), stacklevel=2)
    check_at(network, x, network.predict(x.astype(network.computed.dtype)), seed=seed)


def check_at(network: Network, x: np.ndarray, found: np.ndarray, *, seed: int = 0) -> None:
    """Compare the graph with outputs of the model at some points.

    Args:
        network: What a front-end returns.
        x: `(count, size)` the points.
        found: `(count, outputs)` what the model returned there.
        seed: Of the random roundings.

    Raises:
        ModelError: They differ by more than rounding explains.
    """
    found = np.asarray(found, np.float64)
    for part in at_once(network.written, len(x)):
        _compare(network, x[part], found[part], seed)


def is_large(graph: Graph) -> bool:
    """Whether the comparison makes do with fewer points."""
    products = sum(n.op.terms * n.size for n in graph.nodes if isinstance(n.op, Affine))
    return _values(graph) > _LARGE or products > _HEAVY


def _values(graph: Graph) -> int:
    return sum(node.size for node in graph.nodes) + graph.size


def at_once(graph: Graph, count: int) -> Iterator[slice]:
    """Parts of `count` points, so many at once as the memory of a comparison allows."""
    rows = max(1, _ENTRIES // max(_values(graph), 1))
    for start in range(0, count, rows):
        yield slice(start, start + rows)


def _compare(network: Network, x: np.ndarray, found: np.ndarray, seed: int) -> None:
    """Compare at the points `x`, all at once, with what the model returned there."""
    graph = network.written
    strayed = stray(graph, x, computed=network.computed)
    expected = strayed.values[graph.output]
    if found.shape != expected.shape:
        raise ModelError(
            f"The graph read from `{network.name}` and the model must return as many numbers. "
            f"Received: {expected.shape[1:]} from the graph, {found.shape[1:]} from the model."
        )
    with np.errstate(all="ignore"):
        difference = expected - found
    allowed = tolerance(graph, strayed, seed, difference)
    # Roundings may reach a pole, where the bound is infinite.
    known = np.isfinite(strayed.bounds[graph.output]) | np.isfinite(found)
    # A model may discard an undefined value in a branch of `where`; bounds refuse such a box.
    if any(jumps(node.op) for node in graph.nodes):
        known &= ~np.isnan(expected) | is_inside(graph, strayed.values)[:, None]
    compared = np.where(known, expected, found)
    worst = _worst(compared, found, allowed, strayed, x)
    if worst is None and network.plain is not None:
        values = network.graph.run_all(x)
        # A curve may be followed on a part of its domain; elsewhere it is an error to ask.
        allowed, inside = tolerance(graph, strayed, seed), is_inside(network.graph, values)[:, None]
        # Where the graph as written has no value either, what algebra cancels must not give one.
        nowhere = np.isnan(expected) & np.isnan(found)
        allowed = np.where(nowhere, 0.0, allowed)
        expected = np.where(inside, values[network.graph.output], found)
        worst = _worst(expected, found, allowed, strayed, x)
    if worst is not None:
        raise ModelError(_message(network, strayed, x, worst))


@dataclass(frozen=True)
class _Mismatch:
    point: int
    output: int
    expected: float
    found: float
    allowed: float


def _worst(
    expected: np.ndarray, found: np.ndarray, allowed: np.ndarray, strayed: Strayed, x: np.ndarray
) -> _Mismatch | None:
    """The difference that most exceeds what is allowed, if one does."""
    calm = ~strayed.overflows[:, None]
    with np.errstate(all="ignore"):
        excess = np.abs(expected - found) / allowed
    # A model may overflow inside a formula the graph writes otherwise; not at small inputs.
    small = (np.abs(x).max(axis=1, initial=0.0) <= _SMALL)[:, None]
    lost = np.isfinite(expected) & ~np.isfinite(found) & np.isfinite(allowed) & small
    invented = np.isnan(expected) & np.isfinite(found)
    excess = np.where(np.isfinite(expected) & np.isfinite(found), excess, 0.0)
    excess = np.where((lost | invented) & calm, np.inf, excess)
    excess = np.where(np.isnan(excess), 0.0, excess)
    if not excess.size or excess.max() <= 1.0:
        return None
    point, output = np.unravel_index(int(np.argmax(excess)), excess.shape)
    at = (point, output)
    return _Mismatch(
        int(point), int(output), float(expected[at]), float(found[at]), float(allowed[at])
    )


def _message(network: Network, strayed: Strayed, x: np.ndarray, worst: _Mismatch) -> str:
    point = x[worst.point]
    shown = ", ".join(f"{v:.6g}" for v in point[:8]) + (", ..." if point.size > 8 else "")
    digits = 9 if network.computed.dtype is np.float32 else 17
    return (
        f"The graph read from `{network.name}` must compute what the model computes, and does not"
        f"{_culprit(network, strayed, x, worst.point)}. Output {worst.output} is "
        f"{worst.expected:.{digits}g} by the graph and {worst.found:.{digits}g} by the model; "
        f"{network.computed.name} rounding explains a difference of {worst.allowed:.2g}. If the "
        "model runs in reduced precision (TF32, bfloat16), switch that off; otherwise please "
        "report it. "
        f"Received: the input [{shown}]."
    )


def _unreached(network: Network, count: int) -> str:
    return (
        f"The graph read from `{network.name}` could not be compared with the model: at none of "
        f"{count} points is every function of it defined (a logarithm, a root, a quotient). "
        "Look for one that is defined nowhere; a smaller set of inputs may do."
    )


def _culprit(network: Network, strayed: Strayed, x: np.ndarray, point: int) -> str:
    """`" (first in layer ...)"`, where the network can show its inner values."""
    if network.probe is None:
        return ""
    seen = network.probe(x[point : point + 1].astype(network.computed.dtype))
    for value in sorted(seen):
        if _differs(network.written, strayed, np.ravel(seen[value]), value, point):
            node = network.written.nodes[value - 1]
            return f" (first in layer `{node.source}`, operation `{node.op.name}`)"
    return ""


def _differs(graph: Graph, strayed: Strayed, seen: np.ndarray, value: int, point: int) -> bool:
    if value == 0 or seen.size != graph.value_size(value):
        return False
    expected, allowed = strayed.values[value][point], 4.0 * strayed.bounds[value][point]
    return bool((np.abs(seen - expected) > allowed).any())
