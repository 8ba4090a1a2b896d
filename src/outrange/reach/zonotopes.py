"""Zonotope propagation for a batch of boxes: each value is a linear form plus an error.

For each box of a batch, a value is the set `{c + G^T e + r d}`, where all values share `e` in `[-1,
1]^g`, and each value has its own `d` in `[-1, 1]^n`. Unlike in `domains.forward`, curves add new
symbols, so the error of one unit can cancel in a later layer. Products become forms too:

    (a + A e)(b + B e) = a b + (a B + b A) e + sum_ij A_i B_j e_i e_j,

where the squares `e_i^2` lie in [0, 1] and the other terms are bounded by the product of the two
radii.

Sound: the error includes all rounding of float64, as in `domains.forward`. Ranges are intersected
with those of interval arithmetic. Not complete: the errors of smooth curves and products shrink
with the square of the width. Cost: `g + 2` runs of the graph per box.

Reference: K. Ghorbal, E. Goubault, S. Putot, *The zonotope abstract domain Taylor1+*, CAV 2009; G.
Singh et al., *Fast and Effective Robustness Certification* (DeepZ), NeurIPS 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core import Bounds, down, gamma, up
from ..domains import intervals
from ..domains.bands import slope_and_ends
from ..domains.rounding import inflate
from ..ops import Affine, Curve, Largest, Product, Rearrange, Step


FEW = 1e-3
"""An entry's error becomes a symbol only if it exceeds this fraction of the largest error in some
box."""


@dataclass(eq=False)
class Zonotopes:
    """A batch of zonotopes with centers `(B, n)`, generators `(B, g, n)` and errors `(B, n)`.

    In the notation of the module, these are `c`, `G` and `r`.
    """

    center: np.ndarray
    rows: np.ndarray
    rest: np.ndarray

    @property
    def reach(self) -> np.ndarray:
        """The largest distance of each entry from its center, rounded up, `(B, n)`."""
        g = gamma(self.rows.shape[1] + 2)
        total = np.abs(self.rows).sum(axis=1)
        exact = (total == 0) & (self.rest == 0)
        return np.where(exact, 0.0, inflate(total * (1.0 + g) + self.rest))

    def ends(self) -> Bounds:
        """Return lower and upper bounds on each entry, `(B, n)` each."""
        reach = self.reach
        with np.errstate(invalid="ignore"):
            lo = np.where(reach == 0, self.center, down(self.center - reach))
            hi = np.where(reach == 0, self.center, up(self.center + reach))
        return np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi)

    def take(self, entries: np.ndarray) -> Zonotopes:
        """Return the zonotopes of the entries that `entries` selects."""
        return Zonotopes(self.center[:, entries], self.rows[:, :, entries], self.rest[:, entries])

    def of(self, count: int) -> np.ndarray:
        """Return the generators, padded with zeros to `count` symbols, `(B, count, n)`."""
        boxes, g, n = self.rows.shape
        if g == count:
            return self.rows
        return np.concatenate([self.rows, np.zeros((boxes, count - g, n))], axis=1)


def boxes(lo: np.ndarray, hi: np.ndarray) -> Zonotopes:
    """Return boxes with bounds `(B, n)` as zonotopes with one symbol for each entry."""
    center = 0.5 * lo + 0.5 * hi
    radius = _radius(lo, hi, center)
    rows = radius[:, None, :] * np.eye(lo.shape[1])
    return Zonotopes(center, rows, np.zeros_like(center))


def flat_box(lo: np.ndarray, hi: np.ndarray) -> Zonotopes:
    center = 0.5 * lo + 0.5 * hi
    center = np.where(np.isfinite(center), center, 0.0)
    rest = _radius(lo, hi, center)
    return Zonotopes(center, np.zeros((len(lo), 0, lo.shape[1])), rest)


def _radius(lo: np.ndarray, hi: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Return the distance of the farther bound from the center, rounded up; 0 if `lo == hi`."""
    far = np.maximum(hi - center, center - lo)
    return np.where(far == 0, 0.0, up(far))


def affine_form(op: Affine, forms: Sequence[Zonotopes], ends: Sequence[Bounds]) -> Zonotopes:
    """Return the form of an affine op's result; its error includes the rounding error."""
    g = gamma(2 * op.terms + 6)
    sizes = tuple(inflate(np.abs(f.center) + f.reach) for f in forms)
    center = op.apply(tuple(f.center for f in forms), False) + op.bias
    carried = op.apply(tuple(f.rest for f in forms), True)
    size = op.apply(sizes, True)
    rest = inflate(carried * (1.0 + g) + inflate(size + np.abs(op.bias)) * g)
    count, symbols = forms[0].rows.shape[:2]
    flat = tuple(f.rows.reshape(count * symbols, f.rows.shape[2]) for f in forms)
    rows = op.apply(flat, False).reshape(count, symbols, op.size)
    return Zonotopes(center, rows, rest)


def _rearrange(op: Rearrange, forms: Sequence[Zonotopes], ends: Sequence[Bounds]) -> Zonotopes:
    count, symbols = forms[0].rows.shape[:2]
    flat = tuple(f.rows.reshape(count * symbols, f.rows.shape[2]) for f in forms)
    return Zonotopes(
        op.run(tuple(f.center for f in forms)),
        op.run(flat, fill=False).reshape(count, symbols, op.size),
        op.run(tuple(f.rest for f in forms), fill=False),
    )


