"""Evaluation of graphs, such as the right-hand sides of plants, on Taylor models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...core import InputError, UnsupportedError
from ...graph import Graph
from ...graph.graph import Op
from ...ops import Affine, Curve, Largest, Product, Rearrange, Step
from ...ops.pointwise.op import Pointwise
from .curves import apply_curve, apply_largest
from .jumps import apply_jump
from .models import Models, affine, known_rests, multiply, rearrange


@dataclass(eq=False)
class Trouble:
    """Record of the boxes on which a graph may be undefined, and of jumps in time.

    Args:
        causes: The first cause found for each box; "" if the graph is defined on the whole box.
        passed: `(B,)`: whether a function jumped within the time step of the last evaluation; None
            if the graph has no discontinuous function.
    """

    causes: list[str] = field(default_factory=list)
    passed: np.ndarray | None = None

    def add(self, boxes: np.ndarray, cause: str) -> None:
        """Record a cause for the boxes in the mask `boxes`, `(B,)`."""
        if not self.causes:
            self.causes = [""] * boxes.size
        for i in np.flatnonzero(boxes):
            self.causes[i] = self.causes[i] or cause

    def of(self, box: int) -> str:
        """Return the cause recorded for one box; "" if there is none."""
        return self.causes[box] if self.causes else ""


def evaluate(graph: Graph, given: Mapping[str, Models], trouble: Trouble | None = None) -> Models:
    """Return the output of a graph as Taylor models, from models of its inputs.

    Args:
        graph: A graph whose input names all occur in `given`.
        given: Models of the inputs by name, with one frame, the same boxes and the same symbols.
        trouble: A record that receives the boxes on which the graph may be undefined, with causes.

    Raises:
        InputError: An input has no model, or a model of the wrong length.
    """
    trouble = Trouble() if trouble is None else trouble
    trouble.passed = None
    values: dict[int, Models] = {0: _join_inputs(graph, given)}
    last = {j: k for k, node in enumerate(graph.nodes, 1) for j in node.inputs}
    for k, node in enumerate(graph.nodes, 1):
        op, xs = primitive(node.op, node.size), [values[j] for j in node.inputs]
        if isinstance(op, Affine):
            values[k] = affine(op, xs)
        elif isinstance(op, Rearrange):
            values[k] = rearrange(op, xs)
        elif isinstance(op, Product):
            values[k] = multiply(xs[0].pick(op.left), xs[1].pick(op.right))
        elif isinstance(op, Largest):
            values[k] = apply_largest(op.windows, xs[0])
        else:
            values[k] = _apply_curved(op, xs[0], trouble)
        for j in node.inputs:
            if last[j] == k and j != graph.output:
                values.pop(j, None)
    return values[graph.output]


def primitive(op: Op, size: int) -> Op:
    """Return an op unchanged, or the unfused form of a fused pointwise op.

    Raises:
        UnsupportedError: The fused op has no unfused form.
    """
    if not isinstance(op, Pointwise):
        return op
    if op.otherwise is None:
        raise UnsupportedError(
            "A plant in continuous time must be a continuous function made of sums, products "
            f"and elementwise functions. Received: `{op.name}`."
        )
    return op.otherwise(size)


def _join_inputs(graph: Graph, given: Mapping[str, Models]) -> Models:
    """Concatenate the given models in the order of the graph's inputs."""
    parts = []
    for slot in graph.inputs:
        if slot.name not in given or given[slot.name].entries != slot.size:
            available = ", ".join(f"`{k}` of {m.entries}" for k, m in given.items())
            raise InputError(
                f"The graph has an input `{slot.name}` of {slot.size} entries; the available "
                f"inputs are {available}. Name the inputs of a plant t, x, u, w."
            )
        parts.append(given[slot.name])
    if len(parts) == 1:
        return parts[0]
    rests = known_rests(parts)
    rest = None if rests is None else np.concatenate(rests, axis=1)
    return Models(
        parts[0].frame,
        np.concatenate([part.coef for part in parts], axis=1),
        np.concatenate([part.sym for part in parts], axis=1),
        rest,
    )


def _apply_curved(op: Curve | Step, x: Models, trouble: Trouble) -> Models:
    if op.jumps or isinstance(op, Step):
        image, bad, passed = apply_jump(op, x)
        trouble.passed = passed if trouble.passed is None else trouble.passed | passed
    else:
        image, bad = apply_curve(op, x)
    if bad.any():
        rows, entries = np.nonzero(bad)
        middle, radius = x.coef[rows[0], entries[0], 0], x.radius[rows[0], entries[0]]
        what = "division by zero" if op.name == "reciprocal" else f"`{op.name}` is not defined"
        trouble.add(
            np.any(bad, axis=1),
            f"{what}: its argument may be in {_range(float(middle), float(radius))}",
        )
    return image


def _range(middle: float, radius: float) -> str:
    return f"[{middle - radius:.4g}, {middle + radius:.4g}]"
