"""Last layers of a Keras model: an affine map of features, then an activation, for each output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import UnsupportedError
from ..frontends.keras.api import keras
from ..frontends.keras.predict import predictor
from ..frontends.keras.signature import signature
from .activations import ACTIVATIONS, SOFTMAX, softmax


PASSING = ("Dropout", "Flatten", "Reshape", "ActivityRegularization", "Identity")
"""Layers between the last `Dense` layer and the output that do not change the flat values."""

SCALING = ("BatchNormalization", "Rescaling", "Normalization")
"""Layers that scale and shift each value at inference."""

_ACTIVATION_LAYERS = {"ReLU": "relu", "Softmax": SOFTMAX}
"""Names of the activations that Keras also provides as layers, by the class of the layer."""


@dataclass(frozen=True, eq=False)
class OutputHead:
    """The last layer of one output: `activation(scale * (features @ weights) + shift)`.

    The features are the inputs of the layer, with an entry of 1 for the bias.

    Args:
        layer: The Keras `Dense` layer with the weights.
        source: The symbolic tensor that is the input of `layer`.
        places: Number of places at which the layer is applied to the last axis of its input.
        units: Number of units of `layer`.
        scale: `(places * units,)`, factor of each flat logit.
        shift: `(places * units,)`, summand of each flat logit.
        activation: Name of the activation, a key of `ACTIVATIONS` or `SOFTMAX`.
    """

    layer: Any
    source: Any
    places: int
    units: int
    scale: np.ndarray
    shift: np.ndarray
    activation: str

    @property
    def size(self) -> int:
        """Number of flat outputs."""
        return self.places * self.units

    def weights(self) -> np.ndarray:
        """Return the kernel, and the bias as a last row if there is one: `(features, units)`."""
        k = keras()
        kernel = np.asarray(k.ops.convert_to_numpy(self.layer.kernel), np.float64)
        if not self.layer.use_bias:
            return kernel
        bias = np.asarray(k.ops.convert_to_numpy(self.layer.bias), np.float64)
        return np.concatenate([kernel, bias[None]])

    def assign(self, weights: np.ndarray) -> np.ndarray:
        """Set the kernel and the bias; return them rounded to the layer's dtype."""
        rows = len(weights) - self.layer.use_bias
        self.layer.kernel.assign(weights[:rows])
        if self.layer.use_bias:
            self.layer.bias.assign(weights[rows])
        return self.weights()

    def logits(self, features: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the flat logits `(n, size)` for features `(n, places, features)`."""
        raw = (features @ weights).reshape(len(features), self.size)
        return raw * self.scale + self.shift

    def outputs(self, logits: np.ndarray) -> np.ndarray:
        """Return the flat outputs `(n, size)` for flat logits `(n, size)`."""
        if self.activation == SOFTMAX:
            grouped = logits.reshape(len(logits), self.places, self.units)
            return softmax(grouped).reshape(logits.shape)
        return ACTIVATIONS[self.activation].value(logits)


class Heads:
    """The last layers of all outputs of a model, and a function that computes their features.

    Args:
        model: A Keras model; `assign` changes its last layers.
    """

    def __init__(self, model: Any) -> None:
        k = keras()
        tensors = k.tree.flatten(getattr(model, "outputs", None) or ())
        if not tensors or not all(hasattr(tensor, "_keras_history") for tensor in tensors):
            raise UnsupportedError(
                "Repair of the weights needs a Sequential or functional model, whose last layers "
                f"are visible. Received: {type(model).__name__} `{model.name}`; pass "
                '`method="guard"`, or build it as a functional model.'
            )
        self.model = model
        self.heads = [_head_of(tensor) for tensor in tensors]
        self.layers = list({id(head.layer): head.layer for head in self.heads}.values())
        self._run = _feature_function(model, [head.source for head in self.heads])

    def weights(self) -> list[np.ndarray]:
        """Return the weights of each distinct layer, `(features, units)`."""
        return [self._head_with(layer).weights() for layer in self.layers]

    def assign(self, weights: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Set the weights of all layers; return them rounded to the layers' dtypes."""
        pairs = zip(self.layers, weights, strict=True)
        return [self._head_with(layer).assign(array) for layer, array in pairs]

    def _head_with(self, layer: Any) -> OutputHead:
        return next(head for head in self.heads if head.layer is layer)

    def index(self, head: OutputHead) -> int:
        """Return the index in `layers` of a head's layer; heads may share a layer."""
        return next(i for i, layer in enumerate(self.layers) if layer is head.layer)

    def features(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the features of flat inputs `(n, d)`: one array `(n, places, rows)` per head."""
        flat, parts, start = self._run(x), [], 0
        for head in self.heads:
            width = head.source.shape[-1] * head.places
            part = flat[:, start : start + width].astype(np.float64)
            part = part.reshape(len(x), head.places, head.source.shape[-1])
            if head.layer.use_bias:
                part = np.concatenate([part, np.ones((len(x), head.places, 1))], axis=2)
            parts.append(part)
            start += width
        return parts

    def logits(self, features: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> np.ndarray:
        """Return all flat logits, `(n, outputs)`."""
        pairs = zip(self.heads, features, strict=True)
        parts = [head.logits(part, weights[self.index(head)]) for head, part in pairs]
        return np.concatenate(parts, axis=1)

    def outputs(self, logits: np.ndarray) -> np.ndarray:
        """Return all flat outputs, `(n, outputs)`, for flat logits of the same shape."""
        parts, start = [], 0
        for head in self.heads:
            parts.append(head.outputs(logits[:, start : start + head.size]))
            start += head.size
        return np.concatenate(parts, axis=1)

    def row(self, features: Sequence[np.ndarray], form: np.ndarray) -> tuple[np.ndarray, float]:
        """Rewrite a linear form of the logits at an input as a linear form of the weights.

        Args:
            features: The features at one input, one array `(places, rows)` per head.
            form: Coefficients of the flat logits, `(outputs,)`.

        Returns:
            The coefficients of all flattened weights, and the constant term.
        """
        blocks = [np.zeros_like(weights) for weights in self.weights()]
        constant, start = 0.0, 0
        for head, part in zip(self.heads, features, strict=True):
            coefficients = form[start : start + head.size]
            scaled = (coefficients * head.scale).reshape(head.places, head.units)
            blocks[self.index(head)] += part.T @ scaled
            constant += float(coefficients @ head.shift)
            start += head.size
        return np.concatenate([block.ravel() for block in blocks]), constant


def _feature_function(model: Any, sources: Sequence[Any]) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from flat inputs to the flat values of symbolic tensors."""
    k = keras()
    # Keras models cannot output their own inputs, so each tensor passes an identity layer.
    tensors = [k.layers.Identity(name=f"features_{i}")(t) for i, t in enumerate(sources)]
    inner = k.Model(model.inputs, tensors)
    return predictor(inner, signature(inner))


def _head_of(tensor: Any) -> OutputHead:
    """Return the last layer of an output.

    Raises:
        UnsupportedError: A layer between the last `Dense` layer and the output is not supported.
    """
    size = int(np.prod(tensor.shape[1:]))
    scale, shift, activation, group = np.ones(size), np.zeros(size), "linear", None
    while True:
        layer, _, _ = tensor._keras_history
        kind = type(layer).__name__ if _is_of_keras(layer) else ""
        if kind == "Dense":
            break
        name = _activation_of(layer) if kind in ("Activation", *_ACTIVATION_LAYERS) else None
        if kind not in (*PASSING, *SCALING) and name is None:
            raise _refusal(layer)
        if name is not None and name != "linear":
            if activation != "linear" or (scale != 1).any() or (shift != 0).any():
                raise _refusal(layer)
            activation, group = name, tensor.shape[-1]
        if kind in SCALING:
            factor, summand = _scaling_of(layer, tensor.shape[1:])
            shift, scale = shift + scale * summand, scale * factor
        tensor = _input_of(tensor)
    name = _activation_of(layer)
    if name != "linear" and (activation != "linear" or (scale != 1).any() or (shift != 0).any()):
        raise _refusal(layer)
    if activation == SOFTMAX and group != layer.units:
        raise UnsupportedError(
            "Repair of the weights needs a softmax over the units of the last `Dense` layer. "
            f"Received: a softmax over {group} entries behind `{layer.name}` with {layer.units} "
            'units; pass `method="guard"` instead.'
        )
    activation = name if name != "linear" else activation
    if getattr(layer, "quantization_mode", None) or getattr(layer, "lora_enabled", False):
        raise _refusal(layer)
    source = _input_of(tensor)
    if any(n is None for n in source.shape[1:]):
        raise _refusal(layer)
    places = int(np.prod(source.shape[1:-1]))
    return OutputHead(layer, source, places, layer.units, scale, shift, activation)


def _is_of_keras(layer: Any) -> bool:
    """Return whether Keras defines the class of a layer; a user's class may have the same name."""
    return type(layer).__module__.startswith("keras.")


def _input_of(tensor: Any) -> Any:
    """Return the single tensor from which a layer computed a symbolic tensor."""
    layer, node, _ = tensor._keras_history
    (source,) = layer._inbound_nodes[node].input_tensors
    return source


def _activation_of(layer: Any) -> str:
    """Return the name of a layer's activation.

    Raises:
        UnsupportedError: The activation is not one of those that are supported in a last layer.
    """
    kind = type(layer).__name__
    if kind == "ReLU":
        plain = layer.max_value is None and not layer.negative_slope and not layer.threshold
        name = "relu" if plain else "ReLU with arguments"
    elif kind == "Softmax":
        name = SOFTMAX if layer.axis == -1 else "Softmax of another axis"
    else:
        function = layer.activation
        name = getattr(function, "__name__", type(function).__name__)
        if getattr(function, "__module__", "keras.").split(".")[0] != "keras":
            name = f"the function {name}"
    if name not in (*ACTIVATIONS, SOFTMAX):
        raise UnsupportedError(
            "Repair of the weights supports these activations of the last layer: "
            f"{', '.join((*ACTIVATIONS, SOFTMAX))}. Received: layer `{layer.name}` with {name}."
        )
    return name


def _scaling_of(layer: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor and the summand that a scaling layer applies to each flat value."""
    k = keras()
    points = np.stack([np.zeros(shape), np.ones(shape)])
    values = layer(k.ops.convert_to_tensor(points, layer.compute_dtype), training=False)
    low, high = np.asarray(k.ops.convert_to_numpy(values), np.float64).reshape(2, -1)
    return high - low, low


def _refusal(layer: Any) -> UnsupportedError:
    kind = type(layer).__name__
    if not _is_of_keras(layer):
        kind = f"{type(layer).__module__}.{kind}"
    return UnsupportedError(
        "Repair of the weights needs a `Dense` layer at the end, followed by at most one "
        f"activation and by {', '.join((*PASSING, *SCALING))}. Received: "
        f'{kind} `{layer.name}`; pass `method="guard"` instead.'
    )
