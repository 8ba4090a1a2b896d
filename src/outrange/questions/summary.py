"""Bounds on every layer on an input set, and detection of dead and saturated units."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..answers.range import Range
from ..answers.summary import LayerRow, Summary
from ..core import UNIT, Bounds, Box, InputError
from ..core.clock import read_clock
from ..graph import Graph
from ..ops import Affine, Curve, Rearrange
from ..search.value_bounds import one_pass_bounds
from .common.network import LayeredNetwork, LayerLike
from .common.provenance import input_domain
from .inputs.parse_box import input_box


ONE_NUMBER = 64 * UNIT
"""Maximum width of a constant unit's range, relative to the largest absolute bound of its layer."""


def summary(network: LayeredNetwork, box: Any, known: Range | None = None) -> Summary:
    """Bound every layer, and count its dead and saturated units; see `outrange.summary`."""
    graph = network.graph
    where = input_box(graph.inputs, box)
    start = read_clock()
    kind, ends = one_pass_bounds(graph, where)
    if known is not None:
        ends[graph.output] = _intersect_known(ends[graph.output], known, network, where)
    rows = layer_rows(network, ends)
    seconds = read_clock() - start
    about = input_domain(graph.inputs, where)
    return Summary(network.name, rows, kind, seconds, over=about)


def layer_rows(network: LayeredNetwork, ends: Sequence[Bounds]) -> tuple[LayerRow, ...]:
    """Build one row per layer, given the lower and upper bounds of every value of the graph."""
    return _merge_calls([layer_row(network, layer, ends) for layer in network.layers])


def _intersect_known(ends: Bounds, known: Range, network: LayeredNetwork, where: Box) -> Bounds:
    """Intersect the bounds on the output with a known output range.

    Sound if `known` is a range of this model, since the bounds and the range are then both valid.

    Raises:
        InputError: `known` is not an output range, belongs to a model with another hash or other
            outputs, covers a set that is not a box around `where`, or is disjoint from the bounds.
    """
    outputs = {slot.name: slot.shape for slot in network.graph.outputs}
    source = getattr(network, "source", None)
    hashes = (
        []
        if source is None
        else [recorded.sha256 for recorded in known.sources if recorded.of == source.of]
    )
    other = bool(hashes) and source is not None and source.sha256 not in hashes
    over, covers = known.over, False
    if over is not None and not over.cuts and over.lo.shape == where.lo.shape:
        covers = bool(np.all(over.lo <= where.lo) and np.all(where.hi <= over.hi))
    if covers and known.subject == "output" and known.outputs == outputs and not other:
        lo, hi = np.maximum(ends[0], known.lo.ravel()), np.minimum(ends[1], known.hi.ravel())
        if (lo <= hi).all():
            return lo, hi
    raise InputError(
        "`known` must be the `output_range` of this model's outputs on this input set (which must "
        "be a box) or on a box around it. "
        f"Received: {known!r} of `{known.model}`."
    )


def _merge_calls(rows: Sequence[LayerRow]) -> tuple[LayerRow, ...]:
    """Merge calls of one layer with equal shapes (such as steps of a recurrent layer) into one row.

    Sound: the hull of the ranges of all calls is valid for every call.
    """
    calls_of: dict[tuple, list[LayerRow]] = {}
    for row in rows:
        bent = None if row.before is None else row.before[0].shape
        key = (row.name, row.kind, row.shape, bent, row.after[0].shape, row.dead.shape)
        calls_of.setdefault(key, []).append(row)
    return tuple(calls[0] if len(calls) == 1 else _hull(calls) for calls in calls_of.values())


def _hull(calls: Sequence[LayerRow]) -> LayerRow:
    def ends(which: str) -> Bounds:
        every = [getattr(row, which) for row in calls]
        return np.min([lo for lo, _ in every], axis=0), np.max([hi for _, hi in every], axis=0)

    after = ends("after")
    flags = {
        what: np.logical_and.reduce([getattr(row, what) for row in calls])
        for what in ("dead", "always_on", "saturated", "constant")
    }
    still = _constant(*after)
    if still.shape == flags["constant"].shape:  # The same number at every call.
        flags["constant"] &= still | flags["dead"]
    return replace(
        calls[0],
        parameters=sum(int(row.parameters) for row in calls),
        before=None if calls[0].before is None else ends("before"),
        after=after,
        calls=len(calls),
        dead=flags["dead"],
        always_on=flags["always_on"],
        saturated=flags["saturated"],
        constant=flags["constant"],
    )


