"""Target of a question: the outputs, linear forms of the outputs, or the values of a layer."""

import difflib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core import InputError
from ...graph import Graph, Node, Slot
from ...graph.rewrites.rewrite import extract_subgraph
from ...ops import dense
from ..inputs.boxes import numbers


@dataclass(frozen=True, eq=False)
class Target:
    """Linear forms `rows @ output` of a graph.

    Args:
        graph: The network, cut off at the requested layer.
        rows: Coefficients, `(k, outputs)` float64.
        outputs: Dict from name to shape of the requested values; `k` entries in total.
        formed: A graph whose output is `rows @ output`, with which the forms are evaluated.
        is_output: Whether the forms are forms of the model's own outputs, not of a layer.
    """

    graph: Graph
    rows: np.ndarray
    outputs: dict[str, tuple[int, ...]]
    formed: Graph
    is_output: bool


def target(graph: Graph, rows: Any = None, layer: str | None = None) -> Target:
    """Build the target of a question: the graph and the linear forms to bound.

    Args:
        graph: The graph of the model.
        rows: Coefficients, `(k, outputs)`; None for the outputs themselves.
        layer: Name of a layer whose values replace the model's outputs; None for the outputs.

    Raises:
        InputError: The layer does not exist, or `rows` does not fit.
    """
    cut = graph if layer is None else _cut_at_layer(graph, layer)
    size = cut.value_size(cut.output)
    if rows is None:
        names = {slot.name: slot.shape for slot in cut.outputs}
        return Target(cut, np.eye(size), names, cut, layer is None)
    matrix = numbers(rows, "`rows`")
    if matrix.ndim != 2 or matrix.shape[1] != size or len(matrix) == 0:
        raise InputError(
            f"`rows` must contain one linear form per row: shape (k, {size}), one column per "
            f"{'output' if layer is None else f'value of layer `{layer}`'}. "
            f"Received: shape {matrix.shape}."
        )
    if not np.isfinite(matrix).all():
        i, j = (int(k) for k in np.argwhere(~np.isfinite(matrix))[0])
        raise InputError(f"`rows` must be finite. Received: rows[{i}, {j}]={matrix[i, j]}.")
    k = len(matrix)
    node = Node(dense(matrix.T, name="rows"), (cut.output,), k, (1, k), "rows")
    nodes = (*cut.nodes, node)
    formed = replace(cut, nodes=nodes, output=len(nodes), outputs=(Slot("rows", (k,)),))
    return Target(cut, matrix, {"rows": (k,)}, formed, layer is None)


def _cut_at_layer(graph: Graph, layer: str) -> Graph:
    if not isinstance(layer, str) or layer not in graph.layers:
        near = difflib.get_close_matches(str(layer), graph.layers, n=3, cutoff=0.4)
        names = list(graph.layers)
        hint = (
            f"Did you mean {' or '.join(f'`{n}`' for n in near)}?"
            if near
            else (f"It has: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}.")
        )
        raise InputError(
            f"`layer` must be the name of a layer of the model. {hint} Received: layer={layer!r}."
        )
    values = graph.layers[layer]
    slots = []
    for call, value in enumerate(values):
        shape = (graph.size,) if value == 0 else graph.nodes[value - 1].shape[1:]
        if value == 0 and len(graph.inputs) == 1:
            shape = graph.inputs[0].shape
        slots.append(Slot(layer if len(values) == 1 else f"{layer}:{call}", tuple(shape)))
    return extract_subgraph(graph, values, slots)
