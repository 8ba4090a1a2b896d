"""Tensors of exact numbers or of forms, with which the readers of model files compute."""

import math
import struct
from dataclasses import dataclass
from typing import Any

from flint import fmpq

from ..network import ONE, Form, Refused


MOST_ITEMS = 1 << 22
"""Largest number of entries of a tensor."""

MOST_RANK = 8


@dataclass
class Tensor:
    """A tensor: its shape, and its entries in row-major order.

    Args:
        shape: The shape, including the batch axis if the format has one.
        items: The entries: forms, or for a constant `fmpq` numbers or integers.
        kind: `"form"` if the entries are forms, `"real"` if they are `fmpq` numbers, and
            `"whole"` if they are integers.
    """

    shape: tuple[int, ...]
    items: list[Any]
    kind: str = "form"

    def __post_init__(self) -> None:
        if size(self.shape) != len(self.items):
            raise Refused(f"{len(self.items)} entries do not form a tensor of shape {self.shape}")

    @property
    def constant(self) -> bool:
        """Whether the tensor does not depend on the inputs."""
        return self.kind != "form"

    def forms(self) -> list[Form]:
        """Return the entries as forms."""
        if self.kind == "whole":
            raise Refused("arithmetic of integers is not supported")
        return [{ONE: v} if v else {} for v in self.items] if self.constant else self.items

    def numbers(self) -> list[fmpq]:
        """Return the entries of a constant of real numbers; refuse any other tensor."""
        if self.kind != "real":
            raise Refused("a tensor must be a constant of real numbers, but is not")
        return self.items

    def wholes(self) -> list[int]:
        """Return the entries of a constant of integers; refuse any other tensor."""
        if self.kind != "whole":
            raise Refused("a tensor must be a constant of integers, but is not")
        return self.items

    def reshaped(self, shape: tuple[int, ...]) -> "Tensor":
        """Return the same entries in another shape."""
        return Tensor(tuple(shape), self.items, self.kind)

    def picked(self, lists: list[list[int]], fill: Any = None) -> "Tensor":
        """Select entries by a list of indices per axis; index -1 stands for `fill`."""
        shape = tuple(len(found) for found in lists)
        size(shape)
        where = grid(lists, strides(self.shape))
        items = self.items
        return Tensor(shape, [items[i] if i >= 0 else fill for i in where], self.kind)

    def transposed(self, order: list[int]) -> "Tensor":
        """Permute the axes: axis `i` of the result is axis `order[i]`."""
        if sorted(order) != list(range(len(self.shape))):
            raise Refused(f"axes {order} are not a permutation of the axes of shape {self.shape}")
        steps = strides(self.shape)
        where = grid([list(range(self.shape[i])) for i in order], [steps[i] for i in order])
        shape = tuple(self.shape[i] for i in order)
        return Tensor(shape, [self.items[i] for i in where], self.kind)

    def broadcast(self, shape: tuple[int, ...]) -> "Tensor":
        """Broadcast to a shape by repeating entries along axes of length 1, as in NumPy."""
        if self.shape == shape:
            return self
        own = (1,) * (len(shape) - len(self.shape)) + self.shape
        if len(own) > len(shape) or any(a not in (1, b) for a, b in zip(own, shape, strict=True)):
            raise Refused(f"a tensor of shape {self.shape} cannot be broadcast to {shape}")
        lists = [[0] * b if a == 1 else list(range(b)) for a, b in zip(own, shape, strict=True)]
        return self.reshaped(own).picked(lists)


def size(shape: tuple[int, ...]) -> int:
    """Return the number of entries of a shape.

    Raises:
        Refused: The shape is invalid, or has too many entries.
    """
    if len(shape) > MOST_RANK or any(type(n) is not int or n < 0 for n in shape):
        raise Refused(f"{list(shape)[:20]} is not a supported shape")
    if room(shape) > MOST_ITEMS:
        raise Refused(f"a tensor of shape {shape} has more than {MOST_ITEMS} entries")
    return math.prod(shape)


def room(shape: tuple[int, ...]) -> int:
    """Return the work to go through a tensor: its entries, with empty axes counted as 1."""
    return math.prod(max(n, 1) for n in shape)


def strides(shape: tuple[int, ...]) -> list[int]:
    """Return the distance between neighbors along each axis, in entries."""
    return [math.prod(shape[i + 1 :]) for i in range(len(shape))]


def grid(lists: list[list[int]], steps: list[int]) -> list[int]:
    """Return the positions of all combinations of indices, the last axis varying fastest.

    A combination that contains the index -1 has the position -1.
    """
    out = [0]
    for found, step in zip(lists, steps, strict=True):
        if any(i < 0 for i in found):
            out = [-1 if o < 0 or i < 0 else o + i * step for o in out for i in found]
        else:
            out = [o if o < 0 else o + i * step for o in out for i in found]
    return out


def common(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape to which all given shapes broadcast."""
    rank = max(len(shape) for shape in shapes)
    full = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    shape = tuple(max(ns) if 0 not in ns else 0 for ns in zip(*full, strict=True))
    if any(n not in (1, m) for one in full for n, m in zip(one, shape, strict=True)):
        raise Refused(f"the shapes {shapes} cannot be broadcast together")
    size(shape)
    return shape


def axis_of(axis: int, rank: int) -> int:
    """Return the index of an axis, which may be negative to count from the end."""
    if not -rank <= axis < rank:
        raise Refused(f"axis {axis} does not exist in a tensor of rank {rank}")
    return axis % rank


def axes_of(axes: list[int], rank: int) -> list[int]:
    """Return the indices of axes, which may be negative; refuse an axis that occurs twice."""
    found = [axis_of(axis, rank) for axis in axes]
    if len(set(found)) < len(found):
        raise Refused(f"an axis occurs twice in {axes}")
    return found


def single(number: float) -> fmpq:
    """Return the exact value of the float32 number that is nearest to `number`.

    Raises:
        Refused: The number is NaN, infinite, or too large for float32.
    """
    try:
        return fmpq(*struct.unpack("<f", struct.pack("<f", number))[0].as_integer_ratio())
    except (ValueError, OverflowError, TypeError, struct.error):
        raise Refused(f"{str(number)[:40]} is not a float32 number") from None


def joined(parts: list[Tensor], axis: int) -> Tensor:
    """Concatenate tensors along an axis.

    Raises:
        Refused: The shapes do not match.
    """
    first = parts[0].shape
    if any(len(p.shape) != len(first) for p in parts):
        raise Refused("the concatenated tensors have different numbers of axes")
    others = {p.shape[:axis] + p.shape[axis + 1 :] for p in parts}
    if len(others) > 1:
        raise Refused(f"shapes {[p.shape for p in parts]} differ in an axis other than {axis}")
    kinds = {p.kind for p in parts}
    if "whole" in kinds and len(kinds) > 1:
        raise Refused("integers are concatenated with real numbers")
    kind = "form" if "form" in kinds else kinds.pop()
    shape = (*first[:axis], sum(p.shape[axis] for p in parts), *first[axis + 1 :])
    size(shape)
    columns = [(p.forms() if kind == "form" else p.items, math.prod(p.shape[axis:])) for p in parts]
    items = []
    for i in range(math.prod(first[:axis])):
        for found, step in columns:
            items += found[i * step : (i + 1) * step]
    return Tensor(shape, items, kind)
