"""Propagation of zonotopes through a graph, operation by operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..core import Bounds, check_deadline, work
from ..core.clock import charge
from ..domains import intervals
from ..domains.zonotopes import RULES, Zonotopes, intersect
from ..graph import Graph, Node
from ..ops import Affine, Product, Step
from .selections import join_branches, select_branch


@dataclass(frozen=True, eq=False)
class OpenCondition:
    """Undecided condition of a box: a two-level step function whose argument straddles the jump.

    Args:
        node: Index of the step function's value in the graph.
        entry: Index of the condition's entry in that value.
        levels: The function's levels to the left of the jump, to the right of it, and at it.
        jump: Position of the jump.
        center: Center of the argument's zonotope.
        rows: `(d,)`: coefficients of the initial variables in the argument.
        rest: Total contribution of all other symbols and errors to the argument.
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
    """Assumptions about conditions in each box, and the first undecided condition of each box.

    Args:
        values: Maps the index of a two-level step function's value in the graph to the levels that
            its entries are assumed to have, `(B, n)`; NaN where nothing is assumed.
        initial: Number of initial variables, which are the first symbols.
        first: `(B,)`: for each box, the first undecided condition about which nothing is assumed;
            None if there is none.
        empty: `(B,)`: whether no trajectory of the box satisfies the assumptions.
    """

    values: Mapping[int, np.ndarray]
    initial: int
    first: list[OpenCondition | None]
    empty: np.ndarray

    def meet(
        self, v: int, op: Step, of: Zonotopes, form: Zonotopes, ends: Bounds
    ) -> tuple[Zonotopes, Bounds]:
        """Apply assumptions to a step function's result; record first undecided conditions.

        Args:
            v: Index of the step function's value.
            op: The step function.
            of: Its argument.
            form: Its result without assumptions.
            ends: The range of the result.
        """
        lo, hi = ends
        assumed = self.values.get(v)
        if assumed is not None:
            fixed = ~np.isnan(assumed)
            self.empty |= (fixed & ((assumed < lo) | (assumed > hi))).any(axis=1)
            level = np.where(fixed, assumed, 0.0)
            form = Zonotopes(
                np.where(fixed, level, form.center), np.where(fixed[:, None], 0.0, form.rows),
                np.where(fixed, 0.0, form.rest),
            )  # fmt: skip
            lo, hi = np.where(fixed, level, lo), np.where(fixed, level, hi)
        levels = two_levels(op)
        if levels is not None:
            for row in np.flatnonzero((lo < hi).any(axis=1)):
                if self.first[row] is None:
                    e = int(np.argmax(lo[row] < hi[row]))
                    rest = np.abs(of.rows[row, self.initial :, e]).sum() + of.rest[row, e]
                    initial_rows = of.rows[row, : self.initial, e].copy()
                    self.first[row] = OpenCondition(
                        v,
                        e,
                        levels,
                        op.jumps[0],
                        float(of.center[row, e]),
                        initial_rows,
                        float(rest),
                    )
        return form, (lo, hi)


def two_levels(op: Step) -> tuple[float, float, float] | None:
    """Return a step function's levels to the left of, to the right of, and at its only jump.

    The result is None unless the function has one jump and just two distinct levels.
    """
    if len(op.jumps) != 1 or op.lines is None or op.is_staircase or op.rows is not None:
        return None
    levels = [line[1] for line in op.lines if line is not None and line[0] == 0.0]
    at = float(op.f(np.asarray(op.jumps[0])))
    if len(levels) != 2 or len({*levels, at}) != 2:
        return None
    return levels[0], levels[1], at


def propagate(graph: Graph, given: Zonotopes, assumed: Assumed | None = None) -> Zonotopes:
    """Return a graph's output for each zonotope; the input's symbols come first in the output.

    Args:
        graph: The graph to propagate through.
        given: Zonotopes of its flat input.
        assumed: Assumptions about conditions. The output is then valid for points that satisfy
            them.
    """
    forms: list[Zonotopes | None] = [given]
    count = given.count
    ends: list[Bounds] = [given.ends()]
    last = {j: v for v, node in enumerate(graph.nodes, 1) for j in node.inputs}
    last[graph.output] = len(graph.nodes) + 1
    chosen: dict[int, Zonotopes] = {}
    with np.errstate(all="ignore"):
        for v, node in enumerate(graph.nodes, 1):
            check_deadline()
            read = [forms[j] for j in node.inputs]
            ranges = [ends[j] for j in node.inputs]
            # Fresh symbols get new numbers, so that no two values share one by accident.
            read = [form.pad(count) for form in read if form is not None]
            form, range_ = _step(node, read, ranges, chosen)
            if assumed is not None and isinstance(node.op, Step):
                form, range_ = assumed.meet(v, node.op, read[0], form, range_)
            if isinstance(node.op, Product):
                # Keep the selected branch for the sum that contains this product.
                branch = select_branch(node.op, read, ranges)
                if branch is not None:
                    chosen[v] = branch
            count = form.count
            charge(work.VALUE * form.rows.size)
            forms.append(form)
            ends.append(range_)
            for j in node.inputs:
                if last[j] == v:
                    forms[j] = None
                    chosen.pop(j, None)
    output = forms[graph.output]
    return given if output is None else output


def _step(
    node: Node, forms: list[Zonotopes], ends: list[Bounds], chosen: dict[int, Zonotopes]
) -> tuple[Zonotopes, Bounds]:
    op = node.op
    plain = intervals.bound_node(node, ends)
    form = RULES[type(op)](op, forms, ends, each=None, keep_symbols=True)
    assert form is not None
    if isinstance(op, Affine) and chosen:
        form = join_branches(node, forms, chosen, form, ends)
    return form, intersect(form, plain)
