"""Lowering of a plant (a function, a model, matrices, or formulas) to a value of a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import InputError
from ...graph import Builder, Graph, Value
from ...graph.composites.splice import splice
from .arguments import check_used, plant_arguments
from .formulas import formulas, uses
from .linear import LinearPlant
from .parts import StepParts
from .trace import trace


def vector(b: Builder, x: Value) -> Value:
    """Reshape a value to a vector without a batch axis, as functions of arrays expect it."""
    return b.reshape(x, (x.size,))


NOUNS = {"x": "state", "u": "control", "w": "disturbance", "p": "parameter", "c": "choice"}
"""Nouns for the arguments of a plant in messages."""


def plant_value(
    b: Builder, parts: StepParts, inputs: Mapping[str, Value], t: float | Value
) -> Value:
    """Compute the plant's result: the next state or the derivative, without the memory.

    Args:
        parts: Parts of the loop.
        inputs: Map from `"x"`, `"u"` and, where present, `"w"`, `"p"` and `"c"` to their values.
        t: The time, which is a number or an input of the graph.
    """
    n, u = len(parts.states) - parts.memory_size, inputs["u"]
    plant_inputs = {**inputs, "x": part_of(b, inputs["x"], 0, n)} if parts.memory_size else inputs
    if isinstance(parts.plant, Graph):
        order = [k for k in ("x", "u", "w", "p", "c") if k in inputs]
        return _model(b, parts.plant, n, [plant_inputs[k] for k in order])
    if isinstance(parts.plant, LinearPlant):
        loop_sizes = (n, u.size)
        plant_sizes = (parts.plant.A.shape[0], parts.plant.B.shape[1])
        if loop_sizes != plant_sizes:
            raise InputError(
                "A linear plant must have one row of `A` per state of the loop, and one column of "
                f"`B` per control. Received: {plant_sizes[0]} rows of `A` and {plant_sizes[1]} "
                f"columns of `B`, but {n} states and {u.size} controls in the loop."
            )
        inputs = plant_inputs
    vectors: dict[str, Any] = {k: vector(b, v) for k, v in inputs.items()}
    if isinstance(t, Value):
        vectors["t"] = b.reshape(t, ())
    if isinstance(parts.plant, list | tuple):
        return _formulas(b, parts, vectors, n, t)
    words = plant_arguments(parts.plant, parts.sizes)
    values = [k for k in words if k in vectors]

    def run(*arrays: Any) -> Any:
        bindings = {"t": t} | dict(zip(values, arrays, strict=True))
        return parts.plant(*(bindings[k] for k in words))

    run.__wrapped__ = parts.plant  # pyright: ignore[reportFunctionMemberAccess]
    nouns = [NOUNS.get(k, "") for k in values]
    return trace(b, run, [vectors[k] for k in values], n, "The plant", nouns)


def part_of(b: Builder, x: Value, start: int, stop: int) -> Value:
    """Return the entries `start` (inclusive) to `stop` (exclusive) of a row."""
    return b.structural(lambda a: a[0][:, start:stop], [x])  # pyright: ignore[reportReturnType]


def _memory_note(parts: StepParts) -> str:
    return f" besides {parts.memory_size} that hold the memory" if parts.memory_size else ""


def _formulas(
    b: Builder, parts: StepParts, vectors: Mapping[str, Any], n: int, t: float | Value
) -> Value:
    if len(parts.plant) != n:
        raise InputError(
            "A plant given as text must have one formula per state. "
            f"Received: {len(parts.plant)} formulas, {n} states{_memory_note(parts)}."
        )
    count = vectors["u"].size
    names = {"x": parts.states, "u": parts.controls or [f"u{i + 1}" for i in range(count)]}
    names |= {k: [f"{k}{i + 1}" for i in range(vectors[k].size)] for k in "wpc" if k in vectors}
    names |= {"t": ()}
    reserved = {*parts.states, *parts.controls}
    used = [k for k in "wpc" if uses(parts.plant, {k, f"{k}1", *names.get(k, ())} - reserved)]
    check_used(["x", "u", *used], parts.sizes)
    run = formulas(parts.plant, names)
    return trace(
        b,
        lambda *arrays: run({"t": t} | dict(zip(vectors, arrays, strict=True))),
        list(vectors.values()),
        n,
        "The plant",
    )


def _model(b: Builder, plant: Graph, n: int, operands: Sequence[Value]) -> Value:
    """Splice in a model as the plant, with the concatenation of the operands as its input."""
    size = sum(x.size for x in operands)
    outputs = plant.value_size(plant.output)
    if (plant.size, outputs) != (size, n):
        raise InputError(
            "The inputs of a model used as a plant must be the state, then the control (then a "
            f"disturbance and parameters), {size} numbers in all; its outputs must be the {n} "
            f"numbers of the next state. Received: a model with {plant.size} inputs and {outputs} "
            "outputs."
        )
    joined = b.concat([b.reshape(x, (1, x.size)) for x in operands], axis=1)
    return splice(b, plant, joined)  # pyright: ignore[reportArgumentType]
