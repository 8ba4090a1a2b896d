"""Objectives of a graph at points, in plain float64: the unproved part of an engine."""

import numpy as np
from numpy.typing import ArrayLike

from ...core.arrays import linear_forms
from ...graph import Graph
from ...graph.gradient import vector_jacobian_product


class GraphObjectives:
    """Objectives `rows @ output + offset` of a graph, with their gradients; see `Engine`.

    Args:
        rows: Float64 array of shape `(m, outputs)`.
        offset: Float64 array of shape `(m,)`.
    """

    def __init__(self, graph: Graph, rows: np.ndarray, offset: np.ndarray) -> None:
        self.graph, self.rows, self.offset = graph, rows, offset
        self.inputs, self.objectives = graph.size, offset.size

    def evaluate(self, x: ArrayLike) -> np.ndarray:
        """Evaluate objectives `(batch, m)` in plain float64 at points `(batch, d)`."""
        return linear_forms(self.rows, self.graph.run(np.asarray(x, np.float64))) + self.offset

    def gradient(self, x: ArrayLike, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return objectives `(batch, m)`, and the gradient of objective `k[i]` at each `x[i]`."""
        values = self.graph.run_all(np.asarray(x, np.float64))
        every = linear_forms(self.rows, values[self.graph.output]) + self.offset
        with np.errstate(all="ignore"):
            return every, vector_jacobian_product(self.graph, values, self.rows[k])
