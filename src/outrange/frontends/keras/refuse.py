"""Refusal of models that cannot be read soundly."""

import re
from typing import Any

import numpy as np

from ...core import ModelError, UnsupportedError


LOW_PRECISION = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")

MOVING = (
    "CenterCrop", "RandomCrop", "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation",
    "RandomShear", "RandomContrast", "RandomBrightness", "RandomColorDegeneration",
    "RandomColorJitter", "RandomElasticTransform", "RandomErasing", "RandomGaussianBlur",
    "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization",
    "RandomSaturation", "RandomSharpness", "AugMix", "CutMix", "MixUp", "RandAugment",
    "MaxNumBoundingBoxes", "Solarization", "AutoContrast",
)  # fmt: skip
"""Layers of Keras for images that at inference only choose entries, or do nothing at all."""

TABULATED = ("IntegerLookup", "Hashing")
"""Layers of Keras that give each whole number another, by tables outside of the model."""

OPAQUE = (
    "Rescaling", "Normalization", "PReLU", "Resizing", "Discretization", *TABULATED, *MOVING,
)  # fmt: skip
"""Layers of Keras that call the backend past Keras's operations: `rules/layers.py` reads them."""

NOT_YET = {
    "sorting with ranks between two places is": ("Quantile", "Percentile", "Argpartition"),
}
_REASON = {name: reason for reason, names in NOT_YET.items() for name in names}


def layer(layer: Any, where: str) -> None:
    """Refuse a layer for what it is.

    Raises:
        UnsupportedError: Quantized, or in low precision.
    """
    if getattr(layer, "quantization_mode", None) is not None:
        raise UnsupportedError(
            f"{where} is quantized ({layer.quantization_mode}); only real-valued layers are "
            "described. Load the model before `quantize`."
        )
    if layer.compute_dtype in LOW_PRECISION:
        raise UnsupportedError(
            f"{where} computes in {layer.compute_dtype}, whose rounding is not described. Build "
            'the model with `dtype="float32"`.'
        )


def is_opaque(k: Any, layer: Any, args: tuple, kwargs: dict) -> bool:
    """Whether a rule reads `layer` whole (a subclass with its own `call` is the user's code)."""
    softmax = k.layers.Softmax
    if isinstance(layer, softmax) and type(layer).call is softmax.call:
        # Only so it calls the backend past Keras's operations.
        return np.size(layer.axis) > 1 or len(args) > 1 or kwargs.get("mask") is not None
    for name in OPAQUE:
        known = getattr(k.layers, name, None)
        if known is not None and isinstance(layer, known) and type(layer).call is known.call:
            return True
    return False


def unknown(kind: str, where: str) -> UnsupportedError:
    """The error for an operation without a rule."""
    reason = _REASON.get(kind, f"`keras.ops` operation {kind} is")
    return UnsupportedError(
        f"{where} uses the operation {kind}: {reason} not described yet. "
        "Write the layer with other operations; the page on supported models lists them."
    )


def unread(kind: str, where: str, error: Exception) -> UnsupportedError:
    """The error for arguments of an operation that its rule does not expect."""
    return UnsupportedError(
        f"{where} uses the operation {kind} in a way that is not described yet; please report it. "
        f"Received: {type(error).__name__}: {first_line(error)[:300]}"
    )


def first_line(error: Exception) -> str:
    """The first line of an error's text that says something, without Keras's colors."""
    lines = (line.strip() for line in re.sub(r"\x1b\[[0-9]*m", "", str(error)).splitlines())
    told = [line for line in lines if line]
    return next((line for line in told if not line.startswith(_WRAPPED)), "".join(told[:1]))


_WRAPPED = "Exception encountered when calling"
"""How Keras begins an error that another one caused."""


def explained(error: Exception, where: str, layer: Any = None) -> ModelError:
    """An exception raised while tracing or lowering, in words about the user's `layer`."""
    text = str(error)
    if isinstance(error, ModelError):
        named = re.sub(r"^Layer `[^`]*`(?= \w)", where.replace("\\", ""), text)
        return type(error)(named if where in named else f"{where}: {text}")
    first = first_line(error)
    if "cannot be used as a boolean" in text:
        rule = (
            "chooses a Python branch by a tensor's value, so one run does not show all it does. "
            "Write it with `keras.ops` without a branch"
        )
    elif type(layer).__module__.startswith("keras.src.models"):
        # A layer inside would have been named: it is what Keras does between the layers.
        rule = "joins its layers in a way that is not described yet; please report it"
    elif type(layer).__module__.startswith("keras."):
        rule = "is a layer of Keras that is not described yet"
    else:
        rule = (
            "cannot be followed symbolically. Its code must be written with `keras.ops` (not with "
            "a backend's own functions or NumPy), and the model must be built"
        )
    return UnsupportedError(f"{where} {rule}. Received: {type(error).__name__}: {first[:300]}")
