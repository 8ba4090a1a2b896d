"""Ranges and dead units of a network's layers at one moment of its training."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..answers.summary import LayerRow
from ..core import Box, InputError
from ..diagnosis.bounds import interval_ends
from ..domains import bounds
from ..frontends.network import LayerInfo, Network
from ..graph import Graph, Node
from ..ops import Affine, Curve, Largest, Rearrange
from ..questions.summary import activation_curves, layer_row


OUTPUTS = 8
"""Maximum number of differentiated outputs; only the first ones are used."""

NUMBERS = 32_000_000
"""Approximate maximum number of float64 values and derivatives in memory: a quarter of a
gigabyte."""


@dataclass(frozen=True, eq=False)
class LayerMoment:
    """The measurements of one layer with an activation, at one moment of training.

    Args:
        name: Path of the layer, followed by a call number if the layer is called several times.
        units: Number of entries of the layer's output.
        dead: Number of units whose activation is flat for every input in the box (proved).
        saturated: Number of units in the flat tail of a smooth activation for every input in the
            box (proved).
        idle: Number of units whose activation is flat for every measured row of the data.
        gradient: Least and largest norm, over the measured rows, of the derivatives of the outputs
            with respect to the activation's input; NaN if an operation in between has no supported
            derivative.
    """

    name: str
    units: int
    dead: int
    saturated: int
    idle: int
    gradient: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Moment:
    """The measurements of a model at one moment of training: its layers and output bounds.

    Args:
        layers: The layers with an activation.
        lo: Lower bound on each output over the box (proved).
        hi: Upper bound on each output over the box (proved).
    """

    layers: tuple[LayerMoment, ...]
    lo: np.ndarray
    hi: np.ndarray

    def share(self, what: str) -> float:
        """Return the fraction of the units of all layers that are in a given state.

        Args:
            what: The state: `"dead"`, `"saturated"` or `"idle"`.
        """
        units = sum(layer.units for layer in self.layers)
        return sum(getattr(layer, what) for layer in self.layers) / max(units, 1)


def moment(network: Network, box: Box, rows: np.ndarray, *, linear: bool = True) -> Moment:
    """Measure a network: bounds over a box, and idle units and gradients for rows of data.

    Args:
        box: The inputs for which bounds are proved.
        rows: Rows of data in the box, `(n, inputs)`.
        linear: Whether to use linear bounds. If not, interval bounds are used, which are wider but
            much faster to compute.
    """
    graph = network.graph
    ends = _ends(graph, box, linear)
    bent = [info for info in network.layers if info.before is not None]
    seen = _Rows(network, bent)
    for start in range(0, len(rows), seen.at_once):
        seen.add(rows[start : start + seen.at_once])
    layers = tuple(
        _layer(name, layer_row(network, info, ends), idle, gradient)
        for name, info, idle, gradient in zip(
            names_of(network), bent, seen.idle, seen.gradients, strict=True
        )
    )
    return Moment(layers, *ends[graph.output])


def names_of(network: Network) -> list[str]:
    """Return a name for each call of a layer with an activation.

    The name is the path of the layer. If a layer is called several times, a colon and the number of
    the call, from 0, follow the path.
    """
    paths = [info.path for info in network.layers if info.before is not None]
    return [
        path if paths.count(path) == 1 else f"{path}:{paths[:i].count(path)}"
        for i, path in enumerate(paths)
    ]


def _ends(graph: Graph, box: Box, linear: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Compute lower and upper bounds of every value over the box, `(size,)` each.

    If an op may be undefined for its input, interval bounds replace linear bounds, and the bounds
    of this op's result are infinite.
    """
    if linear:
        with contextlib.suppress(InputError):
            return [(lo[0], hi[0]) for lo, hi in bounds(graph, box.lo, box.hi, "linear")]
    ranges = interval_ends(graph, box.lo[None], box.hi[None])
    return [(lo[0], hi[0]) for lo, hi in ranges.ends]


