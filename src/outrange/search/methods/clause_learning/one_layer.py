"""Conjunctions over networks with one hidden layer, as inequalities in inputs and units.

An input satisfies the conjunction if every row is at most 0:
`direct @ x + weights @ max(z, 0) + height <= 0` with `z = inner @ x + bias`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....core import Box, gamma
from ....graph import Graph
from ....ops import Largest
from ...common.problem import Problem
from ...kernel.compile import compile_layers
from ...kernel.layer_program import LayerProgram, ProgramLayer


MOST_ENTRIES = 1 << 20
"""Maximum number of entries of `inner`; each round of propagation reads all of them."""


@dataclass(frozen=True, eq=False)
class OneLayer:
    """A conjunction over a network with one hidden layer, as rows; all arrays are float64.

    Args:
        inner: Coefficients of the inputs in `z`, shape `(U, d)`.
        bias: Constants of `z`, shape `(U,)`.
        off: `(U,)` bounds on the error of a computed `z`, due to rounding and stated errors.
        direct: Coefficients of the inputs in the rows, shape `(K, d)`.
        weights: Coefficients of `max(z, 0)` in the rows, shape `(K, U)`.
        height: Constants of the rows, shape `(K,)`.
        slack: `(K,)` bounds on the rounding error of a computed row.
        box: Box of the inputs that vary.
    """

    inner: np.ndarray
    bias: np.ndarray
    off: np.ndarray
    direct: np.ndarray
    weights: np.ndarray
    height: np.ndarray
    slack: np.ndarray
    box: Box


@dataclass(frozen=True, eq=False)
class _Level:
    """The values of one layer as affine forms of the inputs `x` and the hidden units `h`.

    Args:
        x: Coefficients of the inputs, `(n, d)`.
        h: Coefficients of the hidden units, `(n, U)`.
        height: Constants of the forms, `(n,)`.
        off: `(n,)` bounds on the error of the form, rounding included.
        size: `(n,)` bounds on the sum of the absolute values of its terms.
    """

    x: np.ndarray
    h: np.ndarray
    height: np.ndarray
    off: np.ndarray
    size: np.ndarray


def one_layer(problem: Problem) -> OneLayer | None:
    """Express a decision about a network with one hidden layer as rows, or return None.

    Return None unless all of these conditions hold. The objective is the graph's only output. The
    domain is one box of real inputs. The graph can be compiled to layers, and exactly one of them
    has kinks. The array `inner` has at most `MOST_ENTRIES` entries.

    Args:
        problem: The decision. If its objective is a maximum, each argument of the maximum becomes
            a row.
    """
    plain = problem.rows.shape == (1, 1) and problem.rows[0, 0] == 1 and problem.offset[0] == 0
    if not plain or not problem.is_one_box:
        return None
    graph, parts = _conjunction(problem.graph)
    hull = problem.domain.hull
    free = hull.lo < hull.hi
    rows = np.eye(graph.value_size(graph.output))[parts]
    program = compile_layers(graph, rows, np.zeros(len(rows)), np.where(free, np.nan, hull.lo))
    if program is None or sum(not layer.linear for layer in program.layers) != 1:
        return None
    hidden = next(layer for layer in program.layers if not layer.linear)
    if hidden.size * program.inputs > MOST_ENTRIES:
        return None
    return _compose(program, Box(hull.lo[free], hull.hi[free]))


def _conjunction(graph: Graph) -> tuple[Graph, np.ndarray]:
    """Return a graph that computes the conjunction's parts, and their indices in its output."""
    node = graph.nodes[graph.output - 1] if graph.output else None
    if node is None or not isinstance(node.op, Largest):
        return graph, np.zeros(1, np.int64)
    window = node.op.windows[0]
    value = node.inputs[0]
    parts_graph = Graph(graph.inputs, graph.nodes[:value], value, ())
    return parts_graph, window[window >= 0]


def _compose(program: LayerProgram, box: Box) -> OneLayer | None:
    """Compose a program's layers into rows, or return None if one layer of kinks reads another."""
    d = program.inputs
    units = next(layer.size for layer in program.layers if not layer.linear)
    none = np.zeros(d)
    reach = np.maximum(np.abs(box.lo), np.abs(box.hi))
    levels = [_Level(np.eye(d), np.zeros((d, units)), none, none, reach)]
    hidden: _Level | None = None
    for layer in program.layers:
        form = _affine(layer, levels, d + units)
        if not layer.linear:
            if form.h.any():
                return None
            hidden = form
            # below * z + (above - below) * max(z, 0)
            kink = layer.above - layer.below
            off = (abs(layer.below) + abs(kink)) * form.off
            size = (abs(layer.below) + abs(kink)) * form.size
            eye = kink * np.eye(units)
            form = _Level(layer.below * form.x, eye, layer.below * form.height, off, size)
        levels.append(form)
    last = levels[-1]
    if hidden is None:
        return None
    more = gamma(d + units + 16)
    # A relaxed unit is a line in the computed `z`, of slope at most 1.
    slack = last.off + np.abs(last.h) @ hidden.off + 2 * more * last.size
    return OneLayer(
        hidden.x,
        hidden.height,
        hidden.off + 2 * more * hidden.size,
        last.x,
        last.h,
        last.height,
        slack,
        box,
    )


def _affine(layer: ProgramLayer, levels: list[_Level], width: int) -> _Level:
    """Return the forms of a layer's pre-activations, given the forms of the layers before it."""
    first = levels[0]
    x = np.zeros((layer.size, first.x.shape[1]))
    h = np.zeros((layer.size, first.h.shape[1]))
    height = layer.bias.astype(np.float64)
    size, off = np.abs(height), np.zeros(layer.size) + layer.error
    for source, matrix in layer.sources.items():
        level = levels[source]
        x, h = x + matrix @ level.x, h + matrix @ level.h
        height = height + matrix @ level.height
        off = off + abs(matrix) @ level.off
        size = size + layer.sizes[source] @ level.size
    terms = sum(matrix.shape[1] for matrix in layer.sources.values())
    return _Level(x, h, height, off + gamma(terms + width + layer.merged + 16) * size, size)
