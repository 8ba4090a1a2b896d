"""Target of a question: the outputs, or linear forms of the outputs."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core import InputError
from ...graph import Graph, Node, Slot
from ...ops import dense
from ..inputs.boxes import numbers


@dataclass(frozen=True, eq=False)
class Target:
    """Linear forms `rows @ output` of a graph.

    Args:
        graph: The network whose outputs the forms combine.
        rows: Coefficients, `(k, outputs)` float64.
        outputs: Dict from name to shape of the requested values; `k` entries in total.
        formed: A graph whose output is `rows @ output`, with which the forms are evaluated.
    """

    graph: Graph
    rows: np.ndarray
    outputs: dict[str, tuple[int, ...]]
    formed: Graph


def target(graph: Graph, rows: Any = None) -> Target:
    """Build the target of a question: the graph and the linear forms to bound.

    Args:
        graph: The graph of the model.
        rows: Coefficients, `(k, outputs)`; None for the outputs themselves.

    Raises:
        InputError: `rows` does not fit.
    """
    size = graph.value_size(graph.output)
    if rows is None:
        names = {slot.name: slot.shape for slot in graph.outputs}
        return Target(graph, np.eye(size), names, graph)
    matrix = numbers(rows, "`rows`")
    if matrix.ndim != 2 or matrix.shape[1] != size or len(matrix) == 0:
        raise InputError(
            f"`rows` must contain one linear form per row: shape (k, {size}), one column per "
            f"output. Received: shape {matrix.shape}."
        )
    if not np.isfinite(matrix).all():
        i, j = (int(k) for k in np.argwhere(~np.isfinite(matrix))[0])
        raise InputError(f"`rows` must be finite. Received: rows[{i}, {j}]={matrix[i, j]}.")
    k = len(matrix)
    node = Node(dense(matrix.T, name="rows"), (graph.output,), k, (1, k), "rows")
    nodes = (*graph.nodes, node)
    formed = replace(graph, nodes=nodes, output=len(nodes), outputs=(Slot("rows", (k,)),))
    return Target(graph, matrix, {"rows": (k,)}, formed)
