"""Cells of an input set, and the values of a network on each as an affine form and an error.

Inputs are `x = at + scale * e`, `scale` a power of two, so that every `e` of the set is in
`[-1, 1]^k` and nothing is rounded on the way. A cell is a polytope of such `e`; a value is
`|v - (c + G^T e + H^T s)| <= r` on it for some `s` in `[-1, 1]^q` (`domains/forward.py`): what was
rounded so far, in symbols of its own, goes through later steps of a loop as the loop itself does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import frexp

import numpy as np

from ...core import Atom, Box, gamma
from ...domains.forward import ForwardForm
from ...domains.rounding import widened
from .polytope import CutPolytope, Face, face_of


MOST_SYMBOLS = 48
"""Of more symbols for what was rounded, one is made for each entry."""

AT_ONCE = 128
"""Cells that take a step together: more save calls of NumPy, fewer come to an end earlier."""


@dataclass(frozen=True, eq=False)
class InputFrame:
    """How inputs are written.

    Args:
        at: Array of shape `(d,)`.
        free: `(k,)` the inputs that vary.
        scale: `(k,)` powers of two.
    """

    at: np.ndarray
    free: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, box: Box) -> InputFrame:
        """The frame of a box."""
        free = np.flatnonzero(box.lo < box.hi)
        at = box.lo + (0.5 * box.hi - 0.5 * box.lo)
        apart = np.maximum(np.nextafter(box.hi - at, np.inf), np.nextafter(at - box.lo, np.inf))
        scale = [2.0 ** frexp(half)[1] for half in apart[free].tolist()]
        return cls(at, free, np.array(scale))

    def inside(self, ends: np.ndarray) -> list[Fraction]:
        """The places of the inputs that vary, without rounding, `ends` `(d,)`."""
        places = zip(ends[self.free], self.at[self.free], self.scale, strict=True)
        return [
            (Fraction(float(x)) - Fraction(float(m))) / Fraction(float(s)) for x, m, s in places
        ]

    def polytope(self, box: Box, atoms: Sequence[Atom]) -> CutPolytope:
        """The closure of the part of a box where linear inequalities of the inputs hold.

        Where all of them hold somewhere, strict ones strictly, that is where they hold with their
        edges: the mean of one point for each strict inequality is strictly within all of them.
        """
        found = CutPolytope.box(self.inside(box.lo), self.inside(box.hi))
        rank = {int(i): n for n, i in enumerate(self.free)}
        strict: list[Face] = []
        for atom in atoms:
            slopes = [Fraction(0)] * self.free.size
            constant = Fraction(atom.offset)
            for i, c in atom.terms:
                constant += Fraction(c) * Fraction(float(self.at[i]))
                if i in rank:
                    slopes[rank[i]] = Fraction(c) * Fraction(float(self.scale[rank[i]]))
            face = face_of(slopes, constant)
            strict += [face] if atom.strict else []
            found, _ = found.cut(face)
            if not found.points:
                return found
        if all(found.is_somewhere_below(face) for face in strict):
            return found
        return CutPolytope((), ())


@dataclass(eq=False)
class Cells:
    """Cells on their way through a graph.

    Args:
        forms: Of the values that are still read, over all cells.
        exact: `(B,)` bool: whether no unit was enclosed in the place of a decision.
        value: The last value that is known.
    """

    polytopes: list[CutPolytope]
    forms: dict[int, ForwardForm]
    exact: np.ndarray
    value: int = 0

    @classmethod
    def of(cls, frame: InputFrame, polytope: CutPolytope) -> Cells:
        """The whole of a polytope, before the first operation."""
        rows = np.zeros((1, frame.free.size, frame.at.size))
        rows[0, np.arange(frame.free.size), frame.free] = frame.scale
        form = ForwardForm(frame.at[None], rows, np.zeros((1, frame.at.size)))
        return cls([polytope], {0: form}, np.ones(1, bool))

    def __len__(self) -> int:
        return len(self.polytopes)

    def picked(self, cells: np.ndarray, polytopes: Sequence[CutPolytope] | None = None) -> Cells:
        """Some of the cells, perhaps each several times, with polytopes of their own."""
        forms = {
            v: ForwardForm(f.center[cells], f.rows[cells], f.rest[cells])
            for v, f in self.forms.items()
        }
        kept = [self.polytopes[i] for i in cells] if polytopes is None else list(polytopes)
        return Cells(kept, forms, self.exact[cells], self.value)

    def with_symbols(self, value: int) -> Cells:
        """The same cells; what the entries of a value may be off by becomes symbols."""
        k, form = self.polytopes[0].size, self.forms[value]
        fold = form.count - k > MOST_SYMBOLS
        forms = {}
        for v, f in self.forms.items():
            rest = error_of(f, k) if fold else f.rest
            rows = f.rows[:, :k] if fold else f.rows
            more = np.zeros((len(self), form.rest.shape[1], rest.shape[1]))
            if v == value:
                at = np.arange(rest.shape[1])
                more[:, at, at], rest = rest, np.zeros_like(rest)
            forms[v] = ForwardForm(f.center, np.concatenate([rows, more], axis=1), rest)
        return Cells(self.polytopes, forms, self.exact, self.value)

    def parted(self) -> Iterator[Cells]:
        """Some cells after the other."""
        if len(self) <= AT_ONCE:
            yield self
            return
        for first in range(0, len(self), AT_ONCE):
            yield self.picked(np.arange(first, min(first + AT_ONCE, len(self))))


def bounded(form: ForwardForm) -> ForwardForm:
    """The form; entries that overflow have none, and may be anything."""
    rows = np.isfinite(form.rows).all(axis=1)
    known = rows & np.isfinite(form.center) & np.isfinite(form.rest)
    if known.all():
        return form
    return ForwardForm(
        np.where(known, form.center, 0.0),
        np.where(known[:, None], form.rows, 0.0),
        np.where(known, form.rest, np.inf),
    )


def error_of(form: ForwardForm, size: int) -> np.ndarray:
    """`(B, n)`: how far a value may be off its form in the inputs, of which there are `size`."""
    if form.count == size:
        return form.rest
    symbols = np.abs(form.rows[:, size:]).sum(axis=1)
    return widened(form.rest + symbols * (1.0 + gamma(form.count + 2)))


def form_ends(
    polytopes: Sequence[CutPolytope], form: ForwardForm
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least and largest of `c + G^T e` over each polytope, and what float64 may be off, `(B, n)`.

    The forms alone, without their errors.
    """
    counts = np.array([len(p.points) for p in polytopes])
    first = np.cumsum(counts) - counts
    cell = np.repeat(np.arange(counts.size), counts)
    points = np.concatenate([p.floats for p in polytopes])
    k = points.shape[1]
    height = form.center[cell].copy()
    size = np.abs(height)
    for i in range(k):
        along = form.rows[cell, i]
        height += points[:, i, None] * along
        size += np.abs(points[:, i, None] * along)
    # The vertices, the products, their sum, and this bound itself; a product may underflow.
    pad = gamma(2 * k + 8) * size + 1e-290
    low, high = np.minimum.reduceat(height, first), np.maximum.reduceat(height, first)
    return low, high, np.maximum.reduceat(pad, first)
