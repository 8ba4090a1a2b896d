"""Pictures of answers: states in strips, matrices, number lines, points in boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .images import Triple, is_picture, picture
from .plot import LARGEST, LONGEST, MOST_BARS, legend_below, new_axes, plain, row_labels, titled
from .style import AXIS, CLAIM, SEEN, TONES
from .text import number


MOST_PICTURES = 4
"""Of more counterexamples the first are drawn."""

LONGEST_ROW = 56
"""Characters of the label of a row of a matrix."""

LARGE_SIGNS = 16
"""Matrices of up to so many rows and columns have room for large signs."""


def plot_strips(
    title: str,
    names: Sequence[str],
    shares: Mapping[str, tuple[np.ndarray, str]],
    notes: Sequence[str],
    ax: Any = None,
    label: str = "share of the units",
) -> Any:
    """A strip a row, divided into parts that add up to 1, and a note beside it; the axes.

    Args:
        title: A sentence.
        names: Of the rows.
        shares: Part to `(rows,)` shares and a color.
        notes: Written at the right of each row, where rows are few enough.
        ax: Axes; new ones if None.
        label: Of the axis.
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
    return titled(ax, title)


def plot_curve(
    title: str,
    at: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    start: float,
    label: str,
    ax: Any = None,
) -> Any:
    """Draw a proved share and the share that attacks leave, over a radius.

    Args:
        title: A sentence.
        at: `(k,)` radii.
        ends: The shares, `(k,)` each: proved, and left by attacks.
        start: Share at a radius of 0; NaN if unknown.
        label: Label of the axis of radii.
        ax: Axes; new ones if None.

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
    return titled(ax, title)


def plot_beyond(title: str, names: Sequence[str], shares: np.ndarray, ax: Any = None) -> Any:
    """Draw how far points lie beyond the ranges of some columns.

    Args:
        title: A sentence.
        names: Names of the columns.
        shares: `(points, columns)` distances to the ranges as shares of their widths, below
            negative; 0 for points within, infinite ones are left out.
        ax: Axes; new ones if None.

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
    return titled(ax, title)


def plot_matrix(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: np.ndarray,
    kinds: Sequence[tuple[str, str, str]],
    ax: Any = None,
) -> Any:
    """A colored cell a pair, with a sign in it; the axes.

    Args:
        title: A sentence.
        rows: Names.
        columns: Names.
        cells: `(rows, columns)` numbers of kinds; -1 for nothing.
        kinds: Name, sign and color of each kind.
        ax: Axes; new ones if None.
    """
    own = ax is None
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
    kept = list(range(0, len(columns), every))
    ax.set_xticks(kept, [plain(columns[j], LONGEST) for j in kept], rotation=30, ha="right")
    for kind, (name, sign, color) in enumerate(kinds):
        if (cells == kind).any():
            ax.scatter([], [], marker="s", color=color, label=f"{sign} {name}")
    if own:  # Cells stay small where there are few of them.
        ax.set_aspect("equal", adjustable="box", anchor="NW")
        ax.spines[:].set_visible(False)
    legend_below(ax)
    return titled(ax, title)


def _matrix_size(rows: Sequence[str], columns: Sequence[str]) -> tuple[float, float]:
    """Inches of a figure with square cells beside its labels."""
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
    """A number line: spans of one color each, and marks on it; the axes.

    Args:
        title: A sentence.
        spans: `(lo, hi, what, color)`; an infinite end is drawn to the edge.
        marks: `(at, what, color)`; infinite ones are left out.
        label: Of the axis.
        ax: Axes; new ones if None.
    """
    ax = new_axes(figsize=(7.2, 2.1)) if ax is None else ax
    known = [v for lo, hi, *_ in spans for v in (lo, hi)] + [at for at, *_ in marks]
    known = [v for v in known if np.isfinite(v)] or [0.0]
    lo, hi = min(known), max(known)
    # Two ends that nearly are one number are shown as that one, not with a gap magnified.
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
    return titled(ax, title)


