"""Tightens the ranges of units layer by layer before any split, by ascent on slopes.

In an image layer, any small group of neighboring units depends on a small window of each earlier
layer. So if layers are long, the rows of such a group are bounded in the net of that window only.
This omits only multiplications by zero.

Reference: K. Xu et al. (alpha-CROWN), ICLR 2021.
"""

from __future__ import annotations

import numpy as np

from ...core import Box
from ...domains.backward import RelaxedGraph
from ...domains.cone import Cone
from ...domains.cone_tiles import ConeTiles
from ...domains.rounding import OperationCounts
from ..common.parallel import parallel_map
from .alpha_beta import BoundProblem, optimize_bounds
from .relaxations import Activation
from .relaxed_net import RelaxedNet
from .settings import SETTINGS


_WIDE = 1 << 9
"""If some value has more entries than this, units are bounded in groups, and each group in the net
of its own window."""

_ROOM = 1 << 19
"""Maximum number of coefficients that the rows of a group may have at the widest value of its
window. It limits the size of the group."""


def tighten_layer(net: RelaxedNet, activation: Activation, steps: int) -> None:
    """Tighten the ranges, in `net`, of the unstable units that `activation` reads.

    Args:
        net: The relaxed graph over its box.
    """
    place, source = activation.place, activation.source
    unstable = np.flatnonzero(~activation.is_stable(net.lo[place], net.hi[place]))
    if source == 0 or not unstable.size:
        return
    least, most = bound_units(net, source, unstable, steps, activation.enough)
    at = place.start + unstable
    net.lo[at] = np.maximum(net.lo[at], least)
    net.hi[at] = np.maximum(np.minimum(net.hi[at], most), net.lo[at])


def bound_units(
    net: RelaxedNet, value: int, units: np.ndarray, steps: int, enough: float = np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Return proved lower and upper bounds on some entries of a value, by ascent on the slopes.

    Args:
        net: The relaxed graph over its box.
        value: Index of the value.
        units: Indices of the entries, `(k,)`, in any order.
        steps: Maximum number of ascent steps.
        enough: Bound on an entry, or on its negative, at which its ascent stops.

    Returns:
        Two arrays of shape `(k,)`, in the order of `units`.
    """
    size = net.graph.value_size(value)
    lo, hi = np.full(size, -np.inf), np.full(size, np.inf)
    parts = _ranges(net, value, np.sort(units), steps, enough)
    for group, (least, most) in zip(*parts, strict=True):
        lo[group], hi[group] = least, most
    return lo[units], hi[units]


def _ranges(
    net: RelaxedNet, value: int, units: np.ndarray, steps: int, enough: float
) -> tuple[list[np.ndarray], list[tuple[np.ndarray, np.ndarray]]]:
    """Return groups of unit indices, and for each group the proved bounds on its units."""
    windows: list[tuple[np.ndarray, Cone | None]] = [(units, None)]
    if max(net.graph.size, *(node.size for node in net.graph.nodes[:value])) > _WIDE:
        windows = list(ConeTiles(net.graph, value, _ROOM, np.inf).of(units))
    parts = [
        (group, window)
        for some, window in windows
        for group in np.array_split(some, -(-2 * some.size // SETTINGS.chunk))
    ]

    def tighten_part(part: tuple[np.ndarray, Cone | None]) -> tuple[np.ndarray, np.ndarray]:
        group, window = part
        if window is None:
            return _ends(net, value, group, steps, enough)
        # Built here, one per core: all windows together may be many times the whole net.
        small = restrict_to_window(net, window)
        return _ends(small, len(window.graph.nodes), window.units(group), steps, enough)

    return [group for group, _ in parts], parallel_map(tighten_part, parts)


def _ends(
    net: RelaxedNet, value: int, units: np.ndarray, steps: int, enough: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return proved lower and upper bounds on some entries of a value over the whole box."""
    count = 2 * units.size
    start = np.zeros((count, net.graph.value_size(value)))
    start[np.arange(units.size), units] = 1.0
    start[units.size + np.arange(units.size), units] = -1.0
    before = net.units_before(value)
    alpha = np.tile(net.start()[:before], (count, 1))
    task = BoundProblem.of({value: start}, net.unsplit(count).first(before), alpha, None)
    optimize_bounds(net, task, steps, np.full(count, enough))
    least = net.proof(task.start, task.alpha, None, task.splits).least
    return least[: units.size], -least[units.size :]


def restrict_to_window(net: RelaxedNet, window: Cone) -> RelaxedNet:
    """Build the net that computes a window, with the ranges and errors of the whole net."""
    ends, now, graph = [], net.current_ends(), window.graph
    magnitudes, reads = [], []
    whole = RelaxedGraph(net.graph, {}, net.rounding_terms, net.underflow)
    for k, (value, some) in enumerate(zip(window.values, window.entries, strict=True)):
        if value >= 0:
            ends.append((now[value][0][some], now[value][1][some]))
            magnitudes.append(net.magnitudes[value][some])
            reads.append(net.budget.reads[value])
        else:
            # This value only rearranges entries.
            node = graph.nodes[k - 1]
            (j,) = node.inputs
            ends.append((node.op.run((ends[j][0],)), node.op.run((ends[j][1],))))
            magnitudes.append(node.op.run((magnitudes[j],)))
            reads.append(net.budget.reads[window.values[j]])
    budget = OperationCounts(tuple(reads), net.budget.additions)
    box = Box(*ends[0])
    rounding_terms = window.restrict_lines(whole).rounding_terms
    return RelaxedNet(graph, box, ends, rounding_terms, net.underflow, magnitudes, budget)
