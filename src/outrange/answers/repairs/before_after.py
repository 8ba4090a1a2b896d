"""Plots of outputs before and after a change of the model, over one or two inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..render.plot import LONGEST, legend_below, new_axes, plain, set_title
from ..render.style import CLAIM, SEEN, TONES


def plot_before_after(
    title: str,
    names: Sequence[str],
    x: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    bad: np.ndarray,
    ax: Any = None,
) -> Any:
    """Draw outputs over one input, or the change of the outputs and the bad inputs over two inputs.

    Args:
        title: Title of the plot, one sentence.
        names: Names of the one or two inputs, for the axes.
        x: Inputs of a grid, `(n, 1)` or `(n, 2)`.
        before: Outputs of the original model, `(n, outputs)`.
        after: Outputs of the new model, `(n, outputs)`.
        bad: Whether the original violates the property at each input, `(n,)` bool.
        ax: Matplotlib axes; None for a new figure.

    Returns:
        The Matplotlib axes.
    """
    ax = new_axes(figsize=(6.4, 4.2)) if ax is None else ax
    if len(names) == 1:
        order = np.argsort(x[:, 0])
        at, bad = x[order, 0], bad[order]
        for j in range(before.shape[1]):
            old, new = before[order, j], after[order, j]
            ax.plot(at, old, color=CLAIM, linewidth=3, label=None if j else "before")
            ax.plot(at, new, color=SEEN, linewidth=1.2, label=None if j else "after")
            ax.plot(at, np.where(bad, old, np.nan), color=TONES["bad"], linewidth=3,
                    label=None if j else "before, where it breaks the property")  # fmt: skip
        ax.set_ylabel("output")
    else:
        change = np.abs(after - before).max(axis=1)
        image = ax.scatter(x[:, 0], x[:, 1], c=change, cmap="Blues", s=14, marker="s", linewidths=0)
        ax.scatter(x[bad, 0], x[bad, 1], color=TONES["bad"], s=3, label="broken before")
        ax.figure.colorbar(image, ax=ax, label="largest change of an output")
        ax.set_ylabel(plain(names[1], LONGEST))
    ax.set_xlabel(plain(names[0], LONGEST))
    legend_below(ax)
    return set_title(ax, title)
