"""Proofs that no weights satisfy a property, from the value ranges of the last activations."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..answers.verdict import Verdict
from ..core import And, Atom, Formula
from .activations import value_range
from .demand import Demand
from .heads import Heads


End = Fraction | float
"""An exact number, or an infinity as a float."""


def unreachable(heads: Heads, demands: Sequence[Demand], before: Sequence[Verdict]) -> str:
    """Return a sentence if it is proved that no weights satisfy some property; else `""`.

    A counterexample is an input of the property's set. If the property fails there for all values
    of the last activations, no weights of any layer satisfy it.
    """
    ranges = [value_range(head.activation) for head in heads.heads for _ in range(head.size)]
    for demand, verdict in zip(demands, before, strict=True):
        if verdict.counterexample is None:
            continue
        at = [Fraction(float(v)) for v in verdict.counterexample.flat_x]
        x: list[tuple[End, End]] = [(v, v) for v in at]
        x += [(_exact(lo), _exact(hi)) for lo, hi in ranges]
        if never(demand.safe, x):
            names = ", ".join(sorted({head.activation for head in heads.heads}))
            return (
                f"at one input of the set, no outputs of a last layer with activation {names} "
                f"satisfy `{demand.text}`, whatever the weights (proved in exact interval "
                "arithmetic)."
            )
    return ""


def never(formula: Formula, ends: Sequence[tuple[End, End]]) -> bool:
    """Return whether it is proved that no point of a box satisfies a formula.

    Args:
        formula: A condition on the entries of a point `(d,)`.
        ends: Bounds `(lo, hi)` of each of the `d` entries.

    Example:
        >>> from outrange.core import Atom
        >>> low, high = Atom(((0, 1.0),), -1.0), Atom(((0, -1.0),), 2.0)
        >>> never(And((low, high)), [(-np.inf, np.inf)])
        True
    """
    if isinstance(formula, Atom):
        least = _least(formula, ends)
        return least > 0 or (least == 0 and formula.strict)
    if isinstance(formula, And):
        tightened = _tighten_box(formula, ends)
        return tightened is None or any(never(part, tightened) for part in formula.parts)
    return all(never(part, ends) for part in formula.parts)


def _exact(end: float) -> End:
    return Fraction(end) if np.isfinite(end) else end


def _least(atom: Atom, ends: Sequence[tuple[End, End]]) -> End:
    """Return the minimum of an inequality's left-hand side over a box."""
    total: End = Fraction(atom.offset)
    for i, c in atom.terms:
        end = ends[i][0] if c > 0 else ends[i][1]
        if isinstance(end, float):
            return -np.inf
        total += Fraction(c) * end
    return total


def _tighten_box(formula: And, ends: Sequence[tuple[End, End]]) -> list[tuple[End, End]] | None:
    """Intersect a box with the bounds on single entries in a conjunction; None if it is empty."""
    box = list(ends)
    for part in formula.parts:
        if isinstance(part, Atom) and len(part.terms) == 1:
            ((i, c),) = part.terms
            bound = -Fraction(part.offset) / Fraction(c)
            lo, hi = box[i]
            box[i] = (lo, min(hi, bound)) if c > 0 else (max(lo, bound), hi)
            if box[i][0] > box[i][1]:
                return None
    return box
