"""The probability that a unit starts dead."""

from collections.abc import Container
from typing import Any

import numpy as np

from ..answers.dead_start import CLOSED, SAMPLED, DeadLayer, DeadStart
from ..core import InputError
from ..core.clock import read_processor_clock
from ..core.confidence import bounded_mean, check_confidence, clopper_pearson
from ..frontends.keras.api import keras
from ..frontends.network import LayerInfo, Network
from ..graph import Graph
from ..ops import Curve
from ..questions.summary import activation_curves
from .arguments import data_arrays
from .comparison.initial import (
    Initializers,
    initializer_of,
    is_centered,
    is_fixed,
    is_keras_own,
    is_zero,
)
from .comparison.structure import Structure


FEW = 64
"""Rows tried first: a unit that is alive there needs no others."""

FIRST = 20
"""Fresh starts that are drawn however long they take."""


def expected(
    model: Any,
    x: Any,
    *,
    trials: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    names: Container[str] | None = None,
    least: float = 0.0,
    seconds: float = np.inf,
) -> DeadStart:
    """See `outrange.expected`.

    Args:
        model: A Keras model or layer.
        x: Its data.
        trials: Fresh starts to draw.
        confidence: Of the intervals.
        seed: Of the draw.
        names: Layers that are asked about; None for all.
        least: Layers are left out of which it is known, without a draw, that the chance that all
            units start dead is below this, those of the layers before them included.
        seconds: No further start is drawn after so long, but of `FIRST`.
    """
    check_confidence(confidence)
    if not isinstance(trials, int | np.integer) or isinstance(trials, bool) or trials < 1:
        raise InputError(f"`trials` is a whole number >= 1. Received: trials={trials!r}.")
    model = _model(model, x)
    structure = Structure(model, data_arrays(x, "x"))
    rows = structure.rows()
    makers = Initializers(model)
    bent = []
    bound = 0.0 if rows.any() else 1.0
    for info in structure.network.layers:
        if not _flat_curves(structure.network, info):
            continue
        # What comes after a dead layer is dead too: chances add up along the way.
        bound += _most_often(model, structure.network, info)
        if (names is None or info.path in names) and bound >= least:
            bent.append(info)
    known = {
        info.path: exact
        for info in bent
        if (exact := closed_form(model, structure.network, info, rows)) is not None
    }
    drawn = [info for info in bent if info.path not in known]
    shares = _sampled(structure, makers, drawn, rows, int(trials), seed, seconds) if drawn else {}
    trials = len(next(iter(shares.values()))) if shares else trials
    layers = []
    for info in bent:
        units = info.shape[-1] if info.shape else 1
        if info.path in known:
            chance, both = known[info.path], known[info.path] ** units
            ends = (chance, chance), (both, both)
            found = (chance, both, CLOSED, 0)
        else:
            share = shares[info.path]
            chance, whole = float(share.mean()), int((share == 1.0).sum())
            pooled = _independent(model, structure.network, info)
            ends = (
                clopper_pearson(round(chance * units * trials), units * int(trials), confidence)
                if pooled
                else bounded_mean(chance, int(trials), confidence),
                clopper_pearson(whole, int(trials), confidence),
            )
            found = (chance, whole / trials, SAMPLED, int(trials))
        (lo, hi), (all_lo, all_hi) = ends
        layers.append(
            DeadLayer(
                info.path,
                info.kind,
                units,
                found[0],
                lo,
                hi,
                found[1],
                all_lo,
                all_hi,
                found[2],
                found[3],
            )
        )
    return DeadStart(model.name, tuple(layers), len(rows), confidence, seed, tuple(makers.kept))


def _model(model: Any, x: Any) -> Any:
    """A model; a layer by itself is built on the data."""
    k = keras()
    if not isinstance(model, k.Layer):
        raise InputError(
            "A Keras model or layer is needed, for its initializers. "
            f"Received: {type(model).__module__}.{type(model).__qualname__}."
        )
    if isinstance(model, k.Model) or model.built:
        return model
    shape = np.shape(x)[1:]
    try:
        again = type(model).from_config(model.get_config())
    except Exception as error:  # code of the user's own, which Keras has no name for
        raise InputError(
            f"Layer `{model.name}` is not built, and Keras cannot make another one of its "
            f"configuration; put it in a model. Received: {type(error).__name__}: {error}"
        ) from error
    return k.Sequential([k.Input(shape), again])


def _flat_curves(network: Network, info: LayerInfo) -> list[Curve]:
    """The activations of a layer, if each has a piece of slope 0; else none."""
    curves = activation_curves(network, info)
    return curves if curves and all(_has_flat_piece(curve) for curve in curves) else []


def _has_flat_piece(curve: Curve) -> bool:
    edges = (-np.inf, *curve.knots, np.inf)
    for bend, left, right in zip(curve.bends, edges[:-1], edges[1:], strict=True):
        inner = np.clip(0.0, left + 1.0, right - 1.0) if right - left > 2.0 else (left + right) / 2
        if bend == "line" and float(curve.df(np.asarray(inner))) == 0.0:
            return True
    return False


def _layer(model: Any, info: LayerInfo) -> Any:
    """The Keras layer itself, if it stands at the model's top level."""
    return next(
        (layer for layer in getattr(model, "layers", [model]) if layer.name == info.path), None
    )


