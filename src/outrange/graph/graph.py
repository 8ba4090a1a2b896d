"""Nodes in topological order, and what makes a graph legal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np

from ..core import ModelError, check_deadline, value_digest, work
from ..core.clock import charge
from ..ops import Affine, Curve, Largest, Product, Rearrange, Step


Op = Affine | Rearrange | Curve | Step | Largest | Product

MOST_ENTRIES = 1 << 20
"""Larger matrices are told by what they make of a few numbers."""

_NUMBERS = ("index", "fill", "windows", "left", "right", "knots", "lines", "origin", "limits")
"""What the operations that are not affine are made of, apart from their function."""


@dataclass(frozen=True)
class Node:
    """`op` applied to earlier values.

    Args:
        op: The facts.
        inputs: Indices into the graph's values; value 0 is the flat input.
        size: Length of the flat result.
        shape: The result's shape in the user's model (a batch axis of 1 included).
        source: The user's layer, as a path of names: `"block/dense_3"`.
        operation: The framework's operation that the node is a part of: `"Matmul"`.
    """

    op: Op
    inputs: tuple[int, ...]
    size: int
    shape: tuple[int, ...]
    source: str = ""
    operation: str = ""

    def reading(self, moved: Mapping[int, int]) -> Node:
        """The same node, of the values that its inputs are now called."""
        inputs = tuple(moved[j] for j in self.inputs)
        return self if inputs == self.inputs else replace(self, inputs=inputs)


@dataclass(frozen=True)
class Slot:
    """A named input or output: the user's name and shape (without the batch axis).

    Args:
        name: As the user knows it.
        shape: Without the batch axis.
        whole: Whether an input takes whole numbers only.
        limits: The least and the largest number that an input takes: beyond them the graph need
            not be the model (a type of whole numbers may overflow, a table may end).
        column_of: The input of the model of which this slot is one column: columns of one input
            are one vector (a norm ball is about all of them), each known by a name of its own.
    """

    name: str
    shape: tuple[int, ...]
    whole: bool = field(default=False, repr=False)
    limits: tuple[float, float] = field(default=(-np.inf, np.inf), repr=False)
    column_of: str = field(default="", repr=False)

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def vectors(slots: Sequence[Slot]) -> list[Slot]:
    """The inputs as the model takes them: columns of one input joined to a vector."""
    found: list[Slot] = []
    for name, group in groupby(slots, key=lambda slot: slot.column_of):
        members = list(group)
        if not name:
            found += members
            continue
        whole = all(slot.whole for slot in members)
        found.append(Slot(name, (len(members),), whole))
    return found


@dataclass(frozen=True, eq=False)
class Ranking:
    """Entries of a value are ordered, within each group, exactly as those of another value.

    Softmax and its logits, say: whoever only compares may read the logits.

    Args:
        source: The other value.
        groups: `(n,)` the group of each entry; the entry at the same place of `source` decides.
    """

    source: int
    groups: np.ndarray


@dataclass(frozen=True, eq=False)
class Graph:
    """A network as ops on flat vectors.

    Value 0 is the concatenation of all inputs; value `k` is the result of `nodes[k - 1]`.

    Args:
        inputs: The user's inputs, in the order in which value 0 concatenates them.
        nodes: In topological order.
        output: The value that concatenates all outputs.
        outputs: The user's outputs, in that order.
        layers: Layer path to the values it returned, in the order of its calls.
        rankings: Value to what decides the order of its entries; equal entries included.
    """

    inputs: tuple[Slot, ...]
    nodes: tuple[Node, ...]
    output: int
    outputs: tuple[Slot, ...]
    layers: dict[str, tuple[int, ...]] = field(default_factory=dict)
    rankings: dict[int, Ranking] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for i, node in enumerate(self.nodes):
            if any(not 0 <= j <= i for j in node.inputs):
                raise ModelError(f"Node {i} (`{node.op.name}`, {node.source}) reads a later value.")

    @cached_property
    def size(self) -> int:
        """Length of the flat input."""
        return sum(slot.size for slot in self.inputs)

    @property
    def entries(self) -> int:
        """Entries in all values but the input."""
        return sum(node.size for node in self.nodes)

    def value_size(self, value: int) -> int:
        """Length of one value."""
        return self.size if value == 0 else self.nodes[value - 1].size

    def run_all(self, x: np.ndarray) -> list[np.ndarray]:
        """Every value at the points `x` of shape `(batch, size)`, in the precision of `x`."""
        values = [np.asarray(x)]
        with np.errstate(all="ignore"):
            for node in self.nodes:
                check_deadline()
                values.append(node.op.run(tuple(values[j] for j in node.inputs)))
                charge(work.VALUE * values[-1].size)
        return values

    def run(self, x: np.ndarray) -> np.ndarray:
        """The output, `(batch, outputs)`, at the points `x` of shape `(batch, size)`."""
        return self.run_all(x)[self.output]

    def readers(self) -> list[list[int]]:
        """For every value, the values computed from it."""
        found: list[list[int]] = [[] for _ in range(len(self.nodes) + 1)]
        for i, node in enumerate(self.nodes):
            for j in set(node.inputs):
                found[j].append(i + 1)
        return found

    def behind(self, value: int) -> set[int]:
        """The values that `value` is computed from, itself included."""
        found = {value}
        for v in range(value, 0, -1):
            if v in found:
                found.update(self.nodes[v - 1].inputs)
        return found


def graph_digest(graph: Graph) -> str:
    """The hash of a graph itself: its operations in order, what they read, and their numbers.

    Args:
        graph: What a model computes.
    """
    parts: list[Any] = [[(slot.name, slot.shape) for slot in graph.inputs], graph.output]
    for node in graph.nodes:
        op: Any = node.op
        parts += [type(op).__name__, op.name, list(node.inputs), node.size]
        if isinstance(op, Affine):
            parts += [op.bias, *_linear_part(op)]
            continue
        parts += [getattr(op, one) for one in _NUMBERS if hasattr(op, one)]
        if hasattr(op, "f"):
            with np.errstate(all="ignore"):
                parts.append(op.f(np.linspace(-4.0, 4.0, 33)))
    return value_digest(parts)


def _linear_part(op: Affine) -> tuple[np.ndarray, ...]:
    if op.size * sum(op.sizes) <= MOST_ENTRIES:
        return op.adjoint(np.eye(op.size))
    return op.adjoint(np.random.default_rng(0).standard_normal((2, op.size)))
