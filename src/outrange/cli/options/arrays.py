"""Parsing of arrays on the command line, reading of array files, and reshaping."""

import json
from pathlib import Path

import numpy as np

from ...core import InputError


SUFFIXES = (".npy", ".npz", ".csv")

CATEGORIES = "Write a category as columns of 0 and 1, for example with `pandas.get_dummies`. "
"""Advice on tables with text."""

TRUTH = {"true": 1.0, "false": 0.0}
"""Numbers of the truth values in a table."""


def read_array(text: str, option: str) -> np.ndarray:
    """Return the array that a string describes: numbers, a JSON list, or the name of a file.

    Several numbers are separated by commas (`0,0.5,1`); JSON may be nested (`[[0, 1], [2, 3]]`).
    A single number becomes an array of shape `()`.

    Raises:
        InputError: The string has none of these forms, or the file has several arrays.
    """
    if text.lower().endswith(SUFFIXES):
        parts = read_file(text, option)
        if isinstance(parts, dict):
            raise InputError(
                f"`{option}` needs a file with one array. Received: {text} with {sorted(parts)}."
            )
        return parts
    try:
        if text.lstrip().startswith("["):
            return np.array(json.loads(text), np.float64)
        numbers = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        numbers = []
    if not numbers:
        raise InputError(
            f"`{option}` must be a number, a list such as 0,0.5,1 or [[0,1],[2,3]], or a file "
            f"({', '.join(SUFFIXES)}). Received: {text!r}."
        )
    return np.array(numbers[0] if len(numbers) == 1 else numbers, np.float64)


def read_file(name: str, option: str) -> np.ndarray | dict[str, np.ndarray]:
    """Read the array in a `.npy`, `.csv` or `.npz` file, or a dict of several arrays in an `.npz`.

    Raises:
        InputError: The file is missing, unreadable, or has an unsupported suffix.
    """
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"`{option}` needs a file ending in {', '.join(SUFFIXES)}. Received: {name}."
        )
    if not path.is_file():
        raise InputError(f"`{option}`: the file does not exist. Received: {name}.")
    try:
        if suffix == ".csv":
            return _csv(path)
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            parts = {key: loaded[key] for key in loaded.files}
    except Exception as error:
        hint = CATEGORIES if suffix == ".csv" and isinstance(error, ValueError) else ""
        raise InputError(
            f"`{option}`: the file cannot be read as numbers ({_first_line(error)}). {hint}"
            f"Received: {name}."
        ) from None
    return next(iter(parts.values())) if len(parts) == 1 else parts


def _csv(path: Path) -> np.ndarray:
    """Read rows of numbers, optionally after one header line."""
    with path.open(encoding="utf-8-sig") as lines:
        text = [line for line in lines if line.strip()]
    if not text:
        raise ValueError("it is empty")
    try:
        [float(word) for word in text[0].split(",")]
    except ValueError:
        text = text[1:]
    if not text:
        return np.empty((0, 1))
    try:
        return np.loadtxt(text, delimiter=",", ndmin=2, comments=None)
    except ValueError:
        # The table may contain truth values, as `pandas.get_dummies` writes them.
        return np.loadtxt(text, delimiter=",", ndmin=2, comments=None, converters=_number)


def _number(word: str) -> float:
    """Return the number that a word stands for; `True` is 1 and `False` is 0."""
    truth = TRUTH.get(word.strip().lower())
    return float(word) if truth is None else truth


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def reshape_flat(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Reshape a flat array of matching size to `shape`; return any other array unchanged."""
    size = int(np.prod(shape, dtype=np.int64))
    if array.ndim == 1 and array.size == size and array.ndim != len(shape):
        return array.reshape(shape)
    return array


def reshape_rows(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Reshape each row of a table of matching width to `shape`; return other arrays unchanged."""
    size = int(np.prod(shape, dtype=np.int64))
    if array.ndim == 2 and array.shape[1] == size and len(shape) != 1:
        return array.reshape(-1, *shape)
    return array
