"""Which values hold whole numbers, and which inputs count the rows of a table."""

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
"""Up to here every whole number is a float32, and whatever counts in float32 is exact."""

WHOLE = {
    "bool": (0.0, 1.0), "uint8": (0.0, 255.0), "int8": (-128.0, 127.0),
    "uint16": (0.0, 65535.0), "int16": (-32768.0, 32767.0),
    **dict.fromkeys(("uint32", "uint64"), (0.0, _EXACT)),
    **dict.fromkeys(("int32", "int64"), (-_EXACT, _EXACT)),
}  # fmt: skip
"""Dtypes of whole numbers, with the least and the largest that is taken."""


RANGES = {
    "bool": (0.0, 1.0),
    **{f"int{n}": (-(2.0 ** (n - 1)), 2.0 ** (n - 1) - 1.0) for n in (8, 16, 32, 64)},
    **{f"uint{n}": (0.0, 2.0**n - 1.0) for n in (8, 16, 32, 64)},
}
"""What each of them can hold; beyond, arithmetic wraps around."""


def cast_whole(b: Builder, x: Operand, dtype: str) -> Operand | None:
    """`x` as another type of whole numbers, which must hold it; None if it need not be whole."""
    if dtype == "bool" or dtype not in RANGES or not any(slot.whole for slot in b.inputs):
        return None
    if not isinstance(x, Value) or not is_whole(b, x):
        return None
    b.bounded.append((x.index, *RANGES[dtype]))
    return x


def slot_of(name: str, shape: tuple[int, ...], dtype: str) -> Slot:
    """An input of that dtype."""
    return Slot(name, shape, dtype in WHOLE, WHOLE.get(dtype, (-np.inf, np.inf)))


def limited(b: Builder) -> Iterator[Slot]:
    """The inputs, within the limits that what reads them has."""
    start = 0
    for slot in b.inputs:
        least, most = slot.limits
        for entries, low, high in b.within:
            if slot.whole and ((entries >= start) & (entries < start + slot.size)).any():
                least, most = max(least, low), min(most, high)
        start += slot.size
        yield replace(slot, limits=(least, most))


def is_whole(b: Builder, x: Value) -> bool:
    """Whether every entry of `x` is a whole number, whatever the input."""
    return bool(_whole(b, x.index).all())


def _whole(b: Builder, value: int) -> np.ndarray:
    """`(n,)` the entries known to be whole numbers; what is asked about once is remembered."""
    known, waiting, asked = b.whole, [value], set()
    while waiting:
        v = waiting.pop()
        # An op may have been given a bias since, as long as nobody had read it.
        if v in asked or (v in known and known[v][0] is _op(b, v)):
            continue
        asked.add(v)
        known.pop(v, None)
        waiting += _decisive(b.nodes[v - 1]) if v else ()
    for v in sorted(asked):
        found = _slots(b) if v == 0 else _of_node(b.nodes[v - 1], known)
        known[v] = (_op(b, v), found)
    return known[value][1]


def _op(b: Builder, value: int) -> Op | None:
    return b.nodes[value - 1].op if value else None


def _slots(b: Builder) -> np.ndarray:
    return np.concatenate([np.full(slot.size, slot.whole) for slot in b.inputs])


def _decisive(node: Node) -> tuple[int, ...]:
    """The inputs that decide whether the results of a node are whole."""
    op = node.op
    on_lines = isinstance(op, Curve) and op.lines is not None and None not in op.lines
    in_table = isinstance(op, Step) and op.rows is not None
    entrywise = isinstance(op, Affine) and (op.factor is not None or op.coefficients is not None)
    return node.inputs if isinstance(op, Rearrange) or on_lines or in_table or entrywise else ()


def _of_node(node: Node, known: Mapping[int, tuple[Op | None, np.ndarray]]) -> np.ndarray:
    """`(n,)` the entries of a node known to be whole, from those of its decisive inputs."""
    op = node.op
    given = [known[j][1] for j in _decisive(node)]
    if isinstance(op, Rearrange):
        joined = np.concatenate(given)
        return np.where(op.index < 0, _is_whole(op.fill), joined[np.maximum(op.index, 0)])
    if isinstance(op, Curve) and op.lines is not None and None not in op.lines and not op.jumps:
        # Whole numbers go to whole numbers along lines of whole slope and offset.
        return given[0] & bool(_is_whole(np.array(op.lines)).all())
    if isinstance(op, Step) and op.rows is not None:
        return given[0] & bool(_is_whole(op.rows.entries).all())
    if isinstance(op, Step) and op.is_staircase:
        return np.full(node.size, bool(op.spacing == 1.0 and op.f(np.zeros(1))[0] == 0.0))
    if isinstance(op, Affine) and op.factor is not None:
        return given[0] & _is_whole(op.factor) & _is_whole(op.bias)
    if isinstance(op, Affine) and op.coefficients is not None:
        every = all(float(c).is_integer() for c in op.coefficients)
        return np.logical_and.reduce([*given, _is_whole(op.bias)]) & every
    return np.zeros(node.size, bool)


def _is_whole(x: np.ndarray) -> np.ndarray:
    return x == np.rint(x)


def compare_whole(b: Builder, how: str, x: Operand, y: Operand) -> Operand | None:
    """A comparison of whole numbers, as 0 or 1, without a jump; None if they need not be whole.

    Nothing lies between two whole numbers, so that a slope there says the same as a jump.
    """
    if not any(slot.whole for slot in b.inputs):
        return None
    for part in (x, y):
        known = is_whole(b, part) if isinstance(part, Value) else _is_whole(np.asarray(part)).all()
        if not known:
            return None
    return whole_comparison(b, how, x, y)


def whole_comparison(b: Builder, how: str, x: Operand, y: Operand) -> Operand:
    """`compare_whole` of operands known to be whole."""
    if how in ("less", "less_equal"):
        x, y, how = y, x, how.replace("less", "greater")
    difference = b.subtract(x, y)
    if how in ("greater", "greater_equal"):
        shift = float(how == "greater_equal")
        return b.clip(b.affine_map(difference, 1.0, shift), 0.0, 1.0)
    apart = b.clip(b.curve("abs", difference), 0.0, 1.0)
    return apart if how == "not_equal" else b.affine_map(apart, -1.0, 1.0)


def input_entries(b: Builder, x: Value) -> np.ndarray:
    """The entries of the flat input that stand in `x` as they are."""
    value, index = x.index, np.arange(x.size)
    while value:
        node = b.nodes[value - 1]
        if not isinstance(node.op, Rearrange) or len(node.inputs) != 1:
            return np.zeros(0, np.int64)
        index = node.op.index[index]
        index, value = index[index >= 0], node.inputs[0]
    return np.unique(index)
