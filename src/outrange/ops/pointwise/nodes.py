"""The kinds of expressions: the entries of a table of `Expressions`."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple


Number = float | Fraction

Monomial = tuple[tuple[int, int], ...]
"""A product of powers of expressions, as `(base, power)` pairs with increasing bases."""

Terms = dict[Monomial, Fraction]


@dataclass(frozen=True)
class CurveVariable:
    """The variable `x`."""


@dataclass(frozen=True)
class Sum:
    """`constant + sum of coefficient * monomial`; a constant if there are no terms."""

    terms: tuple[tuple[Monomial, Fraction], ...]
    constant: Fraction


@dataclass(frozen=True)
class Apply:
    """A smooth function, registered in `outrange.ops` as `name`, applied to an expression."""

    name: str
    attributes: tuple[tuple[str, float], ...]
    argument: int


@dataclass(frozen=True)
class Switch:
    """An expression that equals one of `branches`, depending on the value of `argument`.

    There is one branch for each interval between neighboring `knots`, and one entry of `at` for the
    value exactly at each knot.
    """

    argument: int
    knots: tuple[Fraction, ...]
    branches: tuple[int, ...]
    at: tuple[int, ...]


NONZERO, POSITIVE, NONNEGATIVE, PASSED = "!=", ">", ">=", "-> >="
"""Comparisons that a condition states. `PASSED` is for the argument of a logarithm that only
selects a branch. It may be 0, because minus infinity lies on a known side of every knot.
"""


class Need(NamedTuple):
    """A condition under which an expression is defined: a comparison of `argument` with `limit`."""

    argument: int
    limit: Fraction
    sign: str


@dataclass(frozen=True)
class Restricted:
    """`value` where all `needs` hold, and undefined elsewhere, such as `x / x` at 0.

    It is never part of another expression: see `domain.apply_with_domain`.
    """

    value: int
    needs: tuple[Need, ...]


Expression = CurveVariable | Sum | Apply | Switch | Restricted


def multiply_monomials(m: Monomial, n: Monomial) -> Monomial:
    """Return the product of two monomials."""
    powers = dict(m)
    for base, power in n:
        powers[base] = powers.get(base, 0) + power
    return tuple(sorted((b, p) for b, p in powers.items() if p))
