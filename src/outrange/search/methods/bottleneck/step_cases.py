"""Case distinction by the values of the step functions of a graph with few inputs.

In each case, every open step function is a constant, and its argument is limited to the interval on
which the function has this value. Some functions of a number and its floor do not jump, such as the
sine of an angle modulo a full turn. But over a box with a jump inside, bounds only show that the
floor is one of two numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from ....domains import bounds
from ....graph import Graph, Node, Slot
from ....ops import Affine, Rearrange, Step, combine
from ...common.domain_boxes import DomainBoxes


MOST = 16
"""Maximum number of cases of a box; with more, the steps remain unchanged."""

Piece = tuple[float, float, float]
"""The value of a step function on one piece, and the least and largest argument of that piece."""


@dataclass(frozen=True, eq=False)
class StepCases:
    """A graph that reads the values of its open steps as inputs, and a box for each case.

    Args:
        graph: Graph that reads the inputs, then the values of the steps, then the least and the
            largest argument of each step. Its outputs are those of the original graph, followed by
            outputs that are above 0 only if an argument is outside its limits. If no cases are
            distinguished, this is the original graph.
        outputs: The number of outputs of the original graph.
        boxes: One box per case.
    """

    graph: Graph
    outputs: int
    boxes: DomainBoxes

    def is_closed(self, least: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return whether each box is closed, `(n,)`: bounds reach `target`, or its case is empty.

        Args:
            least: Lower bounds of the graph's outputs, shape `(n, outputs)`.
            target: Targets of the original outputs.
        """
        original, beyond = least[:, : self.outputs], least[:, self.outputs :]
        return np.asarray((original >= target).all(axis=1) | (beyond > 0).any(axis=1))


def step_cases(graph: Graph, lo: np.ndarray, hi: np.ndarray) -> StepCases:
    """Distinguish the cases of the steps that are open in a box `(d,)`.

    A step is open if forward bounds on its value do not determine it.

    The box is the only case if no step is open, or if there would be more than `MOST` cases. It is
    also the only case if an open step's pieces are not known exactly.

    Sound: yes; each point of the box, with the values of its steps there, lies in one of the cases,
    within the limits of its arguments.
    """
    ends = bounds(graph, lo[None], hi[None], "forward")
    entries, choices = [], []
    for v, node in enumerate(graph.nodes, 1):
        if isinstance(node.op, Step):
            low, high = (side[0] for side in ends[v])
            tail = (side[0] for side in ends[node.inputs[0]])
            for k, (first, last) in enumerate(zip(*tail, strict=True)):
                if low[k] < high[k]:
                    entries.append((v, k))
                    choices.append(_pieces(node.op, float(first), float(last)))
    count = np.prod([len(choice) for choice in choices], dtype=float)
    if not entries or not 0 < count <= MOST:
        alone = DomainBoxes(lo[None], hi[None], np.zeros(lo.size, bool))
        return StepCases(graph, graph.value_size(graph.output), alone)
    rows = [
        [*(p[0] for p in case), *(p[1] for p in case), *(p[2] for p in case)]
        for case in product(*choices)
    ]
    fixed = np.array(rows)
    least, most = (np.concatenate([np.tile(e, (len(rows), 1)), fixed], axis=1) for e in (lo, hi))
    boxes = DomainBoxes(least, most, np.zeros(lo.size + fixed.shape[1], bool))
    return StepCases(_read_steps_as_inputs(graph, entries), graph.value_size(graph.output), boxes)


def _pieces(step: Step, first: float, last: float) -> list[Piece]:
    """Return the pieces of a step over an interval, or `[]` if they are unknown or too many."""
    if step.rows is not None or step.ulps or step.off or step.slack:
        return []
    if not np.isfinite([first, last]).all():
        return []
    if step.is_staircase:
        if not (step.spacing.is_integer() and (2.0 * step.start).is_integer()):
            return []
        most = (last - step.start) / step.spacing
        if max(abs(first), abs(last)) > 2.0**40 or last - first > MOST * step.spacing:
            return []
        numbers = np.arange(np.floor((first - step.start) / step.spacing), most + 1.0)
        jumps = [float(at) for at in step.start + numbers * step.spacing if first <= at <= last]
    else:
        jumps = [at for at in step.jumps if first <= at <= last]
    edges = [first, *jumps, last]
    pieces: list[Piece] = []
    for a, b in pairwise(edges):
        middle = 0.5 * a + 0.5 * b
        if a < middle < b:
            pieces.append((float(step.f(np.asarray(middle))), a, b))
        elif a < b:
            return []
    for at in dict.fromkeys(edges):
        value = float(step.f(np.asarray(at)))
        if not any(value == v and a <= at <= b for v, a, b in pieces):
            pieces.append((value, at, at))
    return pieces


def _read_steps_as_inputs(graph: Graph, entries: list[tuple[int, int]]) -> Graph:
    """Replace some steps with new inputs, and add outputs for the limits of their arguments."""
    count, size = len(entries), graph.size
    total = size + 3 * count
    nodes: list[Node] = []

    def append(op: Affine | Rearrange, *inputs: int) -> int:
        nodes.append(Node(op, inputs, op.size, (1, op.size), ""))
        return len(nodes)

    def pick(index: np.ndarray, *inputs: int) -> int:
        sizes = tuple(total if j == 0 else nodes[j - 1].size for j in inputs)
        return append(Rearrange("cases", index, sizes, np.zeros(index.size)), *inputs)

    place = {0: pick(np.arange(size), 0)}
    for v, node in enumerate(graph.nodes, 1):
        nodes.append(node.renumber_inputs(place))
        place[v] = len(nodes)
        index = np.arange(node.size)
        for number, (step, k) in enumerate(entries):
            if step == v:
                index[k] = node.size + size + number
        if (index >= node.size).any():
            place[v] = pick(index, place[v], 0)
    arguments = [pick(np.array([k]), place[graph.nodes[v - 1].inputs[0]]) for v, k in entries]
    argument = pick(np.arange(count), *arguments)
    least, most = (pick(size + k * count + np.arange(count), 0) for k in (1, 2))
    above = append(combine((1.0, -1.0), count, name="above"), argument, most)
    below = append(combine((1.0, -1.0), count, name="below"), least, argument)
    outputs = graph.value_size(graph.output)
    last = pick(np.arange(outputs + 2 * count), place[graph.output], above, below)
    slots = (Slot("values", (outputs,)), Slot("beyond", (2 * count,)))
    return Graph((Slot("cases", (total,)),), tuple(nodes), last, slots)
