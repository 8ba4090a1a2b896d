"""Tracing of functions to flat lists of JAX primitives; the only module that imports JAX."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from importlib import import_module
from itertools import count
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ..traced import TracedProgram, TracedStep


CALLS = (
    "jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat",
    "remat2", "checkpoint", "custom_vjp_call_jaxpr", "custom_lin",
)  # fmt: skip
"""Primitives that only call an inner function."""

_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")

MOST_ROUNDS = 10_000


def jax() -> Any:
    """Import and return `jax`."""
    import jax

    return jax


def in_float64() -> Any:
    """Return a context in which JAX supports float64."""
    import jax

    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    return import_module("jax.experimental").enable_x64()  # releases before 0.8


def record(function: Callable, specs: Sequence[tuple[tuple[int, ...], str]]) -> TracedProgram:
    """Trace a function of arrays, with calls inlined and loops of fixed length unrolled.

    Args:
        function: Function of one array per spec, which returns a flat list of arrays.
        specs: Shape and dtype of each array.

    Raises:
        UnsupportedError: A loop is too long, or its number of rounds depends on the input.
    """
    import jax

    arguments = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in specs]
    closed = jax.make_jaxpr(function)(*arguments)
    work = _Flattening(jax)
    inputs = [work.fresh() for _ in closed.jaxpr.invars]
    outputs = work.run(closed.jaxpr, closed.consts, inputs)
    return TracedProgram(inputs, work.steps, outputs, work.constants)


class _Flattening:
    """Converter of a jaxpr with nested calls to a flat list of steps with unique keys."""

    def __init__(self, jax: Any) -> None:
        from jax.extend.core import Literal

        self.jax, self.literal = jax, Literal
        self.steps: list[TracedStep] = []
        self.constants: dict[Hashable, np.ndarray] = {}
        self.numbers = count()

    def fresh(self) -> int:
        return next(self.numbers)

    def constant(self, value: Any) -> int:
        key = self.fresh()
        self.constants[key] = np.asarray(value)
        return key

    def run(self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[int]) -> list[int]:
        """Flatten a jaxpr, and return the keys of its results."""
        keys = {v: self.constant(c) for v, c in zip(jaxpr.constvars, consts, strict=True)}
        keys.update(zip(jaxpr.invars, inputs, strict=True))

        def read(v: Any) -> int:
            return self.constant(v.val) if isinstance(v, self.literal) else keys[v]

        for eqn in jaxpr.eqns:
            results = self.equation(eqn, [read(v) for v in eqn.invars])
            keys.update(zip(eqn.outvars, results, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def equation(self, eqn: Any, inputs: list[int]) -> list[int]:
        """Flatten one primitive, or the function that it calls; return the keys of its results."""
        name, params = eqn.primitive.name, eqn.params
        if name in CALLS:
            inner = next(params[k] for k in _INNER if k in params)
            return self.run(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), inputs)
        if name == "scan":
            return self.scan(params, inputs)
        if name == "while":
            return self.loop(params, inputs)
        if name == "cond" and inputs[0] in self.constants:
            inner = params["branches"][int(self.constants[inputs[0]])]
            return self.run(inner.jaxpr, inner.consts, inputs[1:])
        if name == "cond" and len(params["branches"]) == 2:
            return self.either(params["branches"], inputs)
        makes = [self.fresh() for _ in eqn.outvars]
        shapes = [tuple(v.aval.shape) for v in eqn.outvars]
        attributes = {**params, "shapes": shapes}
        dtypes = [str(v.aval.dtype) for v in eqn.invars]
        results = [str(v.aval.dtype) for v in eqn.outvars]
        self.steps.append(
            TracedStep(name, inputs, makes, attributes, self.runner(eqn), dtypes, results=results)
        )
        return makes

    def runner(self, eqn: Any) -> Callable[..., list[np.ndarray]]:
        """Return a function that runs the primitive on one NumPy array per operand.

        An array contains the values of a constant operand, or the integer positions of an operand's
        entries. The positions in the result show where the primitive moves each entry.
        """
        jnp = self.jax.numpy
        is_real = bool(eqn.invars) and jnp.issubdtype(eqn.invars[0].aval.dtype, jnp.inexact)

        def cast(x: np.ndarray, v: Any) -> Any:
            """Cast booleans and integers, which are folded as real numbers, to their own dtype."""
            counts = not jnp.issubdtype(v.aval.dtype, jnp.inexact) and x.dtype.kind == "f"
            return jnp.asarray(x.astype(v.aval.dtype) if counts else x)

        def run(*arrays: np.ndarray) -> list[np.ndarray]:
            params = dict(eqn.params)
            if is_real and eqn.primitive.name == "gather" and arrays[0].dtype.kind == "i":
                params["fill_value"] = 0  # no position is 0
            results = eqn.primitive.bind(*map(cast, arrays, eqn.invars), **params)
            many = eqn.primitive.multiple_results
            return [np.asarray(x) for x in (results if many else [results])]

        return run

    def either(self, branches: Any, inputs: list[int]) -> list[int]:
        """Flatten both branches of a condition, and select between their results."""
        first, second = (self.run(inner.jaxpr, inner.consts, inputs[1:]) for inner in branches)
        return [self.select(inputs[0], *pair) for pair in zip(first, second, strict=True)]

    def select(self, condition: int, x: int, y: int) -> int:
        key = self.fresh()
        self.steps.append(
            TracedStep("select_n", [condition, x, y], [key], {}, lambda k, a, b: [b if k else a])
        )
        return key

    # ---- loops ------------------------------------------------------------------------------

    def scan(self, params: Any, inputs: list[int]) -> list[int]:
        """Unroll a scan, iteration by iteration."""
        constants, carried = params["num_consts"], params["num_carry"]
        inner, length = params["jaxpr"], params["length"]
        if length > MOST_ROUNDS:
            raise UnsupportedError(
                f"a scan of {length} iterations is not supported (the limit is {MOST_ROUNDS})"
            )
        fixed, carry = inputs[:constants], list(inputs[constants : constants + carried])
        rows: list[list[int]] = []
        order = range(length - 1, -1, -1) if params["reverse"] else range(length)
        for i in order:
            now = [self.row(x, i) for x in inputs[constants + carried :]]
            results = self.run(inner.jaxpr, inner.consts, [*fixed, *carry, *now])
            carry = results[:carried]
            rows.append(results[carried:])
        rows = rows[::-1] if params["reverse"] else rows
        return carry + [self.stack(list(column)) for column in zip(*rows, strict=True)]

    def row(self, x: int, i: int) -> int:
        key = self.fresh()
        self.steps.append(TracedStep("row", [x], [key], {"row": i}, lambda a: [np.asarray(a)[i]]))
        return key

    def stack(self, rows: list[int]) -> int:
        key = self.fresh()
        self.steps.append(TracedStep("stack", rows, [key], {}, lambda *a: [np.stack(a)]))
        return key

    def loop(self, params: Any, inputs: list[int]) -> list[int]:
        """Unroll a while loop whose condition depends on constants alone (such as `fori_loop`).

        Raises:
            UnsupportedError: The condition depends on the input, or the loop is too long.
        """
        n, m = params["cond_nconsts"], params["body_nconsts"]
        test, body = params["cond_jaxpr"], params["body_jaxpr"]
        first, second, state = inputs[:n], inputs[n : n + m], list(inputs[n + m :])
        for _ in range(MOST_ROUNDS):
            if not self.condition_holds(test, [*first, *state]):
                return state
            state = self.run(body.jaxpr, body.consts, [*second, *state])
        raise UnsupportedError(f"a loop of more than {MOST_ROUNDS} iterations is not supported")

    def condition_holds(self, test: Any, inputs: list[int]) -> bool:
        """Evaluate the condition of a loop by running its steps on constants."""
        start = len(self.steps)
        (key,) = self.run(test.jaxpr, test.consts, inputs)
        steps, required = [], {key}
        for step in reversed(self.steps):
            if required & set(step.makes):
                steps.append(step)
                required |= set(step.reads)
        values = dict(self.constants)
        for step in reversed(steps):
            if not all(k in values for k in step.reads):
                raise UnsupportedError(
                    "a loop whose number of iterations depends on the input is not supported"
                )
            values.update(zip(step.makes, step.run(*(values[k] for k in step.reads)), strict=True))
        del self.steps[start:]
        if key not in values:
            raise UnsupportedError(
                "a loop whose number of iterations depends on the input is not supported"
            )
        return bool(values[key])
