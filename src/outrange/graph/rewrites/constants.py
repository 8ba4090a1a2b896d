"""Constant folding: nodes that do not depend on the input are replaced by constants.

Searches use the folded graph. Otherwise, they would split inputs in vain because of such nodes. The
comparison of the graph with the model uses the original nodes, because it bounds the rounding error
of each node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core import InputError, ModelError
from ...ops import Curve, Rearrange, Step
from ..graph import Node


def fold_constants(nodes: Sequence[Node], size: int) -> list[Node]:
    """Replace nodes that depend only on constants by their float64 values.

    Args:
        nodes: Nodes of a graph.
        size: Number of entries of the flat input.

    Returns:
        The same number of nodes, in the same order; unchanged nodes are the same objects. A node
        is not replaced if its value is undefined: bound propagation then reports the invalid
        argument. A step function is not replaced if its slack allows several values. Nodes that
        depend on either of these are not replaced.

    Raises:
        ModelError: An op computes NaN from constants that are not NaN.
    """
    constants: dict[int, np.ndarray] = {}
    folded: list[Node] = []
    for place, node in enumerate(nodes, start=1):
        if _is_constant(node):
            constants[place] = np.asarray(node.op.run([np.zeros((1, size))]), np.float64)
        elif node.inputs and all(v in constants for v in node.inputs):
            inputs = [constants[v] for v in node.inputs]
            if not (_is_defined(node.op, inputs) and _is_unique(node.op, inputs)):
                folded.append(node)
                continue
            with np.errstate(all="ignore"):
                constants[place] = np.asarray(node.op.run(inputs), np.float64)
            if (
                np.isnan(constants[place]).any()
                and not np.isnan(np.concatenate(inputs, axis=1)).any()
            ):
                raise ModelError(
                    f"The constants that layer `{node.source}` computes must be numbers. "
                    f"Received: a result of `{node.op.name}` that is not a number."
                )
            fill = constants[place].ravel()
            op = Rearrange("constant", np.full(fill.size, -1), (size,), fill)
            node = replace(node, op=op, inputs=(0,))
        folded.append(node)
    return folded


def _is_defined(op: Any, inputs: Sequence[np.ndarray]) -> bool:
    """Return whether an op is defined at constant inputs."""
    if not isinstance(op, Curve):
        return True
    try:
        op.outside(inputs[0], inputs[0])
    except InputError:
        return False
    return True


def _is_unique(op: Any, inputs: Sequence[np.ndarray]) -> bool:
    """Return whether an op has one value at constant inputs, in spite of its slack."""
    return not (isinstance(op, Step) and op.slack) or bool(op.is_flat(inputs[0], inputs[0]).all())


def _is_constant(node: Node) -> bool:
    return (
        node.inputs == (0,) and isinstance(node.op, Rearrange) and bool((node.op.index < 0).all())
    )
