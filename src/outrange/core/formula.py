"""Conditions on a network's inputs and outputs: linear inequalities joined by `and` and `or`.

A variable is an index into the vector `[x, y]`: the network's flat inputs, then its flat outputs.
There is no `not`: the negation of an inequality is an inequality, and `negate` moves negations
inward.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from .errors import InputError
from .rounding import gamma


if TYPE_CHECKING:
    from fractions import Fraction


TINY = 5e-324
"""The smallest positive float64 number."""

MOST_CLAUSES = 4096
"""Maximum number of conjunctions in a disjunctive normal form. If it is exceeded, disjunctions stay
nested.
"""


@dataclass(frozen=True)
class Atom:
    """A linear inequality `sum(c * v[i]) + offset <= 0`, or `< 0` if `strict`.

    Args:
        terms: `(index, coefficient)` pairs, indices ascending, coefficients nonzero.
        strict: Whether equality is excluded.
        scale: Factor by which the inequality that the user wrote was multiplied.
    """

    terms: tuple[tuple[int, float], ...]
    offset: float
    strict: bool = False
    scale: float = field(default=1.0, compare=False, repr=False)

    @classmethod
    def of(cls, terms: Mapping[int, float], offset: float, strict: bool = False) -> Atom:
        """Build an atom from a dict; zero coefficients are dropped.

        Raises:
            InputError: A number is not finite.
        """
        if not all(np.isfinite([*terms.values(), offset])):
            raise InputError(
                "The numbers in a condition must be finite. "
                f"Received: coefficients {list(terms.values())[:4]}, constant {offset}."
            )
        nonzero = tuple((i, float(c)) for i, c in sorted(terms.items()) if c != 0)
        return cls(nonzero, float(offset) + 0.0, strict)

    def negate(self) -> Atom:
        """Return the atom that holds exactly where this one does not."""
        terms = tuple((i, -c) for i, c in self.terms)
        return Atom(terms, -self.offset + 0.0, not self.strict, self.scale)


@dataclass(frozen=True)
class And:
    """A conjunction; without parts it is true."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True)
class Or:
    """A disjunction; without parts it is false."""

    parts: tuple[Formula, ...]


Formula = Atom | And | Or

Point: TypeAlias = "np.ndarray | Sequence[float | Fraction]"
"""The vector `[x, y]`, with float64 entries or exact fractions."""

TRUE, FALSE = And(()), Or(())


def negate(formula: Formula) -> Formula:
    """Return the formula that holds exactly where `formula` does not.

    Example:
        >>> negate(And((Atom(((0, 1.0),), -2.0),)))
        Or(parts=(Atom(terms=((0, -1.0),), offset=2.0, strict=True),))
    """
    if isinstance(formula, Atom):
        return formula.negate()
    flipped = tuple(negate(part) for part in formula.parts)
    return Or(flipped) if isinstance(formula, And) else And(flipped)


def renumber(formula: Formula, index: Sequence[int] | np.ndarray) -> Formula:
    """Return the formula over other variables: variable `i` becomes variable `index[i]`."""
    if not isinstance(formula, Atom):
        return type(formula)(tuple(renumber(part, index) for part in formula.parts))
    terms: dict[int, float] = {}
    for i, c in formula.terms:
        terms[int(index[i])] = terms.get(int(index[i]), 0.0) + c
    return replace(Atom.of(terms, formula.offset, formula.strict), scale=formula.scale)


def atoms(formula: Formula) -> Iterator[Atom]:
    """Yield every atom of the formula, from left to right."""
    pending = [formula]
    while pending:
        part = pending.pop()
        if isinstance(part, Atom):
            yield part
        else:
            pending.extend(reversed(part.parts))


def different_atoms(formula: Formula) -> Iterator[Atom]:
    """Yield every distinct atom object once, in any order."""
    pending, seen = [formula], {id(formula)}
    while pending:
        part = pending.pop()
        if isinstance(part, Atom):
            yield part
            continue
        fresh = {id(inner): inner for inner in part.parts if id(inner) not in seen}
        seen.update(fresh)
        pending.extend(fresh.values())


def clauses(formula: Formula, most: int = MOST_CLAUSES) -> list[tuple[Formula, ...]]:
    """Return conjunctions whose disjunction is `formula` (disjunctive normal form).

    If there would be more than `most` conjunctions, a disjunction stays nested inside its clauses.

    Example:
        >>> a, b, c = (Atom(((i, 1.0),), 0.0) for i in range(3))
        >>> clauses(And((a, Or((b, c))))) == [(a, b), (a, c)]
        True
    """
    if isinstance(formula, Atom):
        return [(formula,)]
    if isinstance(formula, Or):
        disjuncts: list[tuple[Formula, ...]] = []
        for part in formula.parts:
            disjuncts += clauses(part, most)
            if len(disjuncts) > most:
                return [(formula,)]
        return disjuncts
    certain: list[Formula] = []
    product: list[tuple[Formula, ...]] = [()]
    for part in formula.parts:
        inner = clauses(part, most)
        if len(product) * len(inner) > most:
            inner = [(part,)]
        if len(inner) == 1:
            certain += inner[0]
        else:
            product = [left + right for left in product for right in inner]
    return [(*certain, *choice) for choice in product]


def remove_scale(distance: float, formula: Formula) -> float:
    """Undo the scaling of a formula's inequalities in a lower bound on the formula's value.

    The result is exact up to rounding if all inequalities were multiplied by the same number.
    Otherwise, it is a smaller bound.

    Args:
        distance: A lower bound on the formula's value over a set, computed from its scaled atoms.
        formula: The formula. The `scale` of each atom is the factor to undo.

    Example:
        >>> remove_scale(3.0, Atom(((0, 1.0),), -6.0, scale=3.0))
        0.9999999999999999
    """
    scales = [atom.scale for atom in different_atoms(formula)] or [1.0]
    scale = max(scales) if distance > 0 else min(scales)
    if scale == 1.0 or distance == 0 or not np.isfinite(distance):
        return distance
    below = float(np.nextafter(distance / scale, -np.inf))
    return max(below, 0.0) if distance > 0 else below


