"""Checks that reject constants on which real arithmetic is undefined."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core import ModelError
from .kinds import Affine, Rearrange


def check_finite(op: Any, source: str) -> None:
    """Reject an op with a NaN constant, or with an infinite coefficient or bias.

    Fill values, and the shift of an elementwise sum of inputs, may be infinite, as in masks.

    Args:
        op: Any kind of op.
        source: The layer that it belongs to.

    Raises:
        ModelError: The op has such a constant.
    """
    if isinstance(op, Affine):
        is_mask = op.coefficients is not None
        _check(op.name, source, op.bias[np.isnan(op.bias) if is_mask else ~np.isfinite(op.bias)])
        with np.errstate(all="ignore"):
            ones = tuple(np.ones(n) for n in op.sizes)
            # Magnitudes decide, because opposite infinities would cancel; the message has the sign.
            sums, signed = op.apply(ones, True), op.apply(ones, False)
        _check(op.name, source, signed[~np.isfinite(sums)])
    elif isinstance(op, Rearrange):
        _check(op.name, source, op.fill[np.isnan(op.fill) & (op.index < 0)])


def check_attributes(name: str, attributes: Mapping[str, Any], source: str) -> None:
    """Raise `ModelError` if an attribute of a function is NaN.

    Args:
        name: Name of the function.
        attributes: Attribute values by name.
        source: The layer that the function belongs to.

    Raises:
        ModelError: An attribute is NaN.
    """
    for key, value in attributes.items():
        if isinstance(value, float) and np.isnan(value):
            _check(f"{name} with {key}", source, np.array([value]))


def _check(what: str, source: str, bad: np.ndarray) -> None:
    if bad.size:
        raise ModelError(
            f"The constants of `{what}` in layer `{source}` must be finite numbers. Received: "
            f"{bad[0]}."
        )
