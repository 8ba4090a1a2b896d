"""Figures of answers, such as strips, curves, matrices, number lines and points in boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .images import Triple, is_image, to_image
from .plot import LARGEST, LONGEST, MOST_BARS, legend_below, new_axes, plain, row_labels, set_title
from .style import AXIS, CLAIM, SEEN, TONES
from .text import number


MOST_IMAGES = 4
"""Maximum number of counterexamples drawn as images."""

LONGEST_ROW = 56
"""Maximum number of characters of the label of a matrix row."""

LARGE_SIGNS = 16
"""Maximum number of rows and of columns of a matrix that is drawn with large symbols."""


def plot_strips(
    title: str,
    names: Sequence[str],
    shares: Mapping[str, tuple[np.ndarray, str]],
    notes: Sequence[str],
    ax: Any = None,
    label: str = "share of the units",
) -> Any:
    """Draw one bar per row, divided into parts that add up to at most 1; return the axes.

    Args:
        names: Names of the rows.
        shares: Dict from the name of a part to its lengths `(rows,)` and its color.
        notes: One note per row, shown to its right if there are at most `MOST_BARS` rows.
        ax: Matplotlib axes; None for a new figure.
        label: Label of the axis.
    """
    few = len(names) <= MOST_BARS
    size = (8.2, 1.6 + 0.32 * max(len(names), 2)) if few else (8.2, 7.0)
    ax = new_axes(figsize=size) if ax is None else ax
    rows, start = np.arange(len(names)), np.zeros(len(names))
    for part, (share, color) in shares.items():
        ax.barh(rows, share, left=start, height=0.7 if few else 1.0, color=color, label=part)
        start = start + share
    if few:
        for i, note in enumerate(notes):
            ax.text(1.01, i, plain(note, LONGEST), va="center", fontsize="small", clip_on=False)
    row_labels(ax, names)
    if not any(names):
        ax.set_yticks([])
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.set_xlabel(label)
    legend_below(ax)
    return set_title(ax, title)


def plot_curve(
    title: str,
    at: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    start: float,
    label: str,
    ax: Any = None,
) -> Any:
    """Draw two bounds on robust accuracy over the radius.

    Args:
        at: Radii, `(k,)`.
        ends: Fractions of the inputs, `(k,)` each: proved robust, and neither misclassified nor
            broken by a known attack.
        start: Fraction classified correctly without a perturbation; NaN if unknown.
        label: Label of the axis of radii.
        ax: Matplotlib axes; None for a new figure.

    Returns:
        The axes.
    """
    ax = new_axes(figsize=(7.2, 3.6)) if ax is None else ax
    lo, hi = ends
    ax.fill_between(at, lo, hi, color=TONES["open"], alpha=0.25, linewidth=0, label="not decided")
    ax.plot(at, hi, color=TONES["bad"], marker="o", linewidth=4, alpha=0.5, label="attacks leave")
    ax.plot(at, lo, color=TONES["good"], marker="o", label="proved")
    if np.isfinite(start):
        ax.axhline(start, color=AXIS, linestyle=":", label="without a perturbation")
    ax.set_ylim(0, 1.05)
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set_xlabel(label)
    ax.set_ylabel("share of the inputs")
    legend_below(ax)
    return set_title(ax, title)


def plot_beyond(title: str, names: Sequence[str], shares: np.ndarray, ax: Any = None) -> Any:
    """Draw how far points lie beyond the training ranges of columns.

    Args:
        names: Names of the columns.
        shares: `(points, columns)`, signed distances to the ranges relative to their widths,
            negative below a range. Entries that are 0 (within) or infinite are not drawn.
        ax: Matplotlib axes; None for a new figure.

    Returns:
        The axes.
    """
    ax = new_axes(figsize=(7.2, 1.8 + 0.3 * min(len(names), MOST_BARS))) if ax is None else ax
    rows = np.arange(len(names))
    ax.barh(rows, 100.0, color=CLAIM, height=0.5, label="training range")
    point, column = np.nonzero(np.where(np.isfinite(shares), shares, 0.0))
    beyond = np.clip(shares[point, column], *LARGEST)
    at = 100.0 * (beyond + (beyond > 0))
    ax.scatter(at, column, color=TONES["bad"], zorder=3, label="rows outside")
    row_labels(ax, names)
    ax.set_xlabel("position in the training range [%]")
    legend_below(ax)
    return set_title(ax, title)


def plot_matrix(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: np.ndarray,
    kinds: Sequence[tuple[str, str, str]],
    ax: Any = None,
) -> Any:
    """Draw a matrix of colored cells; return the axes.

    The cells contain symbols if there are at most `MOST_BARS` rows and columns.

    Args:
        rows: Names of the rows.
        columns: Names of the columns.
        cells: `(rows, columns)`, index into `kinds` for each cell; -1 for an empty cell.
        kinds: Name, symbol and color of each kind of cell.
        ax: Matplotlib axes; None for a new figure.
    """
    is_new = ax is None
    ax = new_axes(figsize=_matrix_size(rows, columns)) if ax is None else ax
    palette = np.array([_rgb(color) for _, _, color in kinds] + [(1.0, 1.0, 1.0)])
    ax.imshow(palette[cells], aspect="auto", interpolation="nearest")
    if max(cells.shape) <= MOST_BARS:
        for side, lines in zip((ax.axhline, ax.axvline), cells.shape, strict=True):
            for i in range(1, lines):
                side(i - 0.5, color="white", linewidth=1)
        large = 17 if max(cells.shape) <= LARGE_SIGNS else 12
        for (i, j), kind in np.ndenumerate(cells):
            if kind >= 0:
                ax.text(j, i, kinds[kind][1], ha="center", va="center_baseline",
                        color="white", fontsize=large, fontweight="bold")  # fmt: skip
    row_labels(ax, rows, LONGEST_ROW)
    every = max(1, -(-len(columns) // MOST_BARS))
    shown = list(range(0, len(columns), every))
    ax.set_xticks(shown, [plain(columns[j], LONGEST) for j in shown], rotation=30, ha="right")
    for kind, (name, sign, color) in enumerate(kinds):
        if (cells == kind).any():
            ax.scatter([], [], marker="s", color=color, label=f"{sign} {name}")
    if is_new:  # A few cells stay small.
        ax.set_aspect("equal", adjustable="box", anchor="NW")
        ax.spines[:].set_visible(False)
    legend_below(ax)
    return set_title(ax, title)


def _matrix_size(rows: Sequence[str], columns: Sequence[str]) -> tuple[float, float]:
    """Return the size in inches of a figure with square cells and with labels next to them."""
    cells = [0.42 * min(max(len(names), 1), MOST_BARS) for names in (columns, rows)]
    left = 0.085 * min(max(map(len, rows), default=1), LONGEST_ROW)
    below = 0.065 * min(max(map(len, columns), default=1), LONGEST)
    return max(5.6, left + cells[0] + 0.6), cells[1] + below + 1.5


def _rgb(color: str) -> tuple[float, ...]:
    return tuple(int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))


def plot_line(
    title: str,
    spans: Sequence[tuple[float, float, str, str]],
    marks: Sequence[tuple[float, str, str]],
    label: str,
    ax: Any = None,
) -> Any:
    """Draw a number line with colored spans and marks; return the axes.

    Args:
        spans: `(lo, hi, what, color)`; a span with an infinite bound extends to the edge.
        marks: `(at, what, color)`; marks at infinity are not drawn.
        label: Label of the axis.
        ax: Matplotlib axes; None for a new figure.
    """
    ax = new_axes(figsize=(7.2, 2.1)) if ax is None else ax
    ends = [v for lo, hi, *_ in spans for v in (lo, hi)] + [at for at, *_ in marks]
    ends = [v for v in ends if np.isfinite(v)] or [0.0]
    lo, hi = min(ends), max(ends)
    # Nearly equal bounds are drawn as one number, without magnifying the gap.
    pad = 0.12 * (hi - lo) if hi - lo > 1e-2 * abs(hi) else 0.12 * abs(hi) or 1.0
    for left, right, what, color in spans:
        left, right = max(left, lo - pad), min(right, hi + pad)
        ax.barh(0, right - left, left=left, height=0.5, color=color, label=plain(what))
    for at, what, color in marks:
        if np.isfinite(at):
            ax.plot([at, at], [-0.42, 0.42], color=color, linewidth=2.2,
                    label=plain(f"{what}: {number(at)}"))  # fmt: skip
    ax.set_xlim(lo - pad, hi + pad)
    ax.set_ylim(-0.6, 0.6)
    ax.set_yticks([])
    if spans or any(np.isfinite(at) for at, *_ in marks):
        ax.set_xlabel(plain(label))
        ax.ticklabel_format(axis="x", useOffset=False)
    else:
        ax.set_xticks([])
        ax.text(0.5, 0.5, "nothing to draw", transform=ax.transAxes, ha="center", va="center")
    legend_below(ax)
    return set_title(ax, title)


def plot_in_box(
    title: str,
    names: Sequence[str],
    points: np.ndarray,
    box: tuple[np.ndarray, np.ndarray] | None,
    ax: Any = None,
) -> Any:
    """Draw points relative to a box, one row per input; return the axes.

    Each input has its own scale, from its lower to its upper bound, with these bounds as text next
    to it. More than `MOST_BARS` inputs are drawn as dots over the input index instead.

    Args:
        names: Names of the inputs.
        points: `(n, inputs)`, the points.
        box: Lower and upper bounds, `(inputs,)` each; None to scale to the range of the points.
        ax: Matplotlib axes; None for a new figure.
    """
    points = np.clip(points, *LARGEST)
    if len(names) > MOST_BARS:
        return _points_by_number(title, points, box, ax)
    ax = new_axes(figsize=(7.6, 1.6 + 0.3 * max(len(names), 2))) if ax is None else ax
    lo, hi = (points.min(axis=0), points.max(axis=0)) if box is None else box
    lo, hi = (np.clip(end, *LARGEST) for end in (lo, hi))
    rows, width = np.arange(len(names)), hi / 2 - lo / 2
    ax.barh(rows, np.ones(len(rows)), height=0.55, color=CLAIM,
            label="the input set" if box is not None else None)  # fmt: skip
    safe = np.where(width > 0, width, 1.0)
    for k, point in enumerate(points):
        at = np.where(width > 0, (point / 2 - lo / 2) / safe, 0.5)
        ax.scatter(at, rows, color=TONES["bad"], zorder=3, s=36,
                   label=None if k else "breaks it")  # fmt: skip
    row_labels(ax, names)
    for i in rows:
        parts = [number(float(points[0, i]))] if len(points) == 1 else []
        if len(points) > 1 or box is not None:
            parts.append(f"[{number(float(lo[i]))}, {number(float(hi[i]))}]")
        ax.text(1.03, i, " in ".join(parts), va="center", fontsize="small", clip_on=False)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xticks([0, 0.5, 1], ["lower end", "middle", "upper end"])
    legend_below(ax)
    return set_title(ax, title)


def plot_counterexamples(
    title: str,
    names: Sequence[str],
    examples: Sequence[Any],
    box: tuple[np.ndarray, np.ndarray] | None,
    ax: Any = None,
) -> Any:
    """Draw counterexamples relative to the input set; return the axes.

    If `box` is known and `is_image` accepts their shape, the first `MOST_IMAGES` counterexamples
    are drawn as images, next to the middle of the set.

    Args:
        names: Names of the inputs, flat.
        examples: Counterexamples, each with `x` and `flat_x`.
        box: Lower and upper bounds of the set, `(inputs,)` each; None if unknown.
        ax: Matplotlib axes; None for a new figure.
    """
    x = examples[0].x
    if box is None or isinstance(x, dict) or not is_image(np.asarray(x)):
        points = np.stack([example.flat_x for example in examples])
        return plot_in_box(title, names, points, box, ax)
    shown = examples[:MOST_IMAGES]
    ax = new_axes(figsize=(6.4, 0.9 + 2.1 * len(shown))) if ax is None else ax
    lo, hi = (np.clip(end, *LARGEST) for end in box)
    middle, top = (lo / 2 + hi / 2).reshape(np.shape(x)), 0.0
    for example in shown:
        triple = Triple(middle, np.asarray(example.x), "middle of the set", "breaks it", None)
        top = triple.draw_beside(ax, top)
    high, wide = to_image(middle).shape[:2]
    ax.set_xlim(0, 3.24 * wide)
    ax.set_ylim(top - 0.25 * high, -0.2 * high)
    ax.set_aspect("equal")
    ax.set_axis_off()
    if len(examples) > len(shown):
        title += f". The first {len(shown)}"
    return set_title(ax, title)


def _points_by_number(
    title: str, points: np.ndarray, box: tuple[np.ndarray, np.ndarray] | None, ax: Any
) -> Any:
    ax = new_axes(figsize=(7.6, 4.0)) if ax is None else ax
    at = np.arange(points.shape[1])
    if box is not None:
        lo, hi = (np.clip(end, *LARGEST) for end in box)
        ax.fill_between(at, lo, hi, step="mid", color=CLAIM, label="the input set")
    for k, point in enumerate(points):
        ax.plot(at, point, ".", markersize=2.5, color=TONES["bad"],
                label=None if k else "breaks it")  # fmt: skip
    ax.set_xlabel("input, by number")
    ax.set_ylabel("value")
    ax.set_xlim(-0.5, len(at) - 0.5)
    legend_below(ax)
    return set_title(ax, title)


def plot_chances(
    title: str, names: Sequence[str], ends: np.ndarray, label: str, ax: Any = None
) -> Any:
    """Draw probabilities with confidence intervals, one per row; return the axes.

    Each row of `ends`, `(n, 3)`, contains a probability and the bounds of its interval.
    """
    ax = new_axes(figsize=(7.0, 1.5 + 0.3 * max(len(names), 2))) if ax is None else ax
    rows = np.arange(len(names))
    for i, (_, lo, hi) in enumerate(ends):
        ax.plot([lo, hi], [i, i], color=CLAIM, linewidth=7, solid_capstyle="butt")
    ax.scatter(ends[:, 0], rows, color=SEEN, zorder=3)
    row_labels(ax, names)
    ax.set_xlim(-0.02, 1.02)
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.set_xlabel(label)
    ax.axvline(0, color=AXIS, linewidth=0.8, zorder=0)
    return set_title(ax, title)
