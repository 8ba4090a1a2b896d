"""Construction of a closed loop's graphs and sets from a `ControlLoop`."""

from __future__ import annotations

import operator
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import Box, InputDomain, InputError, Region
from ...graph import Builder, Slot
from ...questions.inputs.sets.base import Cut, Union
from ..arguments import load_network
from .control_loop import ControlLoop, read_names
from .delay import append_delayed, delayed_names, read_delay
from .flows import flow_system, period
from .modes import mode_index, read_modes
from .uncertain import check_repeatable, read_unknown


if TYPE_CHECKING:
    from ...frontends.functions.parts import StepParts
    from ...frontends.functions.step import StepGraphs
    from ...frontends.network import Network
    from ...reach.continuous.system import FlowSystem
    from ...reach.system import LoopSystem

MOST_STEPS = 10_000
"""Maximum number of steps; a longer loop is too large to unroll into a graph."""


def build_system(
    loop: ControlLoop, steps: Any
) -> tuple[LoopSystem | FlowSystem, list[Network], InputDomain | None]:
    """Return the loop as a system, its controllers' networks, and the initial set shown in answers.

    Args:
        loop: The loop.
        steps: Number of steps, or with `dt` the number of periods.

    Raises:
        InputError: The parts of the loop do not match each other, or `steps` is out of range.
        UnsupportedError: The plant uses an unsupported operation.
    """
    from ...frontends.functions.parts import StepParts
    from ...frontends.functions.step import with_counts
    from ...questions.common.provenance import input_domain
    from ...questions.inputs.sets.regions import regions

    _check_steps(steps)
    key, modes = read_modes(loop.controller)
    state_names, control_names = read_names(loop.names)
    networks = [None if is_function(model) else load_network(model) for model in modes.values()]
    plant = _model_plant(loop.plant)
    size = _count(loop, plant, networks[0])
    names = _names(state_names, size, "states", "x")
    mode = 0 if key is None else mode_index(key, names)
    seen = _observation_size(loop.observe, size) if None in networks else size
    late, idle = read_delay(loop.delay)
    controllers = [
        _function_graph(model, seen) if network is None else network.graph
        for model, network in zip(modes.values(), networks, strict=True)
    ]
    noise, fixed, choices = read_unknown(loop.unknown)
    sizes = {"w": noise.size, "p": fixed.size, "c": len(choices)}
    values_of = () if key is None else tuple(modes)
    step_parts = StepParts(
        controllers, plant, loop.observe, loop.actuate, names, sizes, choices,
        tuple(control_names or ()), values_of, mode, loop.memory, late, idle,
    )  # fmt: skip
    parts = with_counts(step_parts)
    slots = [Slot(name, (), column_of="x") for name in names]
    whole = slots if state_names is not None else [Slot("x", (size,))]
    sets = regions(whole, loop.initial)
    _check_finite(sets, names)
    boxes = noise, fixed
    if loop.dt is not None:
        system = flow_system(parts, networks, sets, boxes, period(loop.dt), steps)
        _names(control_names, len(system.controls), "controls", "u")
    else:
        system = _discrete_system(parts, networks, sets, boxes, steps)
    check_repeatable(parts)
    return system, [n for n in networks if n is not None], input_domain(slots, sets)


def _discrete_system(
    parts: StepParts,
    networks: Sequence[Network | None],
    sets: Sequence[Region],
    boxes: tuple[Box, Box],
    steps: int,
) -> LoopSystem:
    """Build a closed loop with a plant in discrete time.

    Args:
        parts: Parts of the loop.
        networks: Networks of the controllers; None for each controller that is a function.
        sets: Initial sets.
        boxes: Box of the disturbance, and box of the parameters.
        steps: Number of steps.
    """
    from ...frontends.functions.step import step_graphs
    from ...reach.system import LoopSystem

    (noise, fixed), hidden = boxes, parts.pending
    size = len(parts.states) + len(hidden)
    timed = parts.uses_time or parts.uses_clock
    graphs = [step_graphs(parts, t) for t in range(steps if timed else 1)]
    pushed = _names(parts.controls or None, graphs[0].after.outputs[1].size, "controls", "u")
    initial = tuple(append_delayed(region, hidden) for region in sets)
    return LoopSystem(
        tuple(graph.whole for graph in graphs), steps, initial,
        (*parts.states, *delayed_names(pushed, parts.delay, parts.states)), pushed, noise,
        fixed, np.array([len(values) for values in parts.choices], int),
        ", ".join(dict.fromkeys("controller" if n is None else n.name for n in networks)),
        _model_step(networks, parts, graphs, size), parts.mode,
        {value: tuple(graph.modes[value] for graph in graphs) for value in parts.modes},
        len(hidden),
    )  # fmt: skip


