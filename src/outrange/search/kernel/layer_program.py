"""A piecewise-linear graph as layers of units, the form the box kernel reads.

A layer is `z = sum_s M_s h_s + bias`, and `h = z`, or `h = sm*z` below 0 and `sp*z` above. A curve
with one kink becomes one layer; one with more becomes a layer of shifted kinks and a linear layer
that adds them up: `f(x) = f(t0) + s0 (x - t0) + sum_k (s_k - s_{k-1}) max(x - t_k, 0)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...core import gamma
from ...core.rounding import UNIT
from ...graph import Graph, Node
from ...ops import Affine, Curve, Rearrange
from .sparse import Matrix, identity, matrices, placed


@dataclass(eq=False)
class ProgramLayer:
    """One layer.

    Args:
        sources: Level number to its matrix `(n, units of that layer)`, float64, sparse where it is
            large and its op says which entries are not zero.
        sizes: The same with absolute values (of what was added up to make an entry).
        bias: `(n,)`.
        linear: Whether `h = z`.
        below: Slope where `z < 0`.
        above: Slope where `z >= 0`.
        error: `(n,)`, a bound on the error of the layer's own definition (a curve's stated error).
    """

    sources: dict[int, Matrix]
    sizes: dict[int, Matrix]
    bias: np.ndarray
    linear: bool = True
    below: float = 1.0
    above: float = 1.0
    error: np.ndarray | float = 0.0
    merged: int = 1
    """The largest number of terms in any matrix entry."""

    @property
    def size(self) -> int:
        return self.bias.size


@dataclass(eq=False)
class Source:
    """Where each entry of a graph value lives: a unit of a layer, or a constant (layer -1)."""

    layer: np.ndarray
    unit: np.ndarray
    constant: np.ndarray


@dataclass(eq=False)
class LayerProgram:
    """Layers in order; layer 0 is the input, the last one holds the objectives."""

    inputs: int
    layers: list[ProgramLayer]
    defined: Mapping[int, tuple[int, float]] = field(default_factory=dict)
    """Of graph values, the layer whose units they are, and what an error of theirs counts there."""

    def off_by(self, errors: Mapping[int, np.ndarray]) -> LayerProgram:
        """The same program, for values that may be off their definitions.

        Args:
            errors: Of values, `(n,)`: by how much each entry may be; not of rearrangements.
        """
        amounts = [layer.error for layer in self.layers]
        for value, error in errors.items():
            number, share = self.defined[value]
            amounts[number] = amounts[number] + error * share
        pairs = zip(self.layers, amounts, strict=True)
        return replace(self, layers=[replace(layer, error=amount) for layer, amount in pairs])

    @property
    def states(self) -> int:
        """Number of units that can be unstable."""
        return sum(layer.size for layer in self.layers if not layer.linear)

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """Pre-activations of every layer at points `(batch, inputs)`."""
        values, sums = [x], []
        for layer in self.layers:
            z = np.tile(layer.bias, (len(x), 1))
            for source, matrix in layer.sources.items():
                z += values[source] @ matrix.T
            sums.append(z)
            values.append(z if layer.linear else z * np.where(z < 0, layer.below, layer.above))
        return sums

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        """Objectives `(batch, m)` in plain float64."""
        return self.forward(x)[-1]

    def gradient(self, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Objective `k[i]` at point `x[i]`: all objectives `(batch, m)`, gradient `(batch, d)`."""
        sums = self.forward(x)
        seed = np.zeros_like(sums[-1])
        seed[np.arange(len(x)), k] = 1.0
        pending: dict[int, np.ndarray] = {len(self.layers): seed}
        for number in range(len(self.layers), 0, -1):
            layer, a = self.layers[number - 1], pending.pop(number, None)
            if a is None:
                continue
            if not layer.linear:
                a = a * np.where(sums[number - 1] < 0, layer.below, layer.above)
            for source, matrix in layer.sources.items():
                part = a @ matrix
                pending[source] = pending[source] + part if source in pending else part
        return sums[-1], pending.get(0, np.zeros_like(x))


