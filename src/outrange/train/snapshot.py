"""What the layers of a network do at one moment of its training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..answers import LayerRow
from ..core import Box
from ..frontends.network import LayerInfo, Network
from ..graph import Graph, Node
from ..ops import Affine, Curve, Largest, Rearrange
from ..questions.summary import summary


OUTPUTS = 8
"""Outputs differentiated; of more, the first."""


@dataclass(frozen=True, eq=False)
class LayerMoment:
    """One layer with an activation.

    Args:
        name: Its path.
        units: How many.
        dead: Units whose activation is flat for every input in the box: proved.
        saturated: Units in the flat tail of a smooth activation for every input in the box: proved.
        idle: Units whose activation is flat at every row of the data.
        gradient: Least and largest norm, over the rows of the data, of the derivatives of the
            outputs by what enters its activation; None if an operation on the way has none here.
    """

    name: str
    units: int
    dead: int
    saturated: int
    idle: int
    gradient: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Moment:
    """All layers.

    Args:
        layers: Those with an activation, and the last.
        lo: Least value of each output over the box: proved.
        hi: Largest.
    """

    layers: tuple[LayerMoment, ...]
    lo: np.ndarray
    hi: np.ndarray

    def share(self, what: str) -> float:
        """The share of units that are `what`, over all layers."""
        units = sum(layer.units for layer in self.layers)
        return sum(getattr(layer, what) for layer in self.layers) / max(units, 1)


def moment(network: Network, box: Box, rows: np.ndarray) -> Moment:
    """Look at a network over a box, and at some rows of data in it.

    Args:
        network: The network.
        box: The inputs for which something is proved.
        rows: `(n, inputs)`: those at which something is measured.
    """
    graph = network.graph
    table = summary(network, (box.lo, box.hi))
    values = graph.run_all(rows)
    norms = gradient_norms(graph, values)
    infos = {info.path: info for info in network.layers}
    kept = [row for row in table.layers if row.before is not None]
    layers = tuple(_layer(graph, row, infos[row.name], values, norms) for row in kept)
    last = table.layers[-1].after
    return Moment(layers, np.ravel(last[0]), np.ravel(last[1]))


def _layer(
    graph: Graph,
    row: LayerRow,
    info: LayerInfo,
    values: list[np.ndarray],
    norms: list[np.ndarray] | None,
) -> LayerMoment:
    curves = [
        node.op
        for node in graph.nodes[: info.after]
        if isinstance(node.op, Curve) and node.inputs == (info.before,)
    ]
    idle = 0
    if info.before is not None and curves:
        z = values[info.before]
        with np.errstate(all="ignore"):
            flat = [(np.asarray(curve.df(z)) == 0.0).all(axis=0) for curve in curves]
        idle = int(np.logical_and.reduce(flat).sum())
    gradient = None
    if norms is not None:
        found = norms[info.after if info.before is None else info.before]
        gradient = float(found.min()), float(found.max())
    return LayerMoment(
        row.name,
        int(np.prod(row.shape, dtype=np.int64)),
        row.count("dead") or 0,
        row.count("saturated") or 0,
        idle,
        gradient,
    )


def _affine(
    node: Node, op: Affine, xs: Sequence[np.ndarray], rows: np.ndarray
) -> tuple[np.ndarray, ...]:
    return op.adjoint(rows)


def _rearrange(
    node: Node, op: Rearrange, xs: Sequence[np.ndarray], rows: np.ndarray
) -> tuple[np.ndarray, ...]:
    return op.adjoint(rows)


def _curve(
    node: Node, op: Curve, xs: Sequence[np.ndarray], rows: np.ndarray
) -> tuple[np.ndarray, ...]:
    with np.errstate(all="ignore"):
        return (rows * op.df(xs[0]),)


def _largest(
    node: Node, op: Largest, xs: Sequence[np.ndarray], rows: np.ndarray
) -> tuple[np.ndarray, ...]:
    picked = np.where(op.windows < 0, -np.inf, xs[0][:, np.maximum(op.windows, 0)])
    source = np.take_along_axis(op.windows[None], picked.argmax(axis=-1)[..., None], -1)[..., 0]
    out = np.zeros((*rows.shape[:-1], xs[0].shape[-1]))
    for j in range(op.size):
        at = np.arange(len(xs[0]))
        out[:, at, source[:, j]] += rows[..., j]
    return (out,)


PULL: dict[type, Callable] = {
    Affine: _affine,
    Rearrange: _rearrange,
    Curve: _curve,
    Largest: _largest,
}
"""Per kind of op: derivatives by its result, `(outputs, n, size)`, to those by its inputs."""


def gradient_norms(graph: Graph, values: list[np.ndarray]) -> list[np.ndarray] | None:
    """The norm of the derivatives of the outputs by each value, at each row.

    Args:
        graph: The graph.
        values: Every value at the rows, as `Graph.run_all` returns them.

    Returns:
        `(n,)` per value; None if some kind of op has no rule here.
    """
    if any(type(node.op) not in PULL for node in graph.nodes):
        return None
    count, outputs = len(values[0]), min(OUTPUTS, graph.value_size(graph.output))
    found: list[np.ndarray | None] = [None] * len(values)
    seed = np.zeros((outputs, count, graph.value_size(graph.output)))
    seed[np.arange(outputs), :, np.arange(outputs)] = 1.0
    found[graph.output] = seed
    for i in range(len(graph.nodes), 0, -1):
        rows, node = found[i], graph.nodes[i - 1]
        if rows is None:
            continue
        xs = tuple(values[j] for j in node.inputs)
        for j, part in zip(node.inputs, PULL[type(node.op)](node, node.op, xs, rows), strict=True):
            found[j] = part if found[j] is None else found[j] + part
    return [
        np.zeros(count) if rows is None else np.sqrt(np.einsum("ons,ons->n", rows, rows))
        for rows in found
    ]
