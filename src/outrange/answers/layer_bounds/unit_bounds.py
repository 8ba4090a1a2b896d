"""Bounds and phases of the units of one layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core import Bounds
from ..render.jsonable import field_dict, jsonable


PHASES = ("active", "inactive", "unstable")


@dataclass(frozen=True, eq=False)
class UnitBounds:
    """Proved bounds and phases of the units of one layer.

    Args:
        name: Path of the layer.
        kind: Class of the layer, such as `"Dense"`.
        pre: `(lo, hi)` of each unit before the activation, in the layer's shape; None if the layer
            has no activation.
        post: `(lo, hi)` of each unit's output.
        active: Bool array in the layer's shape: units that stay on one sloped linear piece of the
            activation, such as ReLU units whose input is never negative.
        inactive: Same shape: units that stay on a constant piece of the activation, such as ReLU
            units whose input is never positive.
        calls: Number of times that the model calls the layer. Bounds and phases hold at every call.
    """

    name: str
    kind: str
    pre: Bounds | None
    post: Bounds
    active: np.ndarray
    inactive: np.ndarray
    calls: int = field(default=1, kw_only=True)

    @property
    def unstable(self) -> np.ndarray:
        """Bool array in the layer's shape: units whose phase is not fixed."""
        if self.pre is None:
            return np.zeros(np.shape(self.active), bool)
        return ~(self.active | self.inactive)

    def count(self, phase: str) -> int | None:
        """Return the number of units in a phase.

        Args:
            phase: `"active"`, `"inactive"` or `"unstable"`.

        Returns:
            The number of units; None if the layer has no activation.
        """
        return None if self.pre is None else int(np.count_nonzero(getattr(self, phase)))

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values; phases are listed as flat unit indices."""
        units = {name: jsonable(np.flatnonzero(getattr(self, name))) for name in PHASES}
        return field_dict(self, without=PHASES) | units
