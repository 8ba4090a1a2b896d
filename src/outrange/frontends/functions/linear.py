"""Plants whose next state is linear in state, control and disturbance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError


@dataclass(frozen=True, eq=False)
class LinearPlant:
    """`A x + B u + c + E w`, a function of `(x, u)` or `(x, u, w)` like any other plant.

    Args:
        A: `(states, states)`.
        B: `(states, controls)`.
        c: `(states,)`.
        E: `(states, disturbances)`; None without a disturbance.
    """

    A: np.ndarray
    B: np.ndarray
    c: np.ndarray
    E: np.ndarray | None = None

    def __call__(self, x: Any, u: Any, w: Any = None) -> Any:
        """The next state."""
        parts, matrices = [x, u], [self.A, self.B]
        if self.E is not None and w is not None:
            parts, matrices = [*parts, w], [*matrices, self.E]
        return np.concatenate(matrices, axis=1) @ np.concatenate(parts) + self.c


def linear_plant(A: Any, B: Any, c: Any = 0.0, E: Any = None) -> LinearPlant:
    """State a linear plant for `outrange.closed_loop`: the next state is `A x + B u + c + E w`.

    Args:
        A: `(states, states)`.
        B: `(states, controls)`; a vector for one control.
        c: `(states,)`, or one number for all.
        E: `(states, disturbances)`; a vector for one, None for none.

    Returns:
        The plant.

    Raises:
        InputError: The shapes do not fit, or a number is not finite.

    Example:
        >>> plant = linear_plant([[1, 1], [0, 1]], [0.5, 1])
        >>> plant(np.array([1.0, 0.5]), np.array([-1.0])).tolist()
        [1.0, -0.5]
    """
    found = {}
    for name, given in (("A", A), ("B", B), ("E", E)):
        if given is None:
            continue
        matrix = np.asarray(given, np.float64)
        found[name] = matrix[:, None] if matrix.ndim == 1 else matrix
    states = found["A"].shape[0] if found["A"].ndim == 2 else 0
    shapes = {name: matrix.shape for name, matrix in found.items()}
    fits = all(m.ndim == 2 and m.shape[0] == states for m in found.values())
    if not states or not fits or found["A"].shape[1] != states or np.size(c) not in (1, states):
        raise InputError(
            "A linear plant has a square `A`, and `B`, `c`, `E` with a row a state. "
            f"Received: shapes {shapes}, c of shape {np.shape(c)}."
        )
    shift = np.broadcast_to(np.asarray(c, np.float64).ravel(), (states,)).copy()
    if not all(np.isfinite(m).all() for m in (*found.values(), shift)):
        raise InputError("The numbers of a linear plant are finite. Received: some that are not.")
    return LinearPlant(found["A"], found["B"], shift, found.get("E"))
