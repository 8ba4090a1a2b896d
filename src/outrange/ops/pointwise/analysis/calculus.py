"""Derivatives of expressions, and factored forms from which their signs can be read."""

from __future__ import annotations

from fractions import Fraction

from ....core import OutrangeError
from ..expression import Expressions
from ..limits import EXPRESSION_WORK
from ..nodes import Apply, CurveVariable, Monomial, Sum, Terms, multiply_monomials
from ..primitives import PRIMITIVES


_MOST_TERMS = 48
"""Largest number of terms after multiplying out."""


def derivative(t: Expressions, e: int) -> int:
    """Return the derivative of an expression without branches."""
    slopes = t.slopes
    if e in slopes:
        return slopes[e]
    for k in t.dependencies(e):
        if k in slopes:
            continue
        t.effort.spend(EXPRESSION_WORK)
        node = t.nodes[k]
        if isinstance(node, CurveVariable):
            slopes[k] = t.one
        elif isinstance(node, Sum):
            parts = [
                (
                    c * power,
                    t.multiply(t.monomial(multiply_monomials(m, ((base, -1),))), slopes[base]),
                )
                for m, c in node.terms
                for base, power in m
            ]
            slopes[k] = t.combine(parts)
        elif isinstance(node, Apply):
            outer = PRIMITIVES[node.name].slope(t, node.argument, **dict(node.attributes))
            slopes[k] = t.multiply(outer, slopes[node.argument])
        else:
            raise OutrangeError("Only an expression without branches can be differentiated.")
    return slopes[e]


def factor_out(t: Expressions, e: int) -> int:
    """Factor an expression into the common factor of its terms and a shorter sum.

    `2 e / u**2 - e**2 / u**3` is `e / u**3 * (2 u - e)`, and with `u = 1 + e` that is
    `e / u**3 * (2 + e)`, whose sign is known without arithmetic.
    """
    common: Monomial = ()
    for _ in range(6):
        terms, constant = t.terms(e)
        shared = _common_factor([*terms, *([()] if constant else [])])
        if not shared:
            break
        inverse = tuple((b, -p) for b, p in shared)
        rest = [(c, t.monomial(multiply_monomials(m, inverse))) for m, c in terms.items()]
        if constant:
            rest.append((constant, t.monomial(inverse)))
        common = multiply_monomials(common, shared)
        e = multiply_out(t, t.combine(rest))
    if not common:
        return e
    inner = t.value_of(e)
    if inner is not None:
        return t.monomial(common, inner)
    if isinstance(t.nodes[e], Sum) and len(t.terms(e)[0]) + bool(t.terms(e)[1]) == 1:
        return t.multiply(t.monomial(common), e)
    return t.monomial(multiply_monomials(common, ((e, 1),)))


def _common_factor(monomials: list[Monomial]) -> Monomial:
    """Return the common factor of monomials: the product of the least power of each base.

    In a monomial without a base, the power of this base is 0.
    """
    powers = [dict(m) for m in monomials]
    bases = {base for m in powers for base in m}
    least = {base: min(m.get(base, 0) for m in powers) for base in bases}
    return tuple(sorted((base, p) for base, p in least.items() if p))


def multiply_out(t: Expressions, e: int) -> int:
    """Return `e` with sums up to the third power multiplied out.

    If the result would have too many terms, return `e` itself.
    """
    terms, constant = t.terms(e)
    total: Terms = {}
    for monomial, c in terms.items():
        rows: Terms = {(): c}
        for base, power in monomial:
            inner = t.nodes[base]
            rounds = power if isinstance(inner, Sum) and 0 < power <= 3 else 0
            parts = {**dict(inner.terms), (): inner.constant} if isinstance(inner, Sum) else {}
            for _ in range(rounds):
                if len(rows) * len(parts) > _MOST_TERMS**2:
                    return e
                rows = _products(rows, parts)
            if not rounds:
                rows = {multiply_monomials(m, ((base, power),)): d for m, d in rows.items()}
            if len(rows) > _MOST_TERMS:
                return e
        for m, d in rows.items():
            total[m] = total.get(m, Fraction(0)) + d
    constant += total.pop((), Fraction(0))
    return t.sum(total, constant)


def _products(rows: Terms, parts: Terms) -> Terms:
    out: Terms = {}
    for m, c in rows.items():
        for n, d in parts.items():
            if d:
                key = multiply_monomials(m, n)
                out[key] = out.get(key, Fraction(0)) + c * d
    return out
