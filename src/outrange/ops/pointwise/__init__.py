"""Elementwise functions without a file: expressions of one variable, and their proved facts.

`expression` writes a function down, `calculus` differentiates it, `intervals` encloses it over
cells, `pieces` cuts the line where a branch changes, `bends` proves where each piece is convex or
concave, and `analysis` puts the facts together as an ordinary `Curve`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from .analysis.analysis import analyze as analyze
    from .definitions import of_curve as of_curve
    from .expression import Expressions as Expressions
    from .ranges import applied as applied

_PLACES = {
    "analyze": "analysis.analysis", "of_curve": "definitions", "Expressions": "expression",
    "applied": "ranges",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Loaded when used: most networks need none of it, and it takes a while."""
    if name in _PLACES:
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
