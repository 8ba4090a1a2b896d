"""Steps in few inputs, case by case: in each, a step is a number, where its argument may be.

What is computed from both a number and its floor jumps nowhere (an angle modulo a turn), but bounds
over a box with a jump inside know only that the floor is one of two numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from ..domains import bounds
from ..graph import Graph, Node, Slot
from ..ops import Affine, Rearrange, Step, combine
from .common.domain_boxes import DomainBoxes


MOST = 16
"""Cases of a box; with more, steps stay what they are."""

Piece = tuple[float, float, float]
"""The value of a step, and between which arguments it may have it."""


@dataclass(frozen=True, eq=False)
class StepCases:
    """A graph whose open steps are inputs, and the boxes of its cases.

    Args:
        graph: Reads the inputs, then the values of steps, then the least and the largest argument
            of each. Its outputs are those of the whole, then what is above 0 only where an argument
            is not within its limits.
        outputs: How many outputs the whole has.
        boxes: A box a case.
    """

    graph: Graph
    outputs: int
    boxes: DomainBoxes

    def shut(self, least: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Which boxes are closed: no output misses its target where the case can be."""
        own, beyond = least[:, : self.outputs], least[:, self.outputs :]
        return np.asarray((own >= target).all(axis=1) | (beyond > 0).any(axis=1))


def step_cases(graph: Graph, lo: np.ndarray, hi: np.ndarray) -> StepCases:
    """The cases of the steps that are open in a box `(d,)`.

    Sound: yes; every point of the box, with the values its steps have there, is in one of the
    cases, within their limits.
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
    return StepCases(_with_steps_read(graph, entries), graph.value_size(graph.output), boxes)


def _pieces(step: Step, first: float, last: float) -> list[Piece]:
    """The pieces of a step over an interval; none where they are not known exactly."""
    if step.rows is not None or step.ulps or step.off or not np.isfinite([first, last]).all():
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
    found: list[Piece] = []
    for a, b in pairwise(edges):
        middle = 0.5 * a + 0.5 * b
        if a < middle < b:
            found.append((float(step.f(np.asarray(middle))), a, b))
        elif a < b:
            return []
    for at in dict.fromkeys(edges):
        value = float(step.f(np.asarray(at)))
        if not any(value == v and a <= at <= b for v, a, b in found):
            found.append((value, at, at))
    return found


def _with_steps_read(graph: Graph, entries: list[tuple[int, int]]) -> Graph:
    """The graph with some steps read from new inputs, and what limits them as outputs."""
    count, size = len(entries), graph.size
    total = size + 3 * count
    nodes: list[Node] = []

    def append(op: Affine | Rearrange, *inputs: int) -> int:
        nodes.append(Node(op, inputs, op.size, (1, op.size), ""))
        return len(nodes)

    def picked(index: np.ndarray, *inputs: int) -> int:
        sizes = tuple(total if j == 0 else nodes[j - 1].size for j in inputs)
        return append(Rearrange("cases", index, sizes, np.zeros(index.size)), *inputs)

    place = {0: picked(np.arange(size), 0)}
    for v, node in enumerate(graph.nodes, 1):
        nodes.append(node.reading(place))
        place[v] = len(nodes)
        index = np.arange(node.size)
        for number, (step, k) in enumerate(entries):
            if step == v:
                index[k] = node.size + size + number
        if (index >= node.size).any():
            place[v] = picked(index, place[v], 0)
    arguments = [picked(np.array([k]), place[graph.nodes[v - 1].inputs[0]]) for v, k in entries]
    argument = picked(np.arange(count), *arguments)
    least, most = (picked(size + k * count + np.arange(count), 0) for k in (1, 2))
    above = append(combine((1.0, -1.0), count, name="above"), argument, most)
    below = append(combine((1.0, -1.0), count, name="below"), least, argument)
    outputs = graph.value_size(graph.output)
    last = picked(np.arange(outputs + 2 * count), place[graph.output], above, below)
    slots = (Slot("values", (outputs,)), Slot("beyond", (2 * count,)))
    return Graph((Slot("cases", (total,)),), tuple(nodes), last, slots)