def _curve(op: Curve, forms: Sequence[Zonotopes], ends: Sequence[Bounds]) -> Zonotopes:
    form, (lo, hi) = forms[0], ends[0]
    slope, low, high = slope_and_ends(op, lo, hi)
    middle = 0.5 * low + 0.5 * high
    size = np.abs(slope) * (np.abs(form.center) + form.reach) + np.abs(low) + np.abs(high)
    wide = np.maximum(high - middle, middle - low)
    center = slope * form.center + middle
    rows = form.rows * slope[:, None, :]
    error = inflate(np.abs(slope) * form.rest)
    return with_symbols(center, rows, inflate(error + gamma(12) * size), wide)


def with_symbols(
    center: np.ndarray, rows: np.ndarray, rest: np.ndarray, errors: np.ndarray
) -> Zonotopes:
    """Return a form in which large errors are fresh symbols, and other errors are added to `rest`.

    The errors of an entry are large if they are finite and if, in some box of the batch, the
    entry's error exceeds `FEW` times the largest error in that box.
    """
    finite = np.where(np.isfinite(errors), errors, 0.0)
    share = (finite > FEW * finite.max(axis=1, keepdims=True)) & (finite > 0)
    (places,) = np.nonzero(share.any(axis=0) & np.isfinite(errors).all(axis=0))
    more = np.zeros((len(center), places.size, center.shape[1]))
    more[:, np.arange(places.size), places] = errors[:, places]
    left = errors.copy()
    left[:, places] = 0.0
    return Zonotopes(center, np.concatenate([rows, more], axis=1), inflate(rest + left))


def _product(op: Product, forms: Sequence[Zonotopes], ends: Sequence[Bounds]) -> Zonotopes:
    left, right = forms[0].take(op.left), forms[1].take(op.right)
    a, b = left.center, right.center
    both = left.rows * right.rows
    square = 0.5 * both.sum(axis=1)
    half = 0.5 * np.abs(both).sum(axis=1)
    reach_a, reach_b = np.abs(left.rows).sum(axis=1), np.abs(right.rows).sum(axis=1)
    mixed = np.maximum(reach_a * reach_b - np.abs(both).sum(axis=1), 0.0)
    error = (np.abs(a) + reach_a) * right.rest + (np.abs(b) + reach_b) * left.rest
    error = error + left.rest * right.rest
    size = (np.abs(a) + left.reach) * (np.abs(b) + right.reach)
    g = gamma(4 * left.rows.shape[1] + 16)
    rows = a[:, None, :] * right.rows + b[:, None, :] * left.rows
    rest = inflate(error * (1.0 + g) + g * size)
    errors = inflate((half + mixed) * (1.0 + g) + g * size)
    return with_symbols(a * b + square, rows, rest, errors)


def _largest(op: Largest, forms: Sequence[Zonotopes], ends: Sequence[Bounds]) -> Zonotopes:
    """Return, for each window, one of its entries plus the excess of the others over it."""
    form, (lo, hi) = forms[0], ends[0]
    source, absent = np.maximum(op.windows, 0), op.windows < 0
    count, at = len(form.center), np.arange(op.size)
    best = np.where(absent, -np.inf, form.center[:, source]).argmax(axis=2)
    chosen = source[at, best]
    box = np.arange(count)[:, None]
    center, rest = form.center[box, chosen], form.rest[box, chosen]
    rows = form.rows[box, :, chosen].transpose(0, 2, 1)
    more = np.zeros((count, op.size))
    for place in range(source.shape[1]):
        other = source[:, place]
        apart = np.abs(form.rows[:, :, other] - rows).sum(axis=1)
        size = apart + np.abs(center) + np.abs(form.center[:, other])
        over = form.center[:, other] - center + apart + rest + form.rest[:, other]
        over = np.maximum(over + gamma(form.rows.shape[1] + 8) * size, 0.0)
        # The chosen argument, and arguments that are below it everywhere, add nothing.
        over = np.minimum(over, np.maximum(up(hi[:, other] - lo[box, chosen]), 0.0))
        counts = (~absent[:, place])[None] & (other[None] != chosen)
        more = np.maximum(more, np.where(counts, up(inflate(over), 2), 0.0))
    half = 0.5 * more
    rest = inflate(rest + gamma(4) * (np.abs(center) + half))
    return with_symbols(center + half, rows, rest, half)


def _steps(op: Step, forms: Sequence[Zonotopes], ends: Sequence[Bounds]) -> Zonotopes:
    """Return a step's range as a form with new symbols and no slope."""
    lo, hi = intervals.bound_op(op, ends[:1])
    flat = flat_box(lo, hi)
    none = np.zeros((len(lo), forms[0].rows.shape[1], lo.shape[1]))
    return with_symbols(flat.center, none, np.zeros_like(flat.rest), flat.rest)


RULES = {
    Affine: affine_form, Rearrange: _rearrange, Curve: _curve, Step: _steps, Largest: _largest,
    Product: _product,
}  # fmt: skip
