"""What a plant returns, as values of a graph: a function, a model, matrices, formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import InputError
from ...graph import Builder, Graph, Value
from ...graph.composites.splice import splice
from .arguments import called_with, check_used
from .formulas import formulas, uses
from .linear import LinearPlant
from .parts import StepParts
from .trace import trace


def vector(b: Builder, x: Value) -> Value:
    """Without a batch axis, as a function of arrays takes it."""
    return b.reshape(x, (x.size,))


NOUNS = {"x": "state", "u": "control", "w": "disturbance", "p": "parameter", "c": "choice"}
"""What the arguments of a plant hold, for messages."""


def plant_value(
    b: Builder, parts: StepParts, given: Mapping[str, Value], t: float | Value
) -> Value:
    """What the plant returns: the next state, or the derivative, without what is remembered."""
    n, u = len(parts.states) - parts.kept, given["u"]
    own = {**given, "x": part_of(b, given["x"], 0, n)} if parts.kept else given
    if isinstance(parts.plant, Graph):
        order = [k for k in ("x", "u", "w", "p", "c") if k in given]
        return _model(b, parts.plant, n, [own[k] for k in order])
    if isinstance(parts.plant, LinearPlant):
        wanted = (n, u.size)
        found = (parts.plant.A.shape[0], parts.plant.B.shape[1])
        if wanted != found:
            raise InputError(
                "A linear plant has a row a state and a column of `B` a control. Received: "
                f"{found[0]} states and {found[1]} controls of the plant, {n} states and "
                f"{u.size} controls of the loop."
            )
        given = own
    vectors: dict[str, Any] = {k: vector(b, v) for k, v in given.items()}
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


def part_of(b: Builder, x: Value, start: int, stop: int) -> Value:
    """Some of the entries of a row."""
    return b.structural(lambda a: a[0][:, start:stop], [x])  # pyright: ignore[reportReturnType]


def _besides(parts: StepParts) -> str:
    return f" beside {parts.kept} that the controller remembers" if parts.kept else ""


def _formulas(
    b: Builder, parts: StepParts, vectors: Mapping[str, Any], n: int, t: float | Value
) -> Value:
    if len(parts.plant) != n:
        raise InputError(
            "A plant as text has one formula a state. "
            f"Received: {len(parts.plant)} formulas, {n} states{_besides(parts)}."
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
