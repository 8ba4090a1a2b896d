"""Elementwise functions that no curve file defines, as expressions with proved properties.

`expression` represents a function, and `intervals` encloses it over cells. In the `analysis`
package, `calculus` differentiates it, and `pieces` cuts the real line where a branch changes.
`bends` proves where each piece is convex or concave, and `analysis` collects these properties in a
`Curve`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from .analysis.analysis import analyze as analyze
    from .definitions import of_curve as of_curve
    from .expression import Expressions as Expressions
    from .ranges import apply_curve as apply_curve

_PLACES = {
    "analyze": "analysis.analysis", "of_curve": "definitions", "Expressions": "expression",
    "apply_curve": "ranges",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a submodule on first use: most networks need no submodule, and loading is slow."""
    if name in _PLACES:
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
