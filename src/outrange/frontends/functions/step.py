"""One step of a closed loop as a graph: from state, parameters and disturbance to the next state.

Its output is the next state, then the control that led there. The controller is spliced in: all
steps of all loops share one copy of its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core import InputError, UnsupportedError
from ...graph import Builder, Graph, Slot, Value
from ...graph.composites.splice import splice
from .arguments import called_with, check_used
from .choices import chosen
from .formulas import formulas, names_time, uses
from .linear import LinearPlant
from .trace import trace


NOUNS = {"x": "state", "u": "control", "w": "disturbance", "p": "parameter", "c": "choice"}
"""What the arguments of a plant hold, for messages."""


@dataclass(frozen=True, eq=False)
class StepParts:
    """What a step is made of.

    Args:
        controllers: The graph of each mode; one without a mode.
        plant: A function, a `LinearPlant`, a list of formulas, or the graph of a model.
        observe: From the state to what the controller sees; None where that is the state.
        actuate: From what the controller returns to the control; None where that is the same.
        states: Names.
        sizes: Of `w`, `p` and `c`; 0 where there are none.
        choices: The values of each choice, rising.
        controls: Names; empty for `u1`, `u2`, ...
        modes: The value of each controller's mode.
        mode: The state that holds the mode.
    """

    controllers: Sequence[Graph]
    plant: Any
    observe: Callable | None
    actuate: Callable | None
    states: tuple[str, ...]
    sizes: Mapping[str, int]
    choices: Sequence[np.ndarray]
    controls: tuple[str, ...] = ()
    modes: tuple[float, ...] = ()
    mode: int = 0

    def __post_init__(self) -> None:
        if any(slot.whole for graph in self.controllers for slot in graph.inputs):
            raise UnsupportedError(
                "A controller in a closed loop reads real numbers. "
                "Received: one with inputs of whole numbers."
            )
        sizes = {(g.size, g.value_size(g.output)) for g in self.controllers}
        if len(sizes) > 1:
            raise InputError(
                "The controllers of all modes take and return as many numbers. "
                f"Received: inputs and outputs {sorted(sizes)}."
            )

    @property
    def uses_time(self) -> bool:
        """Whether the plant asks which step it is."""
        if isinstance(self.plant, Graph):
            return False
        if isinstance(self.plant, list | tuple):
            return any(map(names_time, self.plant)) and "t" not in {*self.states, *self.controls}
        return "t" in called_with(self.plant, self.sizes)


@dataclass(frozen=True, eq=False)
class StepGraphs:
    """A step before and after the controller, and as a whole.

    Args:
        before: From the state to what the controller sees.
        after: From state, disturbance, parameters, choice and what the controller returned to the
            next state and the control.
        whole: From state, disturbance, parameters and choice to the next state and the control.
        modes: The same with the controller of one mode, where there are several.
    """

    before: Graph
    after: Graph
    whole: Graph
    modes: Mapping[float, Graph]


def step_graphs(parts: StepParts, t: float = 0.0) -> StepGraphs:
    """The graphs of one step.

    Args:
        parts: What it is made of.
        t: The number of the step.

    Raises:
        InputError: Sizes do not fit each other.
        UnsupportedError: A function computes something that is not described.
    """
    n, size = len(parts.states), parts.controllers[0].size
    slots = [Slot("x", (n,))]
    slots += [Slot(k, (parts.sizes[k],), whole=k == "c") for k in "wpc" if parts.sizes[k]]
    before = before_graph(parts, n, size)
    raw = parts.controllers[0].value_size(parts.controllers[0].output)
    b = Builder([*slots, Slot("raw", (raw,))])
    given = dict(zip((s.name for s in b.inputs), b.input_values(), strict=True))
    after = b.finish(_after(b, parts, given, t), ["next", "u"])
    whole = _whole(parts, slots, before, after)
    each = zip(parts.modes, parts.controllers, strict=True) if parts.modes else ()
    modes = {
        value: _whole(replace(parts, controllers=[one], modes=()), slots, before, after)
        for value, one in each
    }
    return StepGraphs(before, after, whole, modes)


def plain_after(parts: StepParts, t: float = 0.0) -> Graph:
    """`StepGraphs.after` as the plant wrote it, curves not put together: quickly there."""
    n, raw = len(parts.states), parts.controllers[0].value_size(parts.controllers[0].output)
    slots = [Slot("x", (n,))]
    slots += [Slot(k, (parts.sizes[k],), whole=k == "c") for k in "wpc" if parts.sizes[k]]
    b = Builder([*slots, Slot("raw", (raw,))])
    given = dict(zip((s.name for s in b.inputs), b.input_values(), strict=True))
    after, u = _after(b, parts, given, t)
    last = b.concat([after, u], axis=1)
    if not isinstance(last, Value):
        last = b.constant_value(last)
    return Graph(tuple(b.inputs), tuple(b.nodes), last.index, (Slot("next", (last.size,)),))


def _whole(parts: StepParts, slots: Sequence[Slot], before: Graph, after: Graph) -> Graph:
    b = Builder(slots)
    inputs = b.input_values()
    out = _controlled(b, parts, inputs[0], splice(b, before, inputs[0]))
    flat = b.concat([*inputs, b.reshape(out, (1, out.size))], axis=1)
    found = splice(b, after, flat)  # pyright: ignore[reportArgumentType]
    return b.finish([found], ["next and u"])


def _controlled(b: Builder, parts: StepParts, x: Value, seen: Value) -> Value:
    """What the controller of the mode returns: the sum of all, those of other modes times 0."""
    if not parts.modes:
        return splice(b, parts.controllers[0], seen)
    mode = b.structural(lambda a: a[0][:, parts.mode : parts.mode + 1], [x])
    total: Value | None = None
    for value, graph in zip(parts.modes, parts.controllers, strict=True):
        chosen = b.curve("is_zero", b.affine_map(mode, 1.0, -value))
        part = b.multiply(chosen, splice(b, graph, seen))
        total = part if total is None else b.add(total, part)  # pyright: ignore[reportAssignmentType]
    return total  # pyright: ignore[reportReturnType]


def before_graph(parts: StepParts, n: int, size: int) -> Graph:
    """From the state to what the controller sees."""
    b = Builder([Slot("x", (n,))], source="observe")
    (x,) = b.input_values()
    if parts.observe is not None:
        given = [_vector(b, x)]
        return b.finish([trace(b, parts.observe, given, size, "`observe`", ["state"])], ["seen"])
    if n != size:
        raise InputError(
            "The controller takes the whole state, unless `observe=` says what it sees: "
            f"`observe=lambda x: [x[0] - 1, x[1]]`. Received: {n} states, {size} inputs of the "
            "controller."
        )
    return b.finish([x], ["seen"])


def _after(b: Builder, parts: StepParts, given: dict[str, Value], t: float) -> list[Value]:
    """The next state, and the control."""
    u: Value = given.pop("raw")
    if "c" in given:
        given["c"] = chosen(b, given["c"], parts.choices)
    u = actuated(b, parts, u)
    b.source = "plant"
    after = plant_value(b, parts, {**given, "u": u}, t)
    return [after, b.reshape(u, (1, u.size))]


def actuated(b: Builder, parts: StepParts, raw: Value) -> Value:
    """The control, of what the controller returns."""
    if parts.actuate is None:
        return raw
    b.source = "actuate"
    given = ["output of the controller"]
    return trace(b, parts.actuate, [_vector(b, raw)], None, "`actuate`", given)


def _vector(b: Builder, x: Value) -> Value:
    """Without a batch axis, as a function of arrays takes it."""
    return b.reshape(x, (x.size,))


def plant_value(
    b: Builder, parts: StepParts, given: Mapping[str, Value], t: float | Value
) -> Value:
    """What the plant returns: the next state, or the derivative."""
    n, u = len(parts.states), given["u"]
    if isinstance(parts.plant, Graph):
        order = [k for k in ("x", "u", "w", "p", "c") if k in given]
        return _model(b, parts.plant, n, [given[k] for k in order])
    if isinstance(parts.plant, LinearPlant):
        wanted = (n, u.size)
        found = (parts.plant.A.shape[0], parts.plant.B.shape[1])
        if wanted != found:
            raise InputError(
                "A linear plant has a row a state and a column of `B` a control. Received: "
                f"{found[0]} states and {found[1]} controls of the plant, {n} states and "
                f"{u.size} controls of the loop."
            )
    vectors: dict[str, Any] = {k: _vector(b, v) for k, v in given.items()}
    if isinstance(t, Value):
        vectors["t"] = b.reshape(t, ())
    if isinstance(parts.plant, list | tuple):
        return _formulas(b, parts, vectors, n, t)
    words = called_with(parts.plant, parts.sizes)
    values = [k for k in words if k in vectors]

    def run(*arrays: Any) -> Any:
        found = {"t": t} | dict(zip(values, arrays, strict=True))
        return parts.plant(*(found[k] for k in words))

    run.__wrapped__ = parts.plant  # pyright: ignore[reportFunctionMemberAccess]
    nouns = [NOUNS.get(k, "") for k in values]
    return trace(b, run, [vectors[k] for k in values], n, "The plant", nouns)


def _formulas(
    b: Builder, parts: StepParts, vectors: Mapping[str, Any], n: int, t: float | Value
) -> Value:
    if len(parts.plant) != n:
        raise InputError(
            "A plant as text has one formula a state. "
            f"Received: {len(parts.plant)} formulas, {n} states."
        )
    count = vectors["u"].size
    names = {"x": parts.states, "u": parts.controls or [f"u{i + 1}" for i in range(count)]}
    names |= {k: [f"{k}{i + 1}" for i in range(vectors[k].size)] for k in "wpc" if k in vectors}
    names |= {"t": ()}
    taken = {*parts.states, *parts.controls}
    found = [k for k in "wpc" if uses(parts.plant, {k, f"{k}1", *names.get(k, ())} - taken)]
    check_used(["x", "u", *found], parts.sizes)
    run = formulas(parts.plant, names)
    return trace(
        b,
        lambda *arrays: run({"t": t} | dict(zip(vectors, arrays, strict=True))),
        list(vectors.values()),
        n,
        "The plant",
    )


def _model(b: Builder, plant: Graph, n: int, given: Sequence[Value]) -> Value:
    """A model as plant: it reads state and control, one after the other."""
    size = sum(x.size for x in given)
    outputs = plant.value_size(plant.output)
    if (plant.size, outputs) != (size, n):
        raise InputError(
            "A model as plant takes the state, then the control (then a disturbance and "
            f"parameters), and returns the next state: {size} numbers, then {n}. "
            f"Received: a model of {plant.size} inputs and {outputs} outputs."
        )
    joined = b.concat([b.reshape(x, (1, x.size)) for x in given], axis=1)
    return splice(b, plant, joined)  # pyright: ignore[reportArgumentType]