def _independent(model: Any, network: Network, info: LayerInfo) -> bool:
    """Whether the units of a layer are independent draws: a dense layer on the inputs themselves.

    Its numbers are independent and its inputs are data, not what other random layers made of it.
    """
    layer = _layer(model, info)
    before = info.before
    dense = type(layer).__name__ == "Dense" and is_keras_own(layer)
    if not dense or before is None or len(info.shape) != 1:
        return False
    reads = network.graph.nodes[before - 1].inputs
    makers = [initializer_of(layer, v) for v in layer.trainable_variables]
    if not any(v.name == "kernel" for v in layer.trainable_variables):
        return False  # frozen: whether its weights are drawn anew, nobody says
    return reads == (0,) and all(m is not None and (is_fixed(m) or is_centered(m)) for m in makers)


def _most_often(model: Any, network: Network, info: LayerInfo) -> float:
    """An upper bound on the chance that all units of a layer start dead on inputs that are not 0.

    A unit `relu(w . x)` is dead where no row has `w . x > 0`. With `-w`, which is as likely, it is
    dead only if no row has `w . x < 0`; both hold where all `w . x` are 0, which has no chance. So
    a unit is dead in half of the starts at most, and units are drawn independently.
    """
    layer = _layer(model, info)
    sums = type(layer).__name__ in SUMS and is_keras_own(layer)
    if not sums or not info.shape or getattr(layer, "groups", 1) != 1:
        return 1.0
    makers = _makers(layer)
    if makers.get("kernel") is None or not _is_symmetric(network, info, makers):
        return 1.0
    return 0.5 ** info.shape[-1]


SUMS = ("Dense", "Conv1D", "Conv2D", "Conv3D")
"""Layers whose units have a column of the kernel each, and sum up."""


def _makers(layer: Any) -> dict[str, Any]:
    return {v.name: initializer_of(layer, v) for v in layer.trainable_variables}


def _is_symmetric(network: Network, info: LayerInfo, makers: dict[str, Any]) -> bool:
    """Whether `w` and `-w` are as likely, and the activation is flat up to 0 and rises after it."""
    if not is_centered(makers["kernel"]) or ("bias" in makers and not is_zero(makers["bias"])):
        return False
    curves = _flat_curves(network, info)
    return all(c.knots == (0.0,) and float(c.df(np.asarray(-1.0))) == 0.0 for c in curves)


def closed_form(model: Any, network: Network, info: LayerInfo, rows: np.ndarray) -> float | None:
    """The chance itself, where it is known; None elsewhere.

    A dense layer on the inputs, without bias at the start, weights independent and alike on both
    sides of 0, an activation flat up to 0 and rising after it. A unit is dead if `w · x <= 0` at
    every row. Where all rows are multiples of one direction, the sign of `w · d` decides: one half
    if all point the same way, nothing if both ways occur (then only `w · d = 0` would do).
    """
    if not _independent(model, network, info):
        return None
    if not _is_symmetric(network, info, _makers(_layer(model, info))):
        return None
    nonzero = rows[np.abs(rows).max(axis=1) > 0]
    if not len(nonzero):
        return 1.0
    first = nonzero[0]
    at = int(np.argmax(np.abs(first)))
    # Cross products decide exactly: no division, and data of few digits multiply exactly.
    if not np.array_equal(nonzero * first[at], np.outer(nonzero[:, at], first)):
        return None
    signs = np.sign(nonzero[:, at] * first[at])
    return 0.5 if (signs == 1.0).all() else 0.0


def _sampled(
    structure: Structure,
    makers: Initializers,
    layers: list[LayerInfo],
    rows: np.ndarray,
    trials: int,
    seed: int,
    seconds: float,
) -> dict[str, np.ndarray]:
    """Per layer and fresh start, the share of units that are dead at every row."""
    start = read_processor_clock()
    rng = np.random.default_rng(seed)
    found = {info.path: np.zeros(trials) for info in layers}
    plain = structure.now(fused=False)
    # Where an activation is one recorded operation, its flat pieces are seen without fusing.
    fused = any(info.path in found and not _flat_curves(plain, info) for info in plain.layers)
    for trial in range(trials):
        with structure.k.StatelessScope(state_mapping=makers.draw(rng)):
            network = structure.now(fused=fused)
        few = _dead(network, network.graph, rows[:FEW], found)
        if len(rows) > FEW and any(mask.any() for mask in few.values()):
            few = _dead(network, network.graph, rows, found)
        for path, mask in few.items():
            found[path][trial] = mask.mean()
        if trial + 1 >= FIRST and read_processor_clock() - start > seconds:
            return {path: shares[: trial + 1] for path, shares in found.items()}
    return found


def _dead(
    network: Network, graph: Graph, rows: np.ndarray, wanted: Container[str]
) -> dict[str, np.ndarray]:
    """Per layer, which units are flat at all the rows, at every position they are used at."""
    values = graph.run_all(rows)
    masks = {}
    for info in network.layers:
        if info.path not in wanted or info.before is None:
            continue
        z = values[info.before]
        with np.errstate(all="ignore"):
            flat = [
                (np.asarray(curve.df(z)) == 0.0).all(axis=0)
                for curve in _flat_curves(network, info)
            ]
        # With other weights the activation may have no flat piece: then nothing is dead.
        mask = np.logical_and.reduce(flat) if flat else np.zeros(z.shape[1], bool)
        masks[info.path] = mask.reshape(-1, info.shape[-1] if info.shape else 1).all(axis=0)
    return masks
