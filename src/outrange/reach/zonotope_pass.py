"""Zonotopes through a graph, operation by operation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core import Bounds, check_deadline
from ..domains import intervals
from ..graph import Graph, Node
from ..ops import Affine, Product
from .selections import joined, switched
from .zonotopes import RULES, Zonotopes, flat_box


def through(graph: Graph, given: Zonotopes) -> Zonotopes:
    """The output of a graph for each zonotope; its first symbols are those of the input.

    Args:
        graph: What is computed.
        given: Of its flat input.
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
            if isinstance(node.op, Product):
                # What a condition chooses, until the sum that it is a part of.
                branch = switched(node.op, read, known)
                if branch is not None:
                    chosen[v] = branch
            count = form.rows.shape[1]
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
    plain = intervals.RULES[type(op)](op, tuple(e[0] for e in ends), tuple(e[1] for e in ends))
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
