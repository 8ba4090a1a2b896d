"""Inequalities divided by a variable that is positive in the same clause.

At `x = 0`, the inequalities `x > 0` and `x * y <= 0` hold with equality, whatever `y` is. So no box
that touches `x = 0` can be closed, although `x > 0` implies `y <= 0` there.
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
    """Return inequalities that a clause implies, by division of its inequalities.

    Args:
        clause: Parts of a conjunction.
        lo: Lower bounds of the inputs.
        hi: Upper bounds of the inputs.
        products: The products among the variables.

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
    """Return the quotient of a homogeneous inequality, or None if it is not linear."""
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
