"""Proofs of nonlinear conditions on float32 outputs.

The outputs of every float32 run are `y + e`, where `y` are the outputs in real arithmetic, and `e`
is bounded over the input set. So the condition is proved for all `(x, e)` of a larger box, where
`e` is an additional input. The condition itself is not rounded: it is about the float32 outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...answers.verdict import Verdict
from ...core import And, Atom, Box, Formula, Or, Region
from ...domains.float32 import plan_of_rows
from ...graph import Graph, Node, Slot
from ...graph.composites.splice import renumber_nodes
from ...ops import Rearrange, combine
from ..common.network import GraphAlone, NetworkLike
from ..verify import verify
from .splits import float32_off


MOST_OUTPUTS = 256
"""Maximum number of outputs, each of which adds an input to the search."""


def verify_with_deviations(
    model: NetworkLike,
    terms: Graph,
    unsafe: Formula,
    regions: Sequence[Region],
    *,
    text: str,
    seconds: float,
    seed: int,
) -> Verdict | None:
    """Verify a condition for all outputs within float32 rounding of the real outputs.

    Args:
        model: The network without the terms of the condition.
        terms: Graph from `[x, y]` to the terms.
        unsafe: The negated condition, over the flat `[x, y, terms]`.
        regions: The input set, as a union of regions.
        text: The condition as text.
        seconds: Time limit in seconds.
        seed: Random seed of the search.

    Returns:
        A verdict, whose proof is about float32; None if the rounding errors have no bound, or if
        there are more than `MOST_OUTPUTS` outputs.
    """
    graph = model.graph
    outputs = graph.value_size(graph.output)
    if outputs > MOST_OUTPUTS:
        return None
    plan = plan_of_rows(model.written, np.eye(outputs), is_rounded=False)
    corners = np.stack([r.box.lo for r in regions]), np.stack([r.box.hi for r in regions])
    off = np.nextafter(float32_off(plan, corners, 0.4 * seconds), np.inf)
    if not np.isfinite(off).all():
        return None
    larger = [
        Region(
            Box(np.concatenate([r.box.lo, -off]), np.concatenate([r.box.hi, off])),
            np.concatenate([r.integer, np.zeros(outputs, bool)]),
            r.condition,
            r.distances,
        )
        for r in regions
    ]
    moved = _shift(unsafe, graph.size, outputs)
    network = GraphAlone(_add_deviations(graph, terms), "float32")
    return verify(network, moved, larger, text=text, time_limit=0.6 * seconds, seed=seed)


def _add_deviations(graph: Graph, terms: Graph) -> Graph:
    """Return a graph whose inputs are `[x, e]`, and whose outputs are `y + e` and their terms."""
    inputs, outputs = graph.size, graph.value_size(graph.output)
    nodes: list[Node] = []

    def pick(index: np.ndarray, sizes: tuple[int, ...], read: tuple[int, ...]) -> int:
        op = Rearrange("rearrange", index, sizes, np.zeros(index.size))
        nodes.append(Node(op, read, index.size, (1, index.size)))
        return len(nodes)

    x = pick(np.arange(inputs), (inputs + outputs,), (0,))
    e = pick(np.arange(inputs, inputs + outputs), (inputs + outputs,), (0,))
    base = len(nodes)
    nodes += renumber_nodes(graph, x, base, "")
    y = base + graph.output if graph.output else x
    nodes.append(Node(combine((1.0, 1.0), outputs), (y, e), outputs, (1, outputs)))
    y = len(nodes)
    start = pick(np.arange(inputs + outputs), (inputs, outputs), (x, y))
    base = len(nodes)
    nodes += renumber_nodes(terms, start, base, "")
    t, count = base + terms.output, terms.value_size(terms.output)
    output = pick(np.arange(outputs + count), (outputs, count), (y, t))
    slots = (*graph.inputs, Slot("float32 deviation", (outputs,)))
    return replace(graph, inputs=slots, nodes=tuple(nodes), output=output, layers={}, rankings={})


def _shift(formula: Formula, inputs: int, by: int) -> Formula:
    """Renumber a formula over `[x, y, terms]` for `by` additional inputs."""
    if isinstance(formula, Atom):
        terms = tuple((i if i < inputs else i + by, c) for i, c in formula.terms)
        return replace(formula, terms=terms)
    parts = tuple(_shift(part, inputs, by) for part in formula.parts)
    return And(parts) if isinstance(formula, And) else Or(parts)