def _layer(
    name: str, row: LayerRow, idle: np.ndarray, gradient: tuple[float, float]
) -> LayerMoment:
    return LayerMoment(
        name,
        int(np.prod(row.shape, dtype=np.int64)),
        row.count("dead") or 0,
        row.count("saturated") or 0,
        int(idle.sum()),
        gradient,
    )


class _Rows:
    """Idle units and gradient norms of layers for rows of data, accumulated in batches.

    Args:
        network: The network with its current weights.
        layers: The layers of the network that have an activation.
    """

    def __init__(self, network: Network, layers: Sequence[LayerInfo]) -> None:
        self.network = network
        self.curves = [activation_curves(network, info) for info in layers]
        sizes = [node.size for node in network.written.nodes] or [1]
        self.at_once = max(1, NUMBERS // (2 * sum(sizes) + 4 * OUTPUTS * max(sizes)))
        self.befores = [info.before for info in layers if info.before is not None]
        self.idle = [
            np.full(network.graph.value_size(value), bool(curves))
            for value, curves in zip(self.befores, self.curves, strict=True)
        ]
        self.gradients = [(np.inf, 0.0)] * len(layers)

    def add(self, rows: np.ndarray) -> None:
        """Update the masks of idle units and the gradient norms with some rows, `(n, inputs)`."""
        network = self.network
        values = network.graph.run_all(rows)
        norms = gradient_norms(network.graph, values)
        bypassed = network.bypassed.intersection(self.befores)
        written = gradient_norms(network.written, network.written.run_all(rows)) if bypassed else []
        for i, (value, curves) in enumerate(zip(self.befores, self.curves, strict=True)):
            for curve in curves:
                with np.errstate(all="ignore"):
                    flat = np.asarray(curve.df(values[value])) == 0.0
                self.idle[i] &= flat.all(axis=0)
            norm = written[network.places[value]] if value in bypassed else norms[value]
            least, most = self.gradients[i]
            self.gradients[i] = (
                float(np.minimum(least, norm.min())), float(np.maximum(most, norm.max()))
            )  # fmt: skip


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
"""Vector-Jacobian products by type of op. Each maps the outputs' derivatives with respect to the
op's result, `(outputs, n, size)`, to the derivatives with respect to the op's inputs."""


def gradient_norms(graph: Graph, values: list[np.ndarray]) -> list[np.ndarray]:
    """Compute the norm of the outputs' derivatives with respect to each value, for each row.

    Only the first `OUTPUTS` outputs are differentiated.

    Args:
        values: All values for `n` rows, as `Graph.run_all` returns them.

    Returns:
        One array `(n,)` per value. It is NaN if an op between the value and the outputs has no rule
        in `PULL`, and 0 if the outputs do not depend on the value. A fused curve replaces several
        ops; for a value between these ops, paths through the curve are not counted.
    """
    count, outputs = len(values[0]), min(OUTPUTS, graph.value_size(graph.output))
    norms = [np.zeros(count) for _ in values]
    seed = np.zeros((outputs, count, graph.value_size(graph.output)))
    seed[np.arange(outputs), :, np.arange(outputs)] = 1.0
    pending: dict[int, np.ndarray] = {graph.output: seed}
    unknown: set[int] = set()
    for i in range(graph.output, -1, -1):
        node = graph.nodes[i - 1] if i else None
        rows = pending.pop(i, None)
        pull = None if node is None else PULL.get(type(node.op))
        if node is not None and (i in unknown or (rows is not None and pull is None)):
            unknown.update(node.inputs)
        if i in unknown:
            norms[i] = np.full(count, np.nan)
        elif rows is not None:
            norms[i] = np.sqrt(np.einsum("ons,ons->n", rows, rows))
        if i in unknown or rows is None or node is None or pull is None:
            continue
        xs = tuple(values[j] for j in node.inputs)
        for j, part in zip(node.inputs, pull(node, node.op, xs, rows), strict=True):
            pending[j] = pending[j] + part if j in pending else part
    return norms
