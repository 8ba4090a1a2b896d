"""An elementwise function of several values that are all functions of one tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Pointwise:
    """The op `y = f(x_1, ..., x_k)`, entry by entry, while a graph is being built.

    If each `y_j` depends on one entry of one earlier tensor, `graph.rewrites.fuse` replaces this op
    by a curve of that entry. If it finds no curve, it uses the op `otherwise`. Graphs that are not
    fused may still contain this op.

    Args:
        name: Name of the op in reports.
        compute: The function of `k` arrays.
        write: The same function, of a table and `k` expressions, that returns an expression.
        jumps: Whether the function jumps somewhere.
        otherwise: Maps the number of entries to the op that replaces this one if no curve is found;
            None if there is no such op.
        eager: Whether to search for a curve with full effort even if `otherwise` is given.
    """

    name: str
    compute: Callable[..., np.ndarray]
    write: Callable[..., int]
    jumps: bool = False
    otherwise: Callable[[int], Any] | None = None
    eager: bool = False

    def run(self, xs: Sequence[np.ndarray]) -> np.ndarray:
        """Return the value of the op at the inputs `xs`, in their precision."""
        with np.errstate(all="ignore"):
            return self.compute(*xs)
