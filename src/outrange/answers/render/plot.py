"""Common parts of figures; the only module that imports matplotlib."""

from collections.abc import Sequence
from io import StringIO
from textwrap import fill, wrap
from typing import Any

import numpy as np

from ...core import InputError
from .document import Bar, Drawing
from .images import Triple
from .style import AXIS, CLAIM, DARK, PALE, SEEN
from .text import clipped_name


MOST_BARS = 40
"""Maximum number of separate bars; more entries are drawn as an outline over their indices."""

OWN = "outrange"
"""Label of figures from `new_axes` and `canvas`; their titles and legends may use the whole figure.
"""

LARGEST = (-2e307, 2e307)
"""Limits to which drawn numbers are clipped, so that their differences do not overflow."""

LONGEST = 34
"""Maximum number of characters of a label; longer labels are shortened in the middle."""


def new_axes(*shape: int, **options: Any) -> Any:
    """Return the axes of a new figure whose layout leaves room for labels next to them."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise InputError(
            "Plots need matplotlib, which is not installed: `pip install matplotlib`. "
            "Received: ImportError."
        ) from None
    figure, axes = pyplot.subplots(*shape, layout="constrained", **options)
    figure.set_gid(OWN)
    return axes


def canvas(width: float, height: float, *shape: int) -> Any:
    """Return axes on a figure without a window, for `svg`; None if matplotlib is not installed.

    Args:
        *shape: Number of rows and of columns of axes; if omitted, a single axes is returned.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.set_gid(OWN)
    return figure.subplots(*shape, squeeze=not shape)


def svg(figure: Any) -> str:
    """Return a figure as SVG that is reproducible and contains its labels as text."""
    from matplotlib import rc_context

    out = StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": OWN}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def set_title(ax: Any, sentence: str) -> Any:
    """Put a sentence above the axes as a title, and return the axes.

    In a figure created by `new_axes`, the title begins at the left edge of the figure, above the
    labels. On the caller's own axes it is an ordinary title, which `ax.set_title` can replace.
    """
    is_ours = ax.figure.get_gid() == OWN
    width = ax.figure.get_size_inches()[0]
    room = int(12.5 * width) if is_ours else max(int(13 * width * ax.get_position().width), 24)
    wrapped = balance_lines(sentence.replace("`", ""), room)
    if is_ours:
        ax.figure.suptitle(plain(wrapped), x=0.01, ha="left", fontsize="medium")
    else:
        ax.set_title(plain(wrapped), fontsize="medium")
    return ax


