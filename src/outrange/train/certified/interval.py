"""Interval bounds of Keras models, computed with `keras.ops` so that they are differentiable.

Reference: Gowal et al., *Scalable verified training for provably robust image classification*
(ICCV 2019).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...core import UnsupportedError
from ..framework import keras
from ..layers.masked import MaskedDense
from ..layers.rules.bounded import Bounded
from ..layers.rules.ordered import Ordered


@dataclass(frozen=True, eq=False)
class TensorBounds:
    """Elementwise lower and upper bounds of a tensor, in its shape."""

    lo: Any
    hi: Any

    @property
    def center(self) -> Any:
        """The midpoint of each interval."""
        return (self.hi + self.lo) / 2

    @property
    def radius(self) -> Any:
        """Half the width of each interval."""
        return (self.hi - self.lo) / 2

    def map(self, function: Callable[[Any], Any]) -> TensorBounds:
        """Return the bounds of `function` of the tensor; `function` must be increasing."""
        return TensorBounds(function(self.lo), function(self.hi))


Rule = Callable[[Any, TensorBounds], TensorBounds]
"""Function that returns the bounds of a layer's output, given the layer and its input bounds."""

INCREASING = frozenset(
    "linear relu relu6 sigmoid hard_sigmoid tanh hard_tanh softplus softsign elu selu exponential "
    "leaky_relu celu squareplus log_sigmoid".split()
)
"""Names of the increasing activations of Keras."""

L = keras.layers

SAME: tuple[type, ...] = (
    L.Flatten, L.Reshape, L.Permute, L.RepeatVector, L.ZeroPadding1D, L.ZeroPadding2D, L.Cropping1D,
    L.Cropping2D, L.Identity, L.MaxPooling1D, L.MaxPooling2D, L.AveragePooling1D,
    L.AveragePooling2D, L.GlobalAveragePooling1D, L.GlobalAveragePooling2D, L.GlobalMaxPooling1D,
    L.GlobalMaxPooling2D, Bounded, Ordered, L.Normalization,
)  # fmt: skip
"""Layers that rearrange entries, or whose outputs increase in each entry."""

SILENT: tuple[type, ...] = (
    L.Dropout, L.SpatialDropout1D, L.SpatialDropout2D, L.GaussianNoise, L.GaussianDropout,
    L.ActivityRegularization,
)  # fmt: skip
"""Layers that have no effect in inference."""


def bound_model(
    model: Any, inputs: TensorBounds, before: dict[int, TensorBounds] | None = None
) -> TensorBounds:
    """Return bounds of a model's output in inference mode.

    Args:
        model: A built Sequential or functional model with one input and one output.
        inputs: Bounds of its input, `(batch, *input_shape)`.
        before: A dict to which the input bounds of each layer are added, by the layer's `id`; or
            None.

    Raises:
        UnsupportedError: The model contains an unsupported layer, which the message names.
    """
    if isinstance(model, keras.Sequential):
        result = inputs
        for layer in model.layers:
            result = _bound_layer(before, layer, result)
        return result
    if not hasattr(model, "_run_through_graph"):
        raise UnsupportedError(
            "Interval bounds need a Sequential or functional Keras model. "
            f"Received: {type(model).__name__} `{model.name}`."
        )
    return model._run_through_graph(
        inputs, operation_fn=lambda layer: partial(_bound_layer, before, layer)
    )


def _bound_layer(
    before: dict[int, TensorBounds] | None, layer: Any, inputs: Any, **options: Any
) -> TensorBounds:
    """Return bounds of a layer's output, and store the bounds of its input in `before`."""
    if before is not None and isinstance(inputs, TensorBounds):
        before[id(layer)] = inputs
    if isinstance(layer, (L.InputLayer, *SILENT)):
        return inputs
    if isinstance(inputs, list | tuple):
        return _bound_merge(layer, inputs)
    if isinstance(layer, keras.Sequential) or hasattr(layer, "_run_through_graph"):
        return bound_model(layer, inputs, before)
    rule = RULES.get(type(layer))
    if rule is not None:
        return rule(layer, inputs)
    if type(layer) in SAME:
        return inputs.map(layer.call)  # `layer.call` adds no activity losses.
    raise _refusal(layer)


def _refusal(layer: Any, detail: str = "") -> UnsupportedError:
    names = sorted({kind.__name__ for kind in (*RULES, *SAME, *SILENT, *MERGES)})
    return UnsupportedError(
        f"Training with interval bounds does not support layer `{layer.name}` "
        f"({type(layer).__name__}{detail}). Supported layers: {', '.join(names)}."
    )


def _bound_merge(layer: Any, inputs: Any) -> TensorBounds:
    """Return the bounds of the output of a layer with several inputs."""
    if type(layer) not in MERGES:
        raise _refusal(layer)
    ends = ([part.lo for part in inputs], [part.hi for part in inputs])
    return TensorBounds(*(layer.call(end) for end in ends))


MERGES = (L.Add, L.Average, L.Maximum, L.Minimum, L.Concatenate)
"""Layers with several inputs, each of which has an output that increases in every input."""


