"""Matching of proved bounds to the layers of an embedded network, with checks that they apply.

Bounds of another network, or over a smaller input set, would silently exclude solutions. So the
inputs must lie in the box of the bounds, and the layers must agree in their sizes and activations.
Where the weights of the embedded network are available, sampled activations must lie in the bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core import Bounds, InputError
from .unit_bounds import UnitBounds


SLACK = 1e-6
"""Relative tolerance for rounding in the bounds and values of another package."""

POINTS = 16
"""Number of sampled inputs at which an embedded network is evaluated."""


class ProvedNetwork(NamedTuple):
    """Proved bounds on a network over a box.

    Args:
        model: Name of the model.
        box: `(lo, hi)` of the inputs, each `(d,)`; None if unknown.
        layers: Bounds of each layer, in the order of the model.
    """

    model: str
    box: Bounds | None
    layers: tuple[UnitBounds, ...]


class EmbeddedLayer(NamedTuple):
    """A layer of a network in an optimization model.

    Args:
        units: Number of units in the last axis of the layer, or in all axes for OMLT.
        bent: Whether the layer applies an activation other than the identity function.
    """

    units: int
    bent: bool


def check_box(answer: ProvedNetwork, lo: Any, hi: Any) -> None:
    """Check that the input variables of a model lie in the box of the bounds.

    Args:
        answer: The proved bounds, whose box has `d` inputs.
        lo: Lower bounds of the input variables, `(..., d)`; None or NaN if there is none.
        hi: Upper bounds of the input variables, the same shape.

    Raises:
        InputError: An input variable may leave the box, or the number of inputs differs.
    """
    if answer.box is None:
        raise InputError(
            "The bounds must record their input set; compute `layer_bounds` again. "
            "Received: bounds without an input set."
        )
    least, most = answer.box
    lo = np.nan_to_num(np.asarray(lo, np.float64), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    hi = np.nan_to_num(np.asarray(hi, np.float64), nan=np.inf, posinf=np.inf, neginf=-np.inf)
    if lo.shape[-1:] != least.shape:
        raise InputError(
            f"The embedded network must be `{answer.model}`, for which the bounds are proved and "
            f"which has {least.size} inputs. "
            f"Received: a network with {lo.shape[-1] if lo.ndim else 1} inputs."
        )
    outside = np.argwhere((lo < least) | (hi > most))
    if len(outside):
        at = tuple(int(k) for k in outside[0])
        i = at[-1]
        raise InputError(
            "The bounds hold only for inputs in their box, so the bounds of each input variable "
            f"must lie in it. Input {i} must lie in [{least[i]:g}, {most[i]:g}]. "
            f"Received: a variable in [{lo[at]:g}, {hi[at]:g}]. Set its bounds, or compute "
            "`layer_bounds` on a larger box."
        )


def match_layers(answer: ProvedNetwork, layers: Sequence[EmbeddedLayer]) -> list[UnitBounds]:
    """Return, for each layer of an embedded network, the proved bounds of the corresponding layer.

    A layer of the proved network may have no counterpart if it copies the value before it, or
    computes the input of the activation after it.

    Raises:
        InputError: The layers do not correspond to the layers of the proved network.
    """
    waiting, matched = list(answer.layers), []
    last: Bounds | None = answer.box
    for number, layer in enumerate(layers):
        skipped: list[UnitBounds] = []
        while waiting:
            ours = waiting.pop(0)
            fits = np.size(ours.post[0]) == layer.units and (ours.pre is not None) == layer.bent
            if fits and (ours.pre is None or np.size(ours.pre[0]) == layer.units):
                break
            skipped.append(ours)
        else:
            why = f"layer {number} with {layer.units} units, which matches no layer of that model"
            raise _mismatch(answer, why)
        for other in skipped:
            if not (_has_same_bounds(other.post, last) or (_has_same_bounds(other.post, ours.pre))):
                why = f"a network without layer `{other.name}` before its layer {number}"
                raise _mismatch(answer, why)
        matched.append(ours)
        last = ours.post
    for other in waiting:
        if not _has_same_bounds(other.post, last):
            raise _mismatch(answer, f"a network without layer `{other.name}` at its end")
    if any(layer.calls > 1 for layer in matched):
        raise _mismatch(answer, "a model that calls a layer more than once")
    return matched


def read_layers(predictor: Any, package: str, attribute: str) -> tuple[list[Any], Any]:
    """Return the layers of a network that a package has embedded, and the optimization model.

    Args:
        predictor: The package's object for the network.
        package: Name of the package, for messages.
        attribute: Attribute of `predictor` that contains the optimization model.

    Raises:
        InputError: The object is not an embedded neural network.
    """
    try:
        return list(predictor), getattr(predictor, attribute)
    except (AttributeError, TypeError) as error:
        raise InputError(
            f"`predictor` must be the result of `{package}.add_predictor_constr` for a neural "
            f"network. Received: {type(predictor).__name__}."
        ) from error


def match_predictor(
    answer: ProvedNetwork, layers: Sequence[Any], bent: Sequence[bool], sampled: bool = True
) -> list[UnitBounds]:
    """Return the proved bounds of each layer of a predictor, and check its weights at samples.

    Args:
        answer: The proved bounds.
        layers: Layers with the attribute `output`, and with `coefs` and `intercept` if affine.
        bent: Whether each layer applies an activation other than the identity function.
        sampled: Whether to check the weights, which is possible if all activations are ReLUs.

    Raises:
        InputError: The layers do not correspond to the layers of the proved network.
    """
    shapes = [
        EmbeddedLayer(layer.output.shape[-1], b) for layer, b in zip(layers, bent, strict=True)
    ]
    matched = match_layers(answer, shapes)
    if sampled:
        weights = [
            (layer.coefs, layer.intercept) if hasattr(layer, "coefs") else None for layer in layers
        ]
        _check_samples(answer, matched, weights, bent)
    return matched


def _has_same_bounds(ends: Bounds, other: Bounds | None) -> bool:
    """Return whether two values have equal bounds, as a value and its copy do."""
    return other is not None and all(
        np.array_equal(np.ravel(a), np.ravel(b)) for a, b in zip(ends, other, strict=True)
    )


def _mismatch(answer: ProvedNetwork, reason: str) -> InputError:
    return InputError(
        f"The embedded network must have the layers and weights of `{answer.model}`, for which the "
        f"bounds are proved. Received: {reason}."
    )


def _check_samples(
    answer: ProvedNetwork,
    matched: Sequence[UnitBounds],
    weights: Sequence[tuple[np.ndarray, np.ndarray] | None],
    bent: Sequence[bool],
) -> None:
    """Check that sampled activations of an embedded ReLU network lie in the bounds.

    Args:
        answer: The proved bounds, whose box is sampled.
        matched: The proved bounds of each embedded layer.
        weights: `(coefficients, intercept)` of each embedded layer; None without an affine map.
        bent: Whether each embedded layer applies a ReLU.

    Raises:
        InputError: An activation leaves the bounds, so the embedded network has other weights.
    """
    assert answer.box is not None
    lo, hi = answer.box
    corners = np.random.default_rng(0).uniform(size=(POINTS, lo.size))
    corners[: POINTS // 2] = corners[: POINTS // 2] > 0.5
    corners[0] = 0.5
    x = lo + corners * (hi - lo)
    for layer, affine, relu in zip(matched, weights, bent, strict=True):
        if affine is not None:
            x = x @ np.asarray(affine[0], np.float64) + np.asarray(affine[1], np.float64).ravel()
        if layer.pre is not None:
            _check_inside(answer, layer, x, layer.pre)
        x = np.maximum(x, 0.0) if relu else x
        _check_inside(answer, layer, x, layer.post)


def _check_inside(answer: ProvedNetwork, layer: UnitBounds, x: np.ndarray, ends: Bounds) -> None:
    """Check that activations `(n, units)` of a layer lie in its bounds up to rounding."""
    lo, hi = np.ravel(ends[0]), np.ravel(ends[1])
    slack = SLACK * (1.0 + np.abs(x).max(axis=1, keepdims=True))
    if not ((lo - slack <= x) & (x <= hi + slack)).all():
        raise _mismatch(answer, f"weights that give an output of `{layer.name}` outside its bounds")


def intersect(
    answer: ProvedNetwork, layer: UnitBounds, ends: Bounds, lo: np.ndarray, hi: np.ndarray
) -> Bounds:
    """Intersect the proved bounds of a layer with the bounds of its variables in a model.

    Args:
        answer: The proved network, for messages.
        layer: The layer, for messages.
        ends: Proved bounds, of a shape that broadcasts to that of `lo`.
        lo: Lower bounds of the variables, of any shape.
        hi: Upper bounds of the variables, the same shape.

    Raises:
        InputError: An intersection is empty beyond rounding, so the model contains another network.
    """
    least, most = np.maximum(lo, ends[0]), np.minimum(hi, ends[1])
    slack = SLACK * (1.0 + np.minimum(np.abs(least), np.abs(most)))
    if not (least <= most + slack).all():
        raise _mismatch(answer, f"variables of `{layer.name}` outside its proved bounds")
    # Intervals that are disjoint only through rounding become a single number.
    return least, np.maximum(least, most)


def relu_bounds(layer: UnitBounds) -> tuple[Bounds, Bounds]:
    """Return a layer's flat bounds before and after its activation; equal without an activation."""
    post = np.ravel(layer.post[0]), np.ravel(layer.post[1])
    pre = post if layer.pre is None else (np.ravel(layer.pre[0]), np.ravel(layer.pre[1]))
    return pre, post
