"""Chooses the last layer and the loss for each kind of targets."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .targets import Targets


OUTLIERS = 10.0
"""Distance from the median beyond which a target is an outlier, in median absolute deviations."""

FAR = 0.005
"""Fraction of outliers among the targets at or above which they dominate the squared error."""

SCALES = (0.1, 10.0)
"""Range of standard deviations; inputs and real targets outside it need scaling."""


@dataclass(frozen=True)
class LastLayer:
    """A recommended last layer with its loss, and the reasons for both choices.

    Args:
        units: Width of the last layer.
        activation: Keras name of the activation.
        loss: Keras name of the loss.
        metric: Keras name of the metric to watch.
        activation_why: The reason for the activation.
        loss_why: The reason for the loss.
        targets: The targets to train on, as a Python expression in `y`.
        targets_why: The reason for transforming the targets; empty if they are `y` itself.
    """

    units: int
    activation: str
    loss: str
    metric: str
    activation_why: str
    loss_why: str
    targets: str = "y"
    targets_why: str = ""


def span(values: np.ndarray) -> str:
    """Format the range of some values as `least to most`, or as one number if they are equal."""
    lo, hi = float(values.min()), float(values.max())
    return f"{lo:.3g}" if lo == hi else f"{lo:.3g} to {hi:.3g}"


def _binary(t: Targets) -> LastLayer:
    fix, why = "y", ""
    if t.names == (-1, 1):
        fix, why = "(y + 1) / 2", "labels -1 and 1 become 0 and 1, as a cross-entropy expects"
    elif t.renamed:
        fix = f"(y == {t.names[1]!r}).astype('float32')"
        why = f"{t.names[0]!r} becomes 0, {t.names[1]!r} becomes 1"
    return LastLayer(
        1,
        "sigmoid",
        "binary_crossentropy",
        "accuracy",
        "one number in (0, 1) is the probability of the second class; a softmax over one unit is "
        "always 1",
        "the likelihood of two classes; unlike that of MSE, its gradient does not vanish where the "
        "sigmoid is flat and wrong",
        fix,
        why,
    )


def _classes(t: Targets) -> LastLayer:
    fix, why = "y", ""
    if t.renamed:
        fix = "np.unique(y, return_inverse=True)[1]"
        why = f"the {t.classes} labels become 0 to {t.classes - 1}, as a sparse loss expects"
    return LastLayer(
        t.classes,
        "softmax",
        "sparse_categorical_crossentropy",
        "accuracy",
        f"{t.classes} classes, of which one is right: probabilities that sum to 1",
        "accepts class numbers directly; the likelihood of one class among several",
        fix,
        why,
    )


def _one_hot(t: Targets) -> LastLayer:
    return LastLayer(
        t.classes,
        "softmax",
        "categorical_crossentropy",
        "accuracy",
        f"each row has a single 1 among {t.classes}: probabilities that sum to 1",
        "accepts one-hot rows; the likelihood of one class among several",
    )


def _multi_label(t: Targets) -> LastLayer:
    most = int(t.values.sum(axis=1).max())
    return LastLayer(
        t.classes,
        "sigmoid",
        "binary_crossentropy",
        "binary_accuracy",
        f"up to {most} of {t.classes} answers are 1 in a row: each has its own probability, "
        "whereas a softmax would make them compete",
        "the likelihood of each answer separately",
    )


def _distribution(t: Targets) -> LastLayer:
    return LastLayer(
        t.classes,
        "softmax",
        "kl_divergence",
        "kl_divergence",
        "rows are probabilities that sum to 1, like the outputs of a softmax",
        "0 exactly if the prediction equals the target, unlike the cross-entropy",
    )


def _unit_interval(t: Targets) -> LastLayer:
    ends = bool(((t.values == 0) | (t.values == 1)).any())
    why = "targets lie in [0, 1], like the outputs of a sigmoid"
    if ends:
        why += "; it can only approach the 0 and 1 among them"
    return LastLayer(
        t.values.shape[1],
        "sigmoid",
        "binary_crossentropy",
        "mean_absolute_error",
        why,
        "smallest at the target for every target in [0, 1], with a gradient where the sigmoid is "
        "flat",
    )


def _counts(t: Targets) -> LastLayer:
    v = t.values
    return LastLayer(
        t.values.shape[1],
        "exponential",
        "poisson",
        "mean_absolute_error",
        f"integers from {v.min():.0f} to {v.max():.0f} are read as counts, whose rate is positive "
        "and unbounded",
        f"the likelihood of counts (mean {v.mean():.3g}, variance {v.var():.3g})",
    )


def _positive(t: Targets) -> LastLayer:
    v = t.values
    return LastLayer(
        v.shape[1],
        "linear",
        "mse",
        "mean_absolute_error",
        "the logarithm of a positive number can be any number",
        "on logarithms it weighs relative errors, equally for small and large targets",
        "np.log(y)",
        f"targets from {v.min():.3g} to {v.max():.3g} span several orders of magnitude",
    )


def _real(t: Targets) -> LastLayer:
    v = t.values
    mean, std = v.mean(axis=0), v.std(axis=0)
    middle = np.median(v, axis=0)
    spread = np.median(np.abs(v - middle), axis=0)
    far = np.abs(v - middle) > OUTLIERS * spread
    share = float(np.mean(far[:, spread > 0])) if (spread > 0).any() else 0.0
    fix, why = "y", ""
    scaled = (std > 0) & ((std < SCALES[0]) | (std > SCALES[1]) | (np.abs(mean) > 10 * std))
    if scaled.any():
        fix = "(y - y.mean(axis=0)) / y.std(axis=0)"
        why = (
            f"mean {span(mean)} and standard deviation {span(std)}: an untrained network's outputs "
            "have size about 1; keep both numbers to rescale predictions"
        )
    loss, loss_why = "mse", "the likelihood of a normal error; its best constant is the mean"
    if share >= FAR:
        loss = "huber"
        loss_why = (
            f"{share:.1%} of the targets are more than {OUTLIERS:g} median deviations from the "
            "median: their squares would dominate"
        )
    return LastLayer(
        v.shape[1],
        "linear",
        loss,
        "mean_absolute_error",
        f"targets in [{v.min():.4g}, {v.max():.4g}]: a bounded activation might not reach them "
        "all, or values beyond them",
        loss_why,
        fix,
        why,
    )


LAST_LAYERS: dict[str, Callable[[Targets], LastLayer]] = {
    "binary": _binary,
    "classes": _classes,
    "one_hot": _one_hot,
    "multi_label": _multi_label,
    "distribution": _distribution,
    "unit_interval": _unit_interval,
    "counts": _counts,
    "positive": _positive,
    "real": _real,
}
"""Dict from each kind of targets to the function that chooses the last layer for it."""
