"""Topological order of nodes without recursion: sums from a loop nest a thousand levels deep."""

from __future__ import annotations

from .nodes import ExpressionNode


def in_order(node: ExpressionNode) -> list[ExpressionNode]:
    """Return every node once, after its parts."""
    ordered: list[ExpressionNode] = []
    seen: set[int] = set()
    pending = [(node, False)]
    while pending:
        current, done = pending.pop()
        if done:
            ordered.append(current)
        elif id(current) not in seen:
            seen.add(id(current))
            pending.append((current, True))
            pending += [(part, False) for part in reversed(current.parts)]
    return ordered
