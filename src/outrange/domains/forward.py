"""Forward linear bounds (zonotopes): every value as one form in the inputs, and an error.

`|v - (c + G^T e)| <= r` for the `e` in `[-1, 1]^k` of an input, one number for each entry that
varies. Affine ops act on `c` and on every row of `G`; a nonlinear op multiplies by one slope `s` an
entry and adds to `r` what `f(v) - s v` can be. One pass bounds every unit, where back-substitution
takes one per layer: preferable for many units over small boxes, where almost all are stable.

Sound: every rounding error goes into `r`; intersected with intervals. Cost: the graph run `k + 2`
times; memory `k` times the widest values that are needed at once.

Rounding. With `t` terms a sum and `S = |c| + sum |G| + r` of the input, the new center and rows are
off by at most `gamma(t + 1) (|A| S + |b|)` together (`t` counts coefficients that had to be
computed), and `|A| r` is computed up to `1 - gamma(t)`. `g = gamma(2 t + 6)` of both covers that
and its own rounding, as in `intervals`.

Reference: G. Singh et al., *Fast and Effective Robustness Certification* (DeepZ), NeurIPS 2018; K.
Xu et al., *Automatic Perturbation Analysis for Scalable Certified Robustness*, NeurIPS 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..core import UNIT, Bounds, check_deadline, down, gamma, up
from ..graph import Graph, Node
from ..graph.graph import Op
from ..ops import Affine, Curve, Largest, Product, Rearrange, Step
from ..ops.relaxation.relax import relax
from . import intervals
from .registry import register
from .rounding import widened


_AT_ONCE = 1 << 22
"""Numbers of a value's rows that an op works on at once; images need a few times as many."""

_CARRIED = 2.0**-10
"""Forms whose rows contribute less than this share of every entry's reach are dropped."""

Each = Callable[[Callable, Sequence], Any]
"""`each(work, parts)`: `work` of every part, on as many cores as the caller likes."""


