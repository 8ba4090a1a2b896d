"""Computes the probability that a unit is dead at initialization."""

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
"""Number of rows that are evaluated first. If all units are alive on them, no other rows are
needed."""

FIRST = 20
"""Number of random initializations that are drawn even if they exceed the time limit."""


def dead_start(
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
    """Estimate the probability of dead units at initialization; see `outrange.training.dead_start`.

    Args:
        model: A Keras model or layer.
        x: The data, as `fit` accepts them.
        trials: Number of random initializations to draw.
        confidence: Confidence level of the intervals.
        seed: Seed of the random initializations.
        names: Paths of the layers to report; None for all layers whose activation has a flat piece.
        least: A layer is skipped if the probability that this layer or a layer before it starts
            entirely dead is provably below this value.
        seconds: Time limit in seconds of processor time. It does not apply to the first `FIRST`
            initializations.
    """
    check_confidence(confidence)
    if not isinstance(trials, int | np.integer) or isinstance(trials, bool) or trials < 1:
        raise InputError(f"`trials` must be an integer >= 1. Received: trials={trials!r}.")
    model = _model(model, x)
    structure = Structure(model, data_arrays(x, "x"))
    rows = structure.rows()
    makers = Initializers(model)
    bent = []
    bound = 0.0 if rows.any() else 1.0
    for info in structure.network.layers:
        if not _flat_curves(structure.network, info):
            continue
        # Layers after a dead layer are dead too, so the probabilities along the path are added.
        bound += _bound_dead_start(model, structure.network, info)
        if (names is None or info.path in names) and bound >= least:
            bent.append(info)
    closed = {
        info.path: exact
        for info in bent
        if (exact := closed_form(model, structure.network, info, rows)) is not None
    }
    drawn = [info for info in bent if info.path not in closed]
    shares = (
        _sample_dead_shares(structure, makers, drawn, rows, int(trials), seed, seconds)
        if drawn
        else {}
    )
    trials = len(next(iter(shares.values()))) if shares else trials
    layers = []
    for info in bent:
        units = info.shape[-1] if info.shape else 1
        if info.path in closed:
            chance, both = closed[info.path], closed[info.path] ** units
            ends = (chance, chance), (both, both)
            result = (chance, both, CLOSED, 0)
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
            result = (chance, whole / trials, SAMPLED, int(trials))
        (lo, hi), (all_lo, all_hi) = ends
        layers.append(
            DeadLayer(
                info.path, info.kind, units,
                result[0], lo, hi, result[1], all_lo, all_hi, result[2], result[3],
            )
        )  # fmt: skip
    return DeadStart(model.name, tuple(layers), len(rows), confidence, seed, tuple(makers.kept))


def _model(model: Any, x: Any) -> Any:
    """Return a model as it is; wrap a copy of an unbuilt layer in a model for the data's shape."""
    k = keras()
    if not isinstance(model, k.Layer):
        raise InputError(
            "The argument must be a Keras model or layer, because its initializers are needed. "
            f"Received: {type(model).__module__}.{type(model).__qualname__}."
        )
    if isinstance(model, k.Model) or model.built:
        return model
    shape = np.shape(x)[1:]
    try:
        again = type(model).from_config(model.get_config())
    except Exception as error:  # user code may raise anything
        raise InputError(
            f"Layer `{model.name}` is not built, and Keras cannot recreate it from its "
            f"configuration. Received: {type(error).__name__}: {error} Put the layer in a model."
        ) from error
    return k.Sequential([k.Input(shape), again])


def _flat_curves(network: Network, info: LayerInfo) -> list[Curve]:
    """Return the activations of a layer if each has a piece of slope 0, otherwise an empty list."""
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
    """Return the Keras layer with this path, or None if it is not at the model's top level."""
    return next(
        (layer for layer in getattr(model, "layers", [model]) if layer.name == info.path), None
    )


def _independent(model: Any, network: Network, info: LayerInfo) -> bool:
    """Return whether the units of a layer are known to start dead independently of each other.

    The result is True only for a dense layer on the model's inputs whose weights are fixed or drawn
    independently. The inputs of such a layer are data, not outputs of random layers.
    """
    layer = _layer(model, info)
    before = info.before
    dense = type(layer).__name__ == "Dense" and is_keras_own(layer)
    if not dense or before is None or len(info.shape) != 1:
        return False
    reads = network.graph.nodes[before - 1].inputs
    makers = [initializer_of(layer, v) for v in layer.trainable_variables]
    if not any(v.name == "kernel" for v in layer.trainable_variables):
        return False  # a frozen kernel may be kept rather than drawn anew
    return reads == (0,) and all(m is not None and (is_fixed(m) or is_centered(m)) for m in makers)


def _bound_dead_start(model: Any, network: Network, info: LayerInfo) -> float:
    """Bound the probability that all units of a layer start dead, for inputs that are not all 0.

    A unit `relu(w . x)` is dead if no row has `w . x > 0`. The weights `-w` are equally likely, and
    with them the unit is dead only if no row has `w . x < 0`. Both hold only if `w . x` is 0 at
    every row, which has probability 0. So each unit is dead in at most half of the starts. The
    units are drawn independently, so the bound is `0.5 ** units`. For layers without this symmetry,
    the bound is 1.
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
"""Layers in which each unit is a sum weighted by one column of the kernel."""


def _makers(layer: Any) -> dict[str, Any]:
    return {v.name: initializer_of(layer, v) for v in layer.trainable_variables}


def _is_symmetric(network: Network, info: LayerInfo, makers: dict[str, Any]) -> bool:
    """Return whether `w` and `-w` are known to be equally likely and the initial bias is 0.

    The activation must also be flat up to its only knot, 0.
    """
    if not is_centered(makers["kernel"]) or ("bias" in makers and not is_zero(makers["bias"])):
        return False
    curves = _flat_curves(network, info)
    return all(c.knots == (0.0,) and float(c.df(np.asarray(-1.0))) == 0.0 for c in curves)


def closed_form(model: Any, network: Network, info: LayerInfo, rows: np.ndarray) -> float | None:
    """Return the closed form of the probability that a unit starts dead, or None if none is known.

    A closed form is known for a dense layer on the inputs with a zero initial bias and independent
    symmetric weights. Its activation must be flat up to 0 and increase after it, and all rows must
    be multiples of one direction `d`. A unit is dead if `w · x <= 0` at every row, so the sign of
    `w · d` decides. The probability is one half if all rows point in the same direction. It is 0 if
    both directions occur, since the unit would be dead only if `w · d = 0`. Rows of zeros are
    ignored; if there are no other rows, the probability is 1.

    Args:
        rows: The data as graph inputs, `(n, inputs)`.
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
    # Cross products avoid division, and data with few digits multiply exactly.
    if not np.array_equal(nonzero * first[at], np.outer(nonzero[:, at], first)):
        return None
    signs = np.sign(nonzero[:, at] * first[at])
    return 0.5 if (signs == 1.0).all() else 0.0


def _sample_dead_shares(
    structure: Structure,
    makers: Initializers,
    layers: list[LayerInfo],
    rows: np.ndarray,
    trials: int,
    seed: int,
    seconds: float,
) -> dict[str, np.ndarray]:
    """Draw random initializations and measure the fraction of units that are dead for every row.

    Returns:
        A dict from the path of each layer to its fractions, one per initialization. There are fewer
        than `trials` fractions if the time limit was reached.
    """
    start = read_processor_clock()
    rng = np.random.default_rng(seed)
    shares = {info.path: np.zeros(trials) for info in layers}
    plain = structure.now(fused=False)
    # If an activation is one recorded operation, its flat pieces are visible without fusing.
    fused = any(info.path in shares and not _flat_curves(plain, info) for info in plain.layers)
    for trial in range(trials):
        with structure.k.StatelessScope(state_mapping=makers.draw(rng)):
            network = structure.now(fused=fused)
        few = _dead(network, network.graph, rows[:FEW], shares)
        if len(rows) > FEW and any(mask.any() for mask in few.values()):
            few = _dead(network, network.graph, rows, shares)
        for path, mask in few.items():
            shares[path][trial] = mask.mean()
        if trial + 1 >= FIRST and read_processor_clock() - start > seconds:
            return {path: values[: trial + 1] for path, values in shares.items()}
    return shares


def _dead(
    network: Network, graph: Graph, rows: np.ndarray, wanted: Container[str]
) -> dict[str, np.ndarray]:
    """Return a dict from the path of each wanted layer to a mask of its dead units, `(units,)`.

    A unit is dead if its activation is flat for all rows and at all positions of the layer's
    output.
    """
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
        # A trainable activation may have no flat piece with other weights; then no unit is dead.
        mask = np.logical_and.reduce(flat) if flat else np.zeros(z.shape[1], bool)
        masks[info.path] = mask.reshape(-1, info.shape[-1] if info.shape else 1).all(axis=0)
    return masks
