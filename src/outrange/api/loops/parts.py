"""From what a user passes to the graphs and sets of a closed loop."""

from __future__ import annotations

import operator
import types
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import Box, InputDomain, InputError, Region
from ...graph import Builder, Slot
from ..arguments import loaded, written_condition
from .flows import flow_system, period
from .held import beside, delayed, under_way
from .uncertain import check_repeatable, choices_of, pair


if TYPE_CHECKING:
    from ...frontends.functions.parts import StepParts
    from ...frontends.functions.step import StepGraphs
    from ...frontends.network import Network
    from ...reach.continuous.system import FlowSystem
    from ...reach.system import LoopSystem

MOST_STEPS = 10_000
"""A loop is unrolled: beyond this, that is no graph any more."""


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
    """The loop as graphs, the controllers' networks, and the initial set as answers tell it.

    Raises:
        InputError: Something does not fit.
        UnsupportedError: The plant computes what is not described.
    """
    from ...frontends.functions.arguments import check_order
    from ...frontends.functions.parts import StepParts
    from ...frontends.functions.step import with_counts
    from ...questions.common.stamp import input_domain
    from ...questions.inputs.sets.regions import regions

    _check_steps(steps)
    _check_names("states", states)
    _check_names("controls", controls)
    each = None if dt is None else period(dt)
    modes = _modes(controller, mode)
    for one in modes.values():
        check_order(one, plant)
    networks = [None if is_function(one) else loaded(one) for one in modes.values()]
    plant = _model_plant(plant)
    size = _count(initial, states, plant, networks[0], observe)
    names = _names(states, size, "states", "x")
    held = _place(mode, names) if mode is not None else 0
    seen = _seen(observe, size) if None in networks else size
    late, idle = delayed(delay)
    controllers = [
        _function_graph(one, seen) if network is None else network.graph
        for one, network in zip(modes.values(), networks, strict=True)
    ]
    choices = choices_of(choice)
    noise, fixed = pair(disturbance, "disturbance"), pair(parameters, "parameters")
    if (disturbance is None) != (varying is None):
        raise InputError(
            "A disturbance may be another one at every step, `varying=True`, or stay the same, "
            "`varying=False`: that decides what can be proved, so it is to be said. Received: "
            f"disturbance={'None' if disturbance is None else 'a set'}, varying={varying}."
        )
    sizes = {"w": noise.size, "p": fixed.size, "c": len(choices)}
    values_of = tuple(modes) if mode is not None else ()
    said = StepParts(
        controllers, plant, observe, actuate, names, sizes, choices, tuple(controls or ()),
        values_of, held, memory, late, idle,
    )  # fmt: skip
    parts = with_counts(said)
    slots = [Slot(name, (), column_of="x") for name in names]
    whole = slots if states is not None else [Slot("x", (size,))]
    found = regions(whole, initial, written_condition(where))
    _check_finite(found, names)
    if each is not None:
        system = flow_system(parts, networks, found, (noise, fixed), bool(varying), each, steps)
        _names(controls, len(system.controls), "controls", "u")
    else:
        system = _stepped(parts, networks, found, (noise, fixed), (bool(varying), steps))
    check_repeatable(parts)
    return system, [n for n in networks if n is not None], input_domain(slots, found)


def _stepped(
    parts: StepParts,
    networks: Sequence[Network | None],
    found: Sequence[Region],
    boxes: tuple[Box, Box],
    times: tuple[bool, int],
) -> LoopSystem:
    """A loop in discrete time: whether its disturbance varies, and its steps, are `times`."""
    from ...frontends.functions.step import step_graphs
    from ...reach.system import LoopSystem

    (noise, fixed), (varying, steps), hidden = boxes, times, parts.pending
    size = len(parts.states) + len(hidden)
    timed = parts.uses_time or parts.uses_clock
    graphs = [step_graphs(parts, t) for t in range(steps if timed else 1)]
    pushed = _names(parts.controls or None, graphs[0].after.outputs[1].size, "controls", "u")
    initial = tuple(beside(region, hidden) for region in found)
    return LoopSystem(
        tuple(one.whole for one in graphs), steps, initial,
        (*parts.states, *under_way(pushed, parts.delay, parts.states)), pushed, noise,
        varying, fixed, np.array([len(values) for values in parts.choices], int),
        ", ".join(dict.fromkeys("controller" if n is None else n.name for n in networks)),
        _model_step(networks, parts, graphs, size), parts.mode,
        {value: tuple(one.modes[value] for one in graphs) for value in parts.modes}, len(hidden),
    )  # fmt: skip


