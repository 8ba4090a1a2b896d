"""A layer with a separate activation for each group of channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import InputError
from ..arguments import activation_of
from ..framework import Shape, keras, registered
from .channel_groups import apply_by_groups, channels
from .channel_index import check_disjoint, decode_key, encode_key, places


@registered
class ChannelActivation(keras.layers.Layer):
    """Applies a separate activation to each group of channels.

    Each key selects channels of one axis, and its value is their activation. The layer replaces a
    hand-written activation that splits its input, applies functions and concatenates the results.
    Use it after a layer, or pass it to a layer as `activation=`.

    Args:
        activations: Maps an integer, a slice, a range or a tuple of integers to an activation: a
            name that Keras knows, a function, or a layer. An activation over several channels
            (softmax) acts only on the channels of its key. A list of pairs `(key, activation)` is
            accepted too, since a slice can be a key of a dict only from Python 3.12 on.
        axis: The channel axis; never the batch axis 0.
        others: The activation of channels without a key.
        **kwargs: Further arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        InputError: An argument is invalid, or keys overlap or exceed the axis (raised when the
            layer is built).

    Example:
        >>> import numpy as np
        >>> layer = ChannelActivation({0: "sigmoid", range(1, 3): "relu"})
        >>> np.asarray(layer(np.array([[0.0, -1.0, 2.0, -3.0]]))).tolist()
        [[0.5, 0.0, 2.0, -3.0]]
    """

    def __init__(
        self,
        activations: Mapping[Any, Any] | Sequence[tuple[Any, Any]],
        axis: int = -1,
        others: Any = "linear",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        pairs = _pairs(activations)
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise InputError(
                f"Layer `{self.name}` (ChannelActivation): `axis` must be an integer. "
                f"Received: axis={axis!r}."
            )
        self.axis = axis
        self._keys = tuple(key for key, _ in pairs)
        named = [*pairs, ("the other channels", others)]
        self._functions = [self._activation(key, a) for key, a in named]
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Check that the keys fit the input shape, and build activations that are layers."""
        axis, parts = self._places(input_shape)
        for part, function in zip(parts, self._functions, strict=True):
            if part and isinstance(function, keras.layers.Layer) and not function.built:
                function.build((*input_shape[:axis], len(part), *input_shape[axis + 1 :]))
        self.built = True

    def _activation(self, key: Any, value: Any) -> Any:
        if isinstance(value, keras.layers.Layer):
            return value
        where = f"Layer `{self.name}` (ChannelActivation), channels {key}"
        activation = activation_of(value, where)
        if not callable(activation):
            raise InputError(
                f"{where}: an activation must be a name, a function or a layer. "
                f"Received: {value!r}."
            )
        return activation

    def _places(self, shape: Shape) -> tuple[int, list[list[int]]]:
        where = f"Layer `{self.name}` (ChannelActivation)"
        axis, size = channels(shape, self.axis, where)
        parts = [places(key, size, where) for key in self._keys]
        check_disjoint(parts, where)
        named = {i for part in parts for i in part}
        return axis, [*parts, [i for i in range(size) if i not in named]]

    def call(self, inputs: Any) -> Any:
        """Apply the activations; the result has the shape of `inputs`."""
        axis, parts = self._places(inputs.shape)
        used = [(p, f) for p, f in zip(parts, self._functions, strict=True) if p]
        return apply_by_groups(inputs, [p for p, _ in used], [f for _, f in used], axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer, with the keys of `activations` in JSON form."""
        saved = [keras.saving.serialize_keras_object(f) for f in self._functions]
        pairs = [[encode_key(k), f] for k, f in zip(self._keys, saved[:-1], strict=True)]
        return {
            **super().get_config(),
            "activations": pairs,
            "axis": self.axis,
            "others": saved[-1],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ChannelActivation:
        """Create the layer from a result of `get_config`."""
        config = dict(config)
        read = keras.saving.deserialize_keras_object
        config["activations"] = [(decode_key(k), read(f)) for k, f in config["activations"]]
        config["others"] = read(config["others"])
        return cls(**config)


def _pairs(activations: Any) -> list[tuple[Any, Any]]:
    pairs = list(activations.items()) if isinstance(activations, Mapping) else activations
    good = isinstance(pairs, list | tuple) and pairs
    if not good or not all(isinstance(p, list | tuple) and len(p) == 2 for p in pairs):
        raise InputError(
            "`activations` must map channels to activations, such as "
            '`{0: "sigmoid", range(1, 5): "relu"}`, or be pairs `[(0, "sigmoid"), ...]`. '
            f"Received: {activations!r}."
        )
    return [(key, activation) for key, activation in pairs]
