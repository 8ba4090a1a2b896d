"""Forward linear bounds (zonotopes): every value as one linear form in the inputs, plus an error.

Each value satisfies `|v - (c + G^T e)| <= r`, where `e` in `[-1, 1]^k` represents the input by one
number for each entry that varies. Affine ops act on `c` and on every row of `G`. A curve `f`
multiplies by one slope `s` per entry and adds to `r` the range of `f(v) - s v`. A single pass
bounds all units, whereas back-substitution needs one pass per layer. Forward bounds are preferable
for many units over small boxes, where almost all are stable.

Sound: every rounding error goes into `r`; results are intersected with intervals. Cost: about `k`
runs of the graph; memory for `k` times the widest values that are needed at the same time.

Rounding. Let a sum have `t` terms, and let `S = |c| + sum |G| + r` of the input. The new center and
rows are off by at most `gamma(t + 1) (|A| S + |b|)` together (`t` counts coefficients that had to
be computed), and `|A| r` is computed up to a factor of `1 - gamma(t)`. `g = gamma(2 t + 6)` times
both terms covers these errors and its own rounding, as in `intervals`.

Reference: G. Singh et al., *Fast and Effective Robustness Certification* (DeepZ), NeurIPS 2018; K.
Xu et al., *Automatic Perturbation Analysis for Scalable Certified Robustness*, NeurIPS 2020.
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
from ..graph.graph import Op
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
"""Forms whose rows contribute at most this fraction of every entry's reach are dropped."""

Each = Callable[[Callable, Sequence], Any]
"""A function `each(work, parts)` that maps `work` over parts, on the cores that the caller chooses.
"""


@dataclass(eq=False)
class ForwardForm:
    """Linear forms over boxes: `center` `(B, n)`, `rows` `(B, k, n)`, `rest` `(B, n)`.

    They are the `c`, `G` and `r` of the module's docstring.
    """

    center: np.ndarray
    rows: np.ndarray
    rest: np.ndarray

    @cached_property
    def reach(self) -> np.ndarray:
        """Bound on the distance of the value from its center."""
        sums = np.zeros(self.rest.shape)
        step = max(1, _AT_ONCE // max(1, sums.size))
        for first in range(0, self.count, step):
            sums += np.abs(self.rows[:, first : first + step]).sum(axis=1)
        return inflate(sums * (1.0 + gamma(self.count + 2)) + self.rest)

    @property
    def count(self) -> int:
        """The number `k` of rows over each box."""
        return self.rows.shape[1]

    def ends(self) -> Bounds:
        """Return lower and upper bounds on the value, `(B, n)` each."""
        with np.errstate(invalid="ignore"):
            lo, hi = down(self.center - self.reach), up(self.center + self.reach)
        return np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi)


