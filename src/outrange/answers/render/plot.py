"""The one file that imports matplotlib."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import InputError
from .document import Bar, Drawing
from .html import CLAIM, DARK, PALE, SEEN
from .images import Triple


def _subplots(*shape: int, **options: Any) -> Any:
    """A new figure's axes."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise InputError(
            "Plots are drawn with matplotlib, which is not installed: `pip install matplotlib`. "
            "Received: ImportError."
        ) from None
    return pyplot.subplots(*shape, layout="constrained", **options)[1]


def plot_bars(
    title: str, names: Sequence[str], bars: Sequence[Bar], label: str, ax: Any = None
) -> Any:
    """Intervals below each other, what was seen of each inside it; the axes."""
    ax = _subplots(figsize=(6.4, 1.0 + 0.3 * len(bars))) if ax is None else ax
    lo, hi, seen_lo, seen_hi = (
        np.array([(bar.lo, bar.hi, bar.seen_lo, bar.seen_hi) for bar in bars]).reshape(-1, 4).T
    )
    rows = np.arange(len(bars))
    ax.barh(rows, hi - lo, left=lo, height=0.6, color=CLAIM, label="stays within (proved)")
    width = np.maximum(seen_hi - seen_lo, 0.0)
    ax.barh(rows, width, left=seen_lo, height=0.3, color=SEEN, label="seen")
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.set_xlabel(label)
    ax.set_title(title)
    ax.legend(loc="best", fontsize="small")
    return ax


def plot_drawing(title: str, drawing: Drawing, ax: Any) -> Any:
    """Polygons in the plane; the axes."""
    for dark, corners in drawing.polygons:
        ax.fill(corners[:, 0], corners[:, 1], color=DARK if dark else PALE, linewidth=0)
    ax.set_xlim(drawing.lo[0], drawing.hi[0])
    ax.set_ylim(drawing.lo[1], drawing.hi[1])
    ax.set_xlabel(drawing.labels[0])
    ax.set_ylabel(drawing.labels[1])
    if not drawing.labels[1]:
        ax.set_yticks([])
    ax.set_title(title)
    return ax


def plot_images(triples: Sequence[Triple], axes: Any = None) -> Any:
    """A row a triple; the figure."""
    if axes is None:
        size = (6.0, 2.1 * len(triples))
        axes = _subplots(len(triples), 3, figsize=size, squeeze=False)
    axes = np.atleast_2d(axes)
    for row, triple in zip(axes, triples, strict=False):
        triple.draw(row)
    return axes.ravel()[0].figure


def plot_heatmap(
    title: str, rows: Sequence[str], columns: Sequence[str], share: np.ndarray, ax: Any = None
) -> Any:
    """Shares `(rows, columns)` from 0 to 1; the axes."""
    ax = _subplots() if ax is None else ax
    image = ax.imshow(share, vmin=0.0, vmax=1.0, cmap="Blues", aspect="auto")
    for (row, column), value in np.ndenumerate(share):
        color = "white" if value > 0.5 else "black"
        ax.text(column, row, f"{value:.0%}", ha="center", va="center", color=color)
    ax.set_xticks(range(len(columns)), columns, rotation=30, ha="right")
    ax.set_yticks(range(len(rows)), rows)
    ax.set_title(title)
    ax.figure.colorbar(image, ax=ax)
    return ax


def plot_curves(
    labels: tuple[str, str],
    groups: Sequence[tuple[str, Sequence[tuple[np.ndarray, np.ndarray]]]],
    goal: float,
    ax: Any = None,
) -> Any:
    """The curves `(x, y)` of each group in one color, and a dotted line at the goal; the axes."""
    ax = _subplots() if ax is None else ax
    for i, (name, curves) in enumerate(groups):
        for j, (x, y) in enumerate(curves):
            label = None if j else name
            ax.plot(x, y, color=f"C{i % 10}", alpha=0.6, linewidth=1, label=label)
    ax.axhline(goal, color="#888", linestyle=":", label="goal")
    ax.set_xlabel(labels[0])
    ax.set_ylabel(labels[1])
    ax.legend(loc="best", fontsize="small")
    return ax
