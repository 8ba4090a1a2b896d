"""Integer inference: which values are integers, and which inputs select rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..ops import Affine, Curve, Rearrange, Step
from .graph import Node, Op, Slot
from .values import Operand, Value


if TYPE_CHECKING:
    from .builder import Builder


_EXACT = 2.0**24
"""Absolute value up to which every integer is a float32 number."""

INTEGER_LIMITS = {
    "bool": (0.0, 1.0), "uint8": (0.0, 255.0), "int8": (-128.0, 127.0),
    "uint16": (0.0, 65535.0), "int16": (-32768.0, 32767.0),
    **dict.fromkeys(("uint32", "uint64"), (0.0, _EXACT)),
    **dict.fromkeys(("int32", "int64"), (-_EXACT, _EXACT)),
}  # fmt: skip
"""The least and the largest value that an input of each integer dtype, or of bool, may have.

An input of 32 or 64 bits is limited to integers that float32 represents exactly.
"""


RANGES = {
    "bool": (0.0, 1.0),
    **{f"int{n}": (-(2.0 ** (n - 1)), 2.0 ** (n - 1) - 1.0) for n in (8, 16, 32, 64)},
    **{f"uint{n}": (0.0, 2.0**n - 1.0) for n in (8, 16, 32, 64)},
}
"""The range of bool and of each integer dtype; beyond it, integer arithmetic wraps around."""


def cast_to_integer(b: Builder, x: Operand, dtype: str) -> Operand | None:
    """Return `x` as another integer type, whose range becomes a limit on `x`.

    Returns None if `x` is an array or is not proved to be an integer, or if no input of the graph
    is an integer. It also returns None if `dtype` is bool or not an integer type.
    """
    if dtype == "bool" or dtype not in RANGES or not any(slot.whole for slot in b.inputs):
        return None
    if not isinstance(x, Value) or not is_integer_valued(b, x):
        return None
    b.bounded.append((x.index, *RANGES[dtype]))
    return x


def input_slot(name: str, shape: tuple[int, ...], dtype: str) -> Slot:
    """Build the slot of an input, with the limits of its dtype if that is an integer type."""
    return Slot(name, shape, dtype in INTEGER_LIMITS, INTEGER_LIMITS.get(dtype, (-np.inf, np.inf)))


def limit_inputs(b: Builder) -> Iterator[Slot]:
    """Yield the inputs with their limits narrowed by the layers that read them."""
    start = 0
    for slot in b.inputs:
        least, most = slot.limits
        for entries, low, high in b.within:
            if slot.whole and ((entries >= start) & (entries < start + slot.size)).any():
                least, most = max(least, low), min(most, high)
        start += slot.size
        yield replace(slot, limits=(least, most))


def is_integer_valued(b: Builder, x: Value) -> bool:
    """Return whether every entry of `x` is proved to be an integer for all inputs."""
    return bool(_integer_entries(b, x.index).all())


def _integer_entries(b: Builder, value: int) -> np.ndarray:
    """Return a mask of the entries proved to be integers, `(n,)`, and cache it in the builder."""
    cache, waiting, visited = b.whole, [value], set()
    while waiting:
        v = waiting.pop()
        # An op without readers may have received a bias since the cached result.
        if v in visited or (v in cache and cache[v][0] is _op(b, v)):
            continue
        visited.add(v)
        cache.pop(v, None)
        waiting += _decisive(b.nodes[v - 1]) if v else ()
    for v in sorted(visited):
        flags = _slots(b) if v == 0 else _of_node(b.nodes[v - 1], cache)
        cache[v] = (_op(b, v), flags)
    return cache[value][1]


def _op(b: Builder, value: int) -> Op | None:
    return b.nodes[value - 1].op if value else None


def _slots(b: Builder) -> np.ndarray:
    return np.concatenate([np.full(slot.size, slot.whole) for slot in b.inputs])


def _decisive(node: Node) -> tuple[int, ...]:
    """Return the inputs that decide whether the results of a node are integers."""
    op = node.op
    on_lines = isinstance(op, Curve) and op.lines is not None and None not in op.lines
    in_table = isinstance(op, Step) and op.rows is not None
    entrywise = isinstance(op, Affine) and (op.factor is not None or op.coefficients is not None)
    return node.inputs if isinstance(op, Rearrange) or on_lines or in_table or entrywise else ()


def _of_node(node: Node, cache: Mapping[int, tuple[Op | None, np.ndarray]]) -> np.ndarray:
    """Return a mask of a node's entries that are proved to be integers, `(n,)`.

    `cache` contains the masks of the node's inputs.
    """
    op = node.op
    inputs = [cache[j][1] for j in _decisive(node)]
    if isinstance(op, Rearrange):
        values = np.concatenate(inputs)
        return np.where(op.index < 0, _is_integer(op.fill), values[np.maximum(op.index, 0)])
    if isinstance(op, Curve) and op.lines is not None and None not in op.lines and not op.jumps:
        # Lines with integer slope and offset map integers to integers.
        return inputs[0] & bool(_is_integer(np.array(op.lines)).all())
    if isinstance(op, Step) and op.rows is not None:
        return inputs[0] & bool(_is_integer(op.rows.entries).all())
    if isinstance(op, Step) and op.is_staircase:
        return np.full(node.size, bool(op.spacing == 1.0 and op.f(np.zeros(1))[0] == 0.0))
    if isinstance(op, Affine) and op.factor is not None:
        return inputs[0] & _is_integer(op.factor) & _is_integer(op.bias)
    if isinstance(op, Affine) and op.coefficients is not None:
        every = all(float(c).is_integer() for c in op.coefficients)
        return np.logical_and.reduce([*inputs, _is_integer(op.bias)]) & every
    return np.zeros(node.size, bool)


def _is_integer(x: np.ndarray) -> np.ndarray:
    return x == np.rint(x)


def compare_integers(b: Builder, how: str, x: Operand, y: Operand) -> Operand | None:
    """Return 1 where the comparison `how` of integers is true, otherwise 0.

    The result is None if an operand may not be an integer, or if no input of the graph is one.

    Otherwise, the result is a continuous function: between two integers, it has a linear ramp
    instead of a jump, with the same values at integers.
    """
    if not any(slot.whole for slot in b.inputs):
        return None
    for part in (x, y):
        is_integral = (
            is_integer_valued(b, part)
            if isinstance(part, Value)
            else _is_integer(np.asarray(part)).all()
        )
        if not is_integral:
            return None
    return integer_comparison(b, how, x, y)


def integer_comparison(b: Builder, how: str, x: Operand, y: Operand) -> Operand:
    """Return 1 where the comparison `how` is true, otherwise 0; both operands must be integers."""
    if how in ("less", "less_equal"):
        x, y, how = y, x, how.replace("less", "greater")
    difference = b.subtract(x, y)
    if how in ("greater", "greater_equal"):
        shift = float(how == "greater_equal")
        return b.clip(b.affine_map(difference, 1.0, shift), 0.0, 1.0)
    apart = b.clip(b.curve("abs", difference), 0.0, 1.0)
    return apart if how == "not_equal" else b.affine_map(apart, -1.0, 1.0)


def input_entries(b: Builder, x: Value) -> np.ndarray:
    """Return the indices of the flat input's entries that appear unchanged in `x`.

    The result is empty unless `x` is computed from the input by rearrangements of one value only.
    """
    value, index = x.index, np.arange(x.size)
    while value:
        node = b.nodes[value - 1]
        if not isinstance(node.op, Rearrange) or len(node.inputs) != 1:
            return np.zeros(0, np.int64)
        index = node.op.index[index]
        index, value = index[index >= 0], node.inputs[0]
    return np.unique(index)
