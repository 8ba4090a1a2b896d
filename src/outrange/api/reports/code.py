"""A model and an input set as Python code, for whoever asks again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np


LONGEST = 1500
"""Characters of an input set that is written out."""


class Written(str):
    """Code as it stands, where other texts are quoted."""

    __slots__ = ()


def code(value: Any) -> str:
    """A value as the code that gives it back; arrays are lists."""
    if isinstance(value, Written) or value is None or isinstance(value, str | bool):
        return str(value) if isinstance(value, Written) else repr(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{code(key)}: {code(part)}' for key, part in value.items())}}}"
    if isinstance(value, tuple):
        return f"({', '.join(map(code, value))}{',' * (len(value) == 1)})"
    if isinstance(value, list):
        return f"[{', '.join(map(code, value))}]"
    return repr(np.asarray(value).tolist())


def setup_code(model: Any, data: tuple[Any, Any]) -> list[str]:
    """The lines before any question: a file by its name, what was in memory by a placeholder.

    Args:
        model: As for `outrange.report`.
        data: Inputs and targets; None for what there is not.
    """
    is_file = isinstance(model, str | os.PathLike)
    name = repr(os.path.basename(os.fspath(model))) if is_file else "...  # that of the hash above"
    lines = ["import outrange", "from outrange import implies, x, y", f"model = {name}"]
    return lines + [f"{_names(data)} = ...  # the data"] * (data[0] is not None)


def report_code(model: Any, box: Any, data: tuple[Any, Any], given: Mapping[str, Any]) -> str:
    """The lines that make a report again; arguments that are None are left out.

    Args:
        model: As for `outrange.report`.
        box: The input set; None for that of the data.
        data: As for `setup_code`.
        given: The other arguments by keyword.
    """
    lines, first = setup_code(model, data), ["model"]
    if box is not None:
        lines, first = [*lines, box_code(box, False)], ["model", "box"]
    shown = [", ".join(first)]
    if data[0] is not None:
        shown.append(f"data={_names(data) if data[1] is None else f'({_names(data)})'}")
    for name, value in given.items():
        text = code(value)
        told = text if len(text) <= LONGEST else f"...,  # {name} of the tables above"
        shown += [f"{name}={told}"] * (value is not None)
    return "\n".join([*lines, "outrange.report(", *(f"    {part}," for part in shown), ")"])


def _names(data: tuple[Any, Any]) -> str:
    return "data_x" if data[1] is None else "data_x, data_y"


def box_code(box: Any, from_data: bool, name: str = "box") -> str:
    """The line that makes an input set."""
    if from_data:
        return "box = outrange.data_box(data_x)"
    literal = code(box) if isinstance(box, dict | tuple) and _is_plain(box) else ""
    if not literal or len(literal) > LONGEST:
        literal = "...  # the input domain above"
    return f"{name} = {literal}"


def _is_plain(box: Any) -> bool:
    """Whether an input set is made of numbers alone."""
    if isinstance(box, Mapping):
        return all(map(_is_plain, box.values()))
    if isinstance(box, tuple | list):
        return all(map(_is_plain, box))
    return np.asarray(box).dtype.kind in "biuf"


def width_code(x: Any) -> str:
    """The expression for the width of every input in the data."""
    width = "{0}.max(axis=0) - {0}.min(axis=0)"
    if isinstance(x, Mapping):
        return "{name: " + width.format("x") + " for name, x in data_x.items()}"
    return width.format("data_x")
