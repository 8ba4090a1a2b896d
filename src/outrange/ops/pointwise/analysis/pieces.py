"""Where the line must be cut so that an expression has no branch and no pole within a piece."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ....core import UnsupportedError
from ..domain import always, needs, never, unconditional
from ..expression import Expressions
from ..intervals import enclose
from ..nodes import NONZERO, POSITIVE, Need, Switch
from .crossings import WHOLE, Edge, cut


@dataclass(frozen=True)
class CurvePiece:
    """`expression`, without branches, between two edges.

    Args:
        left: The left edge.
        right: The right edge.
        expression: The expression.
        lost: Conditions that hold inside the piece, and that its expression does not show.
    """

    left: Edge
    right: Edge
    expression: int
    lost: tuple[Need, ...] = ()

    @property
    def lo(self) -> float:
        """From here on the piece is certain."""
        return self.left.after

    @property
    def hi(self) -> float:
        """Up to here."""
        return self.right.before

    def is_undefined_at(self, t: Expressions, edge: Edge) -> bool:
        """Return whether a lost condition may be violated at an edge of the piece."""
        found = False
        for need in (n for n in self.lost if n.sign in (NONZERO, POSITIVE)):
            low, high = enclose(t, need.argument, edge.before, edge.after)
            found |= float(low[0]) <= need.limit <= float(high[0])
        return found


MOST_PIECES = 200


def pieces(
    t: Expressions,
    e: int,
    left: Edge = WHOLE[0],
    right: Edge = WHOLE[1],
    asked: frozenset[Need] = frozenset(),
    settled: frozenset[Need] = frozenset(),
) -> list[CurvePiece]:
    """Cut the line between two edges; where `e` is not defined there is no piece.

    Args:
        t: The table.
        e: The expression.
        left: The left edge.
        right: The right edge.
        asked: Conditions of what `e` was made of, which `e` itself need not show any more.
        settled: Those that the line was cut at before.

    Raises:
        UnsupportedError: There is no end to the branches, or one cannot be told from another.
    """
    e, own = t.split(e)
    asked = asked | set(own) | needs(t, e)
    if any(never(t, need) for need in asked):
        return []
    asked = frozenset(need for need in asked if not always(t, need))
    switch = _first_switch(t, (e, *(need.argument for need in asked)))
    for need in sorted(asked - settled):
        if switch is not None and _first_switch(t, (need.argument,)) is not None:
            continue
        parts = _satisfying(t, need, left, right, touching=need.sign == NONZERO)
        settled |= {need}
        if parts != [(left, right)]:
            return [p for a, b in parts for p in pieces(t, e, a, b, asked, settled)]
    if switch is not None:
        return _by_branch(t, e, switch, left, right, asked, settled)
    return _leaves(t, e, left, right, asked)


def _first_switch(t: Expressions, roots: Iterable[int]) -> int | None:
    """The first branch that is met for sure; its argument has none."""
    met = (k for e in roots for k in unconditional(t, e) if isinstance(t.nodes[k], Switch))
    return min(met, default=None)


def _satisfying(
    t: Expressions, need: Need, left: Edge, right: Edge, touching: bool
) -> list[tuple[Edge, Edge]]:
    """The stretches on which a condition holds; if `touching`, cut where it is just not met."""
    parts = cut(t, need.argument, (need.limit,), left, right, touching)
    return [(a, b) for a, b, gap in parts if need.sign == NONZERO or gap == 1]


def _by_branch(
    t: Expressions,
    e: int,
    switch: int,
    left: Edge,
    right: Edge,
    asked: frozenset[Need],
    settled: frozenset[Need],
) -> list[CurvePiece]:
    """The pieces of each branch of a switch whose argument has none."""
    node, found = t.nodes[switch], []
    assert isinstance(node, Switch)
    _refuse_touching(t, node, left, right)
    for a, b, gap in cut(t, node.argument, node.knots, left, right):
        place = {switch: node.branches[gap]}
        chosen = [n._replace(argument=t.substitute(n.argument, place)) for n in asked]
        if any(never(t, need) for need in chosen):
            continue
        found += pieces(t, t.substitute(e, place), a, b, frozenset(chosen), settled)
        if len(found) > MOST_PIECES:
            raise UnsupportedError(f"a function of more than {MOST_PIECES} pieces")
    return found


def _leaves(
    t: Expressions, e: int, left: Edge, right: Edge, asked: frozenset[Need]
) -> list[CurvePiece]:
    """The piece between two edges, cut where conditions are just not met that `e` does not show."""
    lost = asked - needs(t, e)
    parts = [(left, right)]
    for need in sorted(n for n in lost if n.sign == POSITIVE):
        parts = [p for a, b in parts for p in _satisfying(t, need, a, b, touching=True)]
    return [CurvePiece(a, b, e, tuple(sorted(lost))) for a, b in parts]


def jumping(t: Expressions, e: int) -> list[bool]:
    """Of every switch that is not continuous as written, whether its knot has a third value."""
    found = []
    for k in t.needed(e):
        node = t.nodes[k]
        if isinstance(node, Switch):
            around = [parts for parts in _around(t, node) if len(set(parts)) > 1]
            if around:
                found.append(any(here not in (a, b) for a, here, b in around))
    return found


def _around(t: Expressions, node: Switch) -> list[tuple[int, int, int]]:
    """Of each knot the value before it, at it and after it."""
    found = []
    for i, knot in enumerate(node.knots):
        place = {node.argument: t.constant(knot)}
        parts = (node.branches[i], node.at[i], node.branches[i + 1])
        before, here, after = (t.substitute(part, place) for part in parts)
        found.append((before, here, after))
    return found


def _refuse_touching(t: Expressions, node: Switch, left: Edge, right: Edge) -> None:
    """Pieces are told by their insides: a jump must not be touched by what turns back there.

    Raises:
        UnsupportedError: One may be.
    """
    for knot, parts in zip(node.knots, _around(t, node), strict=True):
        if len(set(parts)) == 1:
            continue
        passed, met = (
            sum(1 for _ in cut(t, node.argument, (knot,), left, right, touching=touching))
            for touching in (False, True)
        )
        if passed != met:
            raise UnsupportedError("a jump whose argument touches it and turns back")
