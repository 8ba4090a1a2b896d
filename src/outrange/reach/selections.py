"""Zonotopes that enclose both branches of values that a condition selects.

`np.where(c, x, y)` is `y + c (x - y)` with `c` either 0 or 1. If `c` is undecided, multiplying this
out yields the mean of the two branches, plus half of their difference times a new symbol. That is
exact if the branches differ by a constant; otherwise, it is up to twice as wide as necessary. The
join of the two branches keeps, for each symbol, the part of the coefficient on which they agree,
and its range is the hull of their ranges.

Sound: for `c` in [0, 1] the value lies between the values for `c = 0` and `c = 1`, whatever the
other terms are, and a join contains both forms. Cost: two more affine maps.

Reference: E. Goubault, S. Putot, *Static analysis of numerical algorithms*, SAS 2006.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import Bounds, gamma
from ..domains.rounding import inflate
from ..domains.zonotopes import Zonotopes, affine_form, with_symbols
from ..graph.graph import Node
from ..ops import Affine, Product


WORTH = 0.999
"""A join of the branches is used if the half-width of its range is less than this fraction of the
half-width without the join."""


def select_branch(
    op: Product, forms: Sequence[Zonotopes], ends: Sequence[Bounds]
) -> Zonotopes | None:
    """Return the factor of a product whose other factor is an undecided condition.

    A factor is regarded as a condition if it lies in [0, 1]. Returns None if no factor is a
    condition, or if the value of the condition is known.

    Args:
        op: The product.
        forms: Zonotopes of its factors.
        ends: The ranges of its factors.
    """
    for condition, other, index, rest in (
        (0, 1, op.left, op.right),
        (1, 0, op.right, op.left),
    ):
        lo, hi = ends[condition][0][:, index], ends[condition][1][:, index]
        if (lo >= 0).all() and (hi <= 1).all():
            return forms[other].take(rest) if (lo < hi).any() else None
    return None


def join_branches(
    node: Node,
    forms: Sequence[Zonotopes],
    chosen: dict[int, Zonotopes],
    form: Zonotopes,
    ends: Sequence[Bounds],
) -> Zonotopes:
    """Return the zonotope of a sum, narrowed if possible by joining a condition's branches.

    Only a sum with exactly one term that is a product with a condition can be narrowed.

    Args:
        node: The node of the sum.
        forms: Zonotopes of its terms.
        chosen: The results of `select_branch`, by the index of the product's value.
        form: The zonotope of the sum with the product multiplied out.
        ends: The ranges of its terms.
    """
    op, open_ = node.op, [k for k, j in enumerate(node.inputs) if j in chosen]
    if not isinstance(op, Affine) or op.coefficients is None or len(open_) != 1:
        return form
    (k,) = open_
    whole = chosen[node.inputs[k]].pad(form.count)
    none = Zonotopes(0.0 * whole.center, 0.0 * whole.rows, 0.0 * whole.rest)
    branches = [
        affine_form(op, [part if i == k else term for i, term in enumerate(forms)], ends)
        for part in (none, whole)
    ]
    return _narrower(form, _join(*branches))


def _join(a: Zonotopes, b: Zonotopes) -> Zonotopes:
    """Return zonotopes that contain `a` and `b`, with the hull of their ranges as range."""
    (lo_a, hi_a), (lo_b, hi_b) = a.ends(), b.ends()
    center = 0.5 * np.minimum(lo_a, lo_b) + 0.5 * np.maximum(hi_a, hi_b)
    small = np.minimum(np.abs(a.rows), np.abs(b.rows))
    rows = np.where(a.rows * b.rows > 0, np.sign(a.rows) * small, 0.0)
    g, rest = gamma(a.count + 6), np.zeros_like(center)
    for branch in (a, b):
        away = np.abs(branch.center - center) + np.abs(branch.rows - rows).sum(axis=1) + branch.rest
        size = np.abs(branch.center) + np.abs(center) + np.abs(branch.rows).sum(axis=1)
        rest = np.maximum(rest, inflate(away * (1.0 + g) + g * size))
    return Zonotopes(center, rows, rest)


def _narrower(form: Zonotopes, join: Zonotopes) -> Zonotopes:
    """Return, for each entry, the join if its range is narrow enough (see `WORTH`), else `form`.

    The error of each join becomes a new symbol.
    """
    with np.errstate(invalid="ignore"):
        use = (join.reach < WORTH * form.reach) & np.isfinite(join.center) & np.isfinite(join.rest)
    if not use.any():
        return form
    return with_symbols(
        np.where(use, join.center, form.center),
        np.where(use[:, None], join.rows, form.rows),
        np.where(use, 0.0, form.rest),
        np.where(use, join.rest, 0.0),
    )
