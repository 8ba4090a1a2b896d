"""Errors about models that cannot be read soundly, and lists of layers with special rules."""

import re
from typing import Any

import numpy as np

from ...core import ModelError, UnsupportedError
from ..rule_table import ADVICE, advice_after


LOW_PRECISION = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")

MOVING = (
    "CenterCrop", "RandomCrop", "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation",
    "RandomShear", "RandomContrast", "RandomBrightness", "RandomColorDegeneration",
    "RandomColorJitter", "RandomElasticTransform", "RandomErasing", "RandomGaussianBlur",
    "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization",
    "RandomSaturation", "RandomSharpness", "AugMix", "CutMix", "MixUp", "RandAugment",
    "MaxNumBoundingBoxes", "Solarization", "AutoContrast",
)  # fmt: skip
"""Keras layers that, at inference, usually only select entries of an image or do nothing."""

TABULATED = ("IntegerLookup", "Hashing")
"""Keras layers that map integers to integers; their rule runs them to build a table."""

OPAQUE = (
    "Rescaling", "Normalization", "PReLU", "Resizing", "Discretization", *TABULATED, *MOVING,
)  # fmt: skip
"""Keras layers that call the backend directly, not Keras's operations; each has a rule."""

NOT_YET = {
    "interpolation between two sorted entries is": ("Quantile", "Percentile"),
    "partial sorting is": ("Argpartition",),
}
_REASON = {name: reason for reason, names in NOT_YET.items() for name in names}


def check_layer(layer: Any, where: str) -> None:
    """Raise if a layer is not supported because of its number format.

    Raises:
        UnsupportedError: The layer is quantized, or computes in low precision.
    """
    if getattr(layer, "quantization_mode", None) is not None:
        raise UnsupportedError(
            f"{where} is quantized ({layer.quantization_mode}); only real-valued layers are "
            "supported. Use the model as it was before `quantize`."
        )
    if layer.compute_dtype in LOW_PRECISION:
        raise UnsupportedError(
            f"{where} computes in {layer.compute_dtype}, whose rounding is not supported. Build "
            'the model with `dtype="float32"`.'
        )


def is_opaque(k: Any, layer: Any, args: tuple, kwargs: dict) -> bool:
    """Return whether a single rule lowers the whole layer, because the layer calls the backend.

    The result is False for a subclass with its own `call`.
    """
    softmax = k.layers.Softmax
    if isinstance(layer, softmax) and type(layer).call is softmax.call:
        # In these cases the layer calls the backend directly, not Keras's operations.
        return np.size(layer.axis) > 1 or len(args) > 1 or kwargs.get("mask") is not None
    for name in OPAQUE:
        kind = getattr(k.layers, name, None)
        if kind is not None and isinstance(layer, kind) and type(layer).call is kind.call:
            return True
    return False


def unsupported_operation(kind: str, where: str) -> UnsupportedError:
    """Build the error for an operation without a lowering rule."""
    reason = f": {_REASON[kind]}" if kind in _REASON else ", which is"
    return UnsupportedError(
        f"{where} uses the operation {kind}{reason} not supported yet. {ADVICE}"
    )


def unsupported_arguments(kind: str, where: str, error: Exception) -> UnsupportedError:
    """Build the error for arguments of an operation that its rule does not expect."""
    return UnsupportedError(
        f"{where} uses the operation {kind} in a way that is not supported yet; please report it. "
        f"Received: {type(error).__name__}: {first_line(error)[:300]}"
    )


def first_line(error: Exception) -> str:
    """Return the first informative line of an error's text, without Keras's color codes."""
    lines = (line.strip() for line in re.sub(r"\x1b\[[0-9]*m", "", str(error)).splitlines())
    lines_with_text = [line for line in lines if line]
    return next(
        (line for line in lines_with_text if not line.startswith(_WRAPPED)),
        "".join(lines_with_text[:1]),
    )


_WRAPPED = "Exception encountered when calling"
"""Start of Keras's message for an error that wraps another error."""


def explain(error: Exception, where: str, layer: Any = None) -> ModelError:
    """Convert an exception raised by tracing or lowering to an error about the user's `layer`."""
    text = str(error)
    if isinstance(error, ModelError):
        renamed = re.sub(r"^Layer `[^`]*`(?= \w)", where.replace("\\", ""), text)
        located = renamed if where in renamed else f"{where}: {text}"
        advice = advice_after(text)
        return type(error)(located.rstrip(".") + advice if advice else located)
    first = first_line(error)
    if "cannot be used as a boolean" in text:
        rule = (
            "selects a Python branch by a tensor's value, so a trace does not contain the other "
            "branch. Write it with `keras.ops` without a branch"
        )
    elif type(layer).__module__.startswith("keras.src.models"):
        # A layer inside would have been named, so the failure is in Keras's code between layers.
        rule = "connects its layers in a way that is not supported yet; please report it"
    elif type(layer).__module__.startswith("keras."):
        rule = "is a Keras layer that is not supported yet"
    else:
        rule = (
            "cannot be traced symbolically. Its code must be written with `keras.ops` (not with "
            "a backend's own functions or NumPy), and the model must be built"
        )
    return UnsupportedError(f"{where} {rule}. Received: {type(error).__name__}: {first[:300]}")
