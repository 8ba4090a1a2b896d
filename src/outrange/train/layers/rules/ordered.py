"""A layer whose outputs never decrease from entry to entry."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....core import InputError
from ...arguments import finite_number
from ...framework import Shape, keras, registered
from ..channel_groups import channels
from .numbers import number_dtype, round_up


@registered
class Ordered(keras.layers.Layer):
    """Makes each output at least the previous output plus `gap`, for all weights of a model.

    By default, outputs that satisfy this rule stay as they are, and an output that is too small is
    raised. With `smooth=True`, the first output stays as it is. Each later output is the previous
    one plus `gap` plus the softplus of its original value. This has a gradient everywhere, so a
    model that is trained with the layer should use it. Use the layer for quantiles, thresholds or
    times that must be in order.

    Args:
        gap: Least difference between consecutive outputs, at least 0. The layer rounds it up to its
            dtype.
        smooth: Whether to add softpluses instead of taking maxima.
        **kwargs: Further arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        InputError: `gap` is negative or not a finite number, or there are fewer than two outputs
            (raised when the layer is built).

    Example:
        >>> import numpy as np
        >>> np.asarray(Ordered(gap=0.5)(np.array([[1.0, 3.0, 2.0, 5.0]]))).tolist()
        [[1.0, 3.0, 3.5, 5.0]]
    """

    def __init__(self, gap: float = 1e-6, smooth: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gap = finite_number(gap, "gap", f"Layer `{self.name}` (Ordered)", least=0.0)
        self._least = round_up(np.array(self.gap), number_dtype(self))
        self.smooth = bool(smooth)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Check that there are at least two outputs."""
        where = f"Layer `{self.name}` (Ordered)"
        if channels(input_shape, -1, where)[1] < 2:
            raise InputError(
                f"{where} needs at least two outputs. Received: outputs of shape "
                f"{tuple(input_shape)}."
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the outputs in order, in the shape of `inputs`."""
        return self.enforce(inputs, None)

    def enforce(self, inputs: Any, slack: Any) -> Any:
        """Return the outputs in order, where `slack` reduces the gap.

        Args:
            inputs: The outputs to change, `(..., outputs)`.
            slack: None, or a tensor `(..., 1)` that is subtracted from the gap.

        Returns:
            The outputs, in the shape of `inputs`.
        """
        ops = keras.ops
        ordered = [inputs[..., :1]]
        for i in range(1, inputs.shape[-1]):
            entry, least = inputs[..., i : i + 1], ops.add(ordered[-1], self._least)
            if slack is not None:
                least = least - slack
            # A sum with a nonnegative term: bounds of a difference of neighbors cancel exactly.
            rise = ops.softplus(entry) if self.smooth else ops.relu(entry - least)
            ordered.append(least + rise)
        return ops.concatenate(ordered, axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "gap": self.gap, "smooth": self.smooth}
