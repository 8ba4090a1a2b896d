"""Input sets defined by linear inequalities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ....core import Atom, InputError, Region
from ....core.formula import FALSE
from ...expressions.formulas import all_of
from ..boxes import describe_value, numbers
from .base import InputSet, brief, cut, regions_of


if TYPE_CHECKING:
    from ....graph import Slot


@dataclass(frozen=True, eq=False, repr=False)
class Polytope(InputSet):
    """Set of the inputs `x` in a box that satisfy `a @ x <= b`.

    For a few inequalities, `set & (x[0] + x[1] <= 1)` may be more readable.

    Args:
        a: `(rows, n)`, one column per entry of the flat input (several inputs are concatenated).
        b: `(rows,)`, or one number for all rows.
        box: The set that bounds the inputs, as for `outrange.output_range`.

    Raises:
        InputError: The shapes do not fit, or a number is not finite.

    Example:
        >>> Polytope([[1, 1]], [1], (0, 1))
        Polytope(1 inequality on 2 inputs, box=(0, 1))
    """

    a: Any
    b: Any
    box: Any

    def __post_init__(self) -> None:
        a, b = numbers(self.a, "`a`"), numbers(self.b, "`b`")
        if a.ndim != 2 or (b.ndim != 0 and b.shape != a.shape[:1]):
            raise InputError(
                "A polytope needs one row of `a` and one entry of `b` per inequality: shapes "
                f"(rows, inputs) and (rows,). Received: {a.shape} and {b.shape}."
            )
        for name, array in (("a", a), ("b", b)):
            if not np.isfinite(array).all():
                raise InputError(
                    "The numbers of a polytope must be finite; omit rows that do not restrict "
                    f"the input. Received: {describe_value(array)} for `{name}`, with NaN or "
                    "infinity."
                )
        object.__setattr__(self, "a", a)
        object.__setattr__(self, "b", np.broadcast_to(b, a.shape[:1]))

    def __repr__(self) -> str:
        rows, size = self.a.shape
        count = f"{rows} inequalit{'y' if rows == 1 else 'ies'}"
        return f"Polytope({count} on {size} inputs, box={brief(self.box)})"

    def regions(self, slots: Sequence[Slot]) -> list[Region]:
        """Return the regions of the box, restricted by one inequality per nonzero row."""
        total = sum(slot.size for slot in slots)
        if self.a.shape[1] != total:
            raise InputError(
                "A polytope needs one column of `a` per entry of the flat input, "
                f"{total} in total. "
                f"Received: shape {self.a.shape}."
            )
        inequalities = []
        for row, limit in zip(self.a, self.b.tolist(), strict=True):
            at = np.flatnonzero(row).tolist()
            if at or limit < 0:
                atom = Atom(tuple(zip(at, row[at].tolist(), strict=True)), 0.0 - limit)
                inequalities.append(atom if at else FALSE)
        condition = all_of(inequalities)
        if condition == FALSE:
            raise InputError(
                "A polytope must not be empty, but a row of zeros in `a` with a negative entry "
                f"in `b` has no solution; remove this row. Received: b={float(self.b.min()):g} "
                "in such a row."
            )
        return cut(regions_of(slots, self.box), condition)
