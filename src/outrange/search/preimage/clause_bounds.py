"""Lower and upper bounds of clause values over many boxes, to prove that clauses hold or fail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import Box, Distance, Formula, gamma
from ...core.formula import And, atoms, holds
from ...core.rounding import UNIT, up
from ...domains import bounds
from ...graph import Graph
from ...graph.limits import check_within
from ...graph.measure import measure
from ..common.domain_boxes import DomainBoxes
from ..common.problem import Problem
from ..engines.array_engine import ArrayEngine
from ..engines.base import BoxBounds
from ..input_split.array_search import METHODS as ENGINE_METHODS
from ..input_split.kernel_search import METHODS as KERNEL_METHODS
from ..kernel.binding import CompiledProgram, root_magnitudes
from ..methods.table import SECOND_ORDER
from ..selection import compile_problem, has_kernel
from .settings import SETTINGS


NEAR_ZERO = 1e-9
"""Distance from 0, relative to the values' size, within which a bound may be 0 up to rounding."""


class ClauseBounds:
    """Clauses over the inputs and outputs of a network, and bounds on their values.

    The value of a clause is at most 0 where the clause holds.

    Args:
        clauses: `m` conjunctions over `[x, y]`.
        distances: Norm balls that are part of every clause.
        hull: Box that contains every box to be bounded.
        engine: `"auto"` uses the compiled kernel if the graph allows it; `"array"` never does.
    """

    def __init__(
        self,
        graph: Graph,
        clauses: Sequence[Sequence[Formula]],
        distances: Sequence[Distance],
        hull: Box,
        engine: str = "auto",
    ) -> None:
        check_within(graph.inputs, hull.lo, hull.hi)
        self.count = m = len(clauses)
        self._network, self._clauses, self._balls = graph, clauses, bool(distances)
        self._open_at_zero = np.array([_any_strict(clause) for clause in clauses], bool)
        """`(m,)` whether a clause may fail where its value is 0."""
        self._never_zero = np.array([_all_strict(clause) for clause in clauses], bool)
        """`(m,)` whether a clause always fails where its value is 0."""
        if distances:
            self._never_zero[:] = False
        rows = np.concatenate([np.eye(m), -np.eye(m)])
        zero = np.zeros(2 * m)
        # A squared radius is rounded up; a proof that a clause holds must allow for that.
        zero[m:] = -max(
            (4 * UNIT * float(up(b.radius * b.radius)) for b in distances if b.order == 2),
            default=0.0,
        )
        measured = measure(graph, clauses, distances)
        problem = Problem(measured, rows, zero, DomainBoxes.of(hull))
        self.graph = problem.small
        self.hull, self._fixed = hull, hull.lo
        self.free = free = hull.lo < hull.hi
        """`(d,)` mask of the inputs that vary within boxes."""
        # Pre-images pave the input set, so they use the engines of input splits.
        self.program = compile_problem(problem)
        self._kernel: CompiledProgram | None = None
        if self.program is not None and has_kernel(engine):
            self._kernel = root_magnitudes(self.program, Box(hull.lo[free], hull.hi[free]))
            self.units, self.methods = self._kernel.program.states, KERNEL_METHODS[:3]
        else:
            self._engine = ArrayEngine(self.graph, rows, zero, hull, refine=SECOND_ORDER.hook)
            self.units, self.methods = self._engine.units, ENGINE_METHODS[:3]

    @property
    def strict(self) -> np.ndarray:
        """`(m,)` whether a clause may fail where its value is 0."""
        return self._open_at_zero

    @property
    def exact_units(self) -> bool:
        """Whether the phases stored for a box are those of the units of `program`."""
        return self._kernel is not None

    def bound(self, lo: np.ndarray, hi: np.ndarray, status: np.ndarray) -> BoxBounds:
        """Bound the clauses' values and their negatives over boxes; see `BoxBounds`."""
        with np.errstate(all="ignore"):
            return (self._by_kernel if self._kernel else self._by_engine)(lo, hi, status)

    def _by_kernel(self, lo: np.ndarray, hi: np.ndarray, status: np.ndarray) -> BoxBounds:
        """Bound boxes with the compiled kernel."""
        assert self._kernel is not None
        parts = [
            self._kernel.bound(*box, SETTINGS.ascent) for box in zip(lo, hi, status, strict=True)
        ]
        least, slopes, offset, blame, codes = (
            np.array([part[i] for part in parts]) for i in range(5)
        )
        return BoxBounds(least, slopes, offset, blame, codes, (codes == 0).sum(axis=1))

    def _by_engine(self, lo: np.ndarray, hi: np.ndarray, status: np.ndarray) -> BoxBounds:
        """Bound boxes with the array engine."""
        wanted = np.ones((len(lo), 2 * self.count), bool)
        low, high = self.full(lo), self.full(hi)
        result = self._engine.bound(low, high, status, wanted, np.full(2 * self.count, np.inf))
        slopes, blame = result.slopes[:, :, self.free], result.scores[:, :, self.free]
        blame = blame - 0.5 * np.abs(slopes) * (hi - lo)[:, None]
        # The contribution of fixed inputs is moved to the offset.
        fixed, at = result.slopes[:, :, ~self.free], self._fixed[~self.free]
        pad = gamma(at.size + 4) * (np.abs(fixed) @ np.abs(at) + np.abs(result.offset)) + 1e-300
        offset = np.where(at.size > 0, result.offset + fixed @ at - pad, result.offset)
        return BoxBounds(result.least, slopes, offset, blame, result.status, result.undecided)

    def sides(
        self, result: BoxBounds, lo: np.ndarray, hi: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return masks `(B, m)` of the clauses proved to hold, and to fail, everywhere in a box.

        If a bound is 0 up to rounding, the outputs' own bounds are substituted into the clause in
        rational arithmetic: the output of an inactive unit is exactly 0.
        """
        m = self.count
        low, high = result.least[:, :m], result.least[:, m:]
        nowhere = np.where(self._never_zero, low >= 0, low > 0)
        here = np.where(self._open_at_zero, high > 0, high >= 0)
        reach = np.abs(result.slopes) @ np.maximum(np.abs(lo), np.abs(hi))[:, :, None]
        size = NEAR_ZERO * np.maximum(reach[:, :, 0] + np.abs(result.offset), 1e-3)
        close = (result.least <= 0) & (result.least >= -size)
        close = (close[:, :m] | close[:, m:]) & ~nowhere & ~here
        rows = np.flatnonzero(close.any(axis=1))
        if rows.size:
            low, high = self.full(lo[rows]), self.full(hi[rows])
            least, most = bounds(self._network, low, high)[self._network.output]
            least, most = np.concatenate([low, least], axis=1), np.concatenate([high, most], axis=1)
            for j, k in np.argwhere(close[rows]).tolist():
                holds_there = holds(And(tuple(self._clauses[k])), least[j], most[j])
                here[rows[j], k] = holds_there is True and not self._balls
                nowhere[rows[j], k] = holds_there is False
        return here, nowhere

    def full(self, x: np.ndarray) -> np.ndarray:
        """Extend points of the free inputs `(n, free)` to points of all inputs."""
        whole = np.tile(self._fixed, (len(x), 1))
        whole[:, self.free] = x
        return whole

    def values(self, x: np.ndarray) -> np.ndarray:
        """Return the clauses' values `(n, m)` in plain float64 at points of the free inputs."""
        with np.errstate(all="ignore"):
            return self.graph.run(self.full(x))

    def gradient(self, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all values `(n, m)`, and the gradient of clause `k[i]` at point `x[i]`."""
        if self.program is not None:
            every, slope = self.program.gradient(x, k)
            return every[:, : self.count], slope
        _, slope = self._engine.gradient(self.full(x), k)
        return self.values(x), slope[:, self.free]


def _any_strict(clause: Sequence[Formula]) -> bool:
    """Return whether some atom of a clause is a strict inequality."""
    return any(atom.strict for part in clause for atom in atoms(part))


def _all_strict(clause: Sequence[Formula]) -> bool:
    """Return whether all atoms of a clause are strict inequalities."""
    strict = [atom.strict for part in clause for atom in atoms(part)]
    return bool(strict) and all(strict)
