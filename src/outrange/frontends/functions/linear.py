"""Plants that are linear in state, control and disturbance, except for a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError


@dataclass(frozen=True, eq=False)
class LinearPlant:
    """A plant `A x + B u + c + E w`, callable as `(x, u)` or `(x, u, w)` like any other plant.

    Args:
        A: Matrix of shape `(states, states)`.
        B: Matrix of shape `(states, controls)`.
        c: Vector of shape `(states,)`.
        E: Matrix of shape `(states, disturbances)`; None if there is no disturbance.
    """

    A: np.ndarray
    B: np.ndarray
    c: np.ndarray
    E: np.ndarray | None = None

    def __call__(self, x: Any, u: Any, w: Any = None) -> Any:
        """Compute the next state."""
        parts, matrices = [x, u], [self.A, self.B]
        if self.E is not None and w is not None:
            parts, matrices = [*parts, w], [*matrices, self.E]
        return np.concatenate(matrices, axis=1) @ np.concatenate(parts) + self.c


def linear_plant(A: Any, B: Any, c: Any = 0.0, E: Any = None) -> LinearPlant:
    """Define a linear plant for `outrange.closed_loop`: the next state is `A x + B u + c + E w`.

    Args:
        A: Matrix of shape `(states, states)`.
        B: Matrix of shape `(states, controls)`; a vector for one control.
        c: Vector of shape `(states,)`, or one number for all states.
        E: Matrix of shape `(states, disturbances)`; a vector for one disturbance, None
            if there is no disturbance.

    Returns:
        The plant.

    Raises:
        InputError: The shapes do not fit, or a number is not finite.

    Example:
        >>> plant = linear_plant([[1, 1], [0, 1]], [0.5, 1])
        >>> plant(np.array([1.0, 0.5]), np.array([-1.0])).tolist()
        [1.0, -0.5]
    """
    matrices = {}
    for name, value in (("A", A), ("B", B), ("E", E)):
        if value is None:
            continue
        matrix = np.asarray(value, np.float64)
        matrices[name] = matrix[:, None] if matrix.ndim == 1 else matrix
    states = matrices["A"].shape[0] if matrices["A"].ndim == 2 else 0
    shapes = {name: matrix.shape for name, matrix in matrices.items()}
    fits = all(m.ndim == 2 and m.shape[0] == states for m in matrices.values())
    if not states or not fits or matrices["A"].shape[1] != states or np.size(c) not in (1, states):
        raise InputError(
            "In a linear plant, `A` must be square, and `B`, `c` and `E` must have one row per "
            f"state. Received: shapes {shapes}, c of shape {np.shape(c)}."
        )
    shift = np.broadcast_to(np.asarray(c, np.float64).ravel(), (states,)).copy()
    if not all(np.isfinite(m).all() for m in (*matrices.values(), shift)):
        raise InputError(
            "All entries of `A`, `B`, `c` and `E` of a linear plant must be finite. "
            "Received: NaN or infinity."
        )
    return LinearPlant(matrices["A"], matrices["B"], shift, matrices.get("E"))
