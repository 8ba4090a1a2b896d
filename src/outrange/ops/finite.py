"""Refusal of constants that no real arithmetic can be done with."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core import ModelError
from .kinds import Affine, Rearrange


def check_finite(op: Any, source: str) -> None:
    """Refuse an op with a constant that is NaN, or with an infinite coefficient or bias.

    What is added to a sum of values, or filled in, may be infinite: masks are.

    Args:
        op: Any op.
        source: The layer that it belongs to.

    Raises:
        ModelError: It has one.
    """
    if isinstance(op, Affine):
        is_mask = op.coefficients is not None
        _check(op.name, source, op.bias[np.isnan(op.bias) if is_mask else ~np.isfinite(op.bias)])
        with np.errstate(all="ignore"):
            ones = tuple(np.ones(n) for n in op.sizes)
            # Magnitudes decide, for opposite infinities must not cancel; the message has the sign.
            sums, signed = op.apply(ones, True), op.apply(ones, False)
        _check(op.name, source, signed[~np.isfinite(sums)])
    elif isinstance(op, Rearrange):
        _check(op.name, source, op.fill[np.isnan(op.fill) & (op.index < 0)])


def check_attributes(name: str, attributes: Mapping[str, Any], source: str) -> None:
    """Refuse a function one of whose attributes is NaN.

    Args:
        name: The function.
        attributes: By name.
        source: The layer that it belongs to.

    Raises:
        ModelError: One is.
    """
    for key, value in attributes.items():
        if isinstance(value, float) and np.isnan(value):
            _check(f"{name} with {key}", source, np.array([value]))


def _check(what: str, source: str, bad: np.ndarray) -> None:
    if bad.size:
        raise ModelError(
            f"Layer `{source}` computes `{what}` with a constant that must be a finite number. "
            f"Received: {bad[0]}."
        )
