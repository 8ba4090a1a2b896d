"""Transfer of bounds to a network that PySCIPOpt-ML has embedded in a SCIP model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import Bounds
from .match import ProvedNetwork, check_box, intersect, match_predictor, read_layers, relu_bounds


if TYPE_CHECKING:
    from .unit_bounds import UnitBounds


def bound_pyscipopt_ml(answer: ProvedNetwork, predictor: Any) -> int:
    """Set the bounds of an embedded network; see `outrange.answers.LayerBounds.to_pyscipopt_ml`."""
    layers, model = read_layers(predictor, "pyscipopt_ml", "scip_model")
    check_box(answer, *_ends(model, predictor.input))
    bent = [layer.activation != "identity" for layer in layers]
    sampled = all(layer.activation in ("identity", "relu") for layer in layers)
    matched = match_predictor(answer, layers, bent, sampled)
    return sum(_bound_layer(answer, model, *pair) for pair in zip(layers, matched, strict=True))


def _ends(model: Any, variables: Any) -> Bounds:
    """Return the bounds of an array of variables, with SCIP's infinity as infinity."""
    array = np.asarray(variables, dtype=object)
    lo, hi = np.empty(array.shape), np.empty(array.shape)
    for at, variable in np.ndenumerate(array):
        lo[at], hi[at] = variable.getLbOriginal(), variable.getUbOriginal()
    far = model.infinity()
    return np.where(lo <= -far, -np.inf, lo), np.where(hi >= far, np.inf, hi)


def _bound_layer(answer: ProvedNetwork, model: Any, layer: Any, ours: UnitBounds) -> int:
    """Set the bounds of a layer, and return the number of its ReLU units with a fixed phase."""
    pre, post = relu_bounds(ours)
    _set_bounds(model, layer.output, *intersect(answer, ours, post, *_ends(model, layer.output)))
    if layer.activation != "relu":
        return 0
    lo = np.broadcast_to(pre[0], layer.output.shape)
    hi = np.broadcast_to(pre[1], layer.output.shape)
    auxiliary = layer._created_vars[0]
    if layer.formulation == "sos":
        slack = np.maximum(-hi, 0.0), np.maximum(-lo, 0.0)
        _set_bounds(model, auxiliary, *intersect(answer, ours, slack, *_ends(model, auxiliary)))
    else:
        _tighten_rows(model, layer, auxiliary, lo, hi)
        _set_bounds(model, auxiliary, (lo >= 0) * 1.0, ((hi > 0) | (lo >= 0)) * 1.0)
    return int(np.count_nonzero((lo >= 0) | (hi <= 0)))


def _set_bounds(model: Any, variables: Any, lo: np.ndarray, hi: np.ndarray) -> None:
    far = model.infinity()
    lo, hi = np.clip(lo, -far, far), np.clip(hi, -far, far)
    for at, variable in np.ndenumerate(np.asarray(variables, dtype=object)):
        model.chgVarLb(variable, float(lo[at]))
        model.chgVarUb(variable, float(hi[at]))


def _tighten_rows(model: Any, layer: Any, binaries: Any, lo: np.ndarray, hi: np.ndarray) -> None:
    """Replace the big-M values of a layer where the proved bounds are tighter.

    For a unit with input `z` in `[L, U]` and phase `q`, the rows are `output - z + L (1 - q) <= 0`
    and `output - U q <= 0`.
    """
    _, inactive_rows, active_rows = layer._created_cons[:3]
    for at, q in np.ndenumerate(np.asarray(binaries, dtype=object)):
        row = inactive_rows[at]
        old = -model.getValsLinear(row).get(q.name, 0.0)
        if lo[at] > old:
            model.chgCoefLinear(row, q, -float(lo[at]))
            model.chgRhs(row, model.getRhs(row) + old - float(lo[at]))
        row = active_rows[at]
        if hi[at] < -model.getValsLinear(row).get(q.name, 0.0):
            model.chgCoefLinear(row, q, -float(max(hi[at], 0.0)))
