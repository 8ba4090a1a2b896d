"""The computation graph: nodes in topological order, and the rules of a valid graph."""

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
"""A matrix with more entries than this is hashed by its products with two random vectors."""

_NUMBERS = ("index", "fill", "windows", "left", "right", "knots", "lines", "origin", "limits")
"""Attributes that `graph_digest` hashes for an op that is not affine."""


@dataclass(frozen=True)
class Node:
    """An op applied to earlier values.

    Args:
        op: The description of the function.
        inputs: Indices into the graph's values; value 0 is the flat input.
        size: Length of the flat result.
        shape: The result's shape in the user's model, including a batch axis of length 1.
        source: The user's layer, as a path of names: `"block/dense_3"`.
        operation: The framework's operation that the node is a part of: `"Matmul"`.
    """

    op: Op
    inputs: tuple[int, ...]
    size: int
    shape: tuple[int, ...]
    source: str = ""
    operation: str = ""

    def renumber_inputs(self, moved: Mapping[int, int]) -> Node:
        """Return the node with each input value replaced by its new index in `moved`."""
        inputs = tuple(moved[j] for j in self.inputs)
        return self if inputs == self.inputs else replace(self, inputs=inputs)


@dataclass(frozen=True)
class Slot:
    """A named input or output: the user's name and shape (without the batch axis).

    Args:
        name: The user's name for it.
        shape: Its shape without the batch axis.
        whole: Whether an input accepts integers only.
        limits: The least and the largest number that an input accepts. Outside them, the graph may
            differ from the model (an integer type may overflow, or an index may exceed a table).
        column_of: Name of the model input of which this slot is one column. Columns of one input
            form one vector (a norm ball covers all of them), each with a name of its own.
    """

    name: str
    shape: tuple[int, ...]
    whole: bool = field(default=False, repr=False)
    limits: tuple[float, float] = field(default=(-np.inf, np.inf), repr=False)
    column_of: str = field(default="", repr=False)

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def merge_columns(slots: Sequence[Slot]) -> list[Slot]:
    """Return the inputs of the model itself: columns of one input merge into a vector."""
    merged: list[Slot] = []
    for name, group in groupby(slots, key=lambda slot: slot.column_of):
        members = list(group)
        if not name:
            merged += members
            continue
        whole = all(slot.whole for slot in members)
        merged.append(Slot(name, (len(members),), whole))
    return merged


@dataclass(frozen=True, eq=False)
class Ranking:
    """Guarantee that a value and its source have the same order of entries within each group.

    For example, a softmax has the order of its logits, so comparisons may read the logits.

    Args:
        source: Index of the value with the same order.
        groups: `(n,)`: the group of each entry. Corresponding entries have the same position in the
            value and in `source`.
    """

    source: int
    groups: np.ndarray


@dataclass(frozen=True, eq=False)
class Graph:
    """A network as ops on flat vectors.

    Value 0 is the concatenation of all inputs; value `k` is the result of `nodes[k - 1]`.

    Args:
        inputs: The user's inputs, in the order in which value 0 concatenates them.
        nodes: Nodes in topological order.
        output: The value that concatenates all outputs.
        outputs: The user's outputs, in the order in which `output` concatenates them.
        layers: Maps a layer path to the values that the layer returned, in the order of its calls.
        rankings: Maps a value to its ranking. Two entries of a group are equal exactly if the
            corresponding entries of the source are equal.
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
                raise ModelError(
                    "Each node must read only the input and values of earlier nodes. Received: "
                    f"node {i} (`{node.op.name}`, {node.source}), which reads a later value."
                )

    @cached_property
    def size(self) -> int:
        """Length of the flat input."""
        return sum(slot.size for slot in self.inputs)

    @property
    def entries(self) -> int:
        """Number of entries in all values but the input."""
        return sum(node.size for node in self.nodes)

    def value_size(self, value: int) -> int:
        """Return the length of one value."""
        return self.size if value == 0 else self.nodes[value - 1].size

    def run_all(self, x: np.ndarray) -> list[np.ndarray]:
        """Return every value at the points `x`, `(batch, size)`."""
        values = [np.asarray(x)]
        with np.errstate(all="ignore"):
            for node in self.nodes:
                check_deadline()
                values.append(node.op.run(tuple(values[j] for j in node.inputs)))
                charge(work.VALUE * values[-1].size)
        return values

    def run(self, x: np.ndarray) -> np.ndarray:
        """Return the output, `(batch, outputs)`, at the points `x` of shape `(batch, size)`."""
        return self.run_all(x)[self.output]

    def readers(self) -> list[list[int]]:
        """Return, for each value, the indices of the values computed directly from it."""
        readers: list[list[int]] = [[] for _ in range(len(self.nodes) + 1)]
        for i, node in enumerate(self.nodes):
            for j in set(node.inputs):
                readers[j].append(i + 1)
        return readers

    def ancestors(self, value: int) -> set[int]:
        """Return the values that `value` is computed from, itself included."""
        ancestors = {value}
        for v in range(value, 0, -1):
            if v in ancestors:
                ancestors.update(self.nodes[v - 1].inputs)
        return ancestors


def graph_digest(graph: Graph) -> str:
    """Return a hash of a graph: its operations in order, their inputs, and their numbers.

    A function is represented by its values at a few points, and a large matrix by products with
    random vectors.
    """
    parts: list[Any] = [[(slot.name, slot.shape) for slot in graph.inputs], graph.output]
    for node in graph.nodes:
        op: Any = node.op
        parts += [type(op).__name__, op.name, list(node.inputs), node.size]
        if isinstance(op, Affine):
            parts += [op.bias, *_linear_part(op)]
            continue
        parts += [getattr(op, name) for name in _NUMBERS if hasattr(op, name)]
        if hasattr(op, "f"):
            with np.errstate(all="ignore"):
                parts.append(op.f(np.linspace(-4.0, 4.0, 33)))
    return value_digest(parts)


def _linear_part(op: Affine) -> tuple[np.ndarray, ...]:
    if op.size * sum(op.sizes) <= MOST_ENTRIES:
        return op.adjoint(np.eye(op.size))
    return op.adjoint(np.random.default_rng(0).standard_normal((2, op.size)))