def _modes(controller: Any, mode: str | int | None) -> dict[float, Any]:
    """The controller of each mode."""
    if isinstance(controller, Mapping) != (mode is not None):
        raise InputError(
            "A controller for each mode is a dict from the values of a state to models, and "
            "`mode=` says which state that is: `controller={0: idle, 1: climb}, mode='phase'`. "
            f"Received: a {type(controller).__name__}, mode={mode!r}."
        )
    if not isinstance(controller, Mapping):
        return {0.0: controller}
    try:
        found = {float(value): one for value, one in controller.items()}
    except (TypeError, ValueError):
        found = {}
    if not found:
        raise InputError(
            "The modes of a controller are numbers, the values of a state. "
            f"Received: {list(controller)}."
        )
    return found


def _place(mode: str | int, names: Sequence[str]) -> int:
    """The state that holds the mode."""
    if isinstance(mode, str) and mode in names:
        return names.index(mode)
    if isinstance(mode, int) and 0 <= mode < len(names):
        return mode
    raise InputError(
        f"`mode` is one of the states, {', '.join(names)}, or its place. Received: {mode!r}."
    )


def _check_steps(steps: Any) -> None:
    try:
        count = operator.index(steps)
    except TypeError:
        count = 0
    if not 1 <= count <= MOST_STEPS:
        raise InputError(
            "`steps` is how many steps (with `dt`: periods) the loop runs, a whole number from 1 "
            f"to {MOST_STEPS:,}. Received: steps={steps!r}."
        )


def is_function(controller: Any) -> bool:
    return isinstance(controller, types.FunctionType | types.MethodType | np.ufunc)


def _seen(observe: Callable | None, size: int) -> int:
    """How many numbers a controller sees that is a function and does not say so itself."""
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
    found = trace(b, controller, [b.reshape(x, (size,))], None, "The controller")
    return b.finish([found], ["u"])


def _model_plant(plant: Any) -> Any:
    """The graph of a model; functions, formulas and linear plants as they are."""
    if isinstance(plant, list | tuple) or is_function(plant) or hasattr(plant, "A"):
        return plant
    from ...frontends.load import is_keras, is_torch

    if isinstance(plant, str) or hasattr(plant, "__fspath__") or hasattr(plant, "graph"):
        return loaded(plant).graph
    if is_keras(plant) or is_torch(plant):
        return loaded(plant).graph
    return plant


def _check_names(kind: str, names: Any) -> None:
    """Refuse names that are no sequence of texts."""
    if names is not None and (
        not isinstance(names, Sequence)
        or isinstance(names, str)
        or not all(isinstance(name, str) for name in names)
    ):
        raise InputError(
            f"`{kind}` are names, one text for each: {kind}=['a', 'b']. Received: {kind}={names!r}."
        )


def _count(
    initial: Any, states: Any, plant: Any, network: Network | None, observe: Callable | None
) -> int:
    """How many states there are, by whatever says so first."""
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
        "How many states are there? Name them, `states=['angle', 'speed']`, or give the initial "
        "set as two arrays. Received: an initial set that does not say, and no `states`."
    )


def _names(given: Sequence[str] | None, size: int, what: str, prefix: str) -> tuple[str, ...]:
    if given is None:
        return tuple(f"{prefix}{i + 1}" for i in range(size))
    names = [given] if isinstance(given, str) else list(given)
    good = all(isinstance(name, str) and name for name in names)
    if not good or len(names) != size or len(set(names)) < size:
        raise InputError(
            f"`{what}` are as many different names as there are {what}, {size} here. "
            f"Received: {names}."
        )
    return tuple(names)


def _check_finite(found: Sequence[Any], names: Sequence[str]) -> None:
    for region in found:
        for name, lo, hi in zip(names, region.box.lo, region.box.hi, strict=True):
            if not np.isfinite([lo, hi]).all():
                raise InputError(
                    "Every state begins in a bounded interval. "
                    f"Received: [{lo:g}, {hi:g}] for the state {name} at step 0."
                )


def _model_step(
    networks: Sequence[Network | None], parts: StepParts, graphs: Sequence[StepGraphs], size: int
) -> Callable[[int, np.ndarray], np.ndarray] | None:
    """One step with the user's own controller in its own arithmetic, the plant in float64."""
    runs = [(n.predict, n.computed.dtype) for n in networks if n is not None and n.predict]
    if len(runs) < len(networks):
        return None

    def controlled(x: np.ndarray, seen: np.ndarray) -> np.ndarray:
        found = [np.asarray(run(seen.astype(kind)), np.float64) for run, kind in runs]
        raw = found[0].reshape(len(seen), -1)
        for value, other in zip(parts.modes[1:], found[1:], strict=False):
            here = x[:, parts.mode, None] == value
            raw = np.where(here, other.reshape(len(seen), -1), raw)
        return raw

    def run(k: int, given: np.ndarray) -> np.ndarray:
        graph = graphs[k if len(graphs) > 1 else 0]
        raw = controlled(given[:, :size], graph.before.run(given[:, :size]))
        return graph.after.run(np.concatenate([given, raw], axis=1))

    return run
