"""Transfer of bounds to a network that gurobi-machinelearning has embedded in a Gurobi model."""

from __future__ import annotations

from typing import Any

import numpy as np

from .match import ProvedNetwork, check_box, intersect, match_predictor, read_layers, relu_bounds


def bound_gurobi_ml(answer: ProvedNetwork, predictor: Any) -> int:
    """Set the bounds of an embedded network; see `outrange.answers.LayerBounds.to_gurobi_ml`."""
    layers, model = read_layers(predictor, "gurobi_ml", "gp_model")
    model.update()
    check_box(answer, predictor.input.LB, predictor.input.UB)
    bent = [_is_relu(layer) for layer in layers]
    matched = match_predictor(answer, layers, bent)
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