def _apply_in_parts(op: Affine, forms: Sequence[ForwardForm], each: Each) -> np.ndarray:
    """Apply the op's linear part to the rows, in parts that fit in memory."""
    shape = forms[0].rows.shape[:2]
    flat = [f.rows.reshape(-1, f.rows.shape[2]) for f in forms]
    out = np.empty((len(flat[0]), op.size))
    step = max(1, _AT_ONCE // max(op.size, 1, *(rows.shape[1] for rows in flat)))

    def run_part(first: int) -> None:
        part = tuple(rows[first : first + step] for rows in flat)
        out[first : first + step] = op.apply(part, False)

    list(each(run_part, range(0, len(out), step)))
    return out.reshape(*shape, op.size)


def _affine(
    op: Affine, forms: Sequence[ForwardForm], ends: Sequence[Bounds], each: Each
) -> ForwardForm:
    g = gamma(2 * op.terms + 6)
    sizes = tuple(inflate(np.abs(f.center) + f.reach) for f in forms)
    rests = tuple(f.rest for f in forms)
    with np.errstate(over="ignore", invalid="ignore"):
        center = op.apply(tuple(f.center for f in forms), False) + op.bias
        carried, size = (op.apply(part, True) for part in (rests, sizes))
        rest = inflate(carried * (1.0 + g) + inflate(size + np.abs(op.bias)) * g)
        rows = _apply_in_parts(op, forms, each)
    return ForwardForm(center, rows, rest)


def _rearrange(
    op: Rearrange, forms: Sequence[ForwardForm], ends: Sequence[Bounds], each: Each
) -> ForwardForm:
    center = op.run(tuple(f.center for f in forms))
    rows = op.run(tuple(f.rows for f in forms), fill=False)
    return ForwardForm(center, rows, op.run(tuple(f.rest for f in forms), fill=False))


def _curve(
    op: Curve, forms: Sequence[ForwardForm], ends: Sequence[Bounds], each: Each
) -> ForwardForm:
    form, (lo, hi) = forms[0], ends[0]
    with np.errstate(all="ignore"):
        slope, low, high = slope_and_ends(op, lo, hi)
        middle = 0.5 * low + 0.5 * high
        size = np.abs(slope) * (np.abs(form.center) + form.reach) + np.abs(low) + np.abs(high)
        wide = np.maximum(high - middle, middle - low)
        rest = inflate(np.abs(slope) * form.rest + wide + gamma(12) * size)
        center = slope * form.center + middle
    return ForwardForm(center, form.rows * slope[:, None], rest)


def _largest(
    op: Largest, forms: Sequence[ForwardForm], ends: Sequence[Bounds], each: Each
) -> ForwardForm:
    """Return the form of one entry per window, widened by how far another entry may exceed it."""
    form, (lo, hi) = forms[0], ends[0]
    source, absent = np.maximum(op.windows, 0), op.windows < 0
    best = np.where(absent, -np.inf, form.center[:, source]).argmax(axis=2)
    best = source[np.arange(op.size), best]
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
    return ForwardForm(center, np.take_along_axis(form.rows, best[:, None], axis=2), rest)


def _product(
    op: Product, forms: Sequence[ForwardForm], ends: Sequence[Bounds], each: Each
) -> ForwardForm:
    """Multiply the rows of each factor by the center of the other factor.

    The product of the two deviations is added to `rest`.
    """
    f, g = forms
    (cu, cv), (ru, rv) = (f.center[:, op.left], g.center[:, op.right]), (f.rest, g.rest)
    with np.errstate(over="ignore", invalid="ignore"):
        u, v = f.reach[:, op.left], g.reach[:, op.right]
        size = inflate(inflate(np.abs(cu) + u) * inflate(np.abs(cv) + v))
        rest = np.abs(cu) * rv[:, op.right] + np.abs(cv) * ru[:, op.left] + u * v
        rest = inflate(inflate(rest) * (1.0 + gamma(4)) + gamma(8) * size)
        rows = f.rows[:, :, op.left] * cv[:, None] + g.rows[:, :, op.right] * cu[:, None]
        return ForwardForm(cu * cv, rows, rest)


def _no_rows(like: np.ndarray, count: int) -> np.ndarray:
    return np.zeros((len(like), count, like.shape[1]))


def _constant(ends: Bounds, count: int) -> ForwardForm:
    """Return a form with `count` zero rows that represents the bounds `ends`."""
    lo, hi = ends
    with np.errstate(invalid="ignore", over="ignore"):
        center = 0.5 * lo + 0.5 * hi
        center = np.where(np.isfinite(center), center, 0.0)
        rest = up(np.maximum(hi - center, center - lo))
    return ForwardForm(center, _no_rows(lo, count), rest)


def _none(op: Op, forms: Sequence[ForwardForm], ends: Sequence[Bounds], each: Each) -> None:
    """Return None, since step functions have no form, only intervals."""


RULES = {
    Affine: _affine, Rearrange: _rearrange, Curve: _curve, Largest: _largest, Step: _none,
    Product: _product,
}  # fmt: skip


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


def form_of_boxes(lo: np.ndarray, hi: np.ndarray) -> ForwardForm:
    """Return the forward form of the input over the given boxes.

    Each box has one row per input that varies in it, padded with zero rows to the largest count.
    """
    varies = lo < hi
    whole = _constant((lo, hi), int(varies.sum(axis=1).max(initial=0)))
    box, entry = np.nonzero(varies)
    number = np.cumsum(varies, axis=1) - 1
    whole.rows[box, number[box, entry], entry] = whole.rest[box, entry]
    whole.center = np.where(lo == hi, lo, whole.center)
    whole.rest[:] = 0.0
    unbounded = np.asarray(~np.isfinite(whole.rows).all(axis=1))
    whole.rest[unbounded] = np.inf
    np.copyto(whole.rows, 0.0, where=unbounded[:, None])
    return whole


def forward_step(
    node: Node, forms: list[ForwardForm], ends: list[Bounds], each: Each
) -> tuple[ForwardForm, Bounds]:
    """Compute the forward form and the bounds of a node's value.

    An entry drops its form if its interval is less than half as wide as the form.
    """
    least, most = intervals.bound_op(node.op, ends)
    forms = _equalize_rows(forms)
    charge(work.VALUE * least.size * (1 + forms[0].count))
    form = RULES[type(node.op)](node.op, forms, ends, each)
    if form is None:
        return _constant((least, most), 0), (least, most)
    lo, hi = form.ends()
    lo, hi = np.maximum(lo, least), np.minimum(hi, most)
    with np.errstate(invalid="ignore"):
        worse = ~((hi - lo) >= form.reach)
    if worse.any():
        plain = _constant((lo, hi), 0)
        np.copyto(form.rows, 0.0, where=worse[:, None])
        form.center[worse], form.rest[worse] = plain.center[worse], plain.rest[worse]
        form.reach[worse] = inflate(plain.rest[worse])
    with np.errstate(invalid="ignore"):
        carries = (form.reach - form.rest > _CARRIED * form.reach).any()
    return form if carries else _constant((lo, hi), 0), (lo, hi)


def _equalize_rows(forms: list[ForwardForm]) -> list[ForwardForm]:
    """Return forms with equally many rows; forms without rows are padded with zero rows."""
    count = max(form.count for form in forms)
    return [
        form
        if form.count == count
        else ForwardForm(form.center, _no_rows(form.rest, count), form.rest)
        for form in forms
    ]


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
