"""Cuts of the real line into pieces within which an expression has no branch and no pole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ....core import UnsupportedError
from ..domain import always, needs, never, unconditional
from ..expression import Expressions
from ..intervals import enclose
from ..nodes import NONZERO, POSITIVE, Need, Switch
from .crossings import WHOLE, Edge, cut


@dataclass(frozen=True)
class CurvePiece:
    """A piece of a function: an `expression` without branches, between two edges.

    Args:
        expression: Index of the expression.
        lost: Conditions that hold inside the piece but are not visible in its expression.
    """

    left: Edge
    right: Edge
    expression: int
    lost: tuple[Need, ...] = ()

    @property
    def lo(self) -> float:
        """The point beyond which the function is guaranteed to follow this piece."""
        return self.left.after

    @property
    def hi(self) -> float:
        """The point up to which the function is guaranteed to follow this piece."""
        return self.right.before

    def is_undefined_at(self, t: Expressions, edge: Edge) -> bool:
        """Return whether a lost condition may be violated at an edge of the piece."""
        is_violated = False
        for need in (n for n in self.lost if n.sign in (NONZERO, POSITIVE)):
            low, high = enclose(t, need.argument, edge.before, edge.after)
            is_violated |= float(low[0]) <= need.limit <= float(high[0])
        return is_violated


MOST_PIECES = 200


def pieces(
    t: Expressions,
    e: int,
    left: Edge = WHOLE[0],
    right: Edge = WHOLE[1],
    conditions: frozenset[Need] = frozenset(),
    settled: frozenset[Need] = frozenset(),
) -> list[CurvePiece]:
    """Cut the line between two edges into pieces; there is no piece where `e` is not defined.

    Args:
        t: The table of expressions.
        e: Index of the expression.
        conditions: Conditions of the expressions from which `e` was derived, which `e` itself may
            no longer show.
        settled: The conditions for which the line has already been cut.

    Raises:
        Endless: There may be infinitely many branches.
        UnsupportedError: There are too many pieces, or a branch is undecided somewhere.
    """
    e, restrictions = t.split(e)
    conditions = conditions | set(restrictions) | needs(t, e)
    if any(never(t, need) for need in conditions):
        return []
    conditions = frozenset(need for need in conditions if not always(t, need))
    switch = _first_switch(t, (e, *(need.argument for need in conditions)))
    for need in sorted(conditions - settled):
        if switch is not None and _first_switch(t, (need.argument,)) is not None:
            continue
        parts = _satisfying(t, need, left, right, touching=need.sign in (NONZERO, POSITIVE))
        settled |= {need}
        if parts != [(left, right)]:
            return [p for a, b in parts for p in pieces(t, e, a, b, conditions, settled)]
    if switch is not None:
        return _by_branch(t, e, switch, left, right, conditions, settled)
    return _leaves(t, e, left, right, conditions)


def _first_switch(t: Expressions, roots: Iterable[int]) -> int | None:
    """Return the first switch that is evaluated on every branch of `roots`, or None.

    The argument of this switch contains no switch.
    """
    met = (k for e in roots for k in unconditional(t, e) if isinstance(t.nodes[k], Switch))
    return min(met, default=None)


def _satisfying(
    t: Expressions, need: Need, left: Edge, right: Edge, touching: bool
) -> list[tuple[Edge, Edge]]:
    """Return the intervals where a condition holds; if `touching`, also cut them at equality."""
    parts = cut(t, need.argument, (need.limit,), left, right, touching)
    return [(a, b) for a, b, gap in parts if need.sign == NONZERO or gap == 1]


def _by_branch(
    t: Expressions,
    e: int,
    switch: int,
    left: Edge,
    right: Edge,
    conditions: frozenset[Need],
    settled: frozenset[Need],
) -> list[CurvePiece]:
    """Return the pieces of all branches of a switch whose argument contains no switch."""
    node, parts = t.nodes[switch], []
    assert isinstance(node, Switch)
    _refuse_touching(t, node, left, right)
    for a, b, gap in cut(t, node.argument, node.knots, left, right):
        place = {switch: node.branches[gap]}
        chosen = [n._replace(argument=t.substitute(n.argument, place)) for n in conditions]
        if any(never(t, need) for need in chosen):
            continue
        parts += pieces(t, t.substitute(e, place), a, b, frozenset(chosen), settled)
        if len(parts) > MOST_PIECES:
            raise UnsupportedError(f"a function with more than {MOST_PIECES} pieces")
    return parts


def _leaves(
    t: Expressions, e: int, left: Edge, right: Edge, conditions: frozenset[Need]
) -> list[CurvePiece]:
    """Return the pieces between two edges, cut where a condition lost from `e` may fail."""
    lost = conditions - needs(t, e)
    parts = [(left, right)]
    for need in sorted(n for n in lost if n.sign == POSITIVE):
        parts = [p for a, b in parts for p in _satisfying(t, need, a, b, touching=True)]
    return [CurvePiece(a, b, e, tuple(sorted(lost))) for a, b in parts]


def jumping(t: Expressions, e: int) -> list[bool]:
    """Return, for each discontinuous switch, whether it has a separate value at some knot.

    A separate value differs from the values on both sides of the knot.
    """
    has_third_value = []
    for k in t.dependencies(e):
        node = t.nodes[k]
        if isinstance(node, Switch):
            around = [parts for parts in _around(t, node) if len(set(parts)) > 1]
            if around:
                has_third_value.append(any(at_knot not in (a, b) for a, at_knot, b in around))
    return has_third_value


def is_undefined_at_knot(
    t: Expressions, whole: int, restrictions: Iterable[Need], piece: CurvePiece, edge: Edge
) -> bool:
    """Return whether a function may be undefined at an exact edge where its piece is defined.

    A switch may have a separate value at a knot: `sign(abs(x))` is 1 on both sides of 0, but 0 at
    0. So `log(sign(abs(x)))` is undefined at 0, although both of its pieces are defined there.

    Args:
        t: The table of expressions.
        whole: The expression, with its branches.
        restrictions: Conditions of the function that cannot be read from the expression.
        piece: One of the two pieces that meet at the edge.
        edge: The edge.
    """
    low, high = enclose(t, piece.expression, edge.at, edge.at)
    if not edge.exact or not (np.isfinite(low) & np.isfinite(high)).all():
        return False
    place = {t.x: t.constant(edge.at)}
    try:
        at_edge = needs(t, t.substitute(whole, place))
        stated = [n._replace(argument=t.substitute(n.argument, place)) for n in restrictions]
    except UnsupportedError:  # a pole
        return True
    return any(never(t, need) for need in (*at_edge, *stated))


def _around(t: Expressions, node: Switch) -> list[tuple[int, int, int]]:
    """Return the values just before, at and just after each knot of a switch, as expressions."""
    values = []
    for i, knot in enumerate(node.knots):
        place = {node.argument: t.constant(knot)}
        parts = (node.branches[i], node.at[i], node.branches[i + 1])
        before, at_knot, after = (t.substitute(part, place) for part in parts)
        values.append((before, at_knot, after))
    return values


def _refuse_touching(t: Expressions, node: Switch, left: Edge, right: Edge) -> None:
    """Reject a jump that the argument of a switch may touch without crossing it.

    At such a point the function has a separate value, which pieces cannot represent.

    Raises:
        UnsupportedError: A jump may be touched in this way.
    """
    for knot, parts in zip(node.knots, _around(t, node), strict=True):
        if len(set(parts)) == 1:
            continue
        passed, met = (
            sum(1 for _ in cut(t, node.argument, (knot,), left, right, touching=touching))
            for touching in (False, True)
        )
        if passed != met:
            raise UnsupportedError(
                "a step function whose argument reaches a jump without crossing it"
            )