MOST_WEIGHTS = 1 << 24
"""Entries of the largest affine op, zeros included unless they are known beforehand: a program
stores matrices explicitly."""


def compile_layers(
    graph: Graph,
    rows: np.ndarray,
    offset: np.ndarray,
    fixed: np.ndarray,
) -> LayerProgram | None:
    """The program of objectives `rows @ output + offset`; None if it has none.

    That is, if some curve is not piecewise linear, or a layer is too wide to be written out.

    Args:
        graph: Without `Largest` nodes (rewrite them first).
        rows: `(m, outputs)`.
        offset: `(m,)`.
        fixed: `(d,)`: the value of inputs that cannot vary, NaN for the others. The inputs of the
            program are the others, in order.
    """
    if any(
        isinstance(n.op, Affine)
        and n.op.entries is None
        and n.size * max(n.op.sizes) > MOST_WEIGHTS
        for n in graph.nodes
    ):
        return None
    recorder, defined = _Compiler(graph, fixed), {}
    for i, node in enumerate(graph.nodes):
        if not recorder.add(i + 1, node):
            return None
        if not isinstance(node.op, Rearrange):
            defined[i + 1] = recorder.last()
    recorder.affine((rows,), (np.abs(rows),), offset, (graph.output,))
    return LayerProgram(recorder.widths[0], recorder.layers, defined)


