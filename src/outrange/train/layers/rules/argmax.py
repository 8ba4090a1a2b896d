"""Layers that force one output to be the largest, or not to be the largest."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....core import InputError
from ...arguments import finite_number
from ...framework import Shape, keras, registered
from ..channel_groups import channels
from ..channel_index import places
from .numbers import number_dtype, round_up


class _RankRule(keras.layers.Layer):
    """Base class of the layers that compare one output with all others."""

    def __init__(self, index: int, margin: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = f"Layer `{self.name}` ({type(self).__name__})"
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise InputError(f"{where}: `index` must be an integer. Received: index={index!r}.")
        self.index = index.__index__()
        self.margin = finite_number(margin, "margin", where, least=0.0)
        self._least = round_up(np.array(self.margin), number_dtype(self))
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Check that there is an output `index`, and at least one other."""
        where = f"Layer `{self.name}` ({type(self).__name__})"
        size = channels(input_shape, -1, where)[1]
        places(self.index, size, where)
        if size < 2:
            raise InputError(
                f"{where} needs at least two outputs. Received: outputs of shape "
                f"{tuple(input_shape)}."
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the outputs, changed where they break the rule, in the shape of `inputs`."""
        return self.enforce(inputs, None)

    def _split_outputs(self, inputs: Any) -> tuple[Any, Any, Any]:
        """Return the outputs before `index`, the output `index`, and the outputs after it."""
        index = self.index % inputs.shape[-1]
        return inputs[..., :index], inputs[..., index : index + 1], inputs[..., index + 1 :]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "index": self.index, "margin": self.margin}


@registered
class ArgmaxIs(_RankRule):
    """Makes one output the largest: all others are limited to its value minus `margin`.

    Outputs that satisfy the rule stay as they are. The argmax is `index`, before, during and after
    training. The exceptions are ties in float32 inference, for which `argmax` returns the first
    output. They may occur if outputs are so large that subtracting `margin` is lost to rounding.

    Args:
        index: The output that must be the largest; negative numbers count from the end.
        margin: Least distance to the other outputs. For float32, 1.2e-7 times the largest magnitude
            of an output is enough.
        **kwargs: Further arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        InputError: An argument is invalid, or there is no such output (raised when the layer is
            built).

    Example:
        >>> import numpy as np
        >>> np.asarray(ArgmaxIs(0, margin=0.5)(np.array([[1.0, 3.0, 0.0]]))).tolist()
        [[1.0, 0.5, 0.0]]
    """

    def enforce(self, inputs: Any, slack: Any) -> Any:
        """Limit all other outputs to output `index` minus `margin` plus `slack`.

        Args:
            inputs: The outputs to change, `(..., outputs)`.
            slack: None, or a tensor `(..., 1)` that is added to the limit.

        Returns:
            The outputs, in the shape of `inputs`.
        """
        before, chosen, after = self._split_outputs(inputs)
        limit = keras.ops.subtract(chosen, self._least)
        if slack is not None:
            limit = limit + slack
        parts = [keras.ops.minimum(part, limit) if part.shape[-1] else part
                 for part in (before, after)]  # fmt: skip
        return keras.ops.concatenate([parts[0], chosen, parts[1]], axis=-1)


@registered
class ArgmaxIsNot(_RankRule):
    """Keeps one output below the largest of the others, by at least `margin`.

    Outputs that satisfy the rule stay as they are. The argmax is never `index`, before, during and
    after training. The exceptions are ties in float32 inference, for which `argmax` returns the
    first output. They may occur if outputs are so large that subtracting `margin` is lost to
    rounding.

    Args:
        index: The output that must not be the largest; negative numbers count from the end.
        margin: Least distance to the largest output. For float32, 1.2e-7 times the largest
            magnitude of an output is enough.
        **kwargs: Further arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        InputError: An argument is invalid, or there is no such output (raised when the layer is
            built).

    Example:
        >>> import numpy as np
        >>> np.asarray(ArgmaxIsNot(1, margin=0.5)(np.array([[1.0, 3.0, 2.0]]))).tolist()
        [[1.0, 1.5, 2.0]]
    """

    def enforce(self, inputs: Any, slack: Any) -> Any:
        """Limit output `index` to the largest other output minus `margin` plus `slack`.

        Args:
            inputs: The outputs to change, `(..., outputs)`.
            slack: None, or a tensor `(..., 1)` that is added to the limit.

        Returns:
            The outputs, in the shape of `inputs`.
        """
        ops = keras.ops
        before, chosen, after = self._split_outputs(inputs)
        others = ops.concatenate([before, after], axis=-1)
        limit = ops.subtract(ops.max(others, axis=-1, keepdims=True), self._least)
        if slack is not None:
            limit = limit + slack
        return ops.concatenate([before, ops.minimum(chosen, limit), after], axis=-1)
