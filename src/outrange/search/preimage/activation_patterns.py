"""The activation patterns of a small box, and for each one the part where a clause holds.

A piecewise-linear network is affine as long as no unit changes its phase. The box is cut by the
zero planes of its unstable units, layer by layer, depth first. In each resulting cell the clauses
are affine, and `{clause <= 0}` is one more half-space. The computation is in plain float64: faces
are as accurate as their forms, and no proof depends on them.
Reference: Tran et al., *Star-based reachability analysis of deep neural networks* (2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...core.clock import read_clock
from ..kernel.layer_program import LayerProgram
from .polytope_vertices import TooManyVertices, Vertices
from .settings import SETTINGS


@dataclass(frozen=True, eq=False)
class PatternPolytope:
    """The polytope `a @ x <= b` within a box, where a clause holds in one activation pattern.

    Args:
        clause: Index of the clause.
        a: `(rows, d)`; the last row is the clause itself.
        b: Array of shape `(rows,)`.
        at: `(d,)` a point of the polytope.
    """

    clause: int
    a: np.ndarray
    b: np.ndarray
    at: np.ndarray


@dataclass(frozen=True, eq=False)
class PatternBox:
    """A box whose activation patterns are enumerated.

    Args:
        lo: Array of shape `(d,)`.
        hi: Array of shape `(d,)`.
        status: `(units,)` phases of the units in the box: 1 above 0, -1 below, 0 unknown.
        open_: `(m,)` mask of the clauses that may hold somewhere in the box.
        strict: `(m,)` mask of the clauses that may fail where their value is 0.
    """

    lo: np.ndarray
    hi: np.ndarray
    status: np.ndarray
    open_: np.ndarray
    strict: np.ndarray


def enumerate_patterns(
    program: LayerProgram, leaf: PatternBox, until: float = np.inf
) -> list[PatternPolytope] | None:
    """Return polytopes that cover the part of a box where some clause holds.

    Return None if there are too many patterns or vertices, if time runs out, or if the box has more
    than `PavingSettings.most_inputs` inputs and a unit of unknown phase.

    Args:
        program: Its first objectives are the values of the clauses.
        until: Deadline, as a value of `core.clock.read_clock`, after which None is returned.
    """
    patterns = _PatternEnumeration(program, leaf, until)
    if leaf.lo.size > SETTINGS.most_inputs:
        return None if (leaf.status == 0).any() else list(patterns.only())
    try:
        return [part for cell in patterns.cells() for part in patterns.parts(*cell)]
    except TooManyVertices:
        return None


Forms = tuple[np.ndarray, np.ndarray]
"""`(n, d)` slopes and `(n,)` constants."""

_Branch = tuple[list[Forms], Vertices]
"""The affine forms of the inputs and of the layers whose phases are already chosen, and the cell
of inputs where they are valid."""


class _PatternEnumeration:
    """Depth-first enumeration of the activation patterns of one box."""

    def __init__(self, program: LayerProgram, leaf: PatternBox, until: float) -> None:
        self._program, self._leaf, self._until = program, leaf, until
        self._found = 0
        d = leaf.lo.size
        self._inputs: Forms = (np.eye(d), np.zeros(d))
        self._start = []
        at = 0
        for layer in program.layers:
            self._start.append(at)
            at += 0 if layer.linear else layer.size

    def cells(self) -> Iterator[tuple[Vertices, Forms]]:
        """Yield the cell of every activation pattern of the box, with the clauses' forms on it.

        Branches are stored in a list: a network may be deeper than Python's stack.
        """
        leaf = self._leaf
        waiting: list[Iterator[_Branch]] = [iter([([self._inputs], Vertices.of(leaf.lo, leaf.hi))])]
        while waiting:
            branch = next(waiting[-1], None)
            if branch is None:
                waiting.pop()
                continue
            values, cell = branch
            while len(values) <= len(self._program.layers):
                if not self._program.layers[len(values) - 1].linear:
                    break
                values.append(self._sums(len(values) - 1, values))
            else:
                self._found += 1
                if self._found > SETTINGS.most_cells or read_clock() > self._until:
                    raise TooManyVertices
                yield cell, values[-1]
                continue
            waiting.append(self._branches(values, cell))

    def _branches(self, values: list[Forms], cell: Vertices) -> Iterator[_Branch]:
        """Yield the branches of the next layer: one per combination of phases, with its cell."""
        k = len(values) - 1
        layer = self._program.layers[k]
        slopes, constants = self._sums(k, values)
        status = self._leaf.status[self._start[k] : self._start[k] + layer.size]
        for phase, part in self._phases(status, slopes, constants, cell):
            slope = np.where(phase > 0, layer.above, layer.below)
            yield [*values, (slopes * slope[:, None], constants * slope)], part

    def _sums(self, k: int, values: list[Forms]) -> Forms:
        """Return the forms of a layer's pre-activation sums."""
        layer = self._program.layers[k]
        slopes, constants = np.zeros((layer.size, values[0][0].shape[1])), layer.bias.copy()
        for source, matrix in layer.sources.items():
            slopes += matrix @ values[source][0]
            constants += matrix @ values[source][1]
        return slopes, constants

    def _phases(
        self, status: np.ndarray, slopes: np.ndarray, constants: np.ndarray, cell: Vertices
    ) -> Iterator:
        """Yield the combinations of phases that occur in one layer's units, with their cells."""
        waiting = [(status.astype(np.int8), cell)]
        while waiting:
            phase, part = waiting.pop()
            unknown = np.flatnonzero(phase == 0)
            if not unknown.size:
                yield phase, part
                continue
            phase = phase.copy()
            for j in unknown:
                height = part.heights(slopes[j], constants[j])
                if height.min() >= 0:
                    phase[j] = 1
                elif height.max() <= 0:
                    phase[j] = -1
                else:
                    other = phase.copy()
                    phase[j], other[j] = 1, -1
                    waiting.append((other, part.cut(slopes[j], constants[j])))
                    part = part.cut(-slopes[j], -constants[j])
            yield phase, part

    def only(self) -> Iterator[PatternPolytope]:
        """Yield the parts of the box where clauses hold, if the box has only one pattern.

        The phases of all units must be known. No vertices are computed.
        """
        leaf, values = self._leaf, [self._inputs]
        for k, layer in enumerate(self._program.layers):
            slopes, constants = self._sums(k, values)
            if not layer.linear:
                status = leaf.status[self._start[k] : self._start[k] + layer.size]
                slope = np.where(status > 0, layer.above, layer.below)
                slopes, constants = slopes * slope[:, None], constants * slope
            values.append((slopes, constants))
        for k in np.flatnonzero(leaf.open_):
            row, constant = values[-1][0][k], float(values[-1][1][k])
            at = np.where(row > 0, leaf.lo, leaf.hi)
            least = row @ at + constant
            if least < 0 or (least == 0 and not leaf.strict[k]):
                yield PatternPolytope(int(k), row[None], np.array([-constant]), at)

    def parts(self, cell: Vertices, forms: Forms) -> Iterator[PatternPolytope]:
        """Yield the parts of a cell where clauses hold, at most one part per clause.

        If some clause holds everywhere in the cell, yield only the whole cell.
        """
        polytopes = []
        for k in np.flatnonzero(self._leaf.open_):
            row, constant = forms[0][k], float(forms[1][k])
            height = cell.heights(row, constant)
            if not (height.min() < 0 or (height.min() == 0 and not self._leaf.strict[k])):
                continue
            part = cell.cut(row, constant)
            touching = np.union1d(part.touching_rows(), [len(part.rows) - 1])
            polytopes.append(
                PatternPolytope(int(k), part.rows[touching], part.limits[touching], part.middle)
            )
            if height.max() < 0:
                yield polytopes[-1]
                return
        yield from polytopes
