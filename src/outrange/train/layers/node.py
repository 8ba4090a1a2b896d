"""A node of a wired model: sums its inputs, adds a bias and applies an activation."""

from __future__ import annotations

from typing import Any

from ...core import InputError
from ..arguments import activation_of, positive_integer
from ..framework import Shape, keras, registered


@registered
class WiredNode(keras.layers.Layer):
    """Computes `activation(sum of the inputs + bias)`.

    Args:
        units: Length of each input and of the output.
        activation: The activation, as in `keras.layers.Dense`.
        use_bias: Whether to add a bias.
        **kwargs: Further arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        InputError: `units` is not a positive integer, or there is no such activation.

    Example:
        >>> import numpy as np
        >>> node = WiredNode(2, "relu")
        >>> np.asarray(node([np.array([[1.0, -3.0]]), np.array([[1.0, 1.0]])])).tolist()
        [[2.0, 0.0]]
    """

    def __init__(
        self, units: int, activation: Any = None, use_bias: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        where = f"Layer `{self.name}` (WiredNode)"
        self.units, self.use_bias = positive_integer(units, "units", where), bool(use_bias)
        self.activation = activation_of(activation, where)
        self.bias = None

    def build(self, input_shape: Any) -> None:
        """Create the bias, unless `use_bias` is False."""
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Map one tensor `(..., units)`, or a list of them, to a tensor of the same shape.

        Raises:
            InputError: The list of tensors is empty.
        """
        parts = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        if not parts:
            raise InputError(
                f"Layer `{self.name}` (WiredNode) needs at least one input. Received: none."
            )
        total = parts[0]
        for part in parts[1:]:
            total = keras.ops.add(total, part)
        if self.use_bias:
            total = keras.ops.add(total, self.bias)
        return total if self.activation is None else self.activation(total)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of an input, which is also the shape of the output."""
        first = input_shape[0]
        return tuple(first if isinstance(first, list | tuple) else input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        activation = keras.activations.serialize(self.activation)
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activation,
            "use_bias": self.use_bias,
        }
