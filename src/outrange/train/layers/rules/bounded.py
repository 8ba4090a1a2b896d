"""A layer that keeps every output between two limits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....core import InputError
from ...framework import Shape, keras, registered
from ..channel_groups import apply_by_groups, channels
from .numbers import limits_as_json, number_dtype, read_limits, round_down, round_up


@registered
class Bounded(keras.layers.Layer):
    """Keeps every output between `lo` and `hi`, whatever the weights of the model are.

    By default, the layer clips: outputs within the limits stay as they are, and the others move to
    the nearest limit. A clipped output has no gradient, so a model that is trained with the layer
    should use `smooth=True`: a sigmoid for an output with two limits, and a softplus for an output
    with a single limit.
    `outrange.verify` proves the limits of such a model, before and after training. They hold for
    the float32 outputs too, because the layer rounds its limits inward.

    Args:
        lo: The lower limit: a number, None for no limit, or a list with a number or None for each
            output, `(outputs,)`.
        hi: The upper limit: a number, None, or a list `(outputs,)`, as for `lo`.
        smooth: Whether to use a sigmoid or a softplus instead of clipping.
        **kwargs: Further arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        InputError: A limit is neither a number nor None, no number of the layer's dtype lies
            between `lo` and `hi`, or there is no limit at all. Also raised when the layer is built,
            if the number of limits differs from the number of outputs.

    Example:
        >>> import numpy as np
        >>> layer = Bounded(lo=0.0, hi=[None, 1.0])
        >>> np.asarray(layer(np.array([[-2.0, 0.5], [7.0, 3.0]]))).tolist()
        [[0.0, 0.5], [7.0, 1.0]]
    """

    def __init__(self, lo: Any = None, hi: Any = None, smooth: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = f"Layer `{self.name}` (Bounded)"
        self.lo = read_limits(lo, "lo", where, -np.inf)
        self.hi = read_limits(hi, "hi", where, np.inf)
        if self.lo.ndim and self.hi.ndim and self.lo.size != self.hi.size:
            raise InputError(
                f"{where}: `lo` and `hi` must have one limit per output. "
                f"Received: {self.lo.size} lower and {self.hi.size} upper limits."
            )
        self._dtype = dtype = number_dtype(self)
        if (round_up(self.lo, dtype).astype(float) > round_down(self.hi, dtype)).any():
            raise InputError(
                f"{where}: a {dtype} number must lie between `lo` and `hi`. "
                f"Received: lo={lo!r}, hi={hi!r}."
            )
        if not np.isfinite(self.lo).any() and not np.isfinite(self.hi).any():
            raise InputError(
                f"{where} needs a lower or an upper limit. Received: lo={lo!r}, hi={hi!r}."
            )
        self.smooth = bool(smooth)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Check that there is one limit per output."""
        for name, limits in (("lo", self.lo), ("hi", self.hi)):
            where = f"Layer `{self.name}` (Bounded)"
            if limits.ndim and channels(input_shape, -1, where)[1] != limits.size:
                raise InputError(
                    f"{where}: `{name}` must have one limit per output. Received: {limits.size} "
                    f"limits for outputs of shape {tuple(input_shape)}."
                )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the outputs within the limits, in the shape of `inputs`."""
        return self.enforce(inputs, None)

    def enforce(self, inputs: Any, slack: Any) -> Any:
        """Return the outputs within the limits, which `slack` widens.

        Args:
            inputs: The outputs to change, `(..., outputs)`.
            slack: None, or a tensor `(..., 1)` that widens both limits.

        Returns:
            The outputs, in the shape of `inputs`.
        """
        if not self.lo.ndim and not self.hi.ndim:
            return self._limit(inputs, self.lo, self.hi, slack)
        size = inputs.shape[-1]
        lo, hi = np.broadcast_to(self.lo, size), np.broadcast_to(self.hi, size)
        kinds = np.isfinite(lo) + 2 * np.isfinite(hi)
        parts = [np.flatnonzero(kinds == kind).tolist() for kind in np.unique(kinds)]
        functions = [
            None
            if kinds[part[0]] == 0
            else lambda y, part=part: self._limit(y, lo[part], hi[part], slack)
            for part in parts
        ]
        return apply_by_groups(inputs, parts, functions, len(inputs.shape) - 1)

    def _limit(self, y: Any, lo: np.ndarray, hi: np.ndarray, slack: Any) -> Any:
        """Limit outputs that all have the same kinds of limits: lower, upper or both.

        Operators such as `+` between a limit and a symbolic tensor fail in some backends; functions
        of `keras.ops` work in all of them.
        """
        ops, dtype = keras.ops, self._dtype
        has_lo, has_hi = bool(np.isfinite(lo).all()), bool(np.isfinite(hi).all())
        low, high = (
            ops.convert_to_tensor(end) for end in (round_up(lo, dtype), round_down(hi, dtype))
        )
        if self.smooth and has_lo and has_hi:
            y = ops.add(low, ops.multiply(high - low, ops.sigmoid(y)))
        elif self.smooth and has_lo:
            y = ops.add(low, ops.softplus(ops.subtract(y, low)))
        elif self.smooth:
            y = ops.subtract(high, ops.softplus(ops.subtract(high, y)))
        if has_lo:
            y = ops.maximum(y, low if slack is None else ops.subtract(low, slack))
        if has_hi:
            y = ops.minimum(y, high if slack is None else ops.add(high, slack))
        return y

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {
            **super().get_config(),
            "lo": limits_as_json(self.lo),
            "hi": limits_as_json(self.hi),
            "smooth": self.smooth,
        }
