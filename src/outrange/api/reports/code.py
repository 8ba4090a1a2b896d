"""A model and an input set as Python code, for whoever asks again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...answers.render.jsonable import jsonable


LONGEST = 1500
"""Characters of an input set that is written out."""


def model_code(model: Any) -> str:
    """A file by its name; a model in memory by the name `model`."""
    is_file = isinstance(model, str | os.PathLike)
    return repr(os.path.basename(os.fspath(model))) if is_file else "model"


def box_code(box: Any, from_data: bool) -> str:
    """The line that makes an input set."""
    if from_data:
        return "box = outrange.data_box(data_x)"
    literal = repr(jsonable(box)) if isinstance(box, dict) else ""
    if isinstance(box, tuple):
        literal = f"({', '.join(repr(jsonable(np.asarray(end))) for end in box)})"
    if not literal or len(literal) > LONGEST:
        literal = "...  # the input domain above"
    return f"box = {literal}"


def width_code(x: Any) -> str:
    """The expression for the width of every input in the data."""
    width = "{0}.max(axis=0) - {0}.min(axis=0)"
    if isinstance(x, Mapping):
        return "{name: " + width.format("x") + " for name, x in data_x.items()}"
    return width.format("data_x")
