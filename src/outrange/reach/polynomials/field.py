"""A graph evaluated on Taylor models: the right side of a differential equation, or a measure."""

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
from .jumps import leveled
from .models import Models, affine, known_rests, multiply, rearranged


@dataclass(eq=False)
class Trouble:
    """Where a graph is not defined on all values that its models take.

    Args:
        causes: Of each box, the first cause met; "" if there is none.
        passed: `(B,)` where the last evaluation passes a jump in time; None where there is none.
    """

    causes: list[str] = field(default_factory=list)
    passed: np.ndarray | None = None

    def add(self, boxes: np.ndarray, cause: str) -> None:
        """Remember a cause for some boxes `(B,)`."""
        if not self.causes:
            self.causes = [""] * boxes.size
        for i in np.flatnonzero(boxes):
            self.causes[i] = self.causes[i] or cause

    def of(self, box: int) -> str:
        """The cause of one box."""
        return self.causes[box] if self.causes else ""


def evaluate(graph: Graph, given: Mapping[str, Models], trouble: Trouble | None = None) -> Models:
    """The output of a graph whose inputs are Taylor models, by name.

    Args:
        graph: Its inputs are among the names given.
        given: Models of one frame, over the same boxes, with the same symbols.
        trouble: Told where the graph is not defined.

    Raises:
        InputError: An input has no model, or one of another length.
    """
    trouble = Trouble() if trouble is None else trouble
    trouble.passed = None
    values: dict[int, Models] = {0: _joined(graph, given)}
    last = {j: k for k, node in enumerate(graph.nodes, 1) for j in node.inputs}
    for k, node in enumerate(graph.nodes, 1):
        op, xs = primitive(node.op, node.size), [values[j] for j in node.inputs]
        if isinstance(op, Affine):
            values[k] = affine(op, xs)
        elif isinstance(op, Rearrange):
            values[k] = rearranged(op, xs)
        elif isinstance(op, Product):
            values[k] = multiply(xs[0].pick(op.left), xs[1].pick(op.right))
        elif isinstance(op, Largest):
            values[k] = apply_largest(op.windows, xs[0])
        else:
            values[k] = _curved(op, xs[0], trouble)
        for j in node.inputs:
            if last[j] == k and j != graph.output:
                values.pop(j, None)
    return values[graph.output]


def primitive(op: Op, size: int) -> Op:
    """An op of a graph that nothing was fused in: what may become a curve is what it is otherwise.

    Raises:
        UnsupportedError: It is nothing otherwise.
    """
    if not isinstance(op, Pointwise):
        return op
    if op.otherwise is None:
        raise UnsupportedError(
            f"A plant must be continuous and made of sums, products and curves; `{op.name}` is not."
        )
    return op.otherwise(size)


def _joined(graph: Graph, given: Mapping[str, Models]) -> Models:
    """Value 0."""
    parts = []
    for slot in graph.inputs:
        if slot.name not in given or given[slot.name].entries != slot.size:
            known = ", ".join(f"`{k}` of {m.entries}" for k, m in given.items())
            raise InputError(
                f"The graph has an input `{slot.name}` of {slot.size} entries; it can be given "
                f"{known}. Name the inputs of a plant t, x, u, w."
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


def _curved(op: Curve | Step, x: Models, trouble: Trouble) -> Models:
    if op.jumps or isinstance(op, Step):
        found, bad, passed = leveled(op, x)
        trouble.passed = passed if trouble.passed is None else trouble.passed | passed
    else:
        found, bad = apply_curve(op, x)
    if bad.any():
        rows, entries = np.nonzero(bad)
        middle, radius = x.coef[rows[0], entries[0], 0], x.radius[rows[0], entries[0]]
        what = "division by zero" if op.name == "reciprocal" else f"`{op.name}` is not defined"
        trouble.add(
            np.any(bad, axis=1),
            f"{what}: its argument may be in {_range(float(middle), float(radius))}",
        )
    return found


def _range(middle: float, radius: float) -> str:
    return f"[{middle - radius:.4g}, {middle + radius:.4g}]"