def bound_activation(layer: Any, activation: Any, inputs: TensorBounds) -> TensorBounds:
    """Return the bounds of an activation function or activation layer of Keras.

    Raises:
        UnsupportedError: The activation is not known to increase; the message names the layer.
    """
    if isinstance(activation, keras.layers.Layer):
        return _bound_layer(None, activation, inputs)
    name = getattr(activation, "__name__", None)
    if name == "softmax":
        return _bound_softmax(inputs)
    # A user's function may have the name of a Keras activation.
    if name not in INCREASING or activation is not getattr(keras.activations, name, None):
        raise _refusal(layer, f" with activation {name or activation!r}")
    return inputs.map(activation)


def _bound_softmax(inputs: TensorBounds) -> TensorBounds:
    """Return the bounds of a softmax.

    An output is least if its own input is at the lower bound and all other inputs are at their
    upper bounds.
    """
    ops = keras.ops
    size = inputs.lo.shape[-1]
    diagonal = ops.eye(size, dtype=inputs.lo.dtype) > 0

    def against(entry: Any, others: Any) -> Any:
        mixed = ops.where(diagonal, entry[..., :, None], others[..., None, :])
        return ops.exp(entry - ops.logsumexp(mixed, axis=-1))

    return TensorBounds(against(inputs.lo, inputs.hi), against(inputs.hi, inputs.lo))


def _bound_affine(
    layer: Any, inputs: TensorBounds, apply: Callable[[Any, Any], Any]
) -> TensorBounds:
    """Return the bounds of `activation(apply(x, kernel) + bias)`, one bias per channel."""
    ops = keras.ops
    center = apply(inputs.center, layer.kernel)
    radius = apply(inputs.radius, ops.abs(layer.kernel))
    if layer.use_bias:
        bias = layer.bias
        if getattr(layer, "data_format", "channels_last") == "channels_first":
            bias = ops.reshape(bias, (1, -1, *[1] * (len(center.shape) - 2)))
        center = center + bias
    return bound_activation(layer, layer.activation, TensorBounds(center - radius, center + radius))


def _bound_dense(layer: Any, inputs: TensorBounds) -> TensorBounds:
    if getattr(layer, "quantization_mode", None) is not None:
        raise _refusal(layer, ", quantized")
    return _bound_affine(layer, inputs, keras.ops.matmul)


def _bound_convolution(layer: Any, inputs: TensorBounds) -> TensorBounds:
    if layer.padding == "causal":
        raise _refusal(layer, " with causal padding")
    return _bound_affine(layer, inputs, layer.convolution_op)


def _bound_depthwise(layer: Any, inputs: TensorBounds) -> TensorBounds:
    def apply(x: Any, kernel: Any) -> Any:
        return keras.ops.depthwise_conv(
            x,
            kernel,
            strides=layer.strides,
            padding=layer.padding,
            dilation_rate=layer.dilation_rate,
            data_format=layer.data_format,
        )

    return _bound_affine(layer, inputs, apply)


def _bound_normalization(layer: Any, inputs: TensorBounds) -> TensorBounds:
    return _sort_ends(inputs.map(partial(layer.call, training=False)))


def _bound_rescaling(layer: Any, inputs: TensorBounds) -> TensorBounds:
    return _sort_ends(inputs.map(layer.call))


def _sort_ends(ends: TensorBounds) -> TensorBounds:
    """Sort the values at both ends of an entrywise affine map, which may decrease."""
    ops = keras.ops
    return TensorBounds(ops.minimum(ends.lo, ends.hi), ops.maximum(ends.lo, ends.hi))


def _bound_activation_layer(layer: Any, inputs: TensorBounds) -> TensorBounds:
    return bound_activation(layer, layer.activation, inputs)


def _bound_sloped(layer: Any, inputs: TensorBounds) -> TensorBounds:
    slope = layer.alpha if isinstance(layer, L.ELU) else layer.negative_slope
    if float(slope) < 0:
        raise _refusal(layer, f" with slope {slope} of negative inputs")
    return inputs.map(layer.call)


def _bound_softmax_layer(layer: Any, inputs: TensorBounds) -> TensorBounds:
    if layer.axis not in (-1, len(inputs.lo.shape) - 1):
        raise _refusal(layer, f" over axis {layer.axis}")
    return _bound_softmax(inputs)


RULES: dict[type, Rule] = {
    L.Dense: _bound_dense,
    MaskedDense: _bound_dense,
    L.Conv1D: _bound_convolution,
    L.Conv2D: _bound_convolution,
    L.Conv3D: _bound_convolution,
    L.DepthwiseConv1D: _bound_depthwise,
    L.DepthwiseConv2D: _bound_depthwise,
    L.BatchNormalization: _bound_normalization,
    L.Rescaling: _bound_rescaling,
    L.Activation: _bound_activation_layer,
    L.ReLU: _bound_sloped,
    L.LeakyReLU: _bound_sloped,
    L.ELU: _bound_sloped,
    L.Softmax: _bound_softmax_layer,
}
"""Rules of the other supported layers, by class; see `SAME`, `SILENT` and `MERGES`."""
