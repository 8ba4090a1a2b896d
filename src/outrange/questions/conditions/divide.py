"""Division of inequalities by a variable that must be positive in the same clause.

Consider the clause `x > 0` and `x * y <= 0`. At `x = 0`, both sides of each inequality are equal,
for every `y`. So bounds cannot refute the clause on a box that touches `x = 0`. Bounds on `y` may
refute the quotient `y <= 0`, which the clause implies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...core import Atom, Formula


Products = Mapping[int, tuple[int, ...]]
"""Dict from the variable of a product to its factors: inputs, outputs or other terms."""


def divide_by_positive(
    clause: Sequence[Formula], lo: np.ndarray, hi: np.ndarray, products: Products
) -> list[Atom]:
    """Return the quotients of inequalities of a clause by variables that must be positive in it.

    Args:
        clause: Parts of a conjunction.
        lo: Lower bounds of the inputs, `(inputs,)`.
        hi: Upper bounds of the inputs, `(inputs,)`.
        products: Factors of those variables that are products.

    Example:
        >>> clause = [Atom(((0, -1.0),), 0.0, strict=True), Atom(((2, 3.0),), 0.0)]
        >>> divide_by_positive(clause, np.zeros(1), np.ones(1), {2: (0, 1)})
        [Atom(terms=((1, 3.0),), offset=0.0, strict=False)]
    """
    atoms = [part for part in clause if isinstance(part, Atom)]
    positive = {i for i in range(lo.size) if lo[i] > 0}
    zero = {i for i in range(lo.size) if lo[i] == hi[i] == 0}
    for atom in atoms:
        if len(atom.terms) == 1 and atom.strict and atom.offset >= 0 and atom.terms[0][1] < 0:
            positive.add(atom.terms[0][0])
    quotients = []
    for atom in atoms:
        if atom.offset or not any(i in products for i, _ in atom.terms):
            continue
        factors = [(list(products.get(i, (i,))), c) for i, c in atom.terms]
        factors = [(f, c) for f, c in factors if not zero.intersection(f)]
        shared = set.intersection(*(set(f) for f, _ in factors)) if factors else set()
        for divisor in sorted(shared & positive):
            quotient = _divide(factors, divisor, atom.strict)
            if quotient is not None:
                quotients.append(quotient)
    return quotients


def _divide(factors: Sequence[tuple[list[int], float]], divisor: int, strict: bool) -> Atom | None:
    """Divide a sum of products, at most 0, by a factor; return None if the result is not linear."""
    terms: dict[int, float] = {}
    offset = 0.0
    for product, c in factors:
        rest = list(product)
        rest.remove(divisor)
        if len(rest) > 1 or (rest and rest[0] in terms):
            return None
        if rest:
            terms[rest[0]] = c
        elif offset:
            return None
        else:
            offset = c
    return Atom.of(terms, offset, strict) if terms else None
