"""Transfer of bounds and big-M values to a network that OMLT has embedded in a Pyomo model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import Bounds, InputError
from .match import (
    SLACK,
    EmbeddedLayer,
    ProvedNetwork,
    check_box,
    intersect,
    match_layers,
    relu_bounds,
)


if TYPE_CHECKING:
    from .unit_bounds import UnitBounds


def bound_omlt(answer: ProvedNetwork, block: Any) -> int:
    """Set bounds and big-M values; see `outrange.answers.LayerBounds.to_omlt`."""
    try:
        first, *layers = [block.layer[key] for key in block.layers]
        inputs = [first.z[index] for index in first.z]
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            "`block` must be an `OmltBlock` after `build_formulation` with a formulation of a "
            f"neural network that has variables for each layer. Received: {type(block).__name__}."
        ) from error
    check_box(answer, *_ends(inputs))
    shapes = [
        EmbeddedLayer(len(layer.z), not hasattr(layer, "linear_activation")) for layer in layers
    ]
    matched = match_layers(answer, shapes)
    for k, (layer, ours) in enumerate(zip(layers, matched, strict=True)):
        _check_shape(answer, layer, ours)
        if k == 0:
            _check_first(answer, layer, ours)
    return sum(_bound_layer(answer, *pair) for pair in zip(layers, matched, strict=True))


def _ends(variables: list[Any]) -> Bounds:
    """Return the bounds of Pyomo variables; a missing bound becomes infinite."""
    lo = [-np.inf if v.lb is None else float(v.lb) for v in variables]
    hi = [np.inf if v.ub is None else float(v.ub) for v in variables]
    return np.array(lo, np.float64), np.array(hi, np.float64)


def _check_shape(answer: ProvedNetwork, layer: Any, ours: UnitBounds) -> None:
    """Check that the indices of a layer enumerate the shape of its bounds in order.

    Axes of length 1, such as the batch axis of an ONNX file, are ignored.
    """
    shape = np.shape(ours.post[0])
    indices = [index if isinstance(index, tuple) else (index,) for index in layer.z]
    theirs = tuple(int(most) + 1 for most in np.max(indices, axis=0))
    same = [n for n in theirs if n > 1] == [n for n in shape if n > 1]
    if not same or indices != list(np.ndindex(theirs)):
        raise InputError(
            f"The variables of layer `{ours.name}` must be indexed like an array of shape {shape}. "
            f"Received: {len(indices)} variables, the last with index {indices[-1]}."
        )


def _check_first(answer: ProvedNetwork, layer: Any, ours: UnitBounds) -> None:
    """Check that OMLT's bounds on the first layer lie within the proved bounds, up to rounding.

    OMLT bounds this layer by interval arithmetic, which is exact for one affine map, and the inputs
    lie in the box. So bounds outside the proved bounds show that the weights are different.
    """
    lo, hi = _ends([layer.zhat[index] for index in layer.zhat])
    (least, most), _ = relu_bounds(ours)
    slack = SLACK * (1.0 + np.maximum(np.abs(least), np.abs(most)))
    is_bounded = np.isfinite(lo) & np.isfinite(hi)
    if not ((least - slack <= lo) & (hi <= most + slack))[is_bounded].all():
        raise InputError(
            f"`block` must contain `{answer.model}`, the network for which the bounds are proved. "
            f"Received: other weights in layer `{ours.name}`."
        )


def _bound_layer(answer: ProvedNetwork, layer: Any, ours: UnitBounds) -> int:
    """Set the bounds of a layer, and return the number of its ReLU units with a fixed phase."""
    pre, post = relu_bounds(ours)
    indices = list(layer.z)
    for variables, ends in ((layer.zhat, pre), (layer.z, post)):
        chosen = [variables[index] for index in indices]
        for variable, lo, hi in zip(
            chosen, *intersect(answer, ours, ends, *_ends(chosen)), strict=True
        ):
            variable.setlb(float(lo))
            variable.setub(float(hi))
    if not hasattr(layer, "q_relu"):
        return 0
    fixed = 0
    for index, lo, hi in zip(
        indices, *_ends([layer.zhat[index] for index in indices]), strict=True
    ):
        layer._big_m_lb_relu[index] = float(lo)
        layer._big_m_ub_relu[index] = float(hi)
        if lo >= 0 or hi <= 0:
            layer.q_relu[index].fix(int(lo >= 0))
            fixed += 1
    return fixed
