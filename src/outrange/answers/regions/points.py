"""Conversion of inputs from the user's arrays to flat rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...core import InputError


def flat_inputs(x: Any, inputs: Mapping[str, tuple[int, ...]]) -> tuple[np.ndarray, bool]:
    """Convert inputs to one flat array.

    Args:
        x: One input or a batch of inputs, in the model's input shape; for several inputs a dict by
            name.
        inputs: Dict from input name to shape, in the order of the flat array.

    Returns:
        The inputs `(n, inputs)`, and whether `x` is a single input without a batch axis.

    Raises:
        InputError: A name or a shape does not match, or batch sizes differ.
    """
    total = sum(int(np.prod(shape, dtype=np.int64)) for shape in inputs.values())
    if isinstance(x, Mapping):
        if set(x) != set(inputs):
            raise InputError(
                "If `x` is a dict, its keys must be the input names. "
                f"Received: keys {list(x)}, input names {list(inputs)}."
            )
        parts = [_rows(x[name], shape, name) for name, shape in inputs.items()]
        if len({(len(part), single) for part, single in parts}) > 1:
            raise InputError(
                "All inputs in `x` must have the same batch size, or none may have a batch axis. "
                f"Received: shapes {[np.shape(x[name]) for name in inputs]}."
            )
        return np.concatenate([part for part, _ in parts], axis=1), parts[0][1]
    shapes = list(inputs.values())
    return _rows(x, shapes[0] if len(shapes) == 1 else (total,), "x")


def _rows(x: Any, shape: tuple[int, ...], name: str) -> tuple[np.ndarray, bool]:
    total = int(np.prod(shape, dtype=np.int64))
    try:
        array = np.asarray(x, np.float64)
    except (TypeError, ValueError):
        array = np.empty((0, 0))
    single = array.shape in (shape, (total,))
    if not single and array.shape[1:] not in (shape, (total,)):
        raise InputError(
            f"`{name}` must have the input's shape {shape}, with or without a batch axis in front. "
            f"Received: {f'shape {array.shape}' if array.size else type(x).__name__}."
        )
    return array.reshape(1 if single else len(array), total), single