@dataclass(eq=False)
class ForwardForm:
    """See above: `center` `(n,)`, `rows` `(k, n)`, `rest` `(n,)`."""

    center: np.ndarray
    rows: np.ndarray
    rest: np.ndarray

    @cached_property
    def reach(self) -> np.ndarray:
        """How far the value can be from its center."""
        sums = np.zeros(self.rest.size)
        step = max(1, _AT_ONCE // max(1, sums.size))
        for first in range(0, len(self.rows), step):
            sums += np.abs(self.rows[first : first + step]).sum(axis=0)
        return widened(sums * (1.0 + gamma(len(self.rows) + 2)) + self.rest)

    def ends(self) -> Bounds:
        """Least and largest, `(1, n)`."""
        with np.errstate(invalid="ignore"):
            lo, hi = down(self.center - self.reach), up(self.center + self.reach)
        return (np.where(np.isnan(lo), -np.inf, lo)[None], np.where(np.isnan(hi), np.inf, hi)[None])


def _by_parts(work: Callable, rows: np.ndarray, size: int, each: Each) -> np.ndarray:
    """`work` of some rows at a time."""
    out = np.empty((len(rows), size))
    step = max(1, _AT_ONCE // max(size, rows.shape[1], 1))

    def some(first: int) -> None:
        out[first : first + step] = work(slice(first, first + step))

    list(each(some, range(0, len(rows), step)))
    return out


def _affine(
    op: Affine, forms: Sequence[ForwardForm], ends: Sequence[Bounds], each: Each
) -> ForwardForm:
    g = gamma(2 * op.terms + 6)
    sizes = tuple(widened(np.abs(f.center) + f.reach)[None] for f in forms)
    rests = tuple(f.rest[None] for f in forms)
    with np.errstate(over="ignore", invalid="ignore"):
        center = op.apply(tuple(f.center[None] for f in forms), False)[0] + op.bias
        carried, size = (op.apply(part, True)[0] for part in (rests, sizes))
        rest = widened(carried * (1.0 + g) + widened(size + np.abs(op.bias)) * g)
    widest = max((f.rows for f in forms), key=lambda rows: rows.shape[1])
    rows = _by_parts(
        lambda at: op.apply(tuple(f.rows[at] for f in forms), False), widest, op.size, each
    )
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
    form, (lo, hi) = forms[0], (end[0] for end in ends[0])
    with np.errstate(all="ignore"):
        slope, low, high = slope_and_ends(op, lo, hi)
        middle = 0.5 * low + 0.5 * high
        size = np.abs(slope) * (np.abs(form.center) + form.reach) + np.abs(low) + np.abs(high)
        wide = np.maximum(high - middle, middle - low)
        rest = widened(np.abs(slope) * form.rest + wide + gamma(12) * size)
        center = slope * form.center + middle
    return ForwardForm(center, form.rows * slope, rest)


def slope_and_ends(
    op: Curve, lo: np.ndarray, hi: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes, and the least and largest of `f(v) - slope v` on `[lo, hi]`."""
    first, last = op.range(lo, lo), op.range(hi, hi)
    width = np.where(hi > lo, hi - lo, 1.0)
    chord = np.where(hi > lo, (last[0] - first[0]) / width, 0.0)
    chord = np.where(np.isfinite(chord), chord, 0.0)
    if op.is_piecewise_linear:
        return (chord, *_extremes(op, lo, hi, chord, (first, last)))
    found = relax(op, lo, hi, None)
    s0, s1, o0, o1 = found.lo_slope, found.hi_slope, found.lo_offset, found.hi_offset
    slope = 0.5 * s0 + 0.5 * s1
    low = np.minimum((s0 - slope) * lo, (s0 - slope) * hi) + o0
    high = np.maximum((s1 - slope) * lo, (s1 - slope) * hi) + o1
    size = (np.abs(s0) + np.abs(s1)) * np.maximum(np.abs(lo), np.abs(hi))
    pad = 8.0 * UNIT * (size + np.abs(o0) + np.abs(o1))
    sound = np.isfinite(slope) & np.isfinite(low - pad) & np.isfinite(high + pad)
    least, most = op.range(lo, hi)
    return (
        np.where(sound, slope, 0.0),
        np.where(sound, low - pad, least),
        np.where(sound, high + pad, most),
    )


def _extremes(
    op: Curve, lo: np.ndarray, hi: np.ndarray, slope: np.ndarray, at_ends: tuple[Bounds, Bounds]
) -> Bounds:
    """Of a curve of straight pieces: they lie at the ends and knots."""
    low, high = np.full(lo.shape, np.inf), np.full(lo.shape, -np.inf)
    knots = [np.clip(knot, lo, hi) for knot in op.knots]
    points = [(lo, at_ends[0]), (hi, at_ends[1]), *((x, op.range(x, x)) for x in knots)]
    for x, (least, most) in points:
        pad = 4.0 * UNIT * (np.abs(least) + np.abs(most) + np.abs(slope * x))
        low = np.minimum(low, least - slope * x - pad)
        high = np.maximum(high, most - slope * x + pad)
    return low, high


def _largest(
    op: Largest, forms: Sequence[ForwardForm], ends: Sequence[Bounds], each: Each
) -> ForwardForm:
    """One argument of each window, and by how much another can exceed it."""
    form, (lo, hi) = forms[0], (end[0] for end in ends[0])
    source, absent = np.maximum(op.windows, 0), op.windows < 0
    best = np.where(absent, -np.inf, form.center[source]).argmax(axis=1)
    best = source[np.arange(op.size), best]
    rival = ~absent & (source != best[:, None]) & (hi[source] > lo[best][:, None])
    window, place = np.nonzero(rival)
    more = np.zeros(op.size)
    step = max(1, _AT_ONCE // max(1, len(form.rows)))
    for first in range(0, window.size, step):
        at = slice(first, first + step)
        ours, theirs = best[window[at]], source[window[at], place[at]]
        with np.errstate(invalid="ignore"):
            apart = np.abs(form.rows[:, theirs] - form.rows[:, ours]).sum(axis=0)
            size = apart + np.abs(form.center[ours]) + np.abs(form.center[theirs])
            over = form.center[theirs] - form.center[ours] + apart
            over += form.rest[ours] + form.rest[theirs] + gamma(len(form.rows) + 8) * size
            np.maximum.at(more, window[at], up(widened(np.maximum(over, 0.0)), 2))
    half = 0.5 * more
    center = form.center[best] + half
    rest = widened(form.rest[best] + half + gamma(4) * (np.abs(center) + half))
    return ForwardForm(center, form.rows[:, best], rest)


def _constant(ends: Bounds, count: int) -> ForwardForm:
    """The bounds of a value without forms."""
    lo, hi = ends[0][0], ends[1][0]
    with np.errstate(invalid="ignore", over="ignore"):
        center = 0.5 * lo + 0.5 * hi
        center = np.where(np.isfinite(center), center, 0.0)
        rest = up(np.maximum(hi - center, center - lo))
    return ForwardForm(center, np.zeros((count, lo.size)), rest)


def _none(op: Op, forms: Sequence[ForwardForm], ends: Sequence[Bounds], each: Each) -> None:
    """Steps and products have no form, only their intervals."""


RULES = {
    Affine: _affine, Rearrange: _rearrange, Curve: _curve, Largest: _largest, Step: _none,
    Product: _none,
}  # fmt: skip


def forward(graph: Graph, lo: np.ndarray, hi: np.ndarray, each: Each = map) -> list[Bounds]:
    """Ends of every value over one box, `(1, n)` each.

    Args:
        graph: What is computed.
        lo: `(d,)` of the box.
        hi: `(d,)`.
        each: See `Each`.
    """
    start = lo[None], hi[None]
    known, forms = [start], {0: _inputs(lo, hi)}
    last = {j: v for v, node in enumerate(graph.nodes, 1) for j in node.inputs}
    for v, node in enumerate(graph.nodes, 1):
        check_deadline()
        forms[v], found = _step(
            node, [forms[j] for j in node.inputs], [known[j] for j in node.inputs], each
        )
        known.append(found)
        for j in node.inputs:
            if last[j] == v:
                forms.pop(j, None)
    return known


def _inputs(lo: np.ndarray, hi: np.ndarray) -> ForwardForm:
    whole = _constant((lo[None], hi[None]), int((lo < hi).sum()))
    moves = np.flatnonzero(lo < hi)
    whole.rows[np.arange(moves.size), moves] = whole.rest[moves]
    whole.center = np.where(lo == hi, lo, whole.center)
    whole.rest[:] = 0.0
    unbounded = ~np.isfinite(whole.rows).all(axis=0)
    whole.rest[unbounded], whole.rows[:, unbounded] = np.inf, 0.0
    return whole


def _step(
    node: Node, forms: list[ForwardForm], ends: list[Bounds], each: Each
) -> tuple[ForwardForm, Bounds]:
    """A node's form and ends; entries whose interval is much tighter drop their form."""
    rule = intervals.RULES[type(node.op)]
    least, most = rule(node.op, tuple(e[0] for e in ends), tuple(e[1] for e in ends))
    forms = _of_one_count(forms)
    form = RULES[type(node.op)](node.op, forms, ends, each)
    if form is None:
        return _constant((least, most), 0), (least, most)
    lo, hi = form.ends()
    lo, hi = np.maximum(lo, least), np.minimum(hi, most)
    with np.errstate(invalid="ignore"):
        worse = ~((hi - lo)[0] >= form.reach)
    if worse.any():
        plain = _constant((lo, hi), 0)
        form.rows[:, worse] = 0.0
        form.center[worse], form.rest[worse] = plain.center[worse], plain.rest[worse]
        form.reach[worse] = widened(plain.rest[worse])
    with np.errstate(invalid="ignore"):
        carries = (form.reach - form.rest > _CARRIED * form.reach).any()
    return form if carries else _constant((lo, hi), 0), (lo, hi)


def _of_one_count(forms: list[ForwardForm]) -> list[ForwardForm]:
    """Dropped forms have no rows: fill with zeros where others have some."""
    count = max(len(form.rows) for form in forms)
    return [
        form
        if len(form.rows) == count
        else ForwardForm(form.center, np.zeros((count, form.rest.size)), form.rest)
        for form in forms
    ]


def run(graph: Graph, lo: np.ndarray, hi: np.ndarray) -> list[Bounds]:
    """Ends of every value over each box, one box after the other."""
    boxes = [forward(graph, *box) for box in zip(lo, hi, strict=True)]
    return [
        (np.concatenate([lo for lo, _ in ends]), np.concatenate([hi for _, hi in ends]))
        for ends in zip(*boxes, strict=True)
    ]


register("forward", RULES, run)