def layer_row(
    network: LayeredNetwork, layer: LayerLike, ends: Sequence[tuple[np.ndarray, np.ndarray]]
) -> LayerRow:
    """Build the row of a layer, given the lower and upper bounds of every value of the graph."""
    lo, hi = ends[layer.after]
    constant = _constant(lo, hi)
    none = np.zeros(lo.shape, bool)
    dead, always_on, saturated = none, none, none
    before = None
    if layer.before is not None:
        z_lo, z_hi = ends[layer.before]
        before = (_reshape(z_lo, layer.shape), _reshape(z_hi, layer.shape))
        curves = activation_curves(network, layer)
        if curves and z_lo.size == lo.size:
            facts = [behaviour(curve, z_lo, z_hi) for curve in curves]
            dead = np.logical_and.reduce([f[0] for f in facts])
            if activation_is_linear_behind(network, layer):
                always_on = np.logical_and.reduce([f[1] for f in facts])
            saturated = np.logical_and.reduce([f[2] for f in facts])
    after = (_reshape(lo, layer.shape), _reshape(hi, layer.shape))
    masks = (_reshape(m, layer.shape) for m in (dead, always_on, saturated, constant | dead))
    return LayerRow(
        layer.path, layer.kind, tuple(layer.shape), layer.parameters, before, after, *masks
    )


def _constant(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    magnitude = np.maximum(np.abs(lo), np.abs(hi))
    with np.errstate(invalid="ignore"):
        still = hi - lo <= ONE_NUMBER * np.max(magnitude, initial=0.0)
    return np.asarray(still & np.isfinite(magnitude))


def _reshape(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return values.reshape(shape) if values.size == int(np.prod(shape, dtype=np.int64)) else values


def activation_curves(network: LayeredNetwork, layer: LayerLike) -> list[Curve]:
    """Return the curves applied to a layer's pre-activation, if its output depends only on them.

    Otherwise, and if the layer has no activation, the result is empty.
    """
    before, after = layer.before, layer.after
    if before is None:
        return []
    if before in network.bypassed:
        return curves_between(network.written, network.places[before], network.places[after])
    return curves_between(network.graph, before, after)


def activation_is_linear_behind(network: LayeredNetwork, layer: LayerLike) -> bool:
    """Return whether a layer's output is affine in its pre-activation and in curves applied to it.

    The result is False if the layer has no activation.
    """
    before, after = layer.before, layer.after
    if before is None:
        return False
    if before in network.bypassed:
        before, after = network.places[before], network.places[after]
        return linear_behind(network.written, before, after)
    return linear_behind(network.graph, before, after)


def linear_behind(graph: Graph, before: int, after: int) -> bool:
    """Return whether value `after` is affine in value `before` and in curves applied to `before`.

    Values that were computed earlier than `before` are treated as constants.
    """
    behind = {after}
    for value in range(after, before, -1):
        node = graph.nodes[value - 1]
        if value not in behind or (isinstance(node.op, Curve) and node.inputs == (before,)):
            continue
        if not isinstance(node.op, Affine | Rearrange):
            return False
        behind.update(node.inputs)
    return True


def curves_between(graph: Graph, before: int, after: int) -> list[Curve]:
    """Return the curves applied to value `before`, if `after` depends only on their results.

    Otherwise the result is empty.

    Args:
        graph: A graph in which no rewrite bypasses the value `before`.
        before: The value to which the curves are applied.
        after: A later value that depends on `before`.
    """
    behind, curves = {after}, []
    for value in range(after, before, -1):
        node = graph.nodes[value - 1]
        if value not in behind:
            continue
        behind.update(node.inputs)
        if min(node.inputs) < before or (before in node.inputs and not isinstance(node.op, Curve)):
            return []
        if before in node.inputs:
            curves.append(node.op)
    return curves


def behaviour(
    curve: Curve, lo: np.ndarray, hi: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return masks of the dead, the always active and the saturated units, given input bounds.

    A unit is dead if its input range `[lo, hi]` lies in a constant piece of the curve. It is always
    active if the range lies in a sloping linear piece of a curve with several pieces. It is
    saturated if `curve.saturated` returns True for the range, and it is not dead.
    """
    dead, always_on = np.zeros(lo.shape, bool), np.zeros(lo.shape, bool)
    edges = (-np.inf, *curve.knots, np.inf)
    for bend, left, right in zip(curve.bends, edges[:-1], edges[1:], strict=True):
        if bend != "line":
            continue
        inside = lo > left if left in curve.jumps else lo >= left
        inside = inside & (hi < right if right in curve.jumps else hi <= right)
        if float(curve.df(np.array(_between(left, right)))) == 0.0:
            dead |= inside
        elif curve.knots:
            always_on |= inside
    saturated = np.zeros(lo.shape, bool)
    if curve.saturated is not None:
        saturated = np.asarray(curve.saturated(lo, hi), bool)
    return dead, always_on & ~dead, saturated & ~dead


def _between(left: float, right: float) -> float:
    """Return a finite number strictly between `left` and `right`, which may be infinite."""
    if np.isinf(left) and np.isinf(right):
        return 0.0
    if np.isinf(left):
        return right - 1.0 - abs(right)
    if np.isinf(right):
        return left + 1.0 + abs(left)
    return 0.5 * (left + right)