def balance_lines(sentence: str, room: int, most: int = 4) -> str:
    """Wrap a sentence into lines of similar length, to avoid a last line of a single word.

    Args:
        room: Maximum number of characters per line.
        most: Maximum number of lines; a longer sentence is truncated.
    """
    count = len(wrap(sentence, room))
    if count > most:
        return fill(sentence, room, max_lines=most, placeholder=" …")
    least = max(-(-len(sentence) // max(count, 1)), 1)
    widths = (w for w in range(least, room) if len(wrap(sentence, w)) == count)
    return fill(sentence, next(widths, room))


def plain(label: str, most: int = 0) -> str:
    """Escape a label so that matplotlib prints it literally, since `$` would begin a formula.

    A label longer than `most` characters is shortened in the middle; 0 means no limit.
    """
    printable = label if label.isprintable() or "\n" in label else ascii(label)[1:-1]
    short = clipped_name(printable, most) if most else printable
    return short.replace("$", r"\$")


def row_labels(ax: Any, names: Sequence[str], most: int = LONGEST) -> None:
    """Label the rows from top to bottom.

    If there are more than `MOST_BARS` rows, only every k-th row has a label, with the smallest `k`
    for which at most `MOST_BARS` rows have labels.
    """
    every = max(1, -(-len(names) // MOST_BARS))
    shown = range(0, len(names), every)
    ax.set_yticks(list(shown), [plain(names[i], most) for i in shown])
    ax.set_ylim(max(len(names), 1) - 0.5, -0.5)


def plot_bars(
    title: str,
    names: Sequence[str],
    bars: Sequence[Bar],
    label: str,
    ax: Any = None,
    seen: bool = False,
) -> Any:
    """Draw intervals one below the other, and the range seen inside each; return the axes.

    More than `MOST_BARS` intervals are drawn as outlines over their indices. An interval with an
    infinite bound is hatched and extends to the edge.

    Args:
        names: Names of the bars.
        label: Label of the value axis.
        ax: Matplotlib axes; None for a new figure.
        seen: Whether the intervals themselves were only observed, not proved.
    """
    few = len(bars) <= MOST_BARS
    size = (7.0, 1.5 + 0.3 * max(len(bars), 2)) if few else (7.6, 4.2)
    ax = new_axes(figsize=size) if ax is None else ax
    ends = np.array([(b.lo, b.hi, b.seen_lo, b.seen_hi) for b in bars], float).reshape(-1, 4)
    drawn, open_ = _drawable(ends[:, :2])
    rows = np.arange(len(bars))
    color, meaning = (SEEN, "seen") if seen else (CLAIM, "stays within (proved)")
    inner = np.where(np.isfinite(ends[:, 2:]), np.clip(ends[:, 2:], *LARGEST), np.nan)
    if few:
        ax.barh(rows, drawn[:, 1] - drawn[:, 0], left=drawn[:, 0], height=0.6, color=color,
                label=meaning, edgecolor=color, linewidth=0.8)  # fmt: skip
        for i in np.flatnonzero(open_):
            ax.barh(i, drawn[i, 1] - drawn[i, 0], left=drawn[i, 0], height=0.6, fill=False,
                    hatch="///", edgecolor=AXIS, linewidth=0)  # fmt: skip
        if np.isfinite(inner).any():
            width = np.maximum(inner[:, 1] - inner[:, 0], 0.0)
            ax.barh(rows, width, left=inner[:, 0], height=0.3, color=SEEN, label="seen")
        # A single number has no width and is drawn as a tick.
        still = np.array([bar.is_constant for bar in bars], bool)
        single = ~still & (inner[:, 0] >= inner[:, 1])
        at = np.where(still, drawn[:, 0], inner[:, 0])[still | single]
        ax.scatter(at, rows[still | single], marker="|", s=120, linewidths=2, color=SEEN)
        row_labels(ax, names)
        ax.set_xlabel(plain(label))
        ax.ticklabel_format(axis="x", useOffset=False)
    else:
        ax.fill_between(rows, drawn[:, 0], drawn[:, 1], step="mid", color=color, label=meaning)
        if np.isfinite(inner).any():
            ax.fill_between(rows, inner[:, 0], inner[:, 1], step="mid", color=SEEN, label="seen")
        ax.set_xlabel(plain(f"{names[0]} to {names[-1]}, by number", 2 * LONGEST))
        ax.set_ylabel(plain(label))
        ax.set_xlim(-0.5, len(bars) - 0.5)
    set_limits(ax, drawn, few)
    if open_.any():
        ax.plot([], [], color=AXIS, linestyle=":", label="hatched: no bound yet")
    if len(bars):
        legend_below(ax)
    return set_title(ax, title)


def legend_below(ax: Any) -> None:
    """Draw a legend of the labeled parts, if there are any.

    In a figure created by `new_axes`, it is below the axes. In other figures, matplotlib chooses
    the place inside the axes that covers the least data.
    """
    handles, labels = ax.get_legend_handles_labels()
    if not handles:
        return
    if ax.figure.get_gid() != OWN:
        ax.legend(loc="best", fontsize="small")
        return
    room = 13 * ax.figure.get_size_inches()[0]
    columns = int(np.clip(room // (max(map(len, labels)) + 7), 1, len(labels)))
    ax.figure.legend(
        handles, labels, loc="outside lower left", fontsize="small", ncols=columns, frameon=False
    )


def set_limits(ax: Any, values: np.ndarray, across: bool) -> None:
    """Set axis limits with a margin around the values; draw a line at 0 if it is in their range.

    The axis is horizontal if `across` is true, and vertical otherwise.
    """
    finite = values[np.isfinite(values)] if len(values) else np.zeros(0)
    lo, hi = float(finite.min(initial=np.inf)), float(finite.max(initial=-np.inf))
    if not finite.size:
        lo, hi = 0.0, 1.0
    half = hi / 2 - lo / 2
    pad = 0.1 * half or 0.05 * abs(hi) or 1.0
    if len(values) == 1 and 2 * half <= 1e-2 * abs(hi):  # No magnified gap, as in `plot_line`.
        pad = 0.12 * abs(hi) or 1.0
    ends = np.clip([lo - pad, hi + pad], *(2 * np.array(LARGEST)))
    (ax.set_xlim if across else ax.set_ylim)(*ends)
    if lo <= 0 <= hi:
        line = ax.axvline if across else ax.axhline
        line(0, color=AXIS, linewidth=0.8, zorder=0)


def _drawable(ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Replace infinite bounds by finite ones, for a figure.

    Returns the bounds `(n, 2)`, with infinite bounds just beyond all finite ones, and whether each
    row had an infinite bound, `(n,)`.
    """
    finite = np.isfinite(ends)
    inside = np.clip(ends[finite], *LARGEST)
    lo, hi = float(inside.min(initial=0.0)), float(inside.max(initial=0.0))
    reach = 0.1 * (hi / 2 - lo / 2) * 2 or 1.0
    drawn = np.where(finite, np.clip(ends, *LARGEST), np.sign(ends) * 0.0)
    drawn = np.where(ends == -np.inf, lo - reach, np.where(ends == np.inf, hi + reach, drawn))
    return drawn, np.asarray(~finite.all(axis=1))


def add_polygons(ax: Any, shapes: Sequence[np.ndarray], **style: Any) -> None:
    """Draw polygons `(n, 2)` in one style; polygons with infinite corners are omitted."""
    from matplotlib.collections import PolyCollection

    shapes = [shape for shape in shapes if np.isfinite(shape).all()]
    ax.add_collection(PolyCollection(shapes, joinstyle="round", snap=False, **style))


def plot_drawing(title: str, drawing: Drawing, ax: Any) -> Any:
    """Draw the polygons of a `Drawing` with axis labels; return the axes."""
    ax = new_axes(figsize=(5.6, 5.0 if drawing.labels[1] else 2.2)) if ax is None else ax
    for wanted, color in ((False, PALE), (True, DARK)):
        shapes = [corners for dark, corners in drawing.polygons if dark == wanted]
        # Touching pieces are drawn over their seams, which would otherwise look like gaps.
        add_polygons(ax, shapes, color=color, linewidth=1.0)
    if not drawing.polygons:
        ax.text(0.5, 0.5, "no piece with a volume", transform=ax.transAxes, ha="center")
    ax.set_xlim(drawing.lo[0], drawing.hi[0])
    ax.set_ylim(drawing.lo[1], drawing.hi[1])
    ax.set_xlabel(plain(drawing.labels[0], LONGEST))
    ax.set_ylabel(plain(drawing.labels[1], LONGEST))
    if not drawing.labels[1]:
        ax.set_yticks([])
    return set_title(ax, title)


def plot_images(triples: Sequence[Triple], axes: Any = None) -> Any:
    """Draw one row of images per triple; return the figure."""
    if axes is None:
        size = (6.0, 2.1 * len(triples))
        axes = new_axes(len(triples), 3, figsize=size, squeeze=False)
    axes = np.atleast_2d(axes)
    for row, triple in zip(axes, triples, strict=False):
        triple.draw(row)
    return axes.ravel()[0].figure


def plot_heatmap(
    title: str, rows: Sequence[str], columns: Sequence[str], share: np.ndarray, ax: Any = None
) -> Any:
    """Draw fractions `(rows, columns)` from 0 to 1 as colors; return the axes."""
    size = (5.0 + 0.5 * len(columns), 2.2 + 0.35 * min(len(rows), MOST_BARS))
    ax = new_axes(figsize=size) if ax is None else ax
    image = ax.imshow(share, vmin=0.0, vmax=1.0, cmap="Blues", aspect="auto")
    for (row, column), value in np.ndenumerate(share) if len(rows) <= MOST_BARS else ():
        color = "white" if value > 0.5 else "black"
        ax.text(column, row, f"{value:.0%}", ha="center", va="center", color=color)
    names = [plain(name, LONGEST) for name in columns]
    ax.set_xticks(range(len(columns)), names, rotation=30, ha="right")
    row_labels(ax, rows)
    ax.figure.colorbar(image, ax=ax, format="{x:.0%}")
    return set_title(ax, title)


def plot_curves(
    labels: tuple[str, str],
    groups: Sequence[tuple[str, Sequence[tuple[np.ndarray, np.ndarray]]]],
    goal: float,
    ax: Any = None,
) -> Any:
    """Draw the curves `(x, y)` of each named group in one color, and a line at the goal."""
    ax = new_axes() if ax is None else ax
    for i, (name, curves) in enumerate(groups):
        for j, (x, y) in enumerate(curves):
            label = None if j else plain(name, LONGEST)
            ax.plot(x, y, color=f"C{i % 10}", alpha=0.6, linewidth=1, label=label)
    ax.axhline(goal, color="#888", linestyle=":", label="goal")
    ax.set_xlabel(labels[0])
    ax.set_ylabel(labels[1])
    # The legend is outside the axes, since the curves may fill any corner.
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small", frameon=False)
    return ax
