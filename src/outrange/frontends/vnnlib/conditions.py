"""Conditions while a file is read: comparisons, and the connectives with `not` still in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ...core import And, Atom, Formula, Or
from .terms import Term, at_most


@dataclass(frozen=True)
class Not:
    """Holds where `part` does not; pushed inwards once, by `settled`."""

    part: Draft


Draft = Atom | And | Or | Not
"""A formula whose parts may also be `Not`."""


def compared(operator: str, parts: Sequence[Term]) -> Formula:
    """`(operator a b c ...)` on terms: what `<=`, `>=`, `<`, `>`, `=` and `==` say of neighbors."""
    found = []
    for left, right in pairwise(parts):
        if operator in ("<=", "<"):
            found.append(at_most(left, right, operator == "<"))
        elif operator in (">=", ">"):
            found.append(at_most(right, left, operator == ">"))
        else:
            found += [at_most(left, right, False), at_most(right, left, False)]
    return joined(And, found)


def differ(left: Term, right: Term) -> Formula:
    """`left` is not equal to `right`."""
    return joined(Or, [at_most(left, right, True), at_most(right, left, True)])


def joined(kind: type[And] | type[Or], parts: Sequence) -> Formula:
    """`And` or `Or` of `parts`, with parts of the same kind spread out; one part alone is itself.

    Example:
        >>> joined(And, [And(()), Or(())])
        Or(parts=())
    """
    flat: list = []
    for part in parts:
        if type(part) is kind:
            flat += part.parts
        else:
            flat.append(part)
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def settled(draft: Draft, flipped: bool = False) -> Formula:
    """The formula that `draft`, or its negation where `flipped`, says, free of `Not`."""
    if isinstance(draft, Not):
        return settled(draft.part, not flipped)
    if isinstance(draft, Atom):
        return draft.negate() if flipped else draft
    parts = [settled(part, flipped) for part in draft.parts]
    return joined(And if isinstance(draft, And) != flipped else Or, parts)
