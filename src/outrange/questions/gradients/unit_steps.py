"""Verification of the trend of outputs along one integer input, by differences of unit steps.

An output never falls along an integer input if `f(x + e_i) - f(x)` is never negative, where both
points are in the input set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...answers.progress import VerifyProgress
from ...answers.verdict import Verdict
from ...core import Atom, Box, Region
from ...graph import Graph
from ...graph.rewrites.unit_step import unit_step_difference
from ..common.network import GraphAlone
from ..verify import verify


class UnitSteps:
    """The changes of all outputs when one integer input increases by 1.

    Sound: the difference is bounded as the outputs of any other graph, over all points of the set
    from which the step stays in the set. Complete: as `verify`. Cost: a search per output and
    direction, on a graph of at most twice the size.

    Args:
        graph: The graph under study.
        sets: The input set, as a union of regions.
        i: Index of the flat input, which can change alone.
        partial: Flat indices of each group in which at most one input is 1.
    """

    def __init__(
        self, graph: Graph, sets: Sequence[Region], i: int, partial: Sequence[np.ndarray] = ()
    ) -> None:
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
    ) -> Verdict:
        """Verify that `sign` times an output never falls when the input increases by 1."""
        unsafe = Atom.of({self._graph.size + output: sign}, 0.0, strict=True)
        return verify(
            GraphAlone(self._graph), unsafe, self._sets, text="the output is monotone",
            time_limit=time_limit, seed=seed, progress=progress,
        )  # fmt: skip


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