class _Compiler:
    def __init__(self, graph: Graph, fixed: np.ndarray) -> None:
        free = np.isnan(fixed)
        d = int(free.sum())
        self.layers: list[ProgramLayer] = []
        self.graph = graph
        self.readers = graph.readers()
        unit = np.where(free, np.cumsum(free) - 1, 0)
        self.views = {0: Source(np.where(free, 0, -1), unit, np.where(free, 0.0, fixed))}
        self.widths = [d]

    def add(self, value: int, node: Node) -> bool:
        op = node.op
        if isinstance(op, Rearrange):
            self.views[value] = self._rearranged(op, node)
        elif isinstance(op, Affine):
            parts = matrices(op)
            self.views[value] = self.affine(parts, tuple(map(abs, parts)), op.bias, node.inputs)
            self.layers[-1].merged += op.ulps
        elif isinstance(op, Curve) and op.is_piecewise_linear:
            return self._curve(value, node, op)
        else:
            return False
        return True

    def last(self) -> tuple[int, float]:
        """What `LayerProgram.defined` says of the last value."""
        layer = self.layers[-1]
        slopes = [abs(s) for s in (layer.below, layer.above) if s != 0.0]
        # Before a curve through the origin it takes at most `e / slope` to be off by `e` after it.
        share = 1.0 if layer.linear else (1.0 + 2.0**-50) / min(slopes, default=1.0)
        return len(self.layers) - 1, share

    def _push(self, layer: ProgramLayer) -> Source:
        self.layers.append(layer)
        n = layer.size
        self.widths.append(n)
        return Source(np.full(n, len(self.layers)), np.arange(n), np.zeros(n))

    def _rearranged(self, op: Rearrange, node: Node) -> Source:
        views = [self.views[j] for j in node.inputs]
        layer, unit, constant = (
            np.concatenate([getattr(v, name) for v in views])
            for name in ("layer", "unit", "constant")
        )
        absent, at = op.index < 0, np.maximum(op.index, 0)
        return Source(
            np.where(absent, -1, layer[at]),
            np.where(absent, 0, unit[at]),
            np.where(absent, op.fill, constant[at]),
        )

    def affine(
        self,
        parts: Sequence[Matrix],
        sizes: Sequence[Matrix],
        bias: np.ndarray,
        inputs: Sequence[int],
    ) -> Source:
        """Push the linear layer `sum_i parts[i] @ value(inputs[i]) + bias`."""
        bias = np.array(bias, np.float64)
        layer = ProgramLayer({}, {}, bias, error=np.zeros(bias.size), merged=len(parts))
        for part, size, j in zip(parts, sizes, inputs, strict=True):
            view = self.views[j]
            fixed = view.layer < 0
            if fixed.any():
                constant = np.where(fixed, view.constant, 0.0)
                layer.bias = layer.bias + part @ constant
                spread = size @ np.abs(constant) + np.abs(layer.bias)
                layer.error = layer.error + gamma(int(fixed.sum()) + 2) * spread
            for number in np.unique(view.layer[~fixed]):
                here, width = view.layer == number, self.widths[number]
                found, total, most = placed(part, size, here, view.unit, width)
                layer.merged = max(layer.merged, most + len(parts))
                for store, matrix in ((layer.sources, found), (layer.sizes, total)):
                    store[number] = store[number] + matrix if number in store else matrix
        return self._push(layer)

    def _curve(self, value: int, node: Node, op: Curve) -> bool:
        knots = np.array(op.knots)
        if not knots.size:
            return self._straight(value, node, op)
        if op.rays is not None:
            self._single(value, node, np.array(op.rays))
            return True
        middle = (knots[1:] + knots[:-1]) / 2
        probes = np.concatenate([[knots[0] - 1.0], middle, [knots[-1] + 1.0]])
        slopes = np.asarray(op.df(probes), np.float64)
        heights = np.asarray(op.f(knots), np.float64)
        eye = identity(node.size)
        source = node.inputs[0]
        kinks = []
        for knot in knots:
            view = self.affine((eye,), (eye,), np.full(node.size, -knot), (source,))
            layer = self.layers[-1]
            layer.linear, layer.below, layer.above = False, 0.0, 1.0
            self.views[-len(kinks) - 1] = view
            kinks.append(-len(kinks) - 1)
        steps = np.diff(slopes)
        bias = heights[0] - slopes[0] * knots[0]
        parts = (slopes[0] * eye, *(step * eye for step in steps))
        sizes = (
            abs(slopes[0]) * eye,
            *((abs(a) + abs(b)) * eye for a, b in zip(slopes[1:], slopes[:-1], strict=True)),
        )
        view = self.affine(parts, sizes, np.full(node.size, bias), (source, *kinks))
        layer = self.layers[-1]
        spread = abs(heights[0]) + abs(slopes[0] * knots[0]) + np.abs(heights).max()
        reach = np.abs(knots).max() * (np.abs(slopes).max() + 1.0)
        layer.error = layer.error + op.off + (4 + op.ulps) * 2 * UNIT * (spread + reach)
        layer.merged += int(4 + op.ulps)
        self.views[value] = view
        return True

    def _straight(self, value: int, node: Node, op: Curve) -> bool:
        slope, height = float(op.df(np.zeros(1))[0]), float(op.f(np.zeros(1))[0])
        eye, bias = identity(node.size), np.full(node.size, height)
        self.views[value] = self.affine((slope * eye,), (abs(slope) * eye,), bias, node.inputs)
        self.layers[-1].merged += int(4 + op.ulps)
        self.layers[-1].error = self.layers[-1].error + op.off
        return True

    def _single(self, value: int, node: Node, slopes: np.ndarray) -> None:
        """Add a curve with its one kink at the origin, in the layer before it if possible."""
        view = self.views[node.inputs[0]]
        n = len(self.layers)
        own = (
            n > 0
            and view.layer.size == self.layers[-1].size
            and np.all(view.layer == n)
            and np.array_equal(view.unit, np.arange(view.unit.size))
            and self.layers[-1].linear
            and len(self.readers[node.inputs[0]]) == 1
            and node.inputs[0] != self.graph.output
        )
        if not own:
            eye = identity(node.size)
            view = self.affine((eye,), (eye,), np.zeros(node.size), node.inputs)
        layer = self.layers[-1]
        layer.linear, layer.below, layer.above = False, float(slopes[0]), float(slopes[1])
        self.views[value] = view
