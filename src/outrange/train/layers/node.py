"""A node of a wired model: what arrives is added up, biased and activated."""

from __future__ import annotations

from typing import Any

from ...core import InputError
from ..arguments import activation_of, whole_number
from ..framework import Shape, keras, registered


@registered
class WiredNode(keras.layers.Layer):
    """`activation(sum of the inputs + bias)`.

    Args:
        units: Length of each input and of the output.
        activation: As in `keras.layers.Dense`.
        use_bias: Whether to add a bias.
        **kwargs: Those of `keras.layers.Layer`, `name` say.

    Raises:
        InputError: `units` is no positive integer, or there is no such activation.

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
        where = f"Layer `{self.name}` (Node)"
        self.units, self.use_bias = whole_number(units, "units", where), bool(use_bias)
        self.activation = activation_of(activation, where)
        self.bias = None

    def build(self, input_shape: Any) -> None:
        """Make the bias."""
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """A tensor, or a list of tensors, `(..., units)` each, to one of that shape."""
        parts = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        if not parts:
            raise InputError(f"Layer `{self.name}` (Node): at least one input. Received: none.")
        total = parts[0]
        for part in parts[1:]:
            total = keras.ops.add(total, part)
        if self.use_bias:
            total = keras.ops.add(total, self.bias)
        return total if self.activation is None else self.activation(total)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """That of each input."""
        first = input_shape[0]
        return tuple(first if isinstance(first, list | tuple) else input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        activation = keras.activations.serialize(self.activation)
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activation,
            "use_bias": self.use_bias,
        }
