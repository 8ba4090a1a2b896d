"""Another activation for every channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import InputError
from ..arguments import activation_of
from ..framework import Shape, keras, registered
from .channel_groups import by_pieces, channels
from .channel_index import apart, decoded, encoded, places


@registered
class ChannelActivation(keras.layers.Layer):
    """Applies another activation to every group of channels.

    Each key names channels of one axis, its value the activation they get; together they replace
    the split, apply and concatenate of a hand-written activation. Put it after a layer, or hand it
    to one as `activation=`.

    Args:
        activations: Maps an integer, a slice, a range or a tuple of integers to an activation: a
            name Keras knows, a function, or a layer. An activation over several channels (softmax)
            sees those of its own key. Pairs `(key, activation)` do too: a slice can be a key of a
            dict only from Python 3.12 on.
        axis: The channel axis; never the batch axis 0.
        others: The activation of channels that no key names.
        **kwargs: Those of `keras.layers.Layer`, `name` say.

    Raises:
        InputError: Keys overlap, or point outside the axis (raised when the layer is built).

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
                f"Layer `{self.name}` (ChannelActivation): `axis` is a whole number. "
                f"Received: axis={axis!r}."
            )
        self.axis = axis
        self._keys = tuple(key for key, _ in pairs)
        named = [*pairs, ("the other channels", others)]
        self._functions = [self._activation(key, a) for key, a in named]
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Settle which channels each key means."""
        axis, parts = self._places(input_shape)
        for part, function in zip(parts, self._functions, strict=True):
            if part and isinstance(function, keras.layers.Layer) and not function.built:
                function.build((*input_shape[:axis], len(part), *input_shape[axis + 1 :]))
        self.built = True

    def _activation(self, key: Any, given: Any) -> Any:
        if isinstance(given, keras.layers.Layer):
            return given
        where = f"Layer `{self.name}` (ChannelActivation), channels {key}"
        found = activation_of(given, where)
        if not callable(found):
            raise InputError(
                f"{where}: an activation is a name, a function or a layer. Received: {given!r}."
            )
        return found

    def _places(self, shape: Shape) -> tuple[int, list[list[int]]]:
        where = f"Layer `{self.name}` (ChannelActivation)"
        axis, size = channels(shape, self.axis, where)
        parts = [places(key, size, where) for key in self._keys]
        apart(parts, where)
        named = {i for part in parts for i in part}
        return axis, [*parts, [i for i in range(size) if i not in named]]

    def call(self, inputs: Any) -> Any:
        """The activations of `inputs`, in the same shape."""
        axis, parts = self._places(inputs.shape)
        used = [(p, f) for p, f in zip(parts, self._functions, strict=True) if p]
        return by_pieces(inputs, [p for p, _ in used], [f for _, f in used], axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's own."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments, keys as JSON holds them."""
        saved = [keras.saving.serialize_keras_object(f) for f in self._functions]
        pairs = [[encoded(k), f] for k, f in zip(self._keys, saved[:-1], strict=True)]
        return {
            **super().get_config(),
            "activations": pairs,
            "axis": self.axis,
            "others": saved[-1],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ChannelActivation:
        """The layer that `get_config` described."""
        config = dict(config)
        read = keras.saving.deserialize_keras_object
        config["activations"] = [(decoded(k), read(f)) for k, f in config["activations"]]
        config["others"] = read(config["others"])
        return cls(**config)


def _pairs(given: Any) -> list[tuple[Any, Any]]:
    pairs = list(given.items()) if isinstance(given, Mapping) else given
    good = isinstance(pairs, list | tuple) and pairs
    if not good or not all(isinstance(p, list | tuple) and len(p) == 2 for p in pairs):
        raise InputError(
            "`activations` maps channels to activations: "
            '`{0: "sigmoid", range(1, 5): "relu"}`, or pairs `[(0, "sigmoid"), ...]`. '
            f"Received: {given!r}."
        )
    return [(key, activation) for key, activation in pairs]
