"""Models of 16-bit layers, read as if they computed in float32."""

import json
from typing import Any

import numpy as np

from .refuse import LOW_PRECISION


def formats(model: Any, wide: Any) -> dict[int, str]:
    """`id` of each layer to the format of 16 bits that all numbers it returns are in.

    Code that is not Keras's may cast inside, and so may a layer of another format inside.

    Args:
        model: The model.
        wide: Itself or its copy that computes in float32: the layers asked about are this one's.
    """
    layers, copies = model._flatten_layers(), wide._flatten_layers()
    if [(type(o), o.name) for o in layers] != [(type(o), o.name) for o in copies]:
        return {}
    found = {}
    for layer, copy in zip(layers, copies, strict=True):
        inner = layer._flatten_layers()
        if len({str(o.compute_dtype) for o in inner}) == 1 and all(map(_is_keras_own, inner)):
            found[id(copy)] = str(layer.compute_dtype)
    return found


def _is_keras_own(layer: Any) -> bool:
    """Whether a layer and what it calls are Keras's."""
    functions = [getattr(layer, name, None) for name in ("activation", "recurrent_activation")]
    kinds = [type(layer), *(f if hasattr(f, "__name__") else type(f) for f in functions if f)]
    own = all(str(kind.__module__).startswith("keras.") for kind in kinds)
    return own and type(layer).__name__ != "Lambda" and layer.autocast


def in_float32(k: Any, model: Any) -> Any:
    """A copy of the same weights that computes in float32; the model itself if it does already.

    Args:
        k: Keras.
        model: Built.

    Returns:
        The copy; the model too where it has a layer of 16 bits but cannot be copied.
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
        # A model of the user's own class need not know its configuration; it is read as it is,
        # and the layers that cannot be are named.
        return model
    return copy


def taken(k: Any, symbols: list[Any], arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Inputs as the model gets them: `fit` hands over floats in one type, and Keras casts them."""

    def own(dtype: Any) -> str:  # a backend may have no 64 bits
        return k.backend.standardize_dtype(k.ops.convert_to_tensor(np.zeros(1, dtype)).dtype)

    made = []
    for symbol, array in zip(symbols, arrays, strict=True):
        wide = array.dtype == np.float64
        first = array.astype(own(k.backend.floatx() if wide else array.dtype))
        made.append(first.astype(np.float32 if symbol.dtype == "bfloat16" else own(symbol.dtype)))
    return made
