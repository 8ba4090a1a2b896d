"""Anytime bounds on chosen values of a graph over a box.

Three stages tighten the bounds: one pass of linear bounds (CROWN), ascent on the slopes of open
units (alpha-CROWN), and branch and bound. A unit is open if tighter bounds could improve the
result. For an input of an activation, this is the case if its phase is not fixed. Branch and bound
visits the values in the order of the graph, since bounds of early values tighten those of later
ones. The remaining time is divided in proportion to the number of open units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..core import Bounds, Box, Clock, OutOfTime, deadline, no_deadline
from ..domains import DOMAINS, bounds
from ..domains.intervals import bound_node
from ..domains.stability import is_stable
from ..graph import Graph, Slot
from ..graph.rewrites.rewrite import extract_subgraph
from ..ops import Curve
from .common.failures import SearchFailedError, attempt
from .common.parallel import single_blas_thread
from .common.search import ended_by
from .common.solution import Status
from .neuron_split.relaxed_net import RelaxedNet
from .neuron_split.smooth_relaxations import activations_of
from .neuron_split.tighten_layers import bound_units, tighten_layer
from .solve import solve


TOLERANCE = 1e-4
"""Relative tolerance of the search for the range of a unit."""

STEPS = 20
"""Number of ascent steps on the slopes of each open unit."""

UNITS = 64
"""Maximum number of units of one value in a single branch-and-bound search."""

ROUNDS = 2
"""Number of rounds of branch and bound. The second round uses the time that the searches of the
first round did not need."""

CLOSED = (Status.EXACT, Status.ROUNDING)
"""Statuses of searches that more time would not improve."""


def one_pass_bounds(graph: Graph, box: Box) -> tuple[str, list[Bounds]]:
    """Bound every value of a graph by one pass of linear bounds.

    Returns:
        The name of the domain, and `(lo, hi)` of every value, each `(n,)`.
    """
    domain = "linear" if "linear" in DOMAINS else "intervals"
    return domain, [(lo[0], hi[0]) for lo, hi in bounds(graph, box.lo, box.hi, domain)]


@dataclass(eq=False)
class ValueBounds:
    """Proved bounds on every value of a graph, and the search that computes them.

    Args:
        graph: The graph to bound.
        box: Box of its inputs.
        ends: `(lo, hi)` of every value, each `(n,)`.
        status: `EXACT` if every open unit is bounded to the tolerance; otherwise why the search
            ended early.
        boxes: Number of subproblems bounded so far.
        methods: The methods used, with references.
        net: Relaxed graph for the slope ascent; None if the ascent does not support
            the graph.
    """

    graph: Graph
    box: Box
    ends: list[Bounds]
    status: Status = Status.EXACT
    boxes: int = 1
    methods: list[str] = field(default_factory=list)
    net: RelaxedNet | None = None

    @staticmethod
    def of(graph: Graph, box: Box, values: Sequence[int], time_limit: float | None) -> ValueBounds:
        """Bound all values of a graph, and tighten the bounds of some of them until a time limit.

        Args:
            values: Indices of the values whose bounds are tightened.
            time_limit: Limit in seconds, or None for no limit.
        """
        clock = Clock(time_limit)
        with no_deadline():
            pairs = bounds(graph, box.lo, box.hi, "intervals")
        result = ValueBounds(graph, box, [(lo[0], hi[0]) for lo, hi in pairs])
        result.methods.append("interval arithmetic")
        try:
            with deadline(clock.left), np.errstate(all="ignore"), single_blas_thread():
                attempt(lambda: result._run_stages(values, clock), "the bounds of layers")
        except (OutOfTime, MemoryError, KeyboardInterrupt, SearchFailedError) as early:
            result.status = ended_by(early)
        with no_deadline():
            result._propagate()
        return result

    def _run_stages(self, values: Sequence[int], clock: Clock) -> None:
        """Run all stages; if an exception interrupts them, `ends` is still valid."""
        began = clock.seconds
        domain, ends = one_pass_bounds(self.graph, self.box)
        if domain == "linear":
            self.methods.append("linear bounds by back-substitution (CROWN, Zhang et al. 2018)")
        self._intersect(ends)
        pace = clock.seconds - began
        values = sorted({self._value_before_curves(value) for value in values} - {0})
        if activations_of(self.graph) is not None:
            self.net = RelaxedNet.of(self.graph, self.box)
            self._intersect(self.net.ends)
            self.methods.append("slope ascent on every open unit (alpha-CROWN, Xu et al. 2021)")
            self._ascend(values, 0)
        for _ in range(ROUNDS):
            ended = [
                self._search_value(value, values[k + 1 :], clock, pace)
                for k, value in enumerate(values)
            ]
            early = [status for status in ended if status not in CLOSED]
            self.status = early[0] if early else Status.EXACT
            values = [v for v, status in zip(values, ended, strict=True) if status not in CLOSED]

    def _value_before_curves(self, value: int) -> int:
        """Return the value from which `value` is computed by curves alone, possibly itself."""
        while value > 0 and isinstance(self.graph.nodes[value - 1].op, Curve):
            (value,) = self.graph.nodes[value - 1].inputs
        return value

    def _open_units(self, value: int) -> np.ndarray:
        """Return the open units of a value, starting with those closest to a fixed phase.

        If only curves read the value, these are the units for which some curve is not linear within
        the bounds. Otherwise they are all units whose bounds differ.
        """
        lo, hi = self.ends[value]
        readers = [n.op for n in self.graph.nodes if value in n.inputs]
        curves = [op for op in readers if isinstance(op, Curve)]
        is_open = lo < hi
        if curves and len(curves) == len(readers):
            is_open = is_open & ~np.logical_and.reduce([is_stable(op, lo, hi) for op in curves])
        units = np.flatnonzero(is_open)
        return units[np.argsort(np.minimum(hi, -lo)[units], kind="stable")]

    def _intersect(self, ends: Sequence[Bounds]) -> None:
        for value, pair in enumerate(ends):
            self._tighten_units(value, slice(None), *pair)

    def _tighten_units(
        self, value: int, units: slice | np.ndarray, lo: np.ndarray, hi: np.ndarray
    ) -> None:
        """Intersect the bounds of some units of a value with other valid bounds."""
        old_lo, old_hi = self.ends[value]
        least, most = old_lo.copy(), old_hi.copy()
        least[units] = np.fmax(least[units], lo)
        most[units] = np.fmin(most[units], hi)
        self.ends[value] = least, most

    def _propagate(self) -> None:
        """Bound every value by interval arithmetic from the current bounds of its inputs."""
        for value, node in enumerate(self.graph.nodes, 1):
            inputs = [self.ends[j] for j in node.inputs]
            lo, hi = bound_node(node, [(lo[None], hi[None]) for lo, hi in inputs])
            self._tighten_units(value, slice(None), lo[0], hi[0])

    def _ascend(self, values: Sequence[int], after: int) -> None:
        """Tighten the open units of `values` and of all activations by slope ascent.

        Args:
            values: Indices of the values, in the order of the graph.
            after: Index of a value. It and all earlier values remain unchanged.
        """
        net = self.net
        if net is None:
            return
        for layer in net.activations:
            lo, hi = self.ends[layer.source]
            net.lo[layer.place] = np.fmax(net.lo[layer.place], lo)
            net.hi[layer.place] = np.fmin(net.hi[layer.place], hi)
            if layer.source > after and net.units_before(layer.source):
                tighten_layer(net, layer, STEPS)
                self._tighten_units(
                    layer.source, slice(None), net.lo[layer.place], net.hi[layer.place]
                )
        read = {layer.source for layer in net.activations}
        for value in values:
            units = self._open_units(value)
            if value > after and value not in read and units.size and net.units_before(value):
                self._tighten_units(value, units, *bound_units(net, value, units, STEPS))

    def _search_value(self, value: int, later: Sequence[int], clock: Clock, pace: float) -> Status:
        """Search for the ranges of the open units of a value by branch and bound.

        Args:
            value: Index of the value.
            later: Indices of the values to be searched next, which share the remaining time with
                this value.
            clock: Clock with the time limit.
            pace: Duration of one pass of linear bounds in seconds.

        Returns:
            `EXACT`, or the status of a part of the search that ended early.
        """
        units, status = self._open_units(value), Status.EXACT
        if not units.size:
            return status
        waiting = sum(self._open_units(v).size for v in later)
        size = self.graph.value_size(value)
        graph = extract_subgraph(self.graph, (value,), (Slot("value", (size,)),))
        for start in range(0, units.size, UNITS):
            some = units[start : start + UNITS]
            share = some.size / (units.size - start + waiting)
            left = max(clock.left * share, 2 * pace)
            if clock.expired:
                raise OutOfTime
            rows = np.zeros((some.size, size))
            rows[np.arange(some.size), some] = 1.0
            solution = solve(
                *(graph, self.box, np.concatenate([rows, -rows])),
                tol=TOLERANCE,
                time_limit=None if left == np.inf else left,
                solver=False,
            )
            self._tighten_units(
                value, some, solution.lower[: some.size], -solution.lower[some.size :]
            )
            self.boxes += solution.boxes
            self.methods += [m for m in solution.methods if m not in self.methods]
            if solution.status is Status.INTERRUPTED:
                raise KeyboardInterrupt
            if solution.status not in CLOSED:
                status = solution.status
        if later:
            self._ascend(later, value)
        return status
