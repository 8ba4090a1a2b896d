"""Values that depend on no input, settled once: nodes stay where they are, and become constants.

What a model computes of constants alone is kept as written for the comparison with the model, which
counts its roundings; a search would split inputs for it that change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core import InputError, ModelError
from ...ops import Curve, Rearrange
from ..graph import Node


def settle_constants(nodes: Sequence[Node], size: int) -> list[Node]:
    """The nodes, those of constants alone replaced by what they come to, in float64.

    Args:
        nodes: Of a graph.
        size: Entries of the flat input.

    Returns:
        As many nodes, in the same places; the very list's nodes where nothing was settled. What has
        no value stays as it is: bounds refuse a function outside its domain.

    Raises:
        ModelError: A constant is not a number.
    """
    known: dict[int, np.ndarray] = {}
    settled: list[Node] = []
    for place, node in enumerate(nodes, start=1):
        if _is_constant(node):
            known[place] = np.asarray(node.op.run([np.zeros((1, size))]), np.float64)
        elif node.inputs and all(v in known for v in node.inputs):
            given = [known[v] for v in node.inputs]
            if not _is_defined(node.op, given):
                settled.append(node)
                continue
            with np.errstate(all="ignore"):
                known[place] = np.asarray(node.op.run(given), np.float64)
            if np.isnan(known[place]).any() and not np.isnan(np.concatenate(given, axis=1)).any():
                raise ModelError(
                    f"What layer `{node.source}` computes from constants must be a number. "
                    f"Received: a result of `{node.op.name}` that is not a number."
                )
            fill = known[place].ravel()
            op = Rearrange("constant", np.full(fill.size, -1), (size,), fill)
            node = replace(node, op=op, inputs=(0,))
        settled.append(node)
    return settled


def _is_defined(op: Any, given: Sequence[np.ndarray]) -> bool:
    """Return whether an op has a value at constants."""
    if not isinstance(op, Curve):
        return True
    try:
        op.outside(given[0], given[0])
    except InputError:
        return False
    return True


def _is_constant(node: Node) -> bool:
    return (
        node.inputs == (0,) and isinstance(node.op, Rearrange) and bool((node.op.index < 0).all())
    )