def value(formula: Formula, v: np.ndarray) -> np.ndarray:
    """Return the violation of a formula for each row of `v`.

    Apart from rounding (see `rounding`), it is at most 0 (below 0 for strict atoms) exactly where
    the formula holds.

    Args:
        formula: A formula over the columns of `v`.
        v: `(batch, inputs + outputs)`.

    Returns:
        `(batch,)`: the left-hand side of an atom, the largest value of the parts of an `And`, or
        the smallest of the parts of an `Or`.
    """
    if isinstance(formula, Atom):
        total = np.full(len(v), formula.offset)
        for i, c in formula.terms:
            total = total + c * v[:, i]
        return total
    parts = [value(part, v) for part in formula.parts]
    if isinstance(formula, And):
        return np.maximum.reduce(parts) if parts else np.full(len(v), -np.inf)
    return np.minimum.reduce(parts) if parts else np.full(len(v), np.inf)


def rounding(formula: Formula, v: np.ndarray) -> np.ndarray:
    """Return bounds on the rounding errors of `value`, `(batch,)`.

    Each atom is a sum of rounded products. The error of a maximum or minimum is at most the largest
    error of its arguments.

    Args:
        formula: A formula over the columns of `v`.
        v: `(batch, inputs + outputs)`.
    """
    if isinstance(formula, Atom):
        size = np.full(len(v), abs(formula.offset))
        for i, c in formula.terms:
            size = size + abs(c) * np.abs(v[:, i])
        return gamma(2 * len(formula.terms) + 4) * size + len(formula.terms) * TINY
    return np.max([np.zeros(len(v)), *(rounding(part, v) for part in formula.parts)], axis=0)


def holds(formula: Formula, lo: Point, hi: Point) -> bool | None:
    """Decide whether a formula holds everywhere or nowhere in `[lo, hi]`.

    Return True for everywhere, False for nowhere, and None if undecided. Parts are decided one by
    one, so the result may be None even if the whole formula holds everywhere or nowhere.

    Args:
        formula: A formula over the entries of `lo`.
        lo: Lower bounds, `(inputs + outputs,)`: float64, or a list of floats and fractions.
        hi: Upper bounds, in the same form.
    """
    if isinstance(formula, Atom):
        least, most = _ends(formula, lo, hi)
        if most < 0 or (most == 0 and not formula.strict):
            return True
        if least > 0 or (least == 0 and formula.strict):
            return False
        return None
    decided, unknown = isinstance(formula, Or), False
    for part in formula.parts:
        truth = holds(part, lo, hi)
        if truth is decided:
            return decided
        unknown = unknown or truth is None
    return None if unknown else not decided


def _ends(atom: Atom, lo: Point, hi: Point) -> tuple[float, float]:
    """Return the exact signs of an atom's smallest and largest left-hand side in `[lo, hi]`.

    If an entry that the atom reads is infinite, return `(-inf, inf)`.
    """
    if len(atom.terms) == 1 and abs(atom.terms[0][1]) == 1.0:
        # A comparison with one number needs no arithmetic.
        ((i, c),) = atom.terms
        low, high = (lo[i], hi[i]) if c > 0 else (-hi[i], -lo[i])
        if not (abs(low) < np.inf and abs(high) < np.inf):
            return -np.inf, np.inf
        return _sign_of_difference(low, -atom.offset), _sign_of_difference(high, -atom.offset)
    ends = _rounded_ends(atom, lo, hi)
    if ends is not None:
        return ends
    from fractions import Fraction

    least = most = Fraction(atom.offset)
    for i, c in atom.terms:
        low, high = (lo[i], hi[i]) if c > 0 else (hi[i], lo[i])
        if not (abs(low) < np.inf and abs(high) < np.inf):
            return -np.inf, np.inf
        least += Fraction(c) * (low if isinstance(low, Fraction) else Fraction(float(low)))
        most += Fraction(c) * (high if isinstance(high, Fraction) else Fraction(float(high)))
    return _sign(least), _sign(most)


def _rounded_ends(atom: Atom, lo: Point, hi: Point) -> tuple[float, float] | None:
    """Compute the signs of `_ends` in float64.

    Return None if rounding might change them, or if an entry is not a float.
    """
    least = most = float(atom.offset)
    below = above = abs(least)
    for i, c in atom.terms:
        low, high = (lo[i], hi[i]) if c > 0 else (hi[i], lo[i])
        if not (isinstance(low, float) and isinstance(high, float)):
            return None
        low, high = c * float(low), c * float(high)
        least, most = least + low, most + high
        below, above = below + abs(low), above + abs(high)
    # Each term and each sum is rounded once, including those of the sizes; products may underflow.
    terms = len(atom.terms)
    share, underflow = gamma(2 * terms + 4), terms * TINY
    if not (abs(least) > share * below + underflow and abs(most) > share * above + underflow):
        return None
    return _sign(least), _sign(most)


def _sign_of_difference(value: float | Fraction, end: float) -> float:
    """Return the sign of `value - end`."""
    return 1.0 if value > end else (-1.0 if value < end else 0.0)


def _sign(value: float | Fraction) -> float:
    """Return -1, 0 or 1 with the sign of the value."""
    return 0.0 if value == 0 else (1.0 if value > 0 else -1.0)
