"""Figures of closed loops: one state against another, and states over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .plot import legend_below, new_axes, set_title
from .style import AXIS, CLAIM, SEEN, TONES


MOST_RUNS = 24
"""Maximum number of trajectories drawn."""

Zone = tuple[bool, np.ndarray, np.ndarray, float, float]
"""Set of states: whether it is bad, its lower and upper bounds, and its first and last time."""

Ends = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Boxes of states: the first and last time of each box, and its lower and upper bounds."""


Worst = tuple[np.ndarray, int, np.ndarray]
"""A violating trajectory: its states, the row of the violation, and the times of the rows."""


class Runs(NamedTuple):
    """Simulated trajectories: states `(runs, times, states)`, and times `(times,)`."""

    states: np.ndarray
    times: np.ndarray


def plot_phase(
    title: str,
    names: Sequence[str],
    ends: Ends,
    runs: Runs,
    worst: Worst | None,
    zones: Sequence[Zone],
    places: Sequence[int],
    ax: Any = None,
) -> Any:
    """Draw boxes, trajectories, and sets to avoid or to reach in the plane of two states.

    Args:
        names: Names of the states.
        worst: The violating trajectory; None if there is none.
        places: Indices of the two states.
        ax: Matplotlib axes; None for a new figure.

    Returns:
        The axes.
    """
    from numpy import isfinite

    ax = new_axes(figsize=(7.0, 5.6)) if ax is None else ax
    i, j = places
    lo, hi = ends[2], ends[3]
    proved = "proved, one box per step" if word_of(ends) == "step" else "proved"
    bounded = isfinite(lo[:, [i, j]]).all(axis=1) & isfinite(hi[:, [i, j]]).all(axis=1)
    for n, k in enumerate(np.flatnonzero(bounded)):
        _rectangle(
            ax, (lo[k, i], hi[k, i], lo[k, j], hi[k, j]), facecolor=CLAIM, edgecolor=SEEN,
            linewidth=0.5, alpha=0.55, zorder=2,
            label=proved if n == 0 else None,
        )  # fmt: skip
    first = np.flatnonzero(bounded)[:1]
    for k in first:
        _rectangle(
            ax, (lo[k, i], hi[k, i], lo[k, j], hi[k, j]), facecolor="none", edgecolor="black",
            linewidth=1.4, label="initial set", zorder=4,
        )  # fmt: skip
    for n, run in enumerate(runs.states[:MOST_RUNS]):
        ax.plot(run[:, i], run[:, j], color=SEEN, linewidth=0.7, alpha=0.7, zorder=3,
                label="trajectories seen" if n == 0 else None)  # fmt: skip
    _draw_violation(ax, worst, (i, j), word_of(ends))
    ax.autoscale_view()
    _set_limits(ax, lo[bounded][:, [i, j]], hi[bounded][:, [i, j]], runs.states[:, :, [i, j]])
    left, right, low, high = *ax.get_xlim(), *ax.get_ylim()
    labeled: set[bool] = set()
    for bad, least, most, start, stop in zones:
        box = (max(least[i], left), min(most[i], right), max(least[j], low), min(most[j], high))
        others = np.delete(np.arange(len(names)), [i, j])
        hidden = bool(isfinite(np.concatenate([least[others], most[others]])).any())
        if box[0] < box[1] and box[2] < box[3]:
            color = TONES["bad" if bad else "good"]
            word = ("avoid" if bad else "reach") + " (depends on other states, too)" * hidden
            if start > ends[0][0] or stop < ends[1][-1]:
                word += (
                    f" at {word_of(ends)} {start:g}"
                    if start == stop
                    else f" in {start:g} to {stop:g}"
                )
            _rectangle(ax, box, facecolor=color, edgecolor=color, alpha=0.18, zorder=1,
                       label=None if bad in labeled else word)  # fmt: skip
            labeled.add(bad)
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)
    ax.set_xlabel(names[i])
    ax.set_ylabel(names[j])
    legend_below(ax)
    return set_title(ax, title)


def plot_times(
    title: str,
    names: Sequence[str],
    ends: Ends,
    runs: Runs,
    worst: Worst | None,
    zones: Sequence[Zone],
    places: Sequence[int],
    ax: Any = None,
) -> Any:
    """Draw states over time and return a list of axes; see `plot_phase` for the arguments."""
    if ax is None:
        size = (7.6, 1.8 + 1.7 * len(places))
        ax = new_axes(len(places), 1, figsize=size, sharex=True, squeeze=False)[:, 0]
    axes = list(np.ravel(ax))
    for n, (panel, i) in enumerate(zip(axes, places, strict=True)):
        _over_time(panel, ends, i)
        for m, run in enumerate(runs.states[:MOST_RUNS]):
            panel.plot(runs.times, run[:, i], color=SEEN, linewidth=0.7, alpha=0.7, zorder=3,
                       label="trajectories seen" if m == 0 else None)  # fmt: skip
        _draw_violation(panel, worst, (None, i), word_of(ends))
        bounded = np.isfinite(ends[2][:, i]) & np.isfinite(ends[3][:, i])
        low = np.stack([ends[0][bounded], ends[2][bounded, i]], axis=1)
        high = np.stack([ends[1][bounded], ends[3][bounded, i]], axis=1)
        steps = np.broadcast_to(runs.times, runs.states.shape[:2])
        _set_limits(panel, low, high, np.stack([steps, runs.states[:, :, i]], axis=2))
        _zones_over_time(panel, zones, i, 0.4 if word_of(ends) == "step" else 0.0)
        panel.set_ylabel(names[i])
        panel.axvline(0, color=AXIS, linewidth=0.5)
        if n == len(places) - 1:
            panel.set_xlabel(word_of(ends))
            legend_below(panel)
    set_title(axes[0], title)
    return axes


