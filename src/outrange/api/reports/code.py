"""Python code that loads models and creates input sets, so that readers can repeat a question."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...questions.inputs.sets import Mixed


LONGEST = 1500
"""Maximum number of characters of an argument in code. A placeholder replaces a longer argument."""


class CodeText(str):
    """Text that is already code, so that `code` inserts it without quotes."""

    __slots__ = ()


def code(value: Any) -> str:
    """Return code that evaluates to a value, with arrays as lists."""
    if isinstance(value, CodeText) or value is None or isinstance(value, str | bool):
        return str(value) if isinstance(value, CodeText) else repr(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{code(key)}: {code(part)}' for key, part in value.items())}}}"
    if isinstance(value, tuple):
        return f"({', '.join(map(code, value))}{',' * (len(value) == 1)})"
    if isinstance(value, list):
        return f"[{', '.join(map(code, value))}]"
    return repr(np.asarray(value).tolist())


def setup_code(model: Any, data: tuple[Any, Any]) -> list[str]:
    """Return the first lines of code: imports, the model (a file name or a placeholder), the data.

    Args:
        model: As for `outrange.report`.
        data: Inputs and targets; either is None if it is absent.
    """
    is_file = isinstance(model, str | os.PathLike)
    name = repr(os.path.basename(os.fspath(model))) if is_file else "...  # the model hashed above"
    lines = ["import outrange", "from outrange import implies, x, y", f"model = {name}"]
    return lines + [f"{_names(data)} = ...  # the data"] * (data[0] is not None)


def report_code(model: Any, box: Any, data: tuple[Any, Any], options: Mapping[str, Any]) -> str:
    """Return code that repeats a report: imports, model, input set, and the call.

    The call omits arguments that are None.

    Args:
        model: As for `outrange.report`.
        box: The input set; None for the range of the data.
        data: As for `setup_code`.
        options: The other arguments by name.
    """
    lines, first = setup_code(model, data), ["model"]
    if box is not None:
        lines, first = [*lines, box_code(box, False)], ["model", "box"]
    shown = [", ".join(first)]
    if data[0] is not None:
        shown.append(f"data={_names(data) if data[1] is None else f'({_names(data)})'}")
    for name, value in options.items():
        text = code(value)
        argument = text if len(text) <= LONGEST else f"...,  # {name} of the tables above"
        shown += [f"{name}={argument}"] * (value is not None)
    return "\n".join([*lines, "outrange.report(", *(f"    {part}," for part in shown), ")"])


def _names(data: tuple[Any, Any]) -> str:
    return "data_x" if data[1] is None else "data_x, data_y"


def box_code(box: Any, from_data: bool, name: str = "box") -> str:
    """Return the line of code that creates an input set.

    Args:
        box: The input set.
        from_data: Whether the set is the range of the data.
        name: Name of the variable.
    """
    if from_data:
        return "box = outrange.data_box(data_x)"
    literal = code(box) if isinstance(box, dict | tuple) and _is_plain(box) else ""
    if not literal or len(literal) > LONGEST:
        literal = "...  # the input set above"
    return f"{name} = {literal}"


def mixed_code(box: Mixed) -> str:
    """Return code for all arguments of an `outrange.Mixed` except its box."""
    names = ["integers", "one_hot", *["at_most_one"] * bool(box.at_most_one)]
    return ", ".join(f"{name}={code(getattr(box, name))}" for name in names)


def _is_plain(box: Any) -> bool:
    """Return whether an input set consists only of numbers and arrays of numbers."""
    if isinstance(box, Mapping):
        return all(map(_is_plain, box.values()))
    if isinstance(box, tuple | list):
        return all(map(_is_plain, box))
    return np.asarray(box).dtype.kind in "biuf"


def width_code(x: Any) -> str:
    """Return code that computes the width of each input's range over the data."""
    width = "{0}.max(axis=0) - {0}.min(axis=0)"
    if isinstance(x, Mapping):
        return "{name: " + width.format("x") + " for name, x in data_x.items()}"
    return width.format("data_x")
