"""Sums in assertions about float32, whose values depend on how each operation is rounded.

The standard does not fix an order for the terms of a sum. So the proofs treat a sum as one that
float32 may compute in any order, as they treat a layer's sums. An assertion is covered as written
if its two sides together contain one sum of different entries and at most one added constant. Each
entry may be multiplied by at most one constant. Other expressions, such as `(+ X[0] 1.0)` compared
with a constant or `(- (+ X[0] X[1]) X[0])`, are rejected: they could have larger rounding errors
than one sum of all their terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...core import UnsupportedError
from .elements import float32_constant
from .errors import Fault
from .terms import literal


@dataclass
class _ComparisonParts:
    """Parts of the two sides of a comparison.

    Args:
        entries: Each entry of a tensor, once per occurrence: its name and its indices.
        constants: Number of constants that are added and not 0.
        rounds: Whether float32 may round the result of an operation.
        factors: The largest number of constants other than 1 and -1 that multiply one entry. A
            multiplied constant counts as an entry with one more factor. A factor of 0 counts as two
            factors.
    """

    entries: list[tuple[str, tuple[int, ...]]]
    constants: int = 0
    rounds: bool = False
    factors: int = 0


def is_rounded(sides: Sequence[Any]) -> bool:
    """Return whether float32 may round a side of a comparison.

    Args:
        sides: The two sides, as nodes of the parser package.

    Raises:
        Fault: A side may be rounded in a way that is not supported.
    """
    parts = _ComparisonParts([])
    for side in sides:
        _collect(side, parts, 0)
    if not parts.rounds:
        return False
    different = len(set(parts.entries)) == len(parts.entries)
    if not different or len(parts.entries) < 2 or parts.constants > 1 or parts.factors > 1:
        raise Fault(
            "an assertion about float32 must compare single entries, or a sum of different entries "
            "(each multiplied by at most one nonzero constant) with at most one constant; float32 "
            "rounds other expressions in ways that are not supported.",
            UnsupportedError,
        )
    return True


def entry_names(sides: Sequence[Any]) -> set[str]:
    """Return the names of all tensors whose entries occur in a comparison.

    Args:
        sides: The two sides, as nodes of the parser package.
    """
    parts = _ComparisonParts([])
    for side in sides:
        _collect(side, parts, 0)
    return {name for name, _ in parts.entries}


def _collect(node: Any, parts: _ComparisonParts, factors: int) -> None:
    """Add the entries, constants and operations of a node to `parts`.

    Args:
        node: A node of the parser package.
        factors: Number of constants other than 1 and -1 that multiply the node.
    """
    kind = type(node).__name__
    if kind == "Var":
        parts.entries.append((node.name, tuple(node.indices)))
        parts.factors = max(parts.factors, factors)
    elif hasattr(node, "lexeme"):
        parts.constants += bool(literal(node.lexeme))
        parts.factors = max(parts.factors, 2 * factors)
    elif kind == "Negate":
        _collect(node.expr, parts, factors)
    elif kind == "Multiply":
        values = [_value(part) for part in node.args]
        scaling = sum(value not in (None, 1, -1) for value in values)
        if any(value is not None and float32_constant(value) == 0 for value in values):
            scaling = 2  # The sum would lose an entry, and with it the roundings of the others.
        parts.rounds = parts.rounds or bool(scaling)
        for part, value in zip(node.args, values, strict=True):
            if value is None:
                _collect(part, parts, factors + scaling)
        if all(value is not None for value in values):
            parts.constants += 1
            parts.factors = max(parts.factors, factors + scaling)
    elif kind in ("Plus", "Minus"):
        terms = node.args if kind == "Plus" else [node.head, *node.rest]
        parts.rounds = parts.rounds or len(terms) > 1
        for part in terms:
            _collect(part, parts, factors)


def _value(node: Any) -> Any:
    """Return the value of a constant, possibly negated; None for any other node."""
    if hasattr(node, "lexeme"):
        return literal(node.lexeme)
    if type(node).__name__ == "Negate":
        value = _value(node.expr)
        return None if value is None else -value
    return None
