"""Conditions of a VNN-LIB file: comparisons, and connectives that may still contain `not`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ...core import And, Atom, Formula, Or
from .terms import Term, at_most


@dataclass(frozen=True)
class Not:
    """The negation of `part`; `push_negations` rewrites a formula without negations."""

    part: Draft


Draft = Atom | And | Or | Not
"""A formula whose parts may also be `Not`."""


def compare_neighbors(operator: str, parts: Sequence[Term]) -> Formula:
    """Build the condition `(operator a b c ...)`, which compares each term with the next.

    The operators are `<=`, `>=`, `<`, `>`, `=` and `==`.
    """
    atoms = []
    for left, right in pairwise(parts):
        if operator in ("<=", "<"):
            atoms.append(at_most(left, right, operator == "<"))
        elif operator in (">=", ">"):
            atoms.append(at_most(right, left, operator == ">"))
        else:
            atoms += [at_most(left, right, False), at_most(right, left, False)]
    return connect(And, atoms)


def not_equal(left: Term, right: Term) -> Formula:
    """Build the condition that `left` is not equal to `right`."""
    return connect(Or, [at_most(left, right, True), at_most(right, left, True)])


def connect(kind: type[And] | type[Or], parts: Sequence) -> Formula:
    """Build `And` or `Or` of `parts`, flattening parts of that kind; return a single part as it is.

    Example:
        >>> connect(And, [And(()), Or(())])
        Or(parts=())
    """
    flat: list = []
    for part in parts:
        if type(part) is kind:
            flat += part.parts
        else:
            flat.append(part)
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def push_negations(draft: Draft, flipped: bool = False) -> Formula:
    """Rewrite `draft` (or its negation, if `flipped`) as a formula without `Not`."""
    if isinstance(draft, Not):
        return push_negations(draft.part, not flipped)
    if isinstance(draft, Atom):
        return draft.negate() if flipped else draft
    parts = [push_negations(part, flipped) for part in draft.parts]
    return connect(And if isinstance(draft, And) != flipped else Or, parts)