def plot_in_box(
    title: str,
    names: Sequence[str],
    points: np.ndarray,
    box: tuple[np.ndarray, np.ndarray] | None,
    ax: Any = None,
) -> Any:
    """Points against a box, input by input; the axes.

    Each input has its own scale, from its least to its largest value; the numbers stand beside it.
    Of more than `MOST_BARS` inputs, values over their numbers.

    Args:
        title: A sentence.
        names: Of the inputs.
        points: `(n, inputs)`.
        box: `(inputs,)` lower and upper ends; None: the hull of the points is the scale.
        ax: Axes; new ones if None.
    """
    points = np.clip(points, *LARGEST)
    if len(names) > MOST_BARS:
        return _points_by_number(title, points, box, ax)
    ax = new_axes(figsize=(7.6, 1.6 + 0.3 * max(len(names), 2))) if ax is None else ax
    lo, hi = (points.min(axis=0), points.max(axis=0)) if box is None else box
    lo, hi = (np.clip(end, *LARGEST) for end in (lo, hi))
    rows, width = np.arange(len(names)), hi / 2 - lo / 2
    ax.barh(rows, np.ones(len(rows)), height=0.55, color=CLAIM,
            label="the set asked about" if box is not None else None)  # fmt: skip
    safe = np.where(width > 0, width, 1.0)
    for k, point in enumerate(points):
        at = np.where(width > 0, (point / 2 - lo / 2) / safe, 0.5)
        ax.scatter(at, rows, color=TONES["bad"], zorder=3, s=36,
                   label=None if k else "breaks it")  # fmt: skip
    row_labels(ax, names)
    for i in rows:
        told = [number(float(points[0, i]))] if len(points) == 1 else []
        if len(points) > 1 or box is not None:
            told.append(f"[{number(float(lo[i]))}, {number(float(hi[i]))}]")
        told = " in ".join(told)
        ax.text(1.03, i, told, va="center", fontsize="small", clip_on=False)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xticks([0, 0.5, 1], ["lower end", "middle", "upper end"])
    legend_below(ax)
    return titled(ax, title)


def plot_found(
    title: str,
    names: Sequence[str],
    found: Sequence[Any],
    box: tuple[np.ndarray, np.ndarray] | None,
    ax: Any = None,
) -> Any:
    """Counterexamples against the set asked about; the axes.

    Those of the shape of a picture are drawn as such, beside the middle of the set.

    Args:
        title: A sentence.
        names: Of the inputs, flat.
        found: Counterexamples, each with `x` and `flat_x`.
        box: `(inputs,)` lower and upper ends of the set; None: not known.
        ax: Axes; new ones if None.
    """
    x = found[0].x
    if box is None or isinstance(x, dict) or not is_picture(np.asarray(x)):
        return plot_in_box(title, names, np.stack([one.flat_x for one in found]), box, ax)
    shown = found[:MOST_PICTURES]
    ax = new_axes(figsize=(6.4, 0.9 + 2.1 * len(shown))) if ax is None else ax
    lo, hi = (np.clip(end, *LARGEST) for end in box)
    middle, top = (lo / 2 + hi / 2).reshape(np.shape(x)), 0.0
    for one in shown:
        triple = Triple(middle, np.asarray(one.x), "middle of the set", "breaks it", None)
        top = triple.draw_beside(ax, top)
    high, wide = picture(middle).shape[:2]
    ax.set_xlim(0, 3.24 * wide)
    ax.set_ylim(top - 0.25 * high, -0.2 * high)
    ax.set_aspect("equal")
    ax.set_axis_off()
    if len(found) > len(shown):
        title += f". The first {len(shown)}"
    return titled(ax, title)


def _points_by_number(
    title: str, points: np.ndarray, box: tuple[np.ndarray, np.ndarray] | None, ax: Any
) -> Any:
    ax = new_axes(figsize=(7.6, 4.0)) if ax is None else ax
    at = np.arange(points.shape[1])
    if box is not None:
        lo, hi = (np.clip(end, *LARGEST) for end in box)
        ax.fill_between(at, lo, hi, step="mid", color=CLAIM, label="the set asked about")
    for k, point in enumerate(points):
        ax.plot(at, point, ".", markersize=2.5, color=TONES["bad"],
                label=None if k else "breaks it")  # fmt: skip
    ax.set_xlabel("input, by number")
    ax.set_ylabel("value")
    ax.set_xlim(-0.5, len(at) - 0.5)
    legend_below(ax)
    return titled(ax, title)


def plot_chances(
    title: str, names: Sequence[str], ends: np.ndarray, label: str, ax: Any = None
) -> Any:
    """Points `(n, 3)` of value, lower and upper end, from 0 to 1, a row each; the axes."""
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
    return titled(ax, title)
