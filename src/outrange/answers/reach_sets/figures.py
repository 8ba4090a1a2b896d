"""Figures of reach sets: unions of polygons in the plane of two outputs or two states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..render.plot import LONGEST, add_polygons, legend_below, new_axes, plain, set_title
from ..render.style import CLAIM, PALE, SEEN


MANY = 1500
"""Maximum number of polygons drawn with edges; more edges would hide the areas."""

MOST_TICKS = 8
"""Maximum number of intervals between the ticks of the color scale."""

MOST_RUNS = 12
"""At least this many trajectories are drawn, if available, and fewer than twice as many."""

LIGHTER = 0.6
"""Length of the unused dark part of the color map, relative to the used part.

Lines are hardly visible on dark colors.
"""

Pieces = Sequence[tuple[bool, np.ndarray]]
"""For each piece: whether it is exact, and its corners `(n, 2)` (polygon, segment or point)."""


def plot_union(
    title: str, labels: tuple[str, str], pieces: Pieces, seen: np.ndarray, ax: Any = None
) -> Any:
    """Draw one union of polygons; return the axes.

    Args:
        labels: Labels of the axes.
        seen: `(n, 2)`, sampled points.
        ax: Matplotlib axes; None for a new figure.
    """
    ax = new_axes(figsize=(6.4, 5.4)) if ax is None else ax
    edge = {"edgecolor": SEEN, "linewidth": 0.3} if len(pieces) <= MANY else {}
    for exact, label in ((False, "covered, not exact"), (True, "attained, exactly")):
        shapes = [corners for is_exact, corners in pieces if is_exact == exact]
        color = CLAIM if exact else PALE
        if shapes:
            ax.fill([], [], color=color, label=label)
        _draw(ax, shapes, color, 3 if exact else 2, edge)
    if len(seen):
        ax.plot(seen[:, 0], seen[:, 1], ".", color=SEEN, markersize=3, label="outputs computed",
                zorder=4)  # fmt: skip
    return _finish(ax, title, labels)


def plot_unions(
    title: str,
    labels: tuple[str, str],
    steps: Sequence[tuple[int, Pieces]],
    runs: np.ndarray,
    ax: Any = None,
) -> Any:
    """Draw one union of polygons per step of a loop, colored by time; return the axes.

    Args:
        labels: Labels of the axes.
        steps: Index and pieces of each step.
        runs: `(runs, steps, 2)`, trajectories.
        ax: Matplotlib axes; None for a new figure.
    """
    ax = new_axes(figsize=(7.4, 5.6)) if ax is None else ax
    last = max(1, max((k for k, _ in steps), default=1))
    color_of = ax.scatter([], [], c=[], cmap="viridis", vmin=-LIGHTER * last, vmax=last)
    for k, pieces in steps:
        exact = [shape for is_exact, shape in pieces if is_exact]
        _draw_outlined(ax, exact, color_of.to_rgba(k), 2 + k)
        enclosures = [shape for is_exact, shape in pieces if not is_exact]
        _draw_outlined(ax, enclosures, PALE, 2 + k)
    for n, run in enumerate(runs[:: max(1, len(runs) // MOST_RUNS)]):
        ax.plot(run[:, 0], run[:, 1], ".-", color="black", linewidth=0.4, markersize=2, alpha=0.6,
                zorder=last + 3, label="trajectories seen" if n == 0 else None)  # fmt: skip
    if any(not is_exact for _, pieces in steps for is_exact, _ in pieces):
        ax.fill([], [], color=PALE, label="covered, not exact")
    ticks = np.arange(0, last + 1, -(-last // MOST_TICKS))
    bar = ax.figure.colorbar(color_of, ax=ax, label="step", pad=0.02, aspect=30, ticks=ticks)
    bar.ax.set_ylim(0, last)
    return _finish(ax, title, labels)


def _draw_outlined(ax: Any, shapes: Sequence[np.ndarray], color: Any, order: float) -> None:
    """Draw a union in one color, above slightly larger white copies that form an outline."""
    areas = [shape for shape in shapes if len(shape) > 2]
    add_polygons(ax, areas, facecolor="white", edgecolor="white", linewidth=2.2, zorder=order - 0.5)
    _draw(ax, shapes, color, order, {})


def _draw(
    ax: Any, shapes: Sequence[np.ndarray], color: Any, order: float, edge: dict[str, Any]
) -> None:
    # Touching pieces are drawn over their seams, which would otherwise look like gaps.
    edge = edge or {"edgecolor": "face"}
    add_polygons(ax, [s for s in shapes if len(s) > 2], facecolor=color, zorder=order, **edge)
    lines = [np.concatenate([s, np.full((1, 2), np.nan)]) for s in shapes if len(s) == 2]
    if lines:
        x, y = np.concatenate(lines).T
        ax.plot(x, y, color=color, linewidth=2.0, zorder=order)
    points = [s for s in shapes if len(s) == 1]
    if points:
        x, y = np.concatenate(points).T
        ax.plot(x, y, "o", color=color, markersize=4, zorder=order)


def _finish(ax: Any, title: str, labels: tuple[str, str]) -> Any:
    ax.autoscale_view()
    ax.margins(0.05)
    ax.set_xlabel(plain(labels[0], LONGEST))
    ax.set_ylabel(plain(labels[1], LONGEST))
    legend_below(ax)
    return set_title(ax, title)
