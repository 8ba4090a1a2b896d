"""An elementwise function of several values that are all functions of one tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Pointwise:
    """`y = f(x_1, ..., x_k)`, entry by entry, while a graph is being built.

    Each `y_j` depends on one entry of one tensor in the end: `graph.fuse` finds it, and puts the
    curve of that entry in the place of this op, or what it is `otherwise`. No finished graph holds
    one.

    Args:
        name: For reports.
        compute: The function of `k` arrays.
        write: The same as an expression: from a table and `k` expressions.
        jumps: Whether it jumps somewhere.
        otherwise: The op that may stand in its place where no curve is found, from the number of
            entries; None: there is none.
        eager: Whether a curve is worth all the work there is, though there is another form.
    """

    name: str
    compute: Callable[..., np.ndarray]
    write: Callable[..., int]
    jumps: bool = False
    otherwise: Callable[[int], Any] | None = None
    eager: bool = False

    def run(self, xs: Sequence[np.ndarray]) -> np.ndarray:
        """The value, in the precision of `xs`."""
        with np.errstate(all="ignore"):
            return self.compute(*xs)
