"""Figure of bars of very different sizes: each row has its own scale, and its bounds as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .document import Bar
from .plot import LONGEST, MOST_BARS, legend_below, new_axes, plain, row_labels, set_title
from .style import AXIS, CLAIM, SEEN
from .text import number


MIXED = 20.0
"""Ratio of bar sizes beyond which the smaller bars would be invisible on a common scale."""


def are_mixed(bars: Sequence[Bar]) -> bool:
    """Return whether bars are drawn on separate scales.

    There must be 2 to `MOST_BARS` bars, all of them bounded. In addition, the largest size must be
    more than `MIXED` times the smallest nonzero size.
    """
    if not 1 < len(bars) <= MOST_BARS or not all(bar.is_bounded for bar in bars):
        return False
    sizes = [size for size in map(_size, bars) if size > 0]
    return bool(sizes) and max(sizes) > MIXED * min(sizes)


def plot_scaled(title: str, names: Sequence[str], bars: Sequence[Bar], label: str, ax: Any) -> Any:
    """Draw intervals one below the other, each on its own scale with 0 in the middle.

    Args:
        names: Names of the bars.
        label: Quantity that the bars show.
        ax: Matplotlib axes; None for a new figure.
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
        text = plain(f"[{', '.join(ends)}]", LONGEST)
        ax.text(1.08, i, text, va="center", fontsize="small", clip_on=False)
    row_labels(ax, names)
    ax.axvline(0, color=AXIS, linewidth=0.8, zorder=0)
    ax.set_xlim(-1.05, 1.05)
    ax.set_xticks([0], ["0"])
    ax.set_xlabel(plain(f"{label}: each row has its own scale, with its bounds on the right"))
    legend_below(ax)
    return set_title(ax, title)


def _size(bar: Bar) -> float:
    """Return the absolute value of the bound farther from 0."""
    return max(abs(bar.lo), abs(bar.hi))