def _over_time(ax: Any, ends: Ends, i: int) -> None:
    start, stop, lo, hi = ends[0], ends[1], ends[2][:, i], ends[3][:, i]
    bounded = np.isfinite(lo) & np.isfinite(hi)
    if (start == stop).all():
        ax.vlines(
            start[bounded], lo[bounded], hi[bounded], color=SEEN, linewidth=2.2, alpha=0.5, zorder=2
        )
        ax.fill_between(
            start, np.where(bounded, lo, np.nan), np.where(bounded, hi, np.nan), color=CLAIM,
            alpha=0.6, linewidth=0, label="proved at every step", zorder=1.5,
        )  # fmt: skip
        return
    for n, k in enumerate(np.flatnonzero(bounded)):
        _rectangle(ax, (start[k], stop[k], lo[k], hi[k]), facecolor=CLAIM, edgecolor=SEEN,
                   linewidth=0.4, alpha=0.7, zorder=2,
                   label="proved" if n == 0 else None)  # fmt: skip


def word_of(ends: Ends) -> str:
    """Return the unit of the time axis, `"step"` or `"time"`.

    It is `"step"` if all boxes belong to single times, as in discrete time.
    """
    return "step" if (ends[0] == ends[1]).all() else "time"


def _zones_over_time(ax: Any, zones: Sequence[Zone], i: int, wide: float) -> None:
    low, high = ax.get_ylim()
    labeled: set[bool] = set()
    for bad, least, most, start, stop in zones:
        bounds = np.asarray(np.isfinite(np.stack([least, most])).any(axis=0))
        if not bounds[i]:
            continue
        hidden = bounds.sum() > 1
        # A single instant would be an invisible line.
        room = wide if wide or start < stop else 0.01 * (ax.get_xlim()[1] - ax.get_xlim()[0])
        box = (start - room, stop + room, max(least[i], low), min(most[i], high))
        if box[2] < box[3]:
            color = TONES["bad" if bad else "good"]
            word = ("avoid" if bad else "reach") + " (depends on other states, too)" * bool(hidden)
            _rectangle(ax, box, facecolor=color, edgecolor=color, alpha=0.15 if bad else 0.4,
                       zorder=1, label=None if bad in labeled else word)  # fmt: skip
            labeled.add(bad)
    ax.set_ylim(low, high)


def _draw_violation(
    ax: Any, worst: Worst | None, places: tuple[int | None, int], word: str
) -> None:
    """Draw the violating trajectory and the instant of the violation."""
    if worst is None:
        return
    run, step, times = worst
    i, j = places
    across = times if i is None else run[:, i]
    ax.plot(across, run[:, j], color=TONES["bad"], linewidth=1.8, label="counterexample", zorder=5)
    ax.plot(across[step], run[step, j], "o", color=TONES["bad"], markersize=6, zorder=6,
            label=f"broken at {word} {times[step]:.4g}")  # fmt: skip


def _set_limits(ax: Any, lo: np.ndarray, hi: np.ndarray, runs: np.ndarray) -> None:
    """Set the axis limits around the boxes, but not far beyond the trajectories.

    On each axis, the limits exceed the range of the trajectories by at most about four times its
    width.
    """
    seen = runs[np.isfinite(runs).all(axis=-1)] if runs.size else lo[:0]
    points = np.concatenate([lo, hi]) if len(lo) else seen
    for axis, limit in enumerate((ax.set_xlim, ax.set_ylim)):
        least, most = (points[:, axis].min(), points[:, axis].max()) if len(points) else (0.0, 1.0)
        if len(seen):
            near, far = seen[:, axis].min(), seen[:, axis].max()
            room = 4.0 * (far - near) + 1e-9
            least, most = max(least, near - room), min(most, far + room)
        pad = 0.08 * (most - least) or 0.5
        limit(least - pad, most + pad)


def _rectangle(ax: Any, box: tuple[float, ...], **style: Any) -> None:
    left, right, low, high = box
    ax.fill([left, right, right, left], [low, low, high, high], **style)
