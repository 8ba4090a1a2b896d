"""The one file that imports matplotlib."""

import numpy as np

from ...core import InputError
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
    ax.barh(rows, hi - lo, left=lo, height=0.6, color="#b7c9e8", label="stays within (proved)")
    width = np.maximum(seen_hi - seen_lo, 0.0)
    ax.barh(rows, width, left=seen_lo, height=0.3, color="#1f4e9c", label="seen")
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.set_xlabel("output")
    ax.set_title(f"{answer.model}: {answer.reason}")
    ax.legend(loc="best", fontsize="small")
    return ax


def plot_study_heatmap(study, ax=None, optimizer=None):
    """Share of starts that succeed; see `Study.plot_heatmap`."""
    ax = _axes(ax, "Study.plot_heatmap")
    activations = list(dict.fromkeys(c.activation for c in study.combinations))
    losses = list(dict.fromkeys(c.loss for c in study.combinations))
    known = {c.optimizer for c in study.combinations}
    if optimizer is not None and optimizer not in known:
        raise InputError(
            f"The study's optimizers are {sorted(known)}. Received: optimizer={optimizer!r}."
        )
    share = np.zeros((len(activations), len(losses)))
    for c in study.combinations:
        if optimizer in (None, c.optimizer):
            at = activations.index(c.activation), losses.index(c.loss)
            share[at] = max(share[at], float(np.mean(c.solved)))
    image = ax.imshow(share, vmin=0.0, vmax=1.0, cmap="Blues", aspect="auto")
    for (row, column), value in np.ndenumerate(share):
        color = "white" if value > 0.5 else "black"
        ax.text(column, row, f"{value:.0%}", ha="center", va="center", color=color)
    ax.set_xticks(range(len(losses)), losses, rotation=30, ha="right")
    ax.set_yticks(range(len(activations)), activations)
    ax.set_title(f"starts that succeed ({optimizer or 'best optimizer'})")
    ax.figure.colorbar(image, ax=ax)
    return ax


def plot_study_curves(study, ax=None, most=8):
    """The metric over the epochs; see `Study.plot_curves`."""
    ax = _axes(ax, "Study.plot_curves")
    for i, c in enumerate(study.ranking[:most]):
        for trial in c.trials:
            ticks = study.ticks[: len(trial.metrics)]
            label = c.name if trial is c.trials[0] else None
            ax.plot(ticks, trial.metrics, color=f"C{i % 10}", alpha=0.6, linewidth=1, label=label)
    ax.axhline(study.goal, color="#888", linestyle=":", label="goal")
    ax.set_xlabel("epochs")
    ax.set_ylabel(study.metric)
    ax.legend(loc="best", fontsize="small")
    return ax


def _axes(ax, asked):
    """The axes given, or new ones."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError:
        raise InputError(
            f"`{asked}` draws with matplotlib, which is not installed: `pip install matplotlib`."
        ) from None
    return pyplot.subplots(layout="constrained")[1]
