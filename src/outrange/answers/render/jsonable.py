"""Arrays and infinities as JSON can hold them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def jsonable(value: Any) -> Any:
    """`value` in dicts, lists, strings and finite numbers.

    Float64 numbers keep every bit (`repr` round-trips); infinities and NaN, which JSON lacks,
    become the strings `"inf"`, `"-inf"` and `"nan"`, which `float` reads back.
    """
    if isinstance(value, Mapping):
        return {str(key): jsonable(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, list | tuple):
        return [jsonable(part) for part in value]
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
