"""Zonotopes (forward linear bounds): every value as one linear form in symbols, plus an error.

Each value satisfies `|v - (c + G^T e)| <= r`, where all values share the symbols `e` in `[-1,
1]^k`. The first symbols represent the entries of the input that vary. Affine ops act on `c` and on
every row of `G`. A curve `f` multiplies by one slope `s` per entry. Its error is the range of
`f(v) - s v`.

There are two ways to treat an error. By default, it is added to `r`, so the input's symbols remain
the only ones. A single pass then bounds all units, whereas back-substitution needs one pass per
layer. Such bounds are preferable for many units over small boxes, where almost all are stable. With
`keep_symbols`, a large error becomes a new symbol, so it can cancel in a later layer. Closed loops
use this (`reach`). Products then account for squares of symbols:

    (a + A e)(b + B e) = a b + (a B + b A) e + sum_ij A_i B_j e_i e_j,

where the squares `e_i^2` lie in [0, 1] and the other terms are bounded by the product of the two
radii.

Sound: every rounding error goes into `r`; results are intersected with intervals. Not complete: the
errors of smooth curves and products shrink with the square of the width. Cost: about `k` runs of
the graph; memory for `k` times the widest values that are needed at the same time.

Rounding. Let a sum have `t` terms, and let `S = |c| + sum |G| + r` of the input. The new center and
rows are off by at most `gamma(t + 1) (|A| S + |b|)` together (`t` includes the roundings of
computed coefficients), and `|A| r` is computed up to a factor of `1 - gamma(t)`. `g = gamma(2 t +
6)` times both terms covers these errors and its own rounding, as in `intervals`.

Reference: K. Ghorbal, E. Goubault, S. Putot, *The zonotope abstract domain Taylor1+*, CAV 2009; G.
Singh et al., *Fast and Effective Robustness Certification* (DeepZ), NeurIPS 2018; K. Xu et al.,
*Automatic Perturbation Analysis for Scalable Certified Robustness*, NeurIPS 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..core import Bounds, check_deadline, down, gamma, up, work
from ..core.clock import charge
from ..graph import Graph, Node
from ..ops import Affine, Curve, Largest, Product, Rearrange, Step
from . import intervals
from .bands import slope_and_ends
from .registry import register
from .rounding import inflate


_AT_ONCE = 1 << 22
"""Largest number of coefficients of a value's rows that an op processes together. A step needs
memory for several times this number.
"""

_CARRIED = 2.0**-10
"""A form is replaced by its bounds, without symbols, if no entry is constant and the form's rows
contribute at most this fraction of every entry's `reach`.
"""

FEW = 1e-3
"""An entry's error becomes a symbol only if it exceeds this fraction of the largest error in some
box."""

Each = Callable[[Callable, Sequence], Any] | None
"""A function `each(work, parts)` that maps `work` over parts, on the cores that the caller chooses.
None means that rows are not processed in parts.
"""


@dataclass(eq=False)
class Zonotopes:
    """A batch of zonotopes: `center` `(B, n)`, `rows` `(B, k, n)`, `rest` `(B, n)`.

    They are the `c`, `G` and `r` of the module's docstring.
    """

    center: np.ndarray
    rows: np.ndarray
    rest: np.ndarray

    @cached_property
    def reach(self) -> np.ndarray:
        """Bound on the distance of the value from its center, `(B, n)`; 0 if the value is exact."""
        sums = np.zeros(self.rest.shape)
        step = max(1, _AT_ONCE // max(1, sums.size))
        for first in range(0, self.count, step):
            sums += np.abs(self.rows[:, first : first + step]).sum(axis=1)
        exact = (sums == 0) & (self.rest == 0)
        return np.where(exact, 0.0, inflate(sums * (1.0 + gamma(self.count + 2)) + self.rest))

    @property
    def count(self) -> int:
        """The number `k` of symbols."""
        return self.rows.shape[1]

    def ends(self) -> Bounds:
        """Return lower and upper bounds on the value, `(B, n)` each."""
        exact = self.reach == 0
        with np.errstate(invalid="ignore"):
            lo = np.where(exact, self.center, down(self.center - self.reach))
            hi = np.where(exact, self.center, up(self.center + self.reach))
        return np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi)

    def take(self, entries: np.ndarray) -> Zonotopes:
        """Return the zonotopes of the entries that `entries` selects."""
        return Zonotopes(self.center[:, entries], self.rows[:, :, entries], self.rest[:, entries])

    def select(self, boxes: np.ndarray) -> Zonotopes:
        """Return the zonotopes of the boxes that `boxes` selects from the batch."""
        return Zonotopes(self.center[boxes], self.rows[boxes], self.rest[boxes])

    def pad(self, count: int) -> Zonotopes:
        """Return the zonotopes with zero rows added, so that they have `count` symbols."""
        if self.count == count:
            return self
        none = np.zeros((len(self.rest), count - self.count, self.rest.shape[1]))
        return Zonotopes(self.center, np.concatenate([self.rows, none], axis=1), self.rest)

    @staticmethod
    def concatenate(batches: Sequence[Zonotopes]) -> Zonotopes:
        """Concatenate batches that have equally many symbols."""
        parts = [(form.center, form.rows, form.rest) for form in batches]
        return Zonotopes(*map(np.concatenate, zip(*parts, strict=True)))


Forms = Sequence[Zonotopes]
Ends = Sequence[Bounds]


def form_of_boxes(lo: np.ndarray, hi: np.ndarray, every: bool = False) -> Zonotopes:
    """Return the form of the input over the given boxes.

    Each box has one row per input that varies in it, padded with zero rows to the largest count.
    With `every`, each input has its own row, whether it varies or not.
    """
    varies = (lo < hi) | every
    whole = _flat_form(lo, hi, int(varies.sum(axis=1).max(initial=0)))
    box, entry = np.nonzero(varies)
    number = np.cumsum(varies, axis=1) - 1
    whole.rows[box, number[box, entry], entry] = whole.rest[box, entry]
    whole.center = np.where(lo == hi, lo, whole.center)
    whole.rest[:] = 0.0
    unbounded = np.asarray(~np.isfinite(whole.rows).all(axis=1))
    whole.rest[unbounded] = np.inf
    np.copyto(whole.rows, 0.0, where=unbounded[:, None])
    return whole


def _flat_form(lo: np.ndarray, hi: np.ndarray, count: int = 0) -> Zonotopes:
    """Return a form with `count` zero rows that represents the bounds."""
    with np.errstate(invalid="ignore", over="ignore"):
        center = 0.5 * lo + 0.5 * hi
        center = np.where(np.isfinite(center), center, 0.0)
        far = np.maximum(hi - center, center - lo)
    rest = np.where(far == 0, 0.0, up(far))
    return Zonotopes(center, np.zeros((len(lo), count, lo.shape[1])), rest)


def with_symbols(
    center: np.ndarray, rows: np.ndarray, rest: np.ndarray, errors: np.ndarray
) -> Zonotopes:
    """Return a form in which large errors are fresh symbols, and other errors are added to `rest`.

    An entry's errors are large if they are finite in all boxes of the batch, and if in some box the
    entry's error exceeds `FEW` times the largest error.
    """
    finite = np.where(np.isfinite(errors), errors, 0.0)
    share = (finite > FEW * finite.max(axis=1, keepdims=True)) & (finite > 0)
    (places,) = np.nonzero(share.any(axis=0) & np.isfinite(errors).all(axis=0))
    more = np.zeros((len(center), places.size, center.shape[1]))
    more[:, np.arange(places.size), places] = errors[:, places]
    left = errors.copy()
    left[:, places] = 0.0
    return Zonotopes(center, np.concatenate([rows, more], axis=1), inflate(rest + left))


# ---- one rule per kind of op ----------------------------------------------------------------


def affine_form(
    op: Affine, forms: Forms, ends: Ends, each: Each = None, keep_symbols: bool = False
) -> Zonotopes:
    """Return the form of an affine op's result; its error includes the rounding error."""
    g = gamma(2 * op.terms + 6)
    sizes = tuple(inflate(np.abs(f.center) + f.reach) for f in forms)
    rests = tuple(f.rest for f in forms)
    with np.errstate(over="ignore", invalid="ignore"):
        center = op.apply(tuple(f.center for f in forms), False) + op.bias
        carried, size = (op.apply(part, True) for part in (rests, sizes))
        rest = inflate(carried * (1.0 + g) + inflate(size + np.abs(op.bias)) * g)
        rows = _apply_to_rows(op, forms, each)
    return Zonotopes(center, rows, rest)


