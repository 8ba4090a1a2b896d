"""Derivatives of expressions, and writing them as products so that their sign can be read off."""

from __future__ import annotations

from ....core import OutrangeError
from ..expression import Expressions
from ..nodes import Apply, CurveVariable, Monomial, Sum, merged
from ..primitives import PRIMITIVES


def derivative(t: Expressions, e: int) -> int:
    """The derivative of an expression without branches."""
    found: dict[int, int] = {}
    for k in t.needed(e):
        node = t.nodes[k]
        if isinstance(node, CurveVariable):
            found[k] = t.one
        elif isinstance(node, Sum):
            parts = [
                (c * power, t.multiply(t.monomial(merged(m, ((base, -1),))), found[base]))
                for m, c in node.terms
                for base, power in m
            ]
            found[k] = t.combine(parts)
        elif isinstance(node, Apply):
            outer = PRIMITIVES[node.name].slope(t, node.argument, **dict(node.attributes))
            found[k] = t.multiply(outer, found[node.argument])
        else:
            raise OutrangeError("Only an expression without branches has a derivative here.")
    return found[e]


def factored(t: Expressions, e: int) -> int:
    """The same function as a product: the common factor of its terms, and a shorter sum.

    `2 e / u**2 - e**2 / u**3` is `e / u**3 * (2 u - e)`, and with `u = 1 + e` that is
    `e / u**3 * (2 + e)`, whose sign needs no arithmetic.
    """
    common: Monomial = ()
    for _ in range(6):
        terms, constant = t.terms(e)
        shared = _shared([*terms, *([()] if constant else [])])
        if not shared:
            break
        inverse = tuple((b, -p) for b, p in shared)
        rest = [(c, t.monomial(merged(m, inverse))) for m, c in terms.items()]
        if constant:
            rest.append((constant, t.monomial(inverse)))
        common = merged(common, shared)
        e = t.multiplied_out(t.combine(rest))
    if not common:
        return e
    inner = t.value_of(e)
    if inner is not None:
        return t.monomial(common, inner)
    if isinstance(t.nodes[e], Sum) and len(t.terms(e)[0]) + bool(t.terms(e)[1]) == 1:
        return t.multiply(t.monomial(common), e)
    return t.monomial(merged(common, ((e, 1),)))


def _shared(monomials: list[Monomial]) -> Monomial:
    """The factor that all monomials have: of each base the least power, 0 where it is absent."""
    powers = [dict(m) for m in monomials]
    bases = {base for m in powers for base in m}
    least = {base: min(m.get(base, 0) for m in powers) for base in bases}
    return tuple(sorted((base, p) for base, p in least.items() if p))
