"""A layer that keeps its outputs in at least one of several half-spaces."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ....core import InputError
from ...arguments import finite_number
from ...framework import Shape, keras, registered
from .numbers import number_dtype, read_matrix, round_down


@registered
class AnyHalfspace(keras.layers.Layer):
    """Keeps the outputs in at least one of the half-spaces `a.y <= c`, for all weights of a model.

    The layer computes `y - d relu(min over the rows of (a.y - c))` with a direction `d` for which
    `a.d >= 1` in every row. If no inequality holds, every `a.y` decreases by at least the smallest
    excess `a.y - c`, so the inequality with this excess holds afterwards. Outputs that satisfy the
    rule stay as they are. If all rows have coefficients of the same sign for some output, `d`
    changes only one such output. Otherwise, `d` is the shortest vector with `a.d = 1` in every row.

    Args:
        a: The coefficients of the rows, `(rows, outputs)`.
        c: The right-hand side: a number, or one number per row.
        margin: Distance that the outputs keep from the limits, relative to the larger of `|c|` and
            the norm of the row.
        **kwargs: Further arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        InputError: An argument is not a finite number, no direction `d` exists, or the length
            of the rows differs from the number of outputs (raised when the layer is built).

    Example:
        >>> import numpy as np
        >>> layer = AnyHalfspace([[1.0, -1.0, 0.0], [1.0, 0.0, -1.0]], margin=0.0)
        >>> np.asarray(layer(np.array([[5.0, 1.0, 2.0], [1.0, 3.0, 0.0]]))).tolist()
        [[2.0, 1.0, 2.0], [1.0, 3.0, 0.0]]
    """

    def __init__(self, a: Any, c: Any = 0.0, margin: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = f"Layer `{self.name}` (AnyHalfspace)"
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
        self._direction = common_direction(self._rows, where)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Check that the rows have one coefficient per output."""
        if input_shape[-1] != self.a.shape[1]:
            raise InputError(
                f"Layer `{self.name}` (AnyHalfspace): `a` must have one coefficient per output. "
                f"Received: {self.a.shape[1]} coefficients for outputs of shape "
                f"{tuple(input_shape)}."
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the outputs, changed where no inequality holds, in the shape of `inputs`."""
        return self.enforce(inputs, None)

    def enforce(self, inputs: Any, slack: Any) -> Any:
        """Return the outputs in one of the half-spaces, which `slack` widens.

        Args:
            inputs: The outputs to change, `(..., outputs)`.
            slack: None, or a tensor `(..., 1)` that is added to every right-hand side.

        Returns:
            The outputs, in the shape of `inputs`.
        """
        ops = keras.ops
        excess = ops.subtract(ops.matmul(inputs, self._rows.T), self._limits)
        least = ops.min(excess, axis=-1, keepdims=True)
        if slack is not None:
            least = least - slack
        return inputs - ops.multiply(ops.relu(least), self._direction)

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


def common_direction(rows: np.ndarray, where: str) -> np.ndarray:
    """Return a vector `d` in the dtype of `rows`, with `rows @ d >= 1` in rational arithmetic.

    Args:
        rows: The coefficients, `(rows, outputs)`.
        where: Description of the caller, for messages.

    Raises:
        InputError: No such vector was found.
    """
    exact = rows.astype(float)
    least = np.abs(exact).min(axis=0)
    same = (np.sign(exact) == np.sign(exact[:1])).all(axis=0) & (least > 0)
    if same.any():
        k = int(np.where(same, least, 0.0).argmax())
        start = np.zeros(exact.shape[1])
        start[k] = np.sign(exact[0, k]) / least[k]
    else:
        start = np.linalg.pinv(exact) @ np.ones(len(exact))
    for power in (0, *range(-50, -6)):
        direction = (start * (1.0 + (2.0**power if power else 0.0))).astype(rows.dtype)
        if _all_at_least_one(exact, direction.astype(float)):
            return direction
    raise InputError(
        f"{where}: a direction must exist along which all rows of `a` decrease; otherwise, the "
        f"layer has no closed form. Received: rows {exact.tolist()[:4]}."
    )


def _all_at_least_one(rows: np.ndarray, direction: np.ndarray) -> bool:
    """Return whether `rows @ direction >= 1` in rational arithmetic."""
    if not np.isfinite(direction).all():
        return False
    right = [Fraction(v) for v in direction.tolist()]
    return all(
        sum((Fraction(p) * q for p, q in zip(row, right, strict=True)), Fraction(0)) >= 1
        for row in rows.tolist()
    )
