"""Bounds on linear forms of a model's outputs, merged with its last dense layer."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from ..framework import keras
from .interval import TensorBounds, bound_activation, bound_model


@dataclass(frozen=True, eq=False)
class LastDense:
    """The last dense layer of a model, and whether a softmax follows.

    Args:
        dense: The Keras `Dense` layer; only its affine map is used.
        softmax: Whether a softmax over the last axis follows it.
    """

    dense: Any
    softmax: bool


def head_of(model: Any) -> LastDense | None:
    """Return the last dense layer of a model.

    Return None if anything but a softmax may follow its affine map, or if it is quantized.
    """
    chain = _last_layers(model)
    if not chain:
        return None
    last = chain[-1]
    softmax = _is_softmax(last)
    if softmax and len(chain) > 1 and not isinstance(last, keras.layers.Dense):
        last = chain[-2]
        if isinstance(last, keras.layers.Dense) and not _is_linear(last):
            return None
    if type(last) is not keras.layers.Dense or getattr(last, "quantization_mode", None):
        return None
    return LastDense(last, softmax) if softmax or _is_linear(last) else None


def _last_layers(model: Any) -> list[Any]:
    """Return the last two layers of a model, or fewer if they form no chain."""
    if isinstance(model, keras.Sequential):
        layers = list(model.layers)
    else:
        layers, tensor = [], model.outputs[0] if len(getattr(model, "outputs", ())) == 1 else None
        while tensor is not None and len(layers) < 2:
            history = getattr(tensor, "_keras_history", None)
            if history is None or not isinstance(history.operation, keras.layers.Layer):
                break
            layers.insert(0, history.operation)
            sources = history.operation._inbound_nodes[history.node_index].input_tensors
            tensor = sources[0] if len(sources) == 1 else None
    if layers and isinstance(layers[-1], keras.Model):
        return _last_layers(layers[-1])
    return layers[-2:]


def _is_linear(layer: Any) -> bool:
    return layer.activation is keras.activations.linear


def _is_softmax(layer: Any) -> bool:
    if isinstance(layer, keras.layers.Softmax):
        return layer.axis == -1
    activation = getattr(layer, "activation", None)
    is_plain = type(layer) in (keras.layers.Dense, keras.layers.Activation)
    return is_plain and activation is keras.activations.softmax


@dataclass(frozen=True, eq=False)
class OutputBounds:
    """Bounds of a model's output over boxes of inputs, and of linear forms of the output.

    Args:
        output: Bounds of the output, `(batch, *output_shape)`.
        head: The last dense layer, applied to one vector per box; None if another layer (except a
            softmax) is last.
        features: Bounds of the input of that layer, `(batch, features)`; None without a `head`.
    """

    output: TensorBounds
    head: LastDense | None
    features: TensorBounds | None

    @staticmethod
    def of(model: Any, inputs: TensorBounds, head: LastDense | None) -> OutputBounds:
        """Compute the bounds over boxes of inputs `(batch, *input_shape)`."""
        before: dict[int, TensorBounds] = {}
        output = bound_model(model, inputs, before)
        features = None if head is None else before.get(id(head.dense))
        if features is None or len(features.lo.shape) != 2:
            return OutputBounds(output, None, None)
        return OutputBounds(output, head, features)

    @property
    def logits(self) -> TensorBounds:
        """Bounds of the output, before a final softmax."""
        if self.head is None or not self.head.softmax or self.features is None:
            return self.output
        features, dense = self.features, self.head.dense
        center = keras.ops.matmul(features.center, dense.kernel)
        center = center + dense.bias if dense.use_bias else center
        radius = keras.ops.matmul(features.radius, keras.ops.abs(dense.kernel))
        return bound_activation(
            dense, keras.activations.linear, TensorBounds(center - radius, center + radius)
        )

    def linear_form(self, rows: Any) -> TensorBounds:
        """Return bounds of `output @ rows`, or of `logits @ rows` if `head` has a softmax.

        If there is a `head`, the kernel of its dense layer is multiplied by `rows` first. So
        each form has one coefficient per feature, and equal contributions of a feature to two
        outputs cancel in their difference.

        Args:
            rows: Coefficients of the flattened outputs: one matrix `(outputs, forms)` for all
                boxes, or one matrix per box, `(batch, outputs, forms)`.

        Returns:
            Bounds `(batch, forms)`.
        """
        ops = keras.ops
        if self.head is None or self.features is None:
            weights = rows
            source = self.output.map(lambda end: ops.reshape(end, (-1, prod(end.shape[1:]))))
        else:
            dense = self.head.dense
            weights, source = ops.matmul(dense.kernel, rows), self.features
        center = _product(source.center, weights)
        if self.head is not None and self.head.dense.use_bias:
            center = center + ops.matmul(self.head.dense.bias, rows)
        radius = _product(source.radius, ops.abs(weights))
        return TensorBounds(center - radius, center + radius)


def _product(x: Any, weights: Any) -> Any:
    """Return `x @ weights` for `x` of shape `(batch, n)`, and one matrix or one matrix per row."""
    if len(weights.shape) == 2:
        return keras.ops.matmul(x, weights)
    return keras.ops.matmul(x[:, None], weights)[:, 0]
