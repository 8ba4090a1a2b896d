"""Topological order of nodes without recursion: a sum written as a loop nests a thousand deep."""

from __future__ import annotations

from .nodes import ExpressionNode


def in_order(node: ExpressionNode) -> list[ExpressionNode]:
    """Every node once, the parts of each before it."""
    found: list[ExpressionNode] = []
    seen: set[int] = set()
    pending = [(node, False)]
    while pending:
        one, done = pending.pop()
        if done:
            found.append(one)
        elif id(one) not in seen:
            seen.add(id(one))
            pending.append((one, True))
            pending += [(part, False) for part in reversed(one.parts)]
    return found
