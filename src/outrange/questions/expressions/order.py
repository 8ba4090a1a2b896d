"""Topological order of nodes without recursion, since sums built in a loop are deeply nested."""

from __future__ import annotations

from .nodes import ExpressionNode


def in_order(node: ExpressionNode) -> list[ExpressionNode]:
    """Return all nodes of an expression without duplicates, each one after its parts."""
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
