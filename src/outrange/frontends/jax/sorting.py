"""Lowering rules for JAX primitives that round, sort, select or write entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Operand, Value
from ...graph.composites import logic
from ..rule_table import rule_decorator
from ..traced.call import TracedCall
from ..traced.sorting import argsort, placement, sort, take_first, write


RULES: dict[str, Callable[[TracedCall], Any]] = {}
rule = rule_decorator(RULES)

WRITES = {
    "scatter": "set", "scatter-add": "add", "scatter_add": "add", "scatter-mul": "mul",
    "scatter_mul": "mul", "scatter-max": "max", "scatter_max": "max", "scatter-min": "min",
    "scatter_min": "min",
}  # fmt: skip
"""Map from the name of a scatter primitive to the argument `how` of `write`."""

_UNTOUCHED = {"set": 0.0, "add": 0.0, "mul": 1.0, "max": 0.0}


@rule("round")
def _round(c: TracedCall) -> Operand:
    if int(c.attr("rounding_method")) == 1:  # halves to even numbers
        return c.b.curve("round", c.x)
    above = c.b.affine_map(c.b.curve("relu", c.x), 1.0, 0.5)
    below = c.b.affine_map(c.b.clip(c.x, -np.inf, 0.0), 1.0, -0.5)
    return c.b.add(c.b.curve("floor", above), c.b.curve("ceil", below))


@rule("sort")
def _sort(c: TracedCall) -> list[Operand]:
    key, axis = c.x, c.attr("dimension")
    if c.attr("num_keys") != 1 or not isinstance(key, Value):
        raise UnsupportedError("a sort by several keys, or by a constant key, is not supported")
    results = [sort(c, key, axis)]
    if len(c.inputs) > 1:
        if not c.attr("is_stable"):
            raise UnsupportedError("an unstable sort of several operands is not supported")
        places = argsort(c, key, axis)
        assert isinstance(places, Value)
        results += [_sorted_along(c, x, places, axis) for x in c.inputs[1:]]
    return results


def _sorted_along(c: TracedCall, x: Operand, places: Value, axis: int) -> Operand:
    """Reorder an operand along `axis` by `places`, the positions that sort the sort key."""
    if not isinstance(x, Value):
        numbers = np.arange(x.shape[axis]).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
        if np.array_equal(x, np.broadcast_to(numbers, x.shape)):
            return places
    return logic.pick_along(c.b, x, places, axis)


@rule("top_k")
def _top(c: TracedCall) -> list[Operand]:
    axis, k = int(c.attr("axis", -1)) % len(c.x.shape), int(c.attr("k"))
    assert isinstance(c.x, Value)
    best = sort(c, c.x, axis, downward=True)
    return [take_first(c, x, k, axis) for x in (best, argsort(c, c.x, axis, downward=True))]


@rule("dynamic_update_slice")
def _update_slice(c: TracedCall) -> list[Operand]:
    if any(isinstance(x, Value) for x in c.inputs[2:]):
        raise UnsupportedError(
            "a dynamic_update_slice at positions that depend on the input is not supported"
        )
    return c.move_entries([0, 1])


@rule(*WRITES)
def _scatter(c: TracedCall) -> Operand:
    how, indices = WRITES[c.kind], c.constant(1, "positions")
    x, updates = c.x, c.inputs[2]
    untouched = _UNTOUCHED.get(how, 2.0**24)
    placed = placement(
        lambda entries, marks: c.step.run(entries, indices, marks)[0],
        x.shape,
        updates.shape,
        untouched,
        str(c.step.dtypes[0]),
    )
    return write(c, how, x, updates, placed)


def gather(c: TracedCall) -> Operand:
    """Lower a gather along one axis at positions that depend on the input.

    Raises:
        UnsupportedError: The gather is of a different kind.
    """
    numbers, sizes = c.attr("dimension_numbers"), tuple(c.attr("slice_sizes"))
    x, index = c.inputs
    rank = len(x.shape)
    assert isinstance(index, Value)
    if len(numbers.start_index_map) != 1:
        raise UnsupportedError(
            "a gather is not supported if its positions along several axes depend on the input"
        )
    (axis,) = numbers.start_index_map
    index = c.b.reshape(index, tuple(index.shape[:-1]))
    mode = str(c.attr("mode")).lower()
    if "clip" in mode:
        clipped = c.b.clip(index, 0.0, x.shape[axis] - 1.0)
        assert isinstance(clipped, Value)
        index = clipped
    others = tuple(i for i in range(rank) if i != axis)
    batching = tuple(numbers.operand_batching_dims)
    same_batching = batching == others == tuple(numbers.start_indices_batching_dims)
    if batching and same_batching and sizes[axis] == 1:
        return logic.pick_along(c.b, x, index, axis)
    if batching or sizes[axis] != 1 or any(sizes[i] != x.shape[i] for i in others):
        raise UnsupportedError(
            "a gather of slices at positions that depend on the input is not supported"
        )
    rows = logic.lookup(c.b, c.b.transpose(x, [axis, *others]), index)
    lead = len(index.shape)
    if not numbers.collapsed_slice_dims:
        shape = tuple(rows.shape)
        rows = c.b.reshape(rows, (*shape[: lead + axis], 1, *shape[lead + axis :]))
    places = list(numbers.offset_dims)
    batch = [i for i in range(len(rows.shape)) if i not in places]
    return c.b.transpose(rows, np.argsort([*batch, *places]).tolist())
