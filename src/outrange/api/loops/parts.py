"""Construction of a closed loop's graphs and sets from the user's arguments."""

from __future__ import annotations

import operator
import types
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import Box, InputDomain, InputError, Region
from ...graph import Builder, Slot
from ..arguments import load_network, parse_condition
from .delay import append_delayed, delayed_names, read_delay
from .flows import flow_system, period
from .uncertain import check_repeatable, choices_of, interval_box


if TYPE_CHECKING:
    from ...frontends.functions.parts import StepParts
    from ...frontends.functions.step import StepGraphs
    from ...frontends.network import Network
    from ...reach.continuous.system import FlowSystem
    from ...reach.system import LoopSystem

MOST_STEPS = 10_000
"""Maximum number of steps; a longer loop is too large to unroll into a graph."""


def read_loop(
    controller: Any,
    plant: Any,
    initial: Any,
    *,
    steps: Any,
    dt: Any,
    observe: Callable | None,
    actuate: Callable | None,
    parameters: Any,
    disturbance: Any,
    varying: bool | None,
    choice: Any,
    states: Sequence[str] | None,
    controls: Sequence[str] | None,
    where: Any,
    mode: str | int | None = None,
    memory: Callable | None = None,
    delay: Any = 0,
) -> tuple[LoopSystem | FlowSystem, list[Network], InputDomain | None]:
    """Return the loop as a system, its controllers' networks, and the initial set shown in answers.

    Raises:
        InputError: The arguments do not match each other.
        UnsupportedError: The plant uses an unsupported operation.
    """
    from ...frontends.functions.arguments import check_order
    from ...frontends.functions.parts import StepParts
    from ...frontends.functions.step import with_counts
    from ...questions.common.provenance import input_domain
    from ...questions.inputs.sets.regions import regions

    _check_steps(steps)
    _check_names("states", states)
    _check_names("controls", controls)
    each = None if dt is None else period(dt)
    modes = _modes(controller, mode)
    for model in modes.values():
        check_order(model, plant)
    networks = [None if is_function(model) else load_network(model) for model in modes.values()]
    plant = _model_plant(plant)
    size = _count(initial, states, plant, networks[0], observe)
    names = _names(states, size, "states", "x")
    mode_index = _mode_index(mode, names) if mode is not None else 0
    seen = _observation_size(observe, size) if None in networks else size
    late, idle = read_delay(delay)
    controllers = [
        _function_graph(model, seen) if network is None else network.graph
        for model, network in zip(modes.values(), networks, strict=True)
    ]
    choices = choices_of(choice)
    noise, fixed = interval_box(disturbance, "disturbance"), interval_box(parameters, "parameters")
    if (disturbance is None) != (varying is None):
        raise InputError(
            "`varying=True` lets the disturbance change at every step, `varying=False` keeps it "
            "constant. The proof depends on it, so it has no default. Received: "
            f"disturbance={'None' if disturbance is None else 'a set'}, varying={varying}."
        )
    sizes = {"w": noise.size, "p": fixed.size, "c": len(choices)}
    values_of = tuple(modes) if mode is not None else ()
    step_parts = StepParts(
        controllers, plant, observe, actuate, names, sizes, choices, tuple(controls or ()),
        values_of, mode_index, memory, late, idle,
    )  # fmt: skip
    parts = with_counts(step_parts)
    slots = [Slot(name, (), column_of="x") for name in names]
    whole = slots if states is not None else [Slot("x", (size,))]
    sets = regions(whole, initial, parse_condition(where))
    _check_finite(sets, names)
    if each is not None:
        system = flow_system(parts, networks, sets, (noise, fixed), bool(varying), each, steps)
        _names(controls, len(system.controls), "controls", "u")
    else:
        system = _discrete_system(parts, networks, sets, (noise, fixed), (bool(varying), steps))
    check_repeatable(parts)
    return system, [n for n in networks if n is not None], input_domain(slots, sets)


