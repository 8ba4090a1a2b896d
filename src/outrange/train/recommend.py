"""Last activation, loss, optimizer and scaling, from what the targets and inputs are.

Every choice states the fact of the data it follows from; nothing is trained.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..answers.advice import Advice, Choice
from ..core import InputError
from .targets import KINDS, Targets, read_targets


OUTLIERS = 10.0
"""Deviations from the median, in median absolute deviations, beyond which a target is far out."""

FAR = 0.005
"""Share of far-out targets from which on squares are dominated by them."""

RARE = 0.1
"""A class rarer than this gets a word of warning."""

SCALES = (0.1, 10.0)
"""Standard deviations of inputs that need no scaling."""


@dataclass(frozen=True)
class _Head:
    units: int
    activation: str
    loss: str
    metric: str
    activation_why: str
    loss_why: str
    targets: str = "y"
    targets_why: str = ""


def recommend(x: Any, y: Any, *, kind: str | None = None) -> Advice:
    """See `outrange.recommend`."""
    targets = read_targets(y, kind)
    inputs = _inputs(x, len(targets.values))
    head = HEADS[targets.kind](targets)
    layer, layer_why, odd = _scaling(inputs)
    optimizer, rate, optimizer_why = _optimizer(inputs, layer)
    take = layer if layer else "as they are"
    choices = [
        Choice("last layer", f"Dense({head.units}, {head.activation!r})", head.activation_why),
        Choice("loss", head.loss, head.loss_why),
        Choice("optimizer", f"{optimizer}({rate:g})", optimizer_why),
        Choice("inputs", take, layer_why),
    ]
    if head.targets != "y":
        choices.append(Choice("targets", head.targets, head.targets_why))
    warnings = [*odd, *_imbalance(targets)]
    return Advice(
        kind=targets.kind,
        meaning=KINDS[targets.kind],
        sure=targets.sure,
        other=targets.other,
        units=head.units,
        activation=head.activation,
        loss=head.loss,
        optimizer=optimizer,
        learning_rate=rate,
        metric=head.metric,
        targets=head.targets,
        inputs=layer,
        choices=tuple(choices),
        warnings=tuple(warnings),
    )


# ---- the last layer and the loss -----------------------------------------------------------


def _binary(t: Targets) -> _Head:
    fix, why = "y", ""
    if t.names == (-1, 1):
        fix, why = "(y + 1) / 2", "labels -1 and 1 become 0 and 1, what a cross-entropy takes"
    elif t.renamed:
        fix = f"(y == {t.names[1]!r}).astype('float32')"
        why = f"{t.names[0]!r} becomes 0, {t.names[1]!r} becomes 1"
    return _Head(
        1,
        "sigmoid",
        "binary_crossentropy",
        "accuracy",
        "one number in (0, 1) is the chance of the second class; a softmax over one unit is always "
        "1",
        "the likelihood of two classes; its gradient does not vanish where the sigmoid is "
        "flat and wrong, unlike that of MSE",
        fix,
        why,
    )


def _classes(t: Targets) -> _Head:
    fix, why = "y", ""
    if t.renamed:
        fix = "np.unique(y, return_inverse=True)[1]"
        why = f"the {t.classes} labels become 0 to {t.classes - 1}, what a sparse loss takes"
    return _Head(
        t.classes,
        "softmax",
        "sparse_categorical_crossentropy",
        "accuracy",
        f"{t.classes} classes, of which one is right: chances that sum to 1",
        "takes class numbers as they are; the likelihood of one class among several",
        fix,
        why,
    )


def _one_hot(t: Targets) -> _Head:
    return _Head(
        t.classes,
        "softmax",
        "categorical_crossentropy",
        "accuracy",
        f"each row has a single 1 among {t.classes}: chances that sum to 1",
        "takes one-hot rows; the likelihood of one class among several",
    )


def _multi_label(t: Targets) -> _Head:
    most = int(t.values.sum(axis=1).max())
    return _Head(
        t.classes,
        "sigmoid",
        "binary_crossentropy",
        "binary_accuracy",
        f"up to {most} of {t.classes} answers are 1 in a row: each is its own chance, a softmax "
        "would make them compete",
        "the likelihood of each answer by itself",
    )


def _distribution(t: Targets) -> _Head:
    return _Head(
        t.classes,
        "softmax",
        "kl_divergence",
        "kl_divergence",
        "rows are chances that sum to 1, and so are those of a softmax",
        "0 exactly where the prediction is the target, unlike the cross-entropy",
    )


def _unit_interval(t: Targets) -> _Head:
    ends = bool(((t.values == 0) | (t.values == 1)).any())
    why = "targets lie in [0, 1], and so does a sigmoid"
    if ends:
        why += "; it only comes close to the 0 and 1 among them"
    return _Head(
        t.values.shape[1],
        "sigmoid",
        "binary_crossentropy",
        "mean_absolute_error",
        why,
        "least at the target for every target in [0, 1], with a gradient where the sigmoid is flat",
    )


def _counts(t: Targets) -> _Head:
    v = t.values
    return _Head(
        t.values.shape[1],
        "exponential",
        "poisson",
        "mean_absolute_error",
        f"whole numbers from {v.min():.0f} to {v.max():.0f}: a rate is above 0 and has no top",
        f"the likelihood of counts (mean {v.mean():.3g}, variance {v.var():.3g})",
    )


def _positive(t: Targets) -> _Head:
    v = t.values
    return _Head(
        v.shape[1],
        "linear",
        "mse",
        "mean_absolute_error",
        "the logarithm of a positive number can be any number",
        "on logarithms it weighs relative errors, the same for small and large targets",
        "np.log(y)",
        f"targets from {v.min():.3g} to {v.max():.3g} span magnitudes",
    )


def _real(t: Targets) -> _Head:
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
            f"mean {_ends(mean)} and standard deviation {_ends(std)}: at the start a network's "
            "outputs are of size 1; keep both numbers to turn predictions back"
        )
    loss, loss_why = "mse", "the likelihood of a normal error; its best constant is the mean"
    if share >= FAR:
        loss = "huber"
        loss_why = (
            f"{share:.1%} of the targets are more than {OUTLIERS:g} median deviations out: their "
            "squares would dominate"
        )
    return _Head(
        v.shape[1],
        "linear",
        loss,
        "mean_absolute_error",
        f"targets in [{v.min():.4g}, {v.max():.4g}]: a bounded activation could not reach them "
        "all, or those beyond them",
        loss_why,
        fix,
        why,
    )


HEADS = {
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


def _ends(values: np.ndarray) -> str:
    lo, hi = float(values.min()), float(values.max())
    return f"{lo:.3g}" if lo == hi else f"{lo:.3g} to {hi:.3g}"


def _imbalance(t: Targets) -> list[str]:
    if t.kind not in ("binary", "classes", "one_hot"):
        return []
    number = t.values.argmax(axis=1) if t.kind == "one_hot" else t.values[:, 0].astype(int)
    share = np.bincount(number, minlength=t.classes) / len(number)
    rarest = int(np.argmin(share))
    if share[rarest] * t.classes >= RARE:
        return []
    name = t.names[rarest] if t.names else rarest
    return [
        f"Class {name!r} is {share[rarest]:.2%} of the rows: accuracy says little; look at recall, "
        "or give `class_weight`."
    ]


# ---- inputs and optimizer --------------------------------------------------------------------


def _inputs(x: Any, rows: int) -> np.ndarray:
    array = np.asarray(x)
    if array.dtype.kind not in "biuf" or array.ndim < 1 or len(array) != rows:
        raise InputError(
            "Inputs are one array of numbers, a row for each target. "
            f"Received: {array.dtype} of shape {array.shape} for {rows} targets."
        )
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        at = ", ".join(str(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise InputError(
            "Inputs must be finite numbers; remove such rows or fill them in. "
            f"Received: x[{at}] = {values[~np.isfinite(values)][0]}."
        )
    return values if values.ndim > 1 else values[:, None]


def _scaling(x: np.ndarray) -> tuple[str, str, list[str]]:
    """A layer for the inputs (or `""`), why, and what is odd."""
    odd = []
    if x.ndim == 4 and x.min() >= 0 and 1 < x.max() <= 255:
        return "keras.layers.Rescaling(1 / 255)", "images from 0 to 255 become 0 to 1", odd
    axes = tuple(range(x.ndim - 1))
    mean, std = x.mean(axis=axes), x.std(axis=axes)
    constant = np.flatnonzero(std == 0)
    if constant.size:
        shown = ", ".join(map(str, constant[:5]))
        odd.append(f"Inputs that never change teach nothing: feature {shown}.")
    live = std > 0
    if not live.any():
        return "", "no input ever changes", odd
    size = np.sqrt(mean[live] ** 2 + std[live] ** 2)
    if (std[live] >= SCALES[0]).all() and (size <= SCALES[1]).all():
        why = f"standard deviations {_ends(std[live])}, means {_ends(mean[live])}: of size 1"
        return "", why, odd
    why = (
        f"standard deviations {_ends(std[live])}, means {_ends(mean[live])}: initializers assume "
        "inputs of mean 0 and size 1, and one learning rate must fit all features"
    )
    return "keras.layers.Normalization()", why, odd


def _optimizer(x: np.ndarray, scaling: str) -> tuple[str, float, str]:
    """Optimizer and rate; the reason names the largest rate that gradient descent would bear."""
    flat = x.reshape(len(x), -1)
    if "Normalization" in scaling:
        std = flat.std(axis=0)
        flat = (flat - flat.mean(axis=0)) / np.where(std > 0, std, 1.0)
    elif "Rescaling" in scaling:
        flat = flat / 255.0
    bound = 2.0 / max(_curvature(flat), np.finfo(float).tiny)
    return (
        "Adam",
        1e-3 if len(x) >= 1000 else 1e-2,
        (
            "steps of about the learning rate for every weight, whatever the scale of loss and "
            f"gradient; plain SGD on the squared error of a linear layer diverges above {bound:.2g}"
        ),
    )


def _curvature(x: np.ndarray) -> float:
    """The largest eigenvalue of the Hessian of the mean squared error of `x w + b`."""
    whole = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    small = whole if len(whole) <= whole.shape[1] else whole.T
    singular = (
        np.linalg.norm(small @ small.T, 2) if min(whole.shape) <= _DENSE else (np.sum(whole**2))
    )
    return 2.0 * float(singular) / len(x)


_DENSE = 2000
"""Beyond this size the sum of all eigenvalues stands for the largest: a bound on the safe side."""
