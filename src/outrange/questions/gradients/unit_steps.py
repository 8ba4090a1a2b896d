"""Verification of the trend of outputs along one integer input, by differences of unit steps.

An output never falls along an integer input if `f(x + e_i) - f(x)` is never negative, where both
points are in the input set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from ...answers.progress import VerifyProgress
from ...answers.verdict import Verdict
from ...core import Atom, Box, Clock, Region
from ...core.formula import TRUE
from ...domains import bounds
from ...graph import Graph
from ...graph.difference import difference
from ...graph.rewrites.unit_step import fix_inputs, unit_step_difference
from ..common.network import GraphAlone
from ..verify import verify


METHOD = "differences of unit steps of integer inputs"

MOST_CASES = 256
"""Maximum number of combinations of integers that are searched one by one, beside real inputs.

With fixed integers, rows of tables are constants. So a piecewise-linear network is decided exactly
even where the difference is 0. More combinations are searched together.
"""


class UnitSteps:
    """The changes of all outputs when one integer input increases by 1.

    Sound: the difference is bounded as the outputs of any other graph, over all points of the set
    from which the step stays in the set. Complete: as `verify`. Cost: for each output and
    direction, a search on a graph of at most twice the size, or a search for each combination of
    integers that linear bounds leave open.

    Args:
        graph: The graph under study.
        sets: The input set, as a union of regions.
        i: Index of the flat input, which can change alone.
        partial: Flat indices of each group in which at most one input is 1.
    """

    def __init__(
        self, graph: Graph, sets: Sequence[Region], i: int, partial: Sequence[np.ndarray] = ()
    ) -> None:
        self._network, self._i = graph, i
        self._graph = unit_step_difference(graph, i)
        self._sets = [_starts(region, i, partial) for region in sets]

    def at(self, x: np.ndarray) -> np.ndarray:
        """Return the changes of all outputs, `(n, outputs)`, at the starts nearest to points `x`.

        The values are computed in float64, without bounds on the rounding errors.
        """
        box = self._sets[0].box
        with np.errstate(all="ignore"):
            return self._graph.run(np.clip(x, box.lo, box.hi))

    def verify(
        self,
        output: int,
        sign: float,
        *,
        time_limit: float | None,
        seed: int,
        progress: Callable[[VerifyProgress], None] | None,
    ) -> Iterator[Verdict]:
        """Verify that `sign` times an output never falls when the input increases by 1.

        Yields:
            The verdict on each part of the set that linear bounds leave open. If all of them hold,
            the output never falls.
        """
        clock, cases = Clock(time_limit), _cases(self._sets)
        parts = [self._sets]
        if cases is not None:
            parts = [[case] for case in self._undecided_cases(cases, output, sign)]
        unsafe = Atom.of({self._graph.size + output: sign}, 0.0, strict=True)
        for n, part in enumerate(parts):
            graph = self._graph if cases is None else self._at_integers(part[0].box)
            yield verify(
                GraphAlone(graph), unsafe, part, text="the output is monotone",
                time_limit=None if time_limit is None else max(1e-3, clock.left / (len(parts) - n)),
                seed=seed, progress=progress,
            )  # fmt: skip

    def _undecided_cases(self, cases: list[Region], output: int, sign: float) -> list[Region]:
        """Return the cases for which linear bounds do not prove that the output never falls."""
        lo, hi = (np.stack([getattr(case.box, end) for case in cases]) for end in ("lo", "hi"))
        least, most = bounds(self._graph, lo, hi, "linear")[self._graph.output]
        low = least[:, output] if sign > 0 else -most[:, output]
        return [case for case, bound in zip(cases, low, strict=True) if not bound >= 0]

    def _at_integers(self, box: Box) -> Graph:
        """Build the graph of the changes of the outputs for a box with fixed integers."""
        start = np.where(box.lo == box.hi, box.lo, np.nan)
        end = start + (np.arange(start.size) == self._i)
        return difference(fix_inputs(self._network, end), fix_inputs(self._network, start))


def _cases(sets: Sequence[Region]) -> list[Region] | None:
    """Return one region for each combination of integers.

    The result is None if no real input varies, if a condition restricts the set, or if there are
    more than `MOST_CASES` combinations.
    """
    (region, *others), (lo, hi) = sets, (sets[0].box.lo, sets[0].box.hi)
    varies = lo < hi
    if others or region.condition != TRUE or region.distances:
        return None
    free = np.flatnonzero(varies & region.integer)
    if free.size == np.count_nonzero(varies) or np.prod(hi[free] - lo[free] + 1.0) > MOST_CASES:
        return None
    cases = []
    for code in product(*(np.arange(lo[j], hi[j] + 1.0) for j in free)):
        ends = lo.copy(), hi.copy()
        for end in ends:
            end[free] = code
        cases.append(Region(Box(*ends)))
    return cases


def _starts(region: Region, i: int, partial: Sequence[np.ndarray]) -> Region:
    """Return the part of a region from which a unit step of input `i` stays in the region.

    No other input of a group with at most one 1 may be 1 when input `i` becomes 1.
    """
    hi = region.box.hi.copy()
    for group in partial:
        if i in group:
            hi[group] = 0.0
    hi[i] = region.box.hi[i] - 1.0
    return replace(region, box=Box(region.box.lo, hi))
