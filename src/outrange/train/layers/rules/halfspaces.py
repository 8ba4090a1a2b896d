"""A layer that keeps its outputs in an intersection of half-spaces."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ....core import InputError
from ...arguments import finite_number
from ...framework import Shape, keras, registered
from .numbers import number_dtype, read_matrix, round_down


LARGEST_OVERSHOOT = 2.0**-7
"""Largest overshoot that `directions_of` tries before it refuses rows as nearly dependent."""


@registered
class Halfspaces(keras.layers.Layer):
    """Keeps the outputs in half-spaces `a.y <= c`, whatever the weights of the model are.

    The layer computes `y - D relu(A y - c)`. For a single row, `D` is `a / |a|^2`, and the layer
    projects outputs that break the rule onto the nearest point that satisfies it. For several
    linearly independent rows, `D` is the pseudoinverse of `A`, and every `a.y` becomes
    `min(a.y, c)`. Outputs that satisfy all inequalities stay as they are.

    The layer's numbers are rounded to its dtype such that the rule holds exactly for the rounded
    rows: `A D` is at least the identity matrix in every entry. Coefficients that the dtype can
    represent, such as integers, halves and quarters, are not changed. Inference in float32 has
    rounding errors; `margin` is a safety distance for them. Linearly dependent rows are refused,
    since no such formula exists for them.

    Args:
        a: The coefficients of one row, `(outputs,)`, or of several, `(rows, outputs)`.
        c: The right-hand side: a number, or one number per row.
        margin: Distance that the outputs keep from the limit, relative to the larger of `|c|` and
            the norm of the row.
        **kwargs: Further arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        InputError: An argument is not a finite number, the rows are linearly dependent or nearly
            so, or their length differs from the number of outputs (raised when the layer is built).

    Example:
        >>> import numpy as np
        >>> layer = Halfspaces([1.0, 1.0], 1.0, margin=0.0)
        >>> np.asarray(layer(np.array([[0.0, 0.5], [3.0, 1.0]]))).round(5).tolist()
        [[0.0, 0.5], [1.5, -0.5]]

    Reference: Min, Azizan, *HardNet: hard-constrained neural networks with universal approximation
    guarantees* (arXiv 2410.10807).
    """

    def __init__(self, a: Any, c: Any = 0.0, margin: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = f"Layer `{self.name}` (Halfspaces)"
        self.a = read_matrix(a, "a", where)
        c = read_matrix(np.atleast_1d(c), "c", where)[0]
        if c.size not in (1, len(self.a)):
            raise InputError(
                f"{where}: `c` must be a number, or one number per row of `a`. "
                f"Received: {c.size} numbers for {len(self.a)} rows."
            )
        self.c = np.broadcast_to(c, len(self.a)).copy()
        self.margin = finite_number(margin, "margin", where, least=0.0)
        scale = np.maximum(np.abs(self.c), np.linalg.norm(self.a, axis=1))
        dtype = number_dtype(self)
        self._rows = self.a.astype(dtype)
        self._limits = round_down(self.c - self.margin * scale, dtype)
        self._directions = directions_of(self._rows, where)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Check that the rows have one coefficient per output."""
        if input_shape[-1] != self.a.shape[1]:
            raise InputError(
                f"Layer `{self.name}` (Halfspaces): `a` must have one coefficient per output. "
                f"Received: {self.a.shape[1]} coefficients for outputs of shape "
                f"{tuple(input_shape)}."
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the outputs in the half-spaces, in the shape of `inputs`."""
        return self.enforce(inputs, None)

    def enforce(self, inputs: Any, slack: Any) -> Any:
        """Return the outputs in the half-spaces, which `slack` widens.

        Args:
            inputs: The outputs to change, `(..., outputs)`.
            slack: None, or a tensor `(..., 1)` that is added to every right-hand side.

        Returns:
            The outputs, in the shape of `inputs`.
        """
        ops = keras.ops
        excess = ops.subtract(ops.matmul(inputs, self._rows.T), self._limits)
        if slack is not None:
            excess = excess - slack
        return inputs - ops.matmul(ops.relu(excess), self._directions.T)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {
            **super().get_config(),
            "a": self.a.tolist(),
            "c": self.c.tolist(),
            "margin": self.margin,
        }


def directions_of(rows: np.ndarray, where: str) -> np.ndarray:
    """Return a matrix `D` in the dtype of `rows`, for which `rows @ D >= I` in every entry.

    `D` is the pseudoinverse with a small correction: entry `(i, j)` of `rows @ D` exceeds that of
    the identity matrix by about `overshoot * |rows[i]| / |rows[j]|`. The overshoot starts at the
    epsilon of float32, or at `2**-50` for float64. It is doubled until the inequality holds, up to
    at most `LARGEST_OVERSHOOT`. The inequality is checked in rational arithmetic, and it implies
    `rows @ (y - D relu(rows @ y - c)) <= c` for every `y`.

    Args:
        rows: The coefficients, `(rows, outputs)`.
        where: Description of the caller, for messages.

    Raises:
        InputError: The rows are linearly dependent, or too nearly so for the dtype.
    """
    exact = rows.astype(float)
    count = len(exact)
    overshoot = float(np.finfo(np.float32).eps) if rows.dtype != np.float64 else 2.0**-50
    if np.linalg.matrix_rank(exact) == count:
        pseudoinverse = np.linalg.pinv(exact)
        norms = np.linalg.norm(exact, axis=1)
        while overshoot <= LARGEST_OVERSHOOT:
            # In units of the norms of the rows, every entry is too large by `overshoot`.
            target = np.eye(count) + overshoot * norms[:, None] / norms
            directions = (pseudoinverse @ target).astype(rows.dtype)
            if _is_at_least_identity(exact, directions.astype(float)):
                return directions
            overshoot *= 2
    raise InputError(
        f"{where}: the rows of `a` must be linearly independent; otherwise, the layer has no "
        "closed form. Remove rows, or use `Bounded` for limits or `Ordered` for an order. "
        f"Received: {count} rows of rank {np.linalg.matrix_rank(exact)} for {exact.shape[1]} "
        "outputs."
    )


def _is_at_least_identity(rows: np.ndarray, directions: np.ndarray) -> bool:
    """Return whether `rows @ directions >= I` in every entry, in rational arithmetic."""
    left = [[Fraction(v) for v in row] for row in rows.tolist()]
    right = [[Fraction(v) for v in column] for column in directions.T.tolist()]
    return all(
        sum((p * q for p, q in zip(row, column, strict=True)), Fraction(0)) >= (i == j)
        for i, row in enumerate(left)
        for j, column in enumerate(right)
    )
