"""Transfer of bounds to a network that gurobi-machinelearning has embedded in a Gurobi model."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import InputError
from .match import (
    EmbeddedLayer,
    ProvedNetwork,
    check_box,
    check_samples,
    intersect,
    match_layers,
    relu_bounds,
)


def bound_gurobi_ml(answer: ProvedNetwork, predictor: Any) -> int:
    """Set the bounds of an embedded network; see `outrange.answers.LayerBounds.to_gurobi_ml`."""
    try:
        layers, model = list(predictor), predictor.gp_model
    except (AttributeError, TypeError) as error:
        raise InputError(
            "`predictor` must be the result of `gurobi_ml.add_predictor_constr` for a neural "
            f"network. Received: {type(predictor).__name__}."
        ) from error
    model.update()
    check_box(answer, predictor.input.LB, predictor.input.UB)
    bent = [_is_relu(layer) for layer in layers]
    shapes = [
        EmbeddedLayer(layer.output.shape[-1], b) for layer, b in zip(layers, bent, strict=True)
    ]
    matched = match_layers(answer, shapes)
    weights = [
        (layer.coefs, layer.intercept) if hasattr(layer, "coefs") else None for layer in layers
    ]
    check_samples(answer, matched, weights, bent)
    fixed = 0
    for layer, ours, relu in zip(layers, matched, bent, strict=True):
        pre, post = relu_bounds(ours)
        if hasattr(layer, "mixing"):
            _set_bounds(answer, ours, layer.mixing, pre)
        _set_bounds(answer, ours, layer.output, post)
        if relu:
            fixed += layer.output.shape[0] * int(np.count_nonzero((pre[0] >= 0) | (pre[1] <= 0)))
    model.update()
    return fixed


def _is_relu(layer: Any) -> bool:
    return hasattr(layer, "mixing") or type(layer.activation).__name__ == "ReLU"


def _set_bounds(answer: ProvedNetwork, ours: Any, variables: Any, ends: Any) -> None:
    """Intersect the bounds of Gurobi variables with the proved bounds `ends` of a layer."""
    lo, hi = (np.asarray(getattr(variables, end), np.float64) for end in ("LB", "UB"))
    variables.LB, variables.UB = intersect(answer, ours, ends, lo, hi)
