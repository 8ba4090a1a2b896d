"""Arrays of exact numbers or of forms, row-major: what the readers of model files compute with."""

import math
import struct
from dataclasses import dataclass
from typing import Any

from flint import fmpq

from ..network import ONE, Form, Refused


MOST_ITEMS = 1 << 22
"""Entries of the largest tensor that is made."""

MOST_RANK = 8


@dataclass
class Tensor:
    """A shape and its entries, row-major.

    Args:
        shape: The batch axis included, where the format has one.
        items: Forms; `fmpq` numbers in a constant; integers in a constant of whole numbers.
        kind: `"form"`, `"real"` or `"whole"`.
    """

    shape: tuple[int, ...]
    items: list[Any]
    kind: str = "form"

    def __post_init__(self) -> None:
        if size(self.shape) != len(self.items):
            raise Refused(f"{len(self.items)} entries do not make a tensor of shape {self.shape}")

    @property
    def constant(self) -> bool:
        """Whether it is known without the inputs."""
        return self.kind != "form"

    def forms(self) -> list[Form]:
        """The entries as forms."""
        if self.kind == "whole":
            raise Refused("arithmetic of integers is not read")
        return [{ONE: v} if v else {} for v in self.items] if self.constant else self.items

    def numbers(self) -> list[fmpq]:
        """The entries of a constant of real numbers."""
        if self.kind != "real":
            raise Refused("what must be a constant of real numbers is none")
        return self.items

    def wholes(self) -> list[int]:
        """The entries of a constant of whole numbers."""
        if self.kind != "whole":
            raise Refused("what must be a constant of integers is none")
        return self.items

    def reshaped(self, shape: tuple[int, ...]) -> "Tensor":
        """The same entries in another shape."""
        return Tensor(tuple(shape), self.items, self.kind)

    def picked(self, lists: list[list[int]], fill: Any = None) -> "Tensor":
        """The entries at the grid of indices that `lists` holds per axis; `fill` at index -1."""
        shape = tuple(len(found) for found in lists)
        size(shape)
        where = grid(lists, strides(self.shape))
        items = self.items
        return Tensor(shape, [items[i] if i >= 0 else fill for i in where], self.kind)

    def transposed(self, order: list[int]) -> "Tensor":
        """Axis `i` of the result is axis `order[i]`."""
        if sorted(order) != list(range(len(self.shape))):
            raise Refused(f"axes {order} are no permutation for shape {self.shape}")
        steps = strides(self.shape)
        where = grid([list(range(self.shape[i])) for i in order], [steps[i] for i in order])
        shape = tuple(self.shape[i] for i in order)
        return Tensor(shape, [self.items[i] for i in where], self.kind)

    def broadcast(self, shape: tuple[int, ...]) -> "Tensor":
        """Repeated along axes of length 1, as NumPy does."""
        if self.shape == shape:
            return self
        own = (1,) * (len(shape) - len(self.shape)) + self.shape
        if len(own) > len(shape) or any(a not in (1, b) for a, b in zip(own, shape, strict=True)):
            raise Refused(f"a tensor of shape {self.shape} does not fit shape {shape}")
        lists = [[0] * b if a == 1 else list(range(b)) for a, b in zip(own, shape, strict=True)]
        return self.reshaped(own).picked(lists)


def size(shape: tuple[int, ...]) -> int:
    """The number of entries.

    Raises:
        Refused: It is too large, or no shape.
    """
    if len(shape) > MOST_RANK or any(type(n) is not int or n < 0 for n in shape):
        raise Refused(f"{list(shape)[:20]} is no shape that is read")
    if room(shape) > MOST_ITEMS:
        raise Refused(f"a tensor of shape {shape} has more than {MOST_ITEMS} entries")
    return math.prod(shape)


def room(shape: tuple[int, ...]) -> int:
    """What it takes to go through a tensor, even if one of its axes is empty."""
    return math.prod(max(n, 1) for n in shape)


def strides(shape: tuple[int, ...]) -> list[int]:
    """The distance of neighbors along each axis."""
    return [math.prod(shape[i + 1 :]) for i in range(len(shape))]


def grid(lists: list[list[int]], steps: list[int]) -> list[int]:
    """The positions of all combinations of indices, the last axis fastest; -1 of any -1."""
    out = [0]
    for found, step in zip(lists, steps, strict=True):
        if any(i < 0 for i in found):
            out = [-1 if o < 0 or i < 0 else o + i * step for o in out for i in found]
        else:
            out = [o if o < 0 else o + i * step for o in out for i in found]
    return out


def common(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that all broadcast to."""
    rank = max(len(shape) for shape in shapes)
    full = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    shape = tuple(max(ns) if 0 not in ns else 0 for ns in zip(*full, strict=True))
    if any(n not in (1, m) for one in full for n, m in zip(one, shape, strict=True)):
        raise Refused(f"shapes {shapes} do not fit each other")
    size(shape)
    return shape


def axis_of(axis: int, rank: int) -> int:
    """An axis that may be counted from the end."""
    if not -rank <= axis < rank:
        raise Refused(f"there is no axis {axis} among {rank}")
    return axis % rank


def axes_of(axes: list[int], rank: int) -> list[int]:
    """Axes that may be counted from the end, each once."""
    found = [axis_of(axis, rank) for axis in axes]
    if len(set(found)) < len(found):
        raise Refused(f"an axis stands twice in {axes}")
    return found


def single(number: float) -> fmpq:
    """A number that a model file or a standard states, as the float32 that it is used as.

    Raises:
        Refused: It is no real number.
    """
    try:
        return fmpq(*struct.unpack("<f", struct.pack("<f", number))[0].as_integer_ratio())
    except (ValueError, OverflowError, TypeError, struct.error):
        raise Refused(f"{str(number)[:40]} is no float32 number") from None


def joined(parts: list[Tensor], axis: int) -> Tensor:
    """Tensors one after the other along an axis.

    Raises:
        Refused: They do not fit.
    """
    first = parts[0].shape
    if any(len(p.shape) != len(first) for p in parts):
        raise Refused("what is joined has different numbers of axes")
    others = {p.shape[:axis] + p.shape[axis + 1 :] for p in parts}
    if len(others) > 1:
        raise Refused(f"shapes {[p.shape for p in parts]} do not fit along axis {axis}")
    kinds = {p.kind for p in parts}
    if "whole" in kinds and len(kinds) > 1:
        raise Refused("integers are joined with real numbers")
    kind = "form" if "form" in kinds else kinds.pop()
    shape = (*first[:axis], sum(p.shape[axis] for p in parts), *first[axis + 1 :])
    size(shape)
    columns = [(p.forms() if kind == "form" else p.items, math.prod(p.shape[axis:])) for p in parts]
    items = []
    for i in range(math.prod(first[:axis])):
        for found, step in columns:
            items += found[i * step : (i + 1) * step]
    return Tensor(shape, items, kind)
