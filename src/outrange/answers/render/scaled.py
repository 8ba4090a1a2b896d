"""Bars in units that differ: each on a scale of its own, its ends beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .document import Bar
from .plot import LONGEST, MOST_BARS, legend_below, new_axes, plain, row_labels, titled
from .style import AXIS, CLAIM, SEEN
from .text import number


MIXED = 20.0
"""Of bars that differ in size by more than this factor, the smaller could not be seen."""


def are_mixed(bars: Sequence[Bar]) -> bool:
    """Whether bars, few enough to be drawn one by one, cannot share a scale."""
    sizes = [size for size in map(_size, bars) if size > 0]
    bounded = all(bar.is_bounded for bar in bars)
    return 1 < len(bars) <= MOST_BARS and bounded and max(sizes, default=0) > MIXED * min(sizes)


def plot_scaled(title: str, names: Sequence[str], bars: Sequence[Bar], label: str, ax: Any) -> Any:
    """Intervals below each other, 0 in the middle of all; the axes.

    Args:
        title: A sentence.
        names: Of the bars.
        bars: Bounded intervals.
        label: What they are of.
        ax: Axes; new ones if None.
    """
    ax = new_axes(figsize=(7.6, 1.7 + 0.3 * len(bars))) if ax is None else ax
    ends = np.array([(b.lo, b.hi, b.seen_lo, b.seen_hi) for b in bars])
    sizes = np.array([_size(bar) or 1.0 for bar in bars])
    lo, hi, seen_lo, seen_hi = (ends / sizes[:, None]).T
    rows = np.arange(len(bars))
    ax.barh(rows, hi - lo, left=lo, height=0.6, color=CLAIM, label="stays within (proved)")
    seen = np.isfinite(seen_lo) & (seen_lo <= seen_hi)
    ax.barh(rows[seen], (seen_hi - seen_lo)[seen], left=seen_lo[seen], height=0.3, color=SEEN,
            label="seen")  # fmt: skip
    still = np.array([bar.is_constant for bar in bars], bool)
    ax.scatter(lo[still], rows[still], marker="|", s=120, linewidths=2, color=SEEN)
    for i, bar in enumerate(bars):
        ends = (number(float(f"{end:.4g}") + 0.0) for end in (bar.lo, bar.hi))  # no -0
        told = plain(f"[{', '.join(ends)}]", LONGEST)
        ax.text(1.08, i, told, va="center", fontsize="small", clip_on=False)
    row_labels(ax, names)
    ax.axvline(0, color=AXIS, linewidth=0.8, zorder=0)
    ax.set_xlim(-1.05, 1.05)
    ax.set_xticks([0], ["0"])
    ax.set_xlabel(plain(f"{label}: each row has a scale of its own, its ends are at the right"))
    legend_below(ax)
    return titled(ax, title)


def _size(bar: Bar) -> float:
    """The end that is farther from 0."""
    return max(abs(bar.lo), abs(bar.hi))
