"""The one file that imports JAX: traces a function to a flat list of primitives."""

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
"""Primitives that only call what is inside them."""

_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")

MOST_ROUNDS = 10_000


def jax() -> Any:
    """The module `jax`."""
    import jax

    return jax


def in_float64() -> Any:
    """A context in which JAX has float64."""
    import jax

    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    return import_module("jax.experimental").enable_x64()  # releases before 0.8


def record(function: Callable, specs: Sequence[tuple[tuple[int, ...], str]]) -> TracedProgram:
    """Trace a function of arrays; calls in it are written out, loops of fixed length unrolled.

    Args:
        function: Takes one array per spec and returns a flat list of arrays.
        specs: Shape and dtype of each.
    """
    import jax

    given = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in specs]
    closed = jax.make_jaxpr(function)(*given)
    work = _Flattening(jax)
    inputs = [work.fresh() for _ in closed.jaxpr.invars]
    outputs = work.run(closed.jaxpr, closed.consts, inputs)
    return TracedProgram(inputs, work.steps, outputs, work.constants)


class _Flattening:
    """Steps of nested calls, with keys of their own."""

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
        """The keys of what a jaxpr returns."""
        known = {v: self.constant(c) for v, c in zip(jaxpr.constvars, consts, strict=True)}
        known.update(zip(jaxpr.invars, inputs, strict=True))

        def read(v: Any) -> int:
            return self.constant(v.val) if isinstance(v, self.literal) else known[v]

        for eqn in jaxpr.eqns:
            found = self.equation(eqn, [read(v) for v in eqn.invars])
            known.update(zip(eqn.outvars, found, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def equation(self, eqn: Any, inputs: list[int]) -> list[int]:
        """One primitive, or what it calls."""
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
        """Return a function that runs the primitive on arrays: its operands, or their positions."""
        jnp = self.jax.numpy
        is_real = bool(eqn.invars) and jnp.issubdtype(eqn.invars[0].aval.dtype, jnp.inexact)

        def typed(x: np.ndarray, v: Any) -> Any:
            """Return truth values and integers, which are folded as real numbers, in their type."""
            counts = not jnp.issubdtype(v.aval.dtype, jnp.inexact) and x.dtype.kind == "f"
            return jnp.asarray(x.astype(v.aval.dtype) if counts else x)

        def run(*arrays: np.ndarray) -> list[np.ndarray]:
            params = dict(eqn.params)
            if is_real and eqn.primitive.name == "gather" and arrays[0].dtype.kind == "i":
                params["fill_value"] = 0  # no position is 0
            found = eqn.primitive.bind(*map(typed, arrays, eqn.invars), **params)
            many = eqn.primitive.multiple_results
            return [np.asarray(x) for x in (found if many else [found])]

        return run

    def either(self, branches: Any, inputs: list[int]) -> list[int]:
        """Both branches, and a choice between them by a condition that depends on the input."""
        first, second = (self.run(inner.jaxpr, inner.consts, inputs[1:]) for inner in branches)
        return [self.chosen(inputs[0], *pair) for pair in zip(first, second, strict=True)]

    def chosen(self, condition: int, x: int, y: int) -> int:
        key = self.fresh()
        self.steps.append(
            TracedStep("select_n", [condition, x, y], [key], {}, lambda k, a, b: [b if k else a])
        )
        return key

    # ---- loops ------------------------------------------------------------------------------

    def scan(self, params: Any, inputs: list[int]) -> list[int]:
        """A scan, round by round."""
        constants, carried = params["num_consts"], params["num_carry"]
        inner, length = params["jaxpr"], params["length"]
        if length > MOST_ROUNDS:
            raise UnsupportedError(f"a scan of {length} rounds")
        fixed, carry = inputs[:constants], list(inputs[constants : constants + carried])
        rows: list[list[int]] = []
        order = range(length - 1, -1, -1) if params["reverse"] else range(length)
        for i in order:
            now = [self.row(x, i) for x in inputs[constants + carried :]]
            found = self.run(inner.jaxpr, inner.consts, [*fixed, *carry, *now])
            carry = found[:carried]
            rows.append(found[carried:])
        rows = rows[::-1] if params["reverse"] else rows
        return carry + [self.stacked(list(column)) for column in zip(*rows, strict=True)]

    def row(self, x: int, i: int) -> int:
        key = self.fresh()
        self.steps.append(TracedStep("row", [x], [key], {"row": i}, lambda a: [np.asarray(a)[i]]))
        return key

    def stacked(self, rows: list[int]) -> int:
        key = self.fresh()
        self.steps.append(TracedStep("stack", rows, [key], {}, lambda *a: [np.stack(a)]))
        return key

    def loop(self, params: Any, inputs: list[int]) -> list[int]:
        """A while loop whose condition depends on constants alone (a `fori_loop`, say)."""
        n, m = params["cond_nconsts"], params["body_nconsts"]
        test, body = params["cond_jaxpr"], params["body_jaxpr"]
        first, second, state = inputs[:n], inputs[n : n + m], list(inputs[n + m :])
        for _ in range(MOST_ROUNDS):
            if not self.decided(test, [*first, *state]):
                return state
            state = self.run(body.jaxpr, body.consts, [*second, *state])
        raise UnsupportedError(f"a loop of more than {MOST_ROUNDS} rounds")

    def decided(self, test: Any, inputs: list[int]) -> bool:
        """The condition of a loop, by running what it is made of on constants."""
        start = len(self.steps)
        (key,) = self.run(test.jaxpr, test.consts, inputs)
        needed, wanted = [], {key}
        for step in reversed(self.steps):
            if wanted & set(step.makes):
                needed.append(step)
                wanted |= set(step.reads)
        known = dict(self.constants)
        for step in reversed(needed):
            if not all(k in known for k in step.reads):
                raise UnsupportedError("a loop of a number of rounds that depends on the input")
            known.update(zip(step.makes, step.run(*(known[k] for k in step.reads)), strict=True))
        del self.steps[start:]
        if key not in known:
            raise UnsupportedError("a loop of a number of rounds that depends on the input")
        return bool(known[key])