def _apply_to_rows(op: Affine, forms: Forms, each: Each) -> np.ndarray:
    """Apply the op's linear part to the rows; with `each`, in parts that fit in memory."""
    shape = (*forms[0].rows.shape[:2], op.size)
    flat = tuple(f.rows.reshape(-1, f.rows.shape[2]) for f in forms)
    if each is None:
        return op.apply(flat, False).reshape(shape)
    out = np.empty((len(flat[0]), op.size))
    step = max(1, _AT_ONCE // max(op.size, 1, *(rows.shape[1] for rows in flat)))

    def run_part(first: int) -> None:
        part = tuple(rows[first : first + step] for rows in flat)
        out[first : first + step] = op.apply(part, False)

    list(each(run_part, range(0, len(out), step)))
    return out.reshape(shape)


def _rearrange(
    op: Rearrange, forms: Forms, ends: Ends, each: Each, keep_symbols: bool
) -> Zonotopes:
    center = op.run(tuple(f.center for f in forms))
    rows = op.run(tuple(f.rows for f in forms), fill=False)
    return Zonotopes(center, rows, op.run(tuple(f.rest for f in forms), fill=False))


def _curve(op: Curve, forms: Forms, ends: Ends, each: Each, keep_symbols: bool) -> Zonotopes:
    form, (lo, hi) = forms[0], ends[0]
    with np.errstate(all="ignore"):
        slope, low, high = slope_and_ends(op, lo, hi)
        middle = 0.5 * low + 0.5 * high
        size = np.abs(slope) * (np.abs(form.center) + form.reach) + np.abs(low) + np.abs(high)
        wide = np.maximum(high - middle, middle - low)
        center = slope * form.center + middle
        rows = form.rows * slope[:, None]
        carried, rounding = np.abs(slope) * form.rest, gamma(12) * size
        if keep_symbols:
            return with_symbols(center, rows, inflate(inflate(carried) + rounding), wide)
        return Zonotopes(center, rows, inflate(carried + wide + rounding))


def _step(op: Step, forms: Forms, ends: Ends, each: Each, keep_symbols: bool) -> Zonotopes | None:
    """Return a step function's range as a form with new symbols; None without `keep_symbols`."""
    if not keep_symbols:
        return None
    flat = _flat_form(*intervals.bound_op(op, ends[:1]), forms[0].count)
    return with_symbols(flat.center, flat.rows, np.zeros_like(flat.rest), flat.rest)


def _product(op: Product, forms: Forms, ends: Ends, each: Each, keep_symbols: bool) -> Zonotopes:
    """Return the form of a product: each factor's rows times the other factor's center.

    The product of the two deviations from the centers is an error.
    """
    if keep_symbols:
        return _product_with_squares(forms[0].take(op.left), forms[1].take(op.right))
    f, g = forms
    (cu, cv), (ru, rv) = (f.center[:, op.left], g.center[:, op.right]), (f.rest, g.rest)
    with np.errstate(over="ignore", invalid="ignore"):
        u, v = f.reach[:, op.left], g.reach[:, op.right]
        size = inflate(inflate(np.abs(cu) + u) * inflate(np.abs(cv) + v))
        rest = np.abs(cu) * rv[:, op.right] + np.abs(cv) * ru[:, op.left] + u * v
        rest = inflate(inflate(rest) * (1.0 + gamma(4)) + gamma(8) * size)
        rows = f.rows[:, :, op.left] * cv[:, None] + g.rows[:, :, op.right] * cu[:, None]
        return Zonotopes(cu * cv, rows, rest)


def _product_with_squares(left: Zonotopes, right: Zonotopes) -> Zonotopes:
    """Multiply forms entry by entry; the squares of symbols move the center and halve the error."""
    a, b = left.center, right.center
    both = left.rows * right.rows
    square = 0.5 * both.sum(axis=1)
    half = 0.5 * np.abs(both).sum(axis=1)
    reach_a, reach_b = np.abs(left.rows).sum(axis=1), np.abs(right.rows).sum(axis=1)
    mixed = np.maximum(reach_a * reach_b - np.abs(both).sum(axis=1), 0.0)
    error = (np.abs(a) + reach_a) * right.rest + (np.abs(b) + reach_b) * left.rest
    error = error + left.rest * right.rest
    size = (np.abs(a) + left.reach) * (np.abs(b) + right.reach)
    g = gamma(4 * left.count + 16)
    rows = a[:, None, :] * right.rows + b[:, None, :] * left.rows
    rest = inflate(error * (1.0 + g) + g * size)
    errors = inflate((half + mixed) * (1.0 + g) + g * size)
    return with_symbols(a * b + square, rows, rest, errors)


def _largest(op: Largest, forms: Forms, ends: Ends, each: Each, keep_symbols: bool) -> Zonotopes:
    """Return the form of one entry per window, widened by how far another entry may exceed it."""
    form, (lo, hi) = forms[0], ends[0]
    source, absent = np.maximum(op.windows, 0), op.windows < 0
    best = np.where(absent, -np.inf, form.center[:, source]).argmax(axis=2)
    best = source[np.arange(op.size), best]
    if keep_symbols:
        return _largest_with_symbols(op, form, best, (lo, hi))
    top = np.take_along_axis(lo, best, axis=1)[:, :, None]
    rival = ~absent & (source != best[:, :, None]) & (hi[:, source] > top)
    more = np.zeros(best.shape)
    rivals = np.nonzero(rival)
    step = max(1, _AT_ONCE // max(1, form.count))
    for first in range(0, rivals[0].size, step):
        box, window, place = (index[first : first + step] for index in rivals)
        ours, theirs = best[box, window], source[window, place]
        with np.errstate(invalid="ignore"):
            apart = np.abs(form.rows[box, :, theirs] - form.rows[box, :, ours]).sum(axis=1)
            middle = form.center[box, theirs], form.center[box, ours]
            over = middle[0] - middle[1] + apart
            over += form.rest[box, ours] + form.rest[box, theirs]
            over += gamma(form.count + 8) * (apart + np.abs(middle[0]) + np.abs(middle[1]))
            np.maximum.at(more, (box, window), up(inflate(np.maximum(over, 0.0)), 2))
    half = 0.5 * more
    center = np.take_along_axis(form.center, best, axis=1) + half
    rest = np.take_along_axis(form.rest, best, axis=1)
    rest = inflate(rest + half + gamma(4) * (np.abs(center) + half))
    return Zonotopes(center, np.take_along_axis(form.rows, best[:, None], axis=2), rest)


def _largest_with_symbols(
    op: Largest, form: Zonotopes, chosen: np.ndarray, ends: Bounds
) -> Zonotopes:
    """Return the form of the `chosen` entry per window plus the excess of others as a symbol."""
    (lo, hi), box = ends, np.arange(len(form.center))[:, None]
    center, rest = form.center[box, chosen], form.rest[box, chosen]
    rows = form.rows[box, :, chosen].transpose(0, 2, 1)
    more = np.zeros(center.shape)
    for other, present in zip(np.maximum(op.windows, 0).T, (op.windows >= 0).T, strict=True):
        apart = np.abs(form.rows[:, :, other] - rows).sum(axis=1)
        size = apart + np.abs(center) + np.abs(form.center[:, other])
        over = form.center[:, other] - center + apart + rest + form.rest[:, other]
        over = np.maximum(over + gamma(form.count + 8) * size, 0.0)
        # The chosen argument, and arguments that are below it everywhere, add nothing.
        over = np.minimum(over, np.maximum(up(hi[:, other] - lo[box, chosen]), 0.0))
        more = np.maximum(more, np.where(present & (other != chosen), up(inflate(over), 2), 0.0))
    half = 0.5 * more
    rest = inflate(rest + gamma(4) * (np.abs(center) + half))
    return with_symbols(center + half, rows, rest, half)


RULES = {
    Affine: affine_form, Rearrange: _rearrange, Curve: _curve, Largest: _largest, Step: _step,
    Product: _product,
}  # fmt: skip
"""Rules `rule(op, forms, ends, each, keep_symbols)`; `ends` are the bounds of the op's inputs."""


def intersect(form: Zonotopes, plain: Bounds) -> Bounds:
    """Intersect the range of a form with intervals, and return the bounds.

    The form is changed in place: an entry's form is replaced by its interval, without symbols, if
    the interval is less than half as wide, or if the form is not finite.
    """
    lo, hi = form.ends()
    lo, hi = np.maximum(lo, plain[0]), np.minimum(hi, plain[1])
    with np.errstate(invalid="ignore"):
        worse = ~((hi - lo) >= form.reach)
    if worse.any():
        flat = _flat_form(lo, hi)
        np.copyto(form.rows, 0.0, where=worse[:, None])
        form.center[worse], form.rest[worse] = flat.center[worse], flat.rest[worse]
        form.reach[worse] = flat.reach[worse]
    return lo, hi


# ---- forward linear bounds ------------------------------------------------------------------


def forward(graph: Graph, lo: np.ndarray, hi: np.ndarray, each: Each = map) -> list[Bounds]:
    """Return bounds on every value, `(B, n)` each, from a single pass over all boxes.

    Args:
        graph: The computation graph to bound.
        lo: Lower corners `(B, d)`.
        hi: Upper corners `(B, d)`.
        each: The function that maps over parts; see `Each`.
    """
    bounds, forms = [(lo, hi)], {0: form_of_boxes(lo, hi)}
    last = {j: v for v, node in enumerate(graph.nodes, 1) for j in node.inputs}
    for v, node in enumerate(graph.nodes, 1):
        check_deadline()
        forms[v], ends = forward_step(
            node, [forms[j] for j in node.inputs], [bounds[j] for j in node.inputs], each
        )
        bounds.append(ends)
        for j in node.inputs:
            if last[j] == v:
                forms.pop(j, None)
    return bounds


def forward_step(
    node: Node, forms: list[Zonotopes], ends: list[Bounds], each: Each = map
) -> tuple[Zonotopes, Bounds]:
    """Compute the form and the bounds of a node's value, without new symbols."""
    plain = intervals.bound_node(node, ends)
    count = max(form.count for form in forms)
    charge(work.VALUE * plain[0].size * (1 + count))
    form = RULES[type(node.op)](
        node.op, [form.pad(count) for form in forms], ends, each, keep_symbols=False
    )
    if form is None:
        return _flat_form(*plain), plain
    lo, hi = intersect(form, plain)
    with np.errstate(invalid="ignore"):
        carries = (form.reach - form.rest > _CARRIED * form.reach) | (lo == hi)
    return form if carries.any() else _flat_form(lo, hi), (lo, hi)


def run(graph: Graph, lo: np.ndarray, hi: np.ndarray) -> list[Bounds]:
    """Bound every value over each box, a limited number of boxes at a time."""
    most = int((lo < hi).sum(axis=1).max(initial=0)) + 2
    step = max(1, _AT_ONCE // (most * max([graph.size, *(n.size for n in graph.nodes)])))
    parts = [
        forward(graph, lo[first : first + step], hi[first : first + step])
        for first in range(0, max(1, len(lo)), step)
    ]
    return [
        (np.concatenate([lo for lo, _ in ends]), np.concatenate([hi for _, hi in ends]))
        for ends in zip(*parts, strict=True)
    ]


register("forward", RULES, run)
