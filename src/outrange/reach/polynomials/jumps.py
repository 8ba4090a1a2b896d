"""Discontinuous functions of Taylor models: comparisons, signs, and staircases."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...core import Bounds, up
from ...ops import Curve
from .curves import undefined_mask
from .models import Models, constant
from .ranges import Hull


def apply_jump(op: Curve, x: Models) -> tuple[Models, np.ndarray, np.ndarray]:
    """Return a discontinuous function's range on the values of `x`, as a constant with a remainder.

    The range includes the limits at jumps. It contains the function's values at each value of `x`
    and near it, and every number between them. So a proof about a right-hand side covers the convex
    hull of its values, regardless of what a solution does at a jump.

    Returns:
        The models; a mask `(B, n)` of the entries that may leave the domain; and a mask `(B,)` of
        the boxes that pass a jump in time, so that a shorter step would stay on one side of it.
    """
    bounded_x = x if x.rest is not None else replace(x, rest=np.zeros(x.coef.shape[:2]))
    lo, hi = Hull.of(bounded_x).ends()
    bad = np.asarray(undefined_mask(op, lo, hi) & (op.beyond is None))
    least, most = _levels(op, lo, hi, bad)
    center = 0.5 * least + 0.5 * most
    center = np.where(np.isfinite(center), center, 0.0)
    off = np.where(least == most, 0.0, up(np.maximum(most - center, center - least)))
    off = np.where(bad | np.isnan(off), np.inf, off)
    passed = least < most
    if x.rest is not None and passed.any() and x.frame.time:
        # Only the step length depends on this, so truncation does not matter.
        plain = replace(x, rest=np.zeros(x.coef.shape[:2]))
        ends = [Hull.of(plain, tau, tau).ends() for tau in (Fraction(0), Fraction(1))]
        sure = [np.equal(*_levels(op, *end, bad)) for end in ends]
        passed &= sure[0] | sure[1]
    image = constant(x.frame, center, None if x.rest is None else off, x.sym.shape[-1])
    return image, bad, np.any(passed, axis=1)


def _levels(op: Curve, lo: np.ndarray, hi: np.ndarray, bad: np.ndarray) -> Bounds:
    """Return the range of a discontinuous function on `[lo, hi]`, or at 0 for entries in `bad`."""
    with np.errstate(all="ignore"):
        return op.range(np.where(bad, 0.0, lo), np.where(bad, 0.0, hi))
