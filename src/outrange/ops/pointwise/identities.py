"""Rewrites of expressions that avoid cancellation and are equivalent in real arithmetic.

A framework writes `sigmoid` as `1 / (1 + exp(-x))` and `gelu` with `1 + erf`. Once these forms are
recognized, the tails keep their relative accuracy and do not overflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from .nodes import Apply, Monomial, Sum, multiply_monomials


if TYPE_CHECKING:
    from .expression import Expressions

_ZERO_AT_0 = ("tanh", "erf", "expm1", "log1p", "sqrt", "atan", "sinh", "sin")
_ONE_AT_0 = ("exp", "cosh", "cos", "erfc")


def in_sum(
    t: Expressions, terms: Mapping[Monomial, Fraction], constant: Fraction
) -> tuple[Mapping[Monomial, Fraction], Fraction]:
    """Replace the constant and one term of a sum by one function, if the two match an identity.

    For example, `1 - erf(u)` becomes `erfc(u)`, and `2 sigmoid(u) - 1` becomes `tanh(u / 2)`.

    Returns:
        The new terms and constant; `terms` and `constant` themselves if nothing matches.
    """
    for monomial, c in list(terms.items()):
        if not constant or len(monomial) != 1 or monomial[0][1] != 1:
            continue
        node = t.nodes[monomial[0][0]]
        if not isinstance(node, Apply):
            continue
        other = _complement(t, node, c / constant)
        if other is not None:
            factor, e = other
            rest = {m: d for m, d in terms.items() if m != monomial}
            key: Monomial = ((e, 1),)
            rest[key] = rest.get(key, Fraction(0)) + constant * factor
            return rest, Fraction(0)
    return terms, constant


def _complement(t: Expressions, node: Apply, ratio: Fraction) -> tuple[int, int] | None:
    """Return `(factor, expression)`, whose product is `1 + ratio * f(u)`, or None.

    The result is None if no identity for `f` and `ratio` is listed.
    """
    u = node.argument
    match node.name, ratio:
        case "sigmoid", -2:
            return -1, t.apply("tanh", t.scale(u, Fraction(1, 2)))
        case "erf", 1:
            return 1, t.apply("erfc", t.scale(u, -1))
        case "erf", -1:
            return 1, t.apply("erfc", u)
        case "tanh", 1:
            return 2, t.apply("sigmoid", t.scale(u, 2))
        case "tanh", -1:
            return 2, t.apply("sigmoid", t.scale(u, -2))
        case "sigmoid", -1:
            return 1, t.apply("sigmoid", t.scale(u, -1))
        case "exp", -1:
            return -1, t.apply("expm1", u)
    return None


def in_product(t: Expressions, monomial: Monomial) -> Monomial:
    """Simplify powers of square roots, and rewrite quotients of exponentials without a quotient."""
    for base, power in monomial:
        node = t.nodes[base]
        rest = tuple((b, p) for b, p in monomial if b != base)
        if isinstance(node, Apply) and node.name == "sqrt" and power not in (0, 1):
            whole = t.power(node.argument, power // 2)
            squared = t.as_monomial(whole)
            part = squared[0] if squared is not None and squared[1] == 1 else ((whole, 1),)
            return in_product(
                t, multiply_monomials(multiply_monomials(rest, part), ((base, power % 2),))
            )
        if isinstance(node, Apply) and node.name == "exp" and power < 0:
            inverse = ((t.apply("exp", t.scale(node.argument, -1)), -power),)
            return in_product(t, multiply_monomials(rest, inverse))
        exponent = _one_plus_exp(t, base) if power < 0 else None
        if exponent is not None:
            gate = ((t.apply("sigmoid", t.scale(exponent, -1)), -power),)
            return in_product(t, multiply_monomials(rest, gate))
    return _exp_times_gate(t, monomial)


def _one_plus_exp(t: Expressions, base: int) -> int | None:
    """Return `u` if the expression `base` is `1 + exp(u)`, otherwise None."""
    node = t.nodes[base]
    if not isinstance(node, Sum) or node.constant != 1 or len(node.terms) != 1:
        return None
    (monomial, c), inner = node.terms[0], t.nodes[node.terms[0][0][0][0]]
    plain = c == 1 and len(monomial) == 1 and monomial[0][1] == 1
    return inner.argument if plain and isinstance(inner, Apply) and inner.name == "exp" else None


def _exp_times_gate(t: Expressions, monomial: Monomial) -> Monomial:
    """Return the monomial, with `sigmoid(u)` in place of `exp(u) sigmoid(-u)`."""
    powers = dict(monomial)
    for base, power in monomial:
        node = t.nodes[base]
        if not (isinstance(node, Apply) and node.name == "exp" and power > 0):
            continue
        gate = t.apply("sigmoid", t.scale(node.argument, -1))
        both = min(power, powers.get(gate, 0))
        if both > 0:
            other = t.apply("sigmoid", node.argument)
            return _exp_times_gate(
                t, multiply_monomials(monomial, ((base, -both), (gate, -both), (other, both)))
            )
    return monomial


def simplify_apply(t: Expressions, name: str, u: int) -> int | None:
    """Return a simpler or more accurate form of `f(u)`, or None if there is none."""
    if t.value_of(u) == 0 and name in (*_ZERO_AT_0, *_ONE_AT_0):
        return t.zero if name in _ZERO_AT_0 else t.one
    terms, constant = t.terms(u)
    if name == "log" and constant == 1 and terms:
        return t.apply("log1p", t.sum(terms, Fraction(0)))
    inner = t.nodes[u]
    if name == "log1p" and isinstance(inner, Apply) and inner.name == "exp":
        return t.apply("softplus", inner.argument)
    return None
