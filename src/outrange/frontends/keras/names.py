"""Dicts of inputs and of targets, by the names that a model gives them."""

from collections.abc import Mapping
from typing import Any

from ...core import InputError


def named_inputs(model: Any, x: Any) -> Any:
    """A dict of inputs in the structure of the model's inputs; anything else as it is.

    Raises:
        InputError: The dict has other keys than the model's inputs have names.
    """
    return _placed(x, "x", getattr(model, "_inputs_struct", None), _names(model, "inputs"))


def named_targets(model: Any, y: Any) -> Any:
    """A dict of targets in the structure of the model's outputs; anything else as it is.

    Raises:
        InputError: The dict has other keys than the model's outputs have names.
    """
    names = list(getattr(model, "output_names", None) or [])
    return _placed(y, "y", getattr(model, "_outputs_struct", None), names)


def _names(model: Any, which: str) -> list[str]:
    return [tensor.name for tensor in getattr(model, which, None) or []]


def _placed(data: Any, what: str, struct: Any, names: list[str]) -> Any:
    as_dict = isinstance(struct, Mapping)
    names = list(struct) if as_dict else names
    if not isinstance(data, Mapping) or not names:
        return data
    if set(data) != set(names):
        raise InputError(
            f"A dict `{what}` needs one array for each of {sorted(names)}. "
            f"Received: {what} with keys {sorted(map(str, data))}."
        )
    if as_dict:
        return data
    # A list is in the model's own order; a dict would be flattened in that of its keys.
    placed = [data[name] for name in names]
    return placed if len(placed) > 1 else placed[0]


def takes_rows(model: Any) -> bool:
    """Whether a model states its inputs, each with an axis beside that of the batch."""
    inputs = getattr(model, "inputs", None) or ()
    return bool(inputs) and all(len(tensor.shape) > 1 for tensor in inputs)
