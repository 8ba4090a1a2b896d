"""A hash of a graph: what tells it from others, where it has no file and no weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import value_digest
from ..ops import Affine
from .graph import Graph


MOST_ENTRIES = 1 << 20
"""Larger matrices are told by what they make of a few numbers."""

_NUMBERS = ("index", "fill", "windows", "left", "right", "knots", "lines", "origin", "limits")
"""What the operations that are not affine are made of, apart from their function."""


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
