"""Graphs of a closed loop in discrete time, and its simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..core import Box, Region
from ..graph import Graph, Node, Slot
from ..graph.composites.splice import renumber_nodes
from ..ops import Rearrange


@dataclass(frozen=True, eq=False)
class LoopSystem:
    """A closed loop in discrete time.

    The flat input of a step consists of the state, the disturbance, the parameters and the choices.
    Its output consists of the next state and the control.

    Args:
        steps: One graph for all steps, or a graph for each.
        initial: Sets whose union is the set of initial states.
        states: Names of the states.
        controls: Names of the controls.
        noise: Bounds on the disturbance of one step, `(w,)` each.
        parameters: Bounds on the constant parameters, `(p,)` each.
        choices: `(c,)`: number of possible values of each choice. A choice is an input that may
            take any of finitely many values, possibly a different one at each step.
        model_step: Function that computes a step with the user's own controller in its own
            arithmetic. It maps the index of the step and inputs `(batch, inputs)` to outputs
            `(batch, states + controls)`. None if there is none.
        mode: Index of the state that selects the controller.
        of_modes: For each mode, the graphs of the steps with only the controller of that mode.
        hidden: Number of states that are delayed controls; these come last.
    """

    steps: tuple[Graph, ...]
    horizon: int
    initial: tuple[Region, ...]
    states: tuple[str, ...]
    controls: tuple[str, ...]
    noise: Box
    parameters: Box
    choices: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    name: str = "loop"
    model_step: Callable[[int, np.ndarray], np.ndarray] | None = None
    mode: int = 0
    of_modes: Mapping[float, tuple[Graph, ...]] = field(default_factory=dict)
    hidden: int = 0

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """The numbers of states, disturbances, parameters and choices."""
        return len(self.states), self.noise.size, self.parameters.size, self.choices.size

    def step(self, k: int, modes: np.ndarray | None = None) -> Graph:
        """Return the graph of step `k`, reduced to one mode if no other is possible.

        Args:
            k: Index of the step, from 0.
            modes: Bounds on the mode in each box; None if unknown.
        """
        steps = self.steps
        if modes is not None and self.of_modes and modes.size and (modes == modes.flat[0]).all():
            steps = self.of_modes.get(float(modes.flat[0]), steps)
        return steps[k if len(steps) > 1 else 0]

    def free(self, steps: int) -> Box:
        """Return the box of the unrolled loop's inputs other than the initial state.

        These are the disturbances, the parameters and the choices over `steps` steps.
        """
        lo = [
            np.tile(self.noise.lo, steps),
            self.parameters.lo,
            np.zeros(steps * self.choices.size),
        ]
        most = np.tile(self.choices - 1.0, steps)
        hi = [np.tile(self.noise.hi, steps), self.parameters.hi, most]
        return Box(np.concatenate(lo), np.concatenate(hi))

    def regions(self, steps: int) -> list[Region]:
        """Return the input sets of the loop unrolled over `steps` steps."""
        free = self.free(steps)
        whole = np.zeros(free.size, bool)
        whole[free.size - steps * self.choices.size :] = True
        return [
            replace(
                region,
                box=Box(
                    np.concatenate([region.box.lo, free.lo]),
                    np.concatenate([region.box.hi, free.hi]),
                ),
                integer=np.concatenate([region.integer, whole]),
            )
            for region in self.initial
        ]

    def read(self, k: int, steps: int) -> np.ndarray:
        """Return the indices of step `k`'s input in `[state, flat input of the unrolled loop]`."""
        n, w, p, c = self.sizes
        first, rest = 2 * n + k * w, 2 * n + steps * w
        return np.concatenate([
            np.arange(n), np.arange(first, first + w), np.arange(rest, rest + p),
            np.arange(rest + p + k * c, rest + p + (k + 1) * c),
        ])  # fmt: skip


def unroll(system: LoopSystem, steps: int) -> Graph:
    """Build one graph that computes the states and controls of several steps.

    Args:
        steps: Number of steps, at least 1.

    Returns:
        A graph with outputs `states` `(steps, n)`, after each step, and `controls` `(steps, m)`.
        Its inputs are the initial state `x` and, if the loop has them, the disturbances `w`, the
        parameters `p` and the choices `c`.
    """
    n, w, p, c = system.sizes
    m = len(system.controls)
    slots = [Slot("x", (n,))]
    if w:
        slots.append(Slot("w", (steps, w)))
    if p:
        slots.append(Slot("p", (p,)))
    if c:
        slots.append(Slot("c", (steps, c), whole=True))
    total = sum(slot.size for slot in slots)
    nodes: list[Node] = []
    ends: list[int] = []
    state = 0
    for k in range(steps):
        graph, index = system.step(k), system.read(k, steps)
        sizes = (n + m if k else total, total)
        shift = np.where(index >= n, index - n + sizes[0], index)
        nodes.append(_gather(f"step {k}", shift, sizes, (state, 0)))
        base = len(nodes)
        nodes += renumber_nodes(graph, base, base, f"step {k}/")
        state = base + graph.output
        ends.append(state)
    order = np.arange(steps * (n + m)).reshape(steps, n + m)
    index = np.concatenate([order[:, :n].ravel(), order[:, n:].ravel()])
    nodes.append(_gather("trajectory", index, (n + m,) * steps, tuple(ends)))
    outputs = (Slot("states", (steps, n)), Slot("controls", (steps, m)))
    return Graph(tuple(slots), tuple(nodes), len(nodes), outputs)


def _gather(name: str, index: np.ndarray, sizes: tuple[int, ...], read: tuple[int, ...]) -> Node:
    op = Rearrange(name, index, sizes, np.zeros(index.size))
    return Node(op, read, index.size, (1, index.size), name)


def simulate(
    system: LoopSystem, points: np.ndarray, steps: int, by_model: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate in float64; return states `(batch, steps + 1, n)`, controls `(batch, steps, m)`.

    Args:
        points: Flat inputs of the unrolled loop, `(batch, inputs)`.
        by_model: Whether to run the user's own controller, in its own arithmetic.
    """
    n = len(system.states)
    x = points[:, :n]
    states, controls = [x], []
    for k in range(steps):
        step_input = np.concatenate([x, points], axis=1)[:, system.read(k, steps)]
        if by_model and system.model_step is not None:
            outputs = system.model_step(k, step_input)
        else:
            outputs = system.step(k, x[:, system.mode]).run(step_input)
        x = outputs[:, :n]
        states.append(x)
        controls.append(outputs[:, n:])
    return np.stack(states, axis=1), np.stack(controls, axis=1)


def make_names(prefix: str, count: int, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the given names, or numbered names such as `x1`, `x2`, ... for the prefix "x"."""
    return tuple(names) if names is not None else tuple(f"{prefix}{i + 1}" for i in range(count))
