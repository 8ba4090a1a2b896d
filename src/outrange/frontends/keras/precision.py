"""Float32 copies of models with 16-bit layers, number formats of layers, and casts of inputs."""

import json
from typing import Any

import numpy as np

from .refuse import LOW_PRECISION


def formats(model: Any, wide: Any) -> dict[int, str]:
    """Map the `id` of each layer to the number format of the real numbers that it returns.

    A layer is absent if it contains user code, which may cast values, or layers with another
    format. The result is empty if `wide` does not have the same layers as `model`.

    Args:
        wide: The model, or its copy that computes in float32. The keys of the result are the ids of
            the layers of `wide`.
    """
    layers, copies = model._flatten_layers(), wide._flatten_layers()
    if [(type(o), o.name) for o in layers] != [(type(o), o.name) for o in copies]:
        return {}
    formats_by_layer = {}
    for layer, copy in zip(layers, copies, strict=True):
        inner = layer._flatten_layers()
        if len({str(o.compute_dtype) for o in inner}) == 1 and all(map(_is_keras_own, inner)):
            formats_by_layer[id(copy)] = str(layer.compute_dtype)
    return formats_by_layer


def _is_keras_own(layer: Any) -> bool:
    """Return whether a layer and its activations are Keras's own, and the layer casts inputs."""
    functions = [getattr(layer, name, None) for name in ("activation", "recurrent_activation")]
    kinds = [type(layer), *(f if hasattr(f, "__name__") else type(f) for f in functions if f)]
    is_keras = all(str(kind.__module__).startswith("keras.") for kind in kinds)
    return is_keras and type(layer).__name__ != "Lambda" and layer.autocast


def copy_in_float32(k: Any, model: Any) -> Any:
    """Copy a model so that it computes in float32, with the same weights.

    Returns:
        The copy, or the model itself if it has no 16-bit layer or cannot be copied.
    """
    if not any(o.compute_dtype in LOW_PRECISION for o in model._flatten_layers()):
        return model
    try:
        text = json.dumps(model.get_config())
        for name in ("mixed_float16", "mixed_bfloat16", "bfloat16", "float16"):
            text = text.replace(f'"{name}"', '"float32"')
        copy = type(model).from_config(json.loads(text))
        copy.set_weights([weight.astype("float32") for weight in model.get_weights()])
    except Exception:
        # A user's class need not support `get_config`. Its model is read as it is, and the layers
        # that are not supported are named.
        return model
    return copy


def cast_inputs(k: Any, symbols: list[Any], arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Cast each array to the dtype of its input in the same steps as `fit`.

    First, float64 becomes Keras's default float type, and other dtypes become ones that the backend
    supports. Then each array is cast to the dtype of its symbol, or to float32 for bfloat16.
    """

    def backend_dtype(dtype: Any) -> str:  # a backend may not support 64 bits
        return k.backend.standardize_dtype(k.ops.convert_to_tensor(np.zeros(1, dtype)).dtype)

    inputs = []
    for symbol, array in zip(symbols, arrays, strict=True):
        wide = array.dtype == np.float64
        first = array.astype(backend_dtype(k.backend.floatx() if wide else array.dtype))
        inputs.append(
            first.astype(np.float32 if symbol.dtype == "bfloat16" else backend_dtype(symbol.dtype))
        )
    return inputs
