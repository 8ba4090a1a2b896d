"""The one file that imports matplotlib."""

import numpy as np

from ..core import InputError
from .text import entry_names


def _pyplot():
    try:
        from matplotlib import pyplot
    except ImportError:
        raise InputError(
            "Plots are drawn with matplotlib, which is not installed: `pip install matplotlib`. "
            "Received: ImportError."
        ) from None
    return pyplot


def new_axes(rows: int, columns: int):
    """A figure of small pictures; an array `(rows, columns)` of its axes."""
    size = (2.0 * columns, 2.1 * rows)
    _, axes = _pyplot().subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    return axes


def plot_range(answer, ax=None):
    """Bars of what each output can be; see `Range.plot`."""
    pyplot = _pyplot()
    lo, hi = np.ravel(answer.lo), np.ravel(answer.hi)
    seen_lo, seen_hi = np.ravel(answer.seen_lo), np.ravel(answer.seen_hi)
    if not (np.isfinite(lo).all() and np.isfinite(hi).all()):
        raise InputError("Some bounds are infinite and cannot be drawn; give the search more time.")
    if ax is None:
        _, ax = pyplot.subplots(figsize=(6.4, 1.0 + 0.3 * lo.size), layout="constrained")
    names = entry_names(answer.outputs)
    rows = np.arange(lo.size)
    ax.barh(rows, hi - lo, left=lo, height=0.6, color="#b7c9e8", label="can be (proved)")
    width = np.maximum(seen_hi - seen_lo, 0.0)
    ax.barh(rows, width, left=seen_lo, height=0.3, color="#1f4e9c", label="seen")
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.set_xlabel("output")
    ax.set_title(f"{answer.model}: {answer.reason}")
    ax.legend(loc="best", fontsize="small")
    return ax
