"""Results of one back-substitution through a relaxed net: fast bounds, or proved ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(eq=False)
class BackwardPass:
    """The result of one back-substitution in plain float64.

    Args:
        least: `(P,)` the bounds, rounding errors not included.
        rows: `(P, s)` coefficients of the units.
        form: `(P, d)` coefficients of the inputs.
        slopes: Slopes of the active lines, per nonlinear value.
        offsets: Offsets of the active lines, per nonlinear value.
    """

    least: np.ndarray
    rows: np.ndarray
    form: np.ndarray
    slopes: dict[int, np.ndarray]
    offsets: dict[int, np.ndarray]


@dataclass(eq=False)
class Proof:
    """Proved lower bounds `(P,)`, and coefficients of the units `(P, s)` and inputs `(P, d)`."""

    least: np.ndarray
    rows: np.ndarray
    form: np.ndarray
