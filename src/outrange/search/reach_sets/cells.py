"""Cells of an input set, and the values of a network on each as an affine form and an error.

Inputs are `x = at + scale * e`, with `scale` a power of two, so that every `e` of the set lies in
`[-1, 1]^k`, and nothing is rounded. A cell is a polytope of such `e`. A value satisfies
`|v - (c + G^T e + H^T s)| <= r` on it for some `s` in `[-1, 1]^q` (`domains/zonotopes.py`). Earlier
rounding errors have their own symbols `s`, and later steps of a closed loop transform these symbols
like values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import frexp

import numpy as np

from ...core import Atom, Box, gamma
from ...domains.rounding import inflate
from ...domains.zonotopes import Zonotopes
from .polytope import CutPolytope, Face, face_of


MOST_SYMBOLS = 48
"""Number of symbols for rounding errors above which all of a form's symbols are merged into one
error per entry."""

AT_ONCE = 128
"""Maximum number of cells processed together. A larger number would save NumPy calls, and a smaller
one would finish the first cells earlier.
"""


@dataclass(frozen=True, eq=False)
class InputFrame:
    """Scaled coordinates of the inputs, relative to the center of a box.

    Args:
        at: Array of shape `(d,)`.
        free: `(k,)` indices of the inputs that vary.
        scale: `(k,)` powers of two.
    """

    at: np.ndarray
    free: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, box: Box) -> InputFrame:
        """Create the scaled coordinates for a box."""
        free = np.flatnonzero(box.lo < box.hi)
        at = box.lo + (0.5 * box.hi - 0.5 * box.lo)
        apart = np.maximum(np.nextafter(box.hi - at, np.inf), np.nextafter(at - box.lo, np.inf))
        scale = [2.0 ** frexp(half)[1] for half in apart[free].tolist()]
        return cls(at, free, np.array(scale))

    def inside(self, ends: np.ndarray) -> list[Fraction]:
        """Return the exact scaled coordinates of the free inputs for a point `ends` `(d,)`."""
        places = zip(ends[self.free], self.at[self.free], self.scale, strict=True)
        return [
            (Fraction(float(x)) - Fraction(float(m))) / Fraction(float(s)) for x, m, s in places
        ]

    def polytope(self, box: Box, atoms: Sequence[Atom]) -> CutPolytope:
        """Return the closure of the part of a box where linear inequalities of the inputs hold.

        The result is empty if some strict inequality holds nowhere in the closed polytope.
        Otherwise, take one point per strict inequality at which it holds. The mean of these points
        satisfies all strict inequalities, so the closed polytope is the closure of the part.
        """
        polytope = CutPolytope.box(self.inside(box.lo), self.inside(box.hi))
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
            polytope, _ = polytope.cut(face)
            if not polytope.points:
                return polytope
        if all(polytope.is_somewhere_below(face) for face in strict):
            return polytope
        return CutPolytope((), ())


@dataclass(eq=False)
class Cells:
    """Cells propagated up to one value of a graph, with the forms of all values still needed.

    Args:
        forms: Forms over all cells, by value.
        exact: `(B,)` mask of the cells on which no curve had to be enclosed between two lines: on
            these cells, every unit stays on one linear piece of its activation, up to rounding.
        value: Index of the last graph value that the cells have reached.
    """

    polytopes: list[CutPolytope]
    forms: dict[int, Zonotopes]
    exact: np.ndarray
    value: int = 0

    @classmethod
    def of(cls, frame: InputFrame, polytope: CutPolytope) -> Cells:
        """Create a single cell, the given polytope, before the first operation of the graph."""
        rows = np.zeros((1, frame.free.size, frame.at.size))
        rows[0, np.arange(frame.free.size), frame.free] = frame.scale
        form = Zonotopes(frame.at[None], rows, np.zeros((1, frame.at.size)))
        return cls([polytope], {0: form}, np.ones(1, bool))

    def __len__(self) -> int:
        return len(self.polytopes)

    def select(self, cells: np.ndarray, polytopes: Sequence[CutPolytope] | None = None) -> Cells:
        """Return the cells at indices `cells` (repeats allowed), optionally with new polytopes."""
        forms = {v: form.select(cells) for v, form in self.forms.items()}
        polytopes_of = [self.polytopes[i] for i in cells] if polytopes is None else list(polytopes)
        return Cells(polytopes_of, forms, self.exact[cells], self.value)

    def with_symbols(self, value: int) -> Cells:
        """Return the cells with the errors of a value's entries turned into symbols."""
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
            forms[v] = Zonotopes(f.center, np.concatenate([rows, more], axis=1), rest)
        return Cells(self.polytopes, forms, self.exact, self.value)

    def groups(self) -> Iterator[Cells]:
        """Yield the cells in groups of at most `AT_ONCE`."""
        if len(self) <= AT_ONCE:
            yield self
            return
        for first in range(0, len(self), AT_ONCE):
            yield self.select(np.arange(first, min(first + AT_ONCE, len(self))))


def without_overflow(form: Zonotopes) -> Zonotopes:
    """Replace each entry of a form that overflows with 0 and an infinite error."""
    rows = np.isfinite(form.rows).all(axis=1)
    finite = rows & np.isfinite(form.center) & np.isfinite(form.rest)
    if finite.all():
        return form
    return Zonotopes(
        np.where(finite, form.center, 0.0),
        np.where(finite[:, None], form.rows, 0.0),
        np.where(finite, form.rest, np.inf),
    )


def error_of(form: Zonotopes, size: int) -> np.ndarray:
    """Bound the distance `|v - (c + G^T e)|` of a value from its form without error symbols.

    Args:
        size: Number of inputs `e`; the form's further rows are symbols for errors.

    Returns:
        One bound per cell and entry of the value, `(B, n)`.
    """
    if form.count == size:
        return form.rest
    symbols = np.abs(form.rows[:, size:]).sum(axis=1)
    return inflate(form.rest + symbols * (1.0 + gamma(form.count + 2)))


def form_ends(
    polytopes: Sequence[CutPolytope], form: Zonotopes
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return bounds of `c + G^T e` over each polytope, and their float64 errors, `(B, n)` each.

    The bounds do not include the errors of the forms.
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
    # Errors of the vertices, the products, their sum, and this bound; products may underflow.
    pad = gamma(2 * k + 8) * size + 1e-290
    low, high = np.minimum.reduceat(height, first), np.maximum.reduceat(height, first)
    return low, high, np.maximum.reduceat(pad, first)
