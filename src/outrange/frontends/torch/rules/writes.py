"""Rules for ATen operations that write to part of a tensor, or read at given positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand, Value
from ....graph.composites import logic
from ...rule_table import rule_decorator
from ...traced.call import INTEGERS, TracedCall
from ...traced.sorting import placement, write
from .arguments import get, number, tensor


RULES: dict[str, Callable[[TracedCall], Any]] = {}
rule = rule_decorator(RULES)


@rule("copy.default")
def _copy(c: TracedCall) -> Operand:
    before, after = c.step.dtypes[1], c.step.dtypes[0]
    if before != after and after in (*INTEGERS, "bool"):
        raise UnsupportedError(
            f"a copy of values of type {before} into a tensor of type {after} is not supported"
        )
    return c.b.broadcast(tensor(c, "src"), tuple(c.x.shape))


@rule("slice_scatter.default", "select_scatter.default", "diagonal_scatter.default", "scatter.src")
def _write(c: TracedCall) -> Operand:
    x, updates = get(c, "self"), get(c, "src")
    if c.kind != "scatter.src":
        return _write_placed(c, x, updates, lambda a, u: c.step.run(a, u)[0])
    # Updates beyond the positions are ignored.
    places = c.constant(1, "positions")
    part = tuple(slice(n) for n in places.shape)
    updates = c.b.structural(lambda a: a[0][part], [updates])
    return _write_placed(c, x, updates, lambda a, u: c.step.run(a, places, u)[0])


def _write_placed(
    c: TracedCall,
    x: Operand,
    updates: Operand,
    run: Callable[[np.ndarray, np.ndarray], np.ndarray],
    how: str = "set",
) -> Operand:
    placed = placement(run, x.shape, updates.shape, dtype="int64")
    return write(c, how, x, updates, placed)


@rule("scatter.value", "index_fill.int_Scalar")
def _fill(c: TracedCall) -> Operand:
    marks = c.step.run(np.zeros(c.x.shape), *(c.constant(i, "positions") for i in (1,)))[0]
    ones = c.step.run(np.ones(c.x.shape), c.constant(1, "positions"))[0]
    value = number(c, "value", 0)
    return logic.select(c.b, (marks != 0) | (ones != 1), np.full((), value), c.x)


@rule("index_put.default", "scatter_add.default", "index_add.default")
def _sum_at(c: TracedCall) -> Operand:
    """Write updates to entries, or add them to entries.

    Only updates that are added may have the same position.
    """
    x = get(c, "self")
    numbers = np.arange(x.size).reshape(x.shape)
    if c.kind.startswith("index_put"):
        places, updates, adds = get(c, "indices"), get(c, "values"), get(c, "accumulate", False)
        if any(isinstance(p, Value) for p in places):
            raise UnsupportedError("a write to positions that depend on the input is not supported")
        targets = numbers[tuple(slice(None) if p is None else np.asarray(p) for p in places)]
        updates = c.b.broadcast(updates, targets.shape)
    else:
        axis, index, adds = int(get(c, "dim")), get(c, "index"), True
        updates = get(c, "src" if c.kind.startswith("scatter") else "source")
        if isinstance(index, Value) or number(c, "alpha", 1) != 1.0:
            raise UnsupportedError(
                f"{c.kind} with `alpha` other than 1, or at positions that depend on the "
                "input, is not supported"
            )
        if c.kind.startswith("index_add"):
            targets = np.take(numbers, index, axis=axis)
        else:
            part = tuple(slice(n) for n in index.shape)
            updates = c.b.structural(lambda a: a[0][part], [updates])
            at = list(np.indices(index.shape))
            at[axis] = np.asarray(index)
            targets = numbers[tuple(at)]
    if adds:
        return _add_at(c, x, updates, targets)
    if np.unique(targets).size != targets.size:
        raise UnsupportedError("a write of several values to the same position is not supported")
    placed = np.full(x.size, -1)
    placed[targets.ravel()] = np.arange(targets.size)
    return write(c, "set", x, updates, placed.reshape(x.shape))


def _add_at(c: TracedCall, x: Operand, updates: Operand, targets: np.ndarray) -> Operand:
    """Add each update to the entry of `x` at its position in `targets`."""
    flat = targets.ravel()
    order = np.argsort(flat, kind="stable")
    count = np.bincount(flat, minlength=x.size)
    turn = np.arange(flat.size) - np.repeat(np.cumsum(count) - count, count)
    windows = np.full((x.size, 1 + int(count.max(initial=0))), -1)
    windows[:, 0] = np.arange(x.size)
    windows[flat[order], 1 + turn] = x.size + order
    entries = c.b.concat([c.b.reshape(x, (x.size,)), c.b.reshape(updates, (flat.size,))], 0)
    return c.b.gather_sum(entries, windows, 1.0, tuple(x.shape), name="add at")


@rule("gather.default")
def _gather(c: TracedCall) -> Operand | list[Operand]:
    index, axis = get(c, "index"), int(get(c, "dim"))
    if not isinstance(index, Value):
        return c.move_entries([0], "gather")
    axis %= len(index.shape)
    part = tuple(slice(None) if i == axis else slice(n) for i, n in enumerate(index.shape))
    x = c.b.structural(lambda a: a[0][part], [get(c, "self")])
    return logic.pick_along(c.b, x, index, axis)
