"""Compiles a graph into layers of units.

A curve whose only kink is at the origin becomes one layer. Any other piecewise-linear curve with
kinks becomes a layer of shifted kinks for each knot, and a linear layer that adds them up:
`f(x) = f(t0) + s0 (x - t0) + sum_k (s_k - s_{k-1}) max(x - t_k, 0)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...core import gamma
from ...core.rounding import UNIT
from ...graph import Graph, Node
from ...ops import Affine, Curve, Rearrange
from .layer_program import LayerProgram as LayerProgram, ProgramLayer
from .sparse import Matrix, identity, matrices, regroup_by_units


@dataclass(eq=False)
class Source:
    """Source of each entry of a graph value: a unit of a layer, or a constant (layer -1).

    Args:
        layer: `(n,)` index of each entry's layer; -1 for a constant.
        unit: `(n,)` index of each entry's unit in its layer.
        constant: `(n,)` values of the constants.
        more: Another source that is added to this one, or None.
    """

    layer: np.ndarray
    unit: np.ndarray
    constant: np.ndarray
    more: Source | None = None

    @property
    def parts(self) -> Iterator[Source]:
        """This source and all sources that are added to it."""
        part: Source | None = self
        while part is not None:
            yield part
            part = part.more


MOST_WEIGHTS = 1 << 24
"""Maximum number of matrix entries of an affine op that does not list its nonzero entries. A
program stores such a matrix explicitly, including its zeros."""


def compile_layers(
    graph: Graph,
    rows: np.ndarray,
    offset: np.ndarray,
    fixed: np.ndarray,
    compiler: Callable[[Graph, np.ndarray], Compiler] | None = None,
) -> LayerProgram | None:
    """Compile objectives `rows @ output + offset`, or return None if the graph has no program.

    A graph has no program if the compiler does not support one of its ops, such as a curve that is
    not piecewise linear, or if a matrix is too large (see `MOST_WEIGHTS`).

    Args:
        graph: A graph without `Largest` nodes (rewrite them first).
        rows: Array of shape `(m, outputs)`.
        offset: Array of shape `(m,)`.
        fixed: `(d,)` values of the inputs that cannot vary; NaN for the inputs that vary. The
            latter, in order, are the program's inputs.
        compiler: A compiler that supports more kinds of ops; None for `Compiler`.
    """
    if any(
        isinstance(n.op, Affine)
        and n.op.entries is None
        and n.size * max(n.op.sizes) > MOST_WEIGHTS
        for n in graph.nodes
    ):
        return None
    recorder, defined = (compiler or Compiler)(graph, fixed), {}
    for i, node in enumerate(graph.nodes):
        if not recorder.add(i + 1, node):
            return None
        if not isinstance(node.op, Rearrange):
            defined[i + 1] = recorder.last()
    recorder.affine((rows,), (np.abs(rows),), offset, (graph.output,))
    return LayerProgram(recorder.widths[0], recorder.layers, defined)


class Compiler:
    """Builder of layers, node by node: see `compile_layers`."""

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
        """Append the layers of a node; return False if its op is not supported."""
        op = node.op
        if isinstance(op, Rearrange):
            self.views[value] = self._rearrange(op, [self.views[j] for j in node.inputs])
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
        """Return the entry of `LayerProgram.defined` for the value that was added last."""
        layer = self.layers[-1]
        slopes = [abs(s) for s in (layer.below, layer.above) if s != 0.0]
        # An error of at most `e` after a curve through the origin equals the effect of an error of
        # at most `e / slope` before it, with the least nonzero slope.
        share = 1.0 if layer.linear else (1.0 + 2.0**-50) / min(slopes, default=1.0)
        return len(self.layers) - 1, share

    def _push(self, layer: ProgramLayer) -> Source:
        """Append a layer, and return its units as a source."""
        self.layers.append(layer)
        n = layer.size
        self.widths.append(n)
        return Source(np.full(n, len(self.layers)), np.arange(n), np.zeros(n))

    def _rearrange(self, op: Rearrange, views: list[Source]) -> Source:
        """Return the source of a rearrangement's value, given the sources of its inputs."""
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
        """Append the layer `sum_i parts[i] @ value(inputs[i]) + bias`; return its units."""
        bias = np.array(bias, np.float64)
        terms = [
            (part, size, view)
            for part, size, j in zip(parts, sizes, inputs, strict=True)
            for view in self.views[j].parts
        ]
        layer = ProgramLayer({}, {}, bias, error=np.zeros(bias.size), merged=len(terms))
        for part, size, view in terms:
            fixed = view.layer < 0
            if fixed.any():
                constant = np.where(fixed, view.constant, 0.0)
                layer.bias = layer.bias + part @ constant
                spread = size @ np.abs(constant) + np.abs(layer.bias)
                layer.error = layer.error + gamma(int(fixed.sum()) + 2) * spread
            for number in np.unique(view.layer[~fixed]):
                here, width = view.layer == number, self.widths[number]
                matrix_of_units, total, most = regroup_by_units(part, size, here, view.unit, width)
                layer.merged = max(layer.merged, most + len(terms))
                for store, matrix in ((layer.sources, matrix_of_units), (layer.sizes, total)):
                    store[number] = store[number] + matrix if number in store else matrix
        return self._push(layer)

    def _curve(self, value: int, node: Node, op: Curve) -> bool:
        """Append the layers of a piecewise-linear curve; return True."""
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
        """Append a curve without knots as a linear layer."""
        slope, height = float(op.df(np.zeros(1))[0]), float(op.f(np.zeros(1))[0])
        eye, bias = identity(node.size), np.full(node.size, height)
        self.views[value] = self.affine((slope * eye,), (abs(slope) * eye,), bias, node.inputs)
        self.layers[-1].merged += int(4 + op.ulps)
        self.layers[-1].error = self.layers[-1].error + op.off
        return True

    def _single(self, value: int, node: Node, slopes: np.ndarray) -> None:
        """Append a curve with one kink at 0.

        The curve becomes the activation of the last layer if this layer is linear, if its units are
        the entries of the curve's input in the same order, and if nothing else reads them.
        Otherwise, the curve gets a layer of its own.
        """
        view = self.views[node.inputs[0]]
        n = len(self.layers)
        is_mergeable = (
            n > 0
            and view.more is None
            and view.layer.size == self.layers[-1].size
            and np.all(view.layer == n)
            and np.array_equal(view.unit, np.arange(view.unit.size))
            and self.layers[-1].linear
            and len(self.readers[node.inputs[0]]) == 1
            and node.inputs[0] != self.graph.output
        )
        if not is_mergeable:
            eye = identity(node.size)
            view = self.affine((eye,), (eye,), np.zeros(node.size), node.inputs)
        layer = self.layers[-1]
        layer.linear, layer.below, layer.above = False, float(slopes[0]), float(slopes[1])
        self.views[value] = view