def _discrete_system(
    parts: StepParts,
    networks: Sequence[Network | None],
    sets: Sequence[Region],
    boxes: tuple[Box, Box],
    times: tuple[bool, int],
) -> LoopSystem:
    """Build a closed loop with a plant in discrete time.

    Args:
        parts: Parts of the loop.
        networks: Networks of the controllers; None for each controller that is a function.
        sets: Initial sets.
        boxes: Box of the disturbance, and box of the parameters.
        times: Whether the disturbance varies from step to step, and the number of steps.
    """
    from ...frontends.functions.step import step_graphs
    from ...reach.system import LoopSystem

    (noise, fixed), (varying, steps), hidden = boxes, times, parts.pending
    size = len(parts.states) + len(hidden)
    timed = parts.uses_time or parts.uses_clock
    graphs = [step_graphs(parts, t) for t in range(steps if timed else 1)]
    pushed = _names(parts.controls or None, graphs[0].after.outputs[1].size, "controls", "u")
    initial = tuple(append_delayed(region, hidden) for region in sets)
    return LoopSystem(
        tuple(graph.whole for graph in graphs), steps, initial,
        (*parts.states, *delayed_names(pushed, parts.delay, parts.states)), pushed, noise,
        varying, fixed, np.array([len(values) for values in parts.choices], int),
        ", ".join(dict.fromkeys("controller" if n is None else n.name for n in networks)),
        _model_step(networks, parts, graphs, size), parts.mode,
        {value: tuple(graph.modes[value] for graph in graphs) for value in parts.modes},
        len(hidden),
    )  # fmt: skip


def _modes(controller: Any, mode: str | int | None) -> dict[float, Any]:
    """Return a dict from the value of each mode to its controller."""
    if isinstance(controller, Mapping) != (mode is not None):
        raise InputError(
            "Controllers for several modes must be a dict from values of a state to models, and "
            "`mode=` must name that state: `controller={0: idle, 1: climb}, mode='phase'`. "
            f"Received: a {type(controller).__name__}, mode={mode!r}."
        )
    if not isinstance(controller, Mapping):
        return {0.0: controller}
    try:
        modes = {float(value): model for value, model in controller.items()}
    except (TypeError, ValueError):
        modes = {}
    if not modes:
        raise InputError(
            "The modes of a controller must be numbers: the values of a state. "
            f"Received: {list(controller)}."
        )
    return modes


def _mode_index(mode: str | int, names: Sequence[str]) -> int:
    """Return the index of the state that contains the mode."""
    if isinstance(mode, str) and mode in names:
        return names.index(mode)
    if isinstance(mode, int) and 0 <= mode < len(names):
        return mode
    raise InputError(
        f"`mode` must be one of the states, {', '.join(names)}, or its index. Received: {mode!r}."
    )


def _check_steps(steps: Any) -> None:
    try:
        count = operator.index(steps)
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
    """Return the input size of a controller that is a plain function."""
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


def _check_names(kind: str, names: Any) -> None:
    """Check that names are a sequence of strings."""
    if names is not None and (
        not isinstance(names, Sequence)
        or isinstance(names, str)
        or not all(isinstance(name, str) for name in names)
    ):
        raise InputError(
            f"`{kind}` must be a list of names: {kind}=['a', 'b']. Received: {kind}={names!r}."
        )


def _count(
    initial: Any, states: Any, plant: Any, network: Network | None, observe: Callable | None
) -> int:
    """Return the number of states, from the first argument that determines it."""
    if states is not None:
        return len(states)
    if isinstance(plant, list | tuple):
        return len(plant)
    if hasattr(plant, "A"):
        return len(plant.A)
    if isinstance(initial, tuple) and len(initial) == 2:
        sizes = [np.size(end) for end in initial if np.ndim(end)]
        if sizes:
            return int(max(sizes))
    if network is not None and observe is None:
        return network.graph.size
    raise InputError(
        "The number of states must be known. Name them, `states=['angle', 'speed']`, or pass "
        "the initial set as two arrays. Received: an initial set without sizes, and no `states`."
    )


def _names(value: Sequence[str] | None, size: int, what: str, prefix: str) -> tuple[str, ...]:
    if value is None:
        return tuple(f"{prefix}{i + 1}" for i in range(size))
    names = [value] if isinstance(value, str) else list(value)
    good = all(isinstance(name, str) and name for name in names)
    if not good or len(names) != size or len(set(names)) < size:
        raise InputError(
            f"`{what}` needs {size} different names, one for each of the {what}. Received: {names}."
        )
    return tuple(names)


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