def _check_steps(steps: Any) -> None:
    try:
        count = 0 if isinstance(steps, bool) else operator.index(steps)
    except TypeError:
        count = 0
    if not 1 <= count <= MOST_STEPS:
        raise InputError(
            "`steps` must be the number of steps (with `dt`: periods), an integer from 1 "
            f"to {MOST_STEPS:,}. Received: steps={steps!r}."
        )


def is_function(controller: Any) -> bool:
    return isinstance(controller, types.FunctionType | types.MethodType | np.ufunc)


def _observation_size(observe: Callable | None, size: int) -> int:
    """Return the input size of a controller that is a Python function."""
    if observe is None:
        return size
    from ...frontends.functions.actuation import trace_callback
    from ...frontends.functions.arguments import OBSERVE_ARGUMENTS

    b = Builder([Slot("x", (size,))], source="observe")
    (x,) = b.input_values()
    return trace_callback(b, observe, OBSERVE_ARGUMENTS, {"x": x, "t": 0.0}, None, "`observe`").size


def _function_graph(controller: Callable, size: int) -> Any:
    from ...frontends.functions import trace

    b = Builder([Slot("x", (size,))], source="controller")
    (x,) = b.input_values()
    output = trace(b, controller, [b.reshape(x, (size,))], None, "The controller")
    return b.finish([output], ["u"])


def _model_plant(plant: Any) -> Any:
    """Return the graph of a model; return functions, formulas and linear plants unchanged."""
    if isinstance(plant, list | tuple) or is_function(plant) or hasattr(plant, "A"):
        return plant
    from ...frontends.load import is_keras, is_torch

    if isinstance(plant, str) or hasattr(plant, "__fspath__") or hasattr(plant, "graph"):
        return load_network(plant).graph
    if is_keras(plant) or is_torch(plant):
        return load_network(plant).graph
    return plant


def _count(loop: ControlLoop, plant: Any, network: Network | None) -> int:
    """Return the number of states.

    It is the number of names of states, of formulas of the plant, or of rows of its matrix `A`.
    If none of these exist, it is the size of the bounds on the initial states, or of the
    controller's input.

    Raises:
        InputError: The number of states is unknown.
    """
    states, initial = read_names(loop.names)[0], loop.initial
    if states is not None:
        return len(states)
    if isinstance(plant, list | tuple):
        return len(plant)
    if hasattr(plant, "A"):
        return len(plant.A)
    while isinstance(initial, Cut | Union):
        initial = initial.whole if isinstance(initial, Cut) else initial.sets[0]
    if isinstance(initial, tuple) and len(initial) == 2:
        sizes = [np.size(end) for end in initial if np.ndim(end)]
        if sizes:
            return int(max(sizes))
    if network is not None and loop.observe is None:
        return network.graph.size
    raise InputError(
        "The number of states must be known. Pass their names, `names=['angle', 'speed']`, or "
        "the initial set as two arrays. Received: an initial set without sizes, and no `names`."
    )


def _names(value: Sequence[str] | None, size: int, what: str, prefix: str) -> tuple[str, ...]:
    """Return the user's names, or numbered names if `value` is None.

    Raises:
        InputError: The number of names is not `size`.
    """
    if value is None:
        return tuple(f"{prefix}{i + 1}" for i in range(size))
    if len(value) != size:
        raise InputError(
            f"`names` must contain {size} name{'s' * (size > 1)} of {what}. "
            f"Received: {list(value)}."
        )
    return tuple(value)


def _check_finite(sets: Sequence[Any], names: Sequence[str]) -> None:
    for region in sets:
        for name, lo, hi in zip(names, region.box.lo, region.box.hi, strict=True):
            if not np.isfinite([lo, hi]).all():
                raise InputError(
                    "Every state must start in a bounded interval. "
                    f"Received: [{lo:g}, {hi:g}] for the state {name} at step 0."
                )


def _model_step(
    networks: Sequence[Network | None], parts: StepParts, graphs: Sequence[StepGraphs], size: int
) -> Callable[[int, np.ndarray], np.ndarray] | None:
    """Return a function that runs one step with the user's controller in its own arithmetic.

    The plant runs in float64. The result is None if a controller is a function or cannot be run.
    """
    runs = [(n.predict, n.computed.dtype) for n in networks if n is not None and n.predict]
    if len(runs) < len(networks):
        return None

    def control(x: np.ndarray, seen: np.ndarray) -> np.ndarray:
        outputs = [np.asarray(predict(seen.astype(kind)), np.float64) for predict, kind in runs]
        raw = outputs[0].reshape(len(seen), -1)
        for value, other in zip(parts.modes[1:], outputs[1:], strict=False):
            here = x[:, parts.mode, None] == value
            raw = np.where(here, other.reshape(len(seen), -1), raw)
        return raw

    def run(k: int, state: np.ndarray) -> np.ndarray:
        graph = graphs[k if len(graphs) > 1 else 0]
        raw = control(state[:, :size], graph.before.run(state[:, :size]))
        return graph.after.run(np.concatenate([state, raw], axis=1))

    return run
