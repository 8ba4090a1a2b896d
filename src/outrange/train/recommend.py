"""Recommends the last activation, the loss, the optimizer and the scaling for given data.

Every choice is returned with the property of the data from which it follows. Nothing is trained.
"""

from typing import Any

import numpy as np

from ..answers.advice import Advice, Choice
from ..core import InputError
from .last_layers import LAST_LAYERS, SCALES, span
from .targets import KINDS, Targets, read_targets


RARE = 0.1
"""Fraction of the average class size below which the smallest class gets a warning."""


def recommend(x: Any, y: Any, *, kind: str | None = None) -> Advice:
    """Recommend settings for training; see `outrange.recommend`."""
    targets = read_targets(y, kind)
    inputs = _inputs(x, len(targets.values))
    last = LAST_LAYERS[targets.kind](targets)
    layer, layer_why, odd = _scaling(inputs)
    optimizer, rate, optimizer_why = _optimizer(inputs, layer)
    take = layer if layer else "as they are"
    choices = [
        Choice("last layer", f"Dense({last.units}, {last.activation!r})", last.activation_why),
        Choice("loss", last.loss, last.loss_why),
        Choice("optimizer", f"{optimizer}({rate:g})", optimizer_why),
        Choice("inputs", take, layer_why),
    ]
    if last.targets != "y":
        choices.append(Choice("targets", last.targets, last.targets_why))
    warnings = [*odd, *_imbalance(targets)]
    return Advice(
        kind=targets.kind,
        meaning=KINDS[targets.kind],
        sure=targets.sure,
        other=targets.other,
        units=last.units,
        activation=last.activation,
        loss=last.loss,
        optimizer=optimizer,
        learning_rate=rate,
        metric=last.metric,
        targets=last.targets,
        inputs=layer,
        choices=tuple(choices),
        warnings=tuple(warnings),
    )


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
        f"Class {name!r} has only {share[rarest]:.2%} of the rows, so a high accuracy does not "
        "show that the model detects it; measure recall, or pass `class_weight`."
    ]


# ---- inputs and optimizer --------------------------------------------------------------------


def _inputs(x: Any, rows: int) -> np.ndarray:
    array = np.asarray(x)
    if array.dtype.kind not in "biuf" or array.ndim < 1 or len(array) != rows:
        raise InputError(
            "Inputs must be one numeric array with a row for each target. "
            f"Received: {array.dtype} of shape {array.shape} for {rows} targets."
        )
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        at = ", ".join(str(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise InputError(
            "Inputs must be finite numbers. "
            f"Received: x[{at}] = {values[~np.isfinite(values)][0]}. Remove such rows or fill them "
            "in."
        )
    return values if values.ndim > 1 else values[:, None]


def _scaling(x: np.ndarray) -> tuple[str, str, list[str]]:
    """Return code for a scaling layer of the inputs (or `""`), the reason, and warnings."""
    odd = []
    if x.ndim == 4 and x.min() >= 0 and 1 < x.max() <= 255:
        return "keras.layers.Rescaling(1 / 255)", "images from 0 to 255 become 0 to 1", odd
    axes = tuple(range(x.ndim - 1))
    mean, std = x.mean(axis=axes), x.std(axis=axes)
    constant = np.flatnonzero(std == 0)
    if constant.size:
        shown = ", ".join(map(str, constant[:5]))
        odd.append(f"Constant inputs carry no information: feature {shown}.")
    live = std > 0
    if not live.any():
        return "", "all inputs are constant", odd
    size = np.sqrt(mean[live] ** 2 + std[live] ** 2)
    if (std[live] >= SCALES[0]).all() and (size <= SCALES[1]).all():
        why = f"standard deviations {span(std[live])}, means {span(mean[live])}: of size about 1"
        return "", why, odd
    why = (
        f"standard deviations {span(std[live])}, means {span(mean[live])}: initializers assume "
        "inputs of mean 0 and size 1, and one learning rate must fit all features"
    )
    return "keras.layers.Normalization()", why, odd


def _optimizer(x: np.ndarray, scaling: str) -> tuple[str, float, str]:
    """Return the recommended optimizer, its learning rate, and the reason for both.

    The reason states a rate above which plain SGD may diverge for a linear layer and a squared
    error.

    Args:
        scaling: The recommended scaling layer; the first result of `_scaling`.
    """
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
            "its steps are about as large as the learning rate for every weight, at any scale of "
            "loss and gradient; plain SGD on the squared error of a linear layer diverges above "
            f"{bound:.2g}"
        ),
    )


def _curvature(x: np.ndarray) -> float:
    """Compute the largest eigenvalue of the Hessian of the mean squared error of `x w + b`.

    If both the rows and the columns of `x` number more than about `_DENSE`, the result is a lower
    bound that is usually close: the Rayleigh quotient after some steps of power iteration.
    """
    whole = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    if min(whole.shape) <= _DENSE:
        small = whole if len(whole) <= whole.shape[1] else whole.T
        largest = float(np.linalg.norm(small @ small.T, 2))
    else:
        direction, image = np.ones(whole.shape[1]), whole.sum(axis=1)
        for _ in range(_STEPS):
            direction = whole.T @ image
            direction /= max(float(np.linalg.norm(direction)), np.finfo(float).tiny)
            image = whole @ direction
        largest = float(image @ image)
    return 2.0 * largest / len(x)


_DENSE = 2000
"""Length of the data matrix's shorter axis above which power iteration replaces an exact norm."""

_STEPS = 20
"""Number of steps of power iteration."""
