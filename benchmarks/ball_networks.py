"""Networks evaluated in ball arithmetic, with enclosures of their slopes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from ball_numbers import Sloped
from flint import arb, arb_mat

from outrange.graph import Graph
from outrange.graph.ball_pass import BallPass, CoefficientBalls
from outrange.ops import Affine, Curve, Rearrange


@dataclass(frozen=True, eq=False)
class BallNetwork:
    """A network of affine maps and curves, evaluated in ball arithmetic.

    Args:
        graph: The graph of the network.
        maps: The coefficients of its affine maps, by number of the node.
    """

    graph: Graph
    maps: dict[int, CoefficientBalls]

    @staticmethod
    def of(graph: Graph) -> "BallNetwork":
        """Build a network from a graph, whose coefficients are converted once."""
        nodes = enumerate(graph.nodes, 1)
        return BallNetwork(
            graph, {k: CoefficientBalls.of(n.op) for k, n in nodes if isinstance(n.op, Affine)}
        )

    def values(self, x: Sequence[Any]) -> list[arb]:
        """Return the outputs at a point, as balls."""
        graph = self.graph
        sizes = [graph.size, *(node.size for node in graph.nodes)]
        nothing = [(np.full((1, n), -inf), np.full((1, n), inf)) for n in sizes]
        found = BallPass(graph, lambda k, _: self.maps[k], 1, nothing, inf)
        return found.values([arb(v) for v in x], [graph.output]) or []

    def sloped(self, x: Sequence[Any], variables: int) -> list[Sloped]:
        """Return the outputs at a point together with their slopes.

        Args:
            x: Numbers, or `Sloped` numbers.
            variables: Number of variables of the slopes.
        """
        zero = Sloped(arb(0), [arb(0)] * variables)
        rows = [[s.value, *s.slopes] for s in (zero + v for v in x)]
        found = {0: arb_mat(rows)}
        for k, node in enumerate(self.graph.nodes, 1):
            given = [found[j] for j in node.inputs]
            found[k] = self._step(k, node.op, given, variables)
        return [Sloped(row[0], row[1:]) for row in found[self.graph.output].tolist()]

    def _step(self, k: int, op: Any, given: list[arb_mat], variables: int) -> arb_mat:
        if isinstance(op, Affine):
            bias = [[b, *[arb(0)] * variables] for b in self.maps[k].bias]
            total = arb_mat(bias)
            for part, x in zip(self.maps[k].parts, given, strict=True):
                total += _dense(part, x.nrows()) * x if isinstance(part, list) else part * x
            return total
        if isinstance(op, Rearrange) and (op.index >= 0).all():
            rows = [row for x in given for row in x.tolist()]
            return arb_mat([rows[i] for i in op.index.tolist()])
        if isinstance(op, Curve) and op.name in SLOPES:
            rows = []
            for value, *slopes in given[0].tolist():
                y, slope = SLOPES[op.name](value)
                rows.append([y, *(slope * s for s in slopes)])
            return arb_mat(rows)
        raise ValueError(f"no slopes of {op!r}")


def _dense(rows: list[list[tuple[int, arb]]], columns: int) -> arb_mat:
    found = [[arb(0)] * columns for _ in rows]
    for dense, row in zip(found, rows, strict=True):
        for j, c in row:
            dense[j] = c
    return arb_mat(found)


def _relu(x: arb) -> tuple[arb, arb]:
    return x.max(arb(0)), arb(1) if x >= 0 else arb(0) if x <= 0 else arb(0.5, 0.5)


def _tanh(x: arb) -> tuple[arb, arb]:
    y = x.tanh()
    return y, 1 - y * y


def _sigmoid(x: arb) -> tuple[arb, arb]:
    y = 1 / (1 + (-x).exp())
    return y, y * (1 - y)


SLOPES: dict[str, Callable[[arb], tuple[arb, arb]]] = {
    "relu": _relu,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
}
