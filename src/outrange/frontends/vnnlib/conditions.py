"""Construction of the formulas of a VNN-LIB file, and elimination of `not` from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from ...core import And, Atom, Formula, Or
from .terms import Term, at_most


@dataclass(frozen=True)
class Not:
    """The negation of `part`; `push_negations` eliminates it."""

    part: Draft


Draft = Atom | And | Or | Not
"""A formula that may also contain `Not`."""


def compare_neighbors(operator: str, parts: Sequence[Term], linear: float = inf) -> Formula:
    """Build the condition `(operator a b c ...)`: each term is compared with the next one.

    Args:
        operator: `<=`, `>=`, `<`, `>`, `=` or `==`.
        parts: The terms, in order.
        linear: Number of variables that are not products; all variables from this index on are
            products.
    """
    atoms = []
    for left, right in pairwise(parts):
        if operator in ("<=", "<"):
            atoms.append(at_most(left, right, operator == "<", linear))
        elif operator in (">=", ">"):
            atoms.append(at_most(right, left, operator == ">", linear))
        else:
            atoms += [at_most(left, right, False, linear), at_most(right, left, False, linear)]
    return connect(And, atoms)


def not_equal(left: Term, right: Term, linear: float = inf) -> Formula:
    """Build the condition that `left` is not equal to `right`; see `compare_neighbors`."""
    return connect(Or, [at_most(left, right, True, linear), at_most(right, left, True, linear)])


def connect(kind: type[And] | type[Or], parts: Sequence) -> Formula:
    """Build `And` or `Or` of `parts`, with parts of the same kind flattened.

    If only one part remains, return this part itself.

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
