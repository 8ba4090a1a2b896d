"""Zonotopes through a graph, operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..core import Bounds, check_deadline, work
from ..core.clock import charge
from ..domains import intervals
from ..graph import Graph, Node
from ..ops import Affine, Product, Step
from .selections import joined, switched
from .zonotopes import RULES, Zonotopes, flat_box


@dataclass(frozen=True, eq=False)
class OpenCondition:
    """A step of two levels that is on neither side for all of a box: a condition that is open.

    Args:
        node: Which value of the graph.
        entry: Of that.
        levels: What it is left of its jump, right of it, and there.
        jump: Where that is.
        center: Of its argument.
        rows: `(d,)` what the first symbols add to that, each way.
        rest: How far anything else can move it.
    """

    node: int
    entry: int
    levels: tuple[float, float, float]
    jump: float
    center: float
    rows: np.ndarray
    rest: float


@dataclass(eq=False)
class Assumed:
    """What is assumed of conditions, box by box; and what was met on the way.

    Args:
        values: Of each value of the graph, `(B, n)` levels that are assumed; NaN where none is.
        kept: How many symbols are told of a guard.
        first: `(B,)` the first condition of each box that is open.
        empty: `(B,)` where what is assumed is so nowhere.
    """

    values: Mapping[int, np.ndarray]
    kept: int
    first: list[OpenCondition | None]
    empty: np.ndarray

    def meet(
        self, v: int, op: Step, of: Zonotopes, form: Zonotopes, ends: Bounds
    ) -> tuple[Zonotopes, Bounds]:
        """A step as it is assumed to be; where nothing is, the first that is open is remembered."""
        lo, hi = ends
        wanted = self.values.get(v)
        if wanted is not None:
            said = ~np.isnan(wanted)
            self.empty |= (said & ((wanted < lo) | (wanted > hi))).any(axis=1)
            level = np.where(said, wanted, 0.0)
            form = Zonotopes(
                np.where(said, level, form.center), np.where(said[:, None], 0.0, form.rows),
                np.where(said, 0.0, form.rest),
            )  # fmt: skip
            lo, hi = np.where(said, level, lo), np.where(said, level, hi)
        levels = two_levels(op)
        if levels is not None:
            for row in np.flatnonzero((lo < hi).any(axis=1)):
                if self.first[row] is None:
                    e = int(np.argmax(lo[row] < hi[row]))
                    rest = np.abs(of.rows[row, self.kept :, e]).sum() + of.rest[row, e]
                    own = of.rows[row, : self.kept, e].copy()
                    self.first[row] = OpenCondition(
                        v, e, levels, op.jumps[0], float(of.center[row, e]), own, float(rest)
                    )
        return form, (lo, hi)


def two_levels(op: Step) -> tuple[float, float, float] | None:
    """What a step is left and right of its one jump, and there, if those are two numbers."""
    if len(op.jumps) != 1 or op.lines is None or op.is_staircase or op.rows is not None:
        return None
    levels = [line[1] for line in op.lines if line is not None and line[0] == 0.0]
    at = float(op.f(np.asarray(op.jumps[0])))
    if len(levels) != 2 or len({*levels, at}) != 2:
        return None
    return levels[0], levels[1], at


def through(graph: Graph, given: Zonotopes, assumed: Assumed | None = None) -> Zonotopes:
    """The output of a graph for each zonotope; its first symbols are those of the input.

    Args:
        graph: What is computed.
        given: Of its flat input.
        assumed: Of conditions: the output is that of the points of which it is so.
    """
    forms: list[Zonotopes | None] = [given]
    count = given.rows.shape[1]
    ends: list[Bounds] = [given.ends()]
    last = {j: v for v, node in enumerate(graph.nodes, 1) for j in node.inputs}
    last[graph.output] = len(graph.nodes) + 1
    chosen: dict[int, Zonotopes] = {}
    with np.errstate(all="ignore"):
        for v, node in enumerate(graph.nodes, 1):
            check_deadline()
            read = [forms[j] for j in node.inputs]
            known = [ends[j] for j in node.inputs]
            # No two values share a symbol that only one of them has: new ones have new numbers.
            read = [Zonotopes(f.center, f.of(count), f.rest) for f in read if f is not None]
            form, found = _step(node, read, known, chosen)
            if assumed is not None and isinstance(node.op, Step):
                form, found = assumed.meet(v, node.op, read[0], form, found)
            if isinstance(node.op, Product):
                # What a condition chooses, until the sum that it is a part of.
                branch = switched(node.op, read, known)
                if branch is not None:
                    chosen[v] = branch
            count = form.rows.shape[1]
            charge(work.VALUE * form.rows.size)
            forms.append(form)
            ends.append(found)
            for j in node.inputs:
                if last[j] == v:
                    forms[j] = None
                    chosen.pop(j, None)
    found = forms[graph.output]
    return given if found is None else found


def _step(
    node: Node, forms: list[Zonotopes], ends: list[Bounds], chosen: dict[int, Zonotopes]
) -> tuple[Zonotopes, Bounds]:
    op = node.op
    plain = intervals.bound_op(op, ends)
    rule: Callable = RULES[type(op)]
    form: Zonotopes = rule(op, forms, ends)
    if isinstance(op, Affine) and chosen:
        form = joined(node, forms, chosen, form, ends)
    lo, hi = form.ends()
    lo, hi = np.maximum(lo, plain[0]), np.minimum(hi, plain[1])
    worse = ~(hi - lo >= form.reach)
    if worse.any():
        # The interval is much tighter than the form, or the form is not finite.
        flat = flat_box(lo, hi)
        form.rows = np.where(worse[:, None, :], 0.0, form.rows)
        form.center = np.where(worse, flat.center, form.center)
        form.rest = np.where(worse, flat.rest, form.rest)
    return form, (lo, hi)
