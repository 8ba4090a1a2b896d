"""Models of 16-bit layers, read as if they computed in float32."""

import json
from typing import Any

from .refuse import LOW_PRECISION


def dtypes(model: Any) -> dict[str, str]:
    """Name of each layer to what it computes in."""
    return {layer.name: str(layer.compute_dtype) for layer in model._flatten_layers()}


def in_float32(k: Any, model: Any) -> Any:
    """A copy of the same weights that computes in float32; the model itself if it does already.

    Args:
        k: Keras.
        model: Built.

    Returns:
        The copy; the model too where it has a layer of 16 bits but cannot be copied.
    """
    if not any(dtype in LOW_PRECISION for dtype in dtypes(model).values()):
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
