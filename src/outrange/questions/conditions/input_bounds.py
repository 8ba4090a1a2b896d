"""Array form of long conjunctions of input bounds, as in disjunctions of thousands of boxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

from ...core import And, Atom, Formula


LONG = 32
"""Minimum number of parts of a conjunction stored as arrays; for fewer parts, a loop is faster."""


@dataclass(frozen=True)
class Bound:
    """The bound on a variable that an inequality in this variable alone states.

    Args:
        variable: Index into `[x, y]`.
        upper: Whether `end` is an upper bound.
        end: The bound in float64, rounded outward.
        exact: Whether the bound is equivalent to the inequality.
    """

    variable: int
    upper: bool
    end: float
    exact: bool


@lru_cache(maxsize=1 << 16)
def bound_of(atom: Atom) -> Bound:
    """Return the bound that an inequality in one variable states."""
    i, c = atom.terms[0]
    if abs(c) == 1.0:
        return Bound(i, c > 0, -atom.offset * c + 0.0, not atom.strict)
    exact = -Fraction(atom.offset) / Fraction(c)
    end = -at_most(-exact) if c > 0 else at_most(exact)
    same = bool(np.isfinite(end)) and Fraction(end) == exact
    return Bound(i, c > 0, end, same and not atom.strict)


def at_most(exact: Fraction) -> float:
    """Return the largest float64 that is at most `exact`."""
    try:
        near = float(exact)
    except OverflowError:
        return float(np.finfo(np.float64).max) if exact > 0 else -np.inf
    return near if Fraction(near) <= exact else float(np.nextafter(near, -np.inf))


@dataclass(frozen=True, eq=False)
class SplitConjunction:
    """Conjunction whose exact bounds on inputs are stored in arrays, one entry per bound.

    Args:
        whole: The conjunction that was split.
        variable: Input index of each bound.
        sign: 1 for an upper bound, -1 for a lower bound.
        end: The bound times `sign`.
        floor: Lower bound on the conjunction's value (at most 0 where it holds), from the parts in
            the arrays.
        rest: All other parts of the conjunction, in order.
    """

    whole: And
    variable: np.ndarray
    sign: np.ndarray
    end: np.ndarray
    floor: float
    rest: tuple[Formula, ...]

    def truth_on(self, lo: np.ndarray, hi: np.ndarray) -> bool | None:
        """Return whether the bounds stored in the arrays hold throughout a box.

        The result is False if one of them holds nowhere in the box, and None in all other cases.
        """
        least, most = self._signed_ends(lo, hi)
        if (least > self.end).any():
            return False
        return True if (most <= self.end).all() else None

    def shrink(self, lo: np.ndarray, hi: np.ndarray, whole: np.ndarray) -> bool:
        """Shrink a box in place to the part where the bounds hold; return False if it is empty.

        Args:
            lo: Lower bounds of the inputs, then of the outputs.
            hi: Upper bounds, in the same order.
            whole: `(inputs,)` bool: whether each input is an integer.
        """
        end = np.where(whole[self.variable], np.floor(self.end), self.end)
        upper = self.sign > 0
        np.minimum.at(hi, self.variable[upper], end[upper])
        np.maximum.at(lo, self.variable[~upper], -end[~upper])
        return bool((lo[self.variable] <= hi[self.variable]).all())

    def _signed_ends(self, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        low, high = lo[self.variable], hi[self.variable]
        upper = self.sign > 0
        return np.where(upper, low, -high), np.where(upper, high, -low)


class InputBounds:
    """Cache of conjunctions in array form and of their parts, keyed by `id`.

    One object may occur in a formula many times.

    Args:
        inputs: Number of inputs; they come before the outputs.
        value_below: Function that bounds a formula's value from below; the value is at most 0 where
            the formula holds.
    """

    def __init__(self, inputs: int, value_below: Callable[[Formula], float]) -> None:
        self._inputs, self._value_below = inputs, value_below
        self._place: dict[int, int] = {}
        self._held: list[Formula] = []  # Keeps atoms alive, so that no identity is reused.
        self._rows = np.empty((64, 4))
        self._split: dict[int, SplitConjunction] = {}

    def split(self, formula: Formula) -> SplitConjunction | None:
        """Return a conjunction of at least `LONG` parts in array form; None for other formulas."""
        if not isinstance(formula, And) or len(formula.parts) < LONG:
            return None
        split = self._split.get(id(formula))
        if split is None:
            split = self._split[id(formula)] = self._arrays(formula)
        return split

    def _arrays(self, formula: And) -> SplitConjunction:
        get = self._place.get
        places = [get(id(part)) for part in formula.parts]
        if None in places:
            places = [self._enter(part) for part in formula.parts]
        index = np.array(places)
        plain = index >= 0
        variable, sign, end, below = self._rows[index[plain]].T
        rest = tuple(formula.parts[i] for i in np.flatnonzero(~plain))
        floor = float(below.max(initial=-np.inf))
        return SplitConjunction(formula, variable.astype(np.int64), sign, end, floor, rest)

    def _enter(self, part: Formula) -> int:
        """Return the row of a conjunction's part in the table of bounds; add it if it is new.

        The result is -1 if the part is not an exact bound on an input.
        """
        row = self._place.get(id(part))
        if row is None:
            row = self._row(part)
            self._place[id(part)] = row
            self._held.append(part)
        return row

    def _row(self, part: Formula) -> int:
        if not isinstance(part, Atom) or len(part.terms) != 1:
            return -1
        bound = bound_of(part)
        if not bound.exact or bound.variable >= self._inputs:
            return -1
        place = len(self._held)
        while place >= len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        sign = 1.0 if bound.upper else -1.0
        self._rows[place] = bound.variable, sign, sign * bound.end, self._value_below(part)
        return place
