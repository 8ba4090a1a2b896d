"""A closed loop as graphs: what every question about it starts from."""

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

    The flat input of a step is the state, the disturbance, the parameters, the choice; its output
    the next state, then the control.

    Args:
        steps: One graph for all steps, or a graph for each.
        horizon: How many steps there are.
        initial: Initial states; a union.
        states: Names of the states.
        controls: Names of the controls.
        noise: Bounds of the disturbance of one step, `(w,)` each.
        varies: Whether the disturbance is another one at every step.
        parameters: Bounds of what stays the same, `(p,)` each.
        choices: `(c,)` how many values a choice has at every step.
        name: The controller's name.
        model_step: A step with the user's own controller in its own arithmetic: the number of the
            step and `(batch, inputs)` to `(batch, states + controls)`. None where there is none.
        mode: The state that says which of several controllers acts.
        of_modes: The steps with the controller of one mode alone.
        hidden: How many of the states are controls on their way to the plant: the last.
    """

    steps: tuple[Graph, ...]
    horizon: int
    initial: tuple[Region, ...]
    states: tuple[str, ...]
    controls: tuple[str, ...]
    noise: Box
    varies: bool
    parameters: Box
    choices: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    name: str = "loop"
    model_step: Callable[[int, np.ndarray], np.ndarray] | None = None
    mode: int = 0
    of_modes: Mapping[float, tuple[Graph, ...]] = field(default_factory=dict)
    hidden: int = 0

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Numbers of states, disturbances, parameters and choices."""
        return len(self.states), self.noise.size, self.parameters.size, self.choices.size

    def step(self, k: int, modes: np.ndarray | None = None) -> Graph:
        """The graph of step `k`; a smaller one where all these modes are the same.

        Args:
            k: The number of the step.
            modes: What is known of the mode, every end of it; None for nothing.
        """
        steps = self.steps
        if modes is not None and self.of_modes and modes.size and (modes == modes.flat[0]).all():
            steps = self.of_modes.get(float(modes.flat[0]), steps)
        return steps[k if len(steps) > 1 else 0]

    def free(self, steps: int) -> Box:
        """What varies beside the initial state, over so many steps: `w`, `p`, `c`."""
        times = steps if self.varies else 1
        lo = [
            np.tile(self.noise.lo, times),
            self.parameters.lo,
            np.zeros(steps * self.choices.size),
        ]
        most = np.tile(self.choices - 1.0, steps)
        hi = [np.tile(self.noise.hi, times), self.parameters.hi, most]
        return Box(np.concatenate(lo), np.concatenate(hi))

    def regions(self, steps: int) -> list[Region]:
        """The input sets of the loop unrolled."""
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
        """Where in `[state, flat input unrolled]` step `k` finds its input."""
        n, w, p, c = self.sizes
        times = steps if self.varies else 1
        first = 2 * n + (k * w if self.varies else 0)
        rest = 2 * n + times * w
        return np.concatenate([
            np.arange(n), np.arange(first, first + w), np.arange(rest, rest + p),
            np.arange(rest + p + k * c, rest + p + (k + 1) * c),
        ])  # fmt: skip


def unrolled(system: LoopSystem, steps: int) -> Graph:
    """The states and controls of so many steps as one graph; all steps share their weights.

    Args:
        system: The loop.
        steps: At least 1.

    Returns:
        Inputs `x`, `w`, `p`, `c`; outputs `states` `(steps, n)` after each step, and `controls`
        `(steps, m)`.
    """
    n, w, p, c = system.sizes
    m = len(system.controls)
    slots = [Slot("x", (n,))]
    if w:
        slots.append(Slot("w", (steps, w) if system.varies else (w,)))
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


def simulated(
    system: LoopSystem, points: np.ndarray, steps: int, by_model: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Trajectories in float64: states `(batch, steps + 1, n)`, controls `(batch, steps, m)`.

    Args:
        system: The loop.
        points: `(batch, inputs)` of the loop unrolled.
        steps: How many.
        by_model: Whether the user's own controller runs, in its own arithmetic.
    """
    n = len(system.states)
    x = points[:, :n]
    states, controls = [x], []
    for k in range(steps):
        given = np.concatenate([x, points], axis=1)[:, system.read(k, steps)]
        if by_model and system.model_step is not None:
            found = system.model_step(k, given)
        else:
            found = system.step(k, x[:, system.mode]).run(given)
        x = found[:, :n]
        states.append(x)
        controls.append(found[:, n:])
    return np.stack(states, axis=1), np.stack(controls, axis=1)


def named(prefix: str, count: int, given: Sequence[str] | None = None) -> tuple[str, ...]:
    """Names as given, or `x1`, `x2`, ..."""
    return tuple(given) if given is not None else tuple(f"{prefix}{i + 1}" for i in range(count))
