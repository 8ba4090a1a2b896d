"""Dicts of inputs and of targets, by the names that a model gives them."""

from collections.abc import Mapping
from typing import Any

from ...core import InputError
from .api import keras


def named_inputs(model: Any, x: Any) -> Any:
    """A dict of inputs in the structure of the model's inputs; anything else as it is.

    Raises:
        InputError: The dict has other keys than the model's inputs have names.
    """
    return _placed(x, "x", getattr(model, "_inputs_struct", None), _names(model, "inputs"))


def named_targets(model: Any, y: Any) -> Any:
    """Targets in the structure of the model's outputs, as the loss brings them there.

    A dict goes by names, a list of arrays by the order in which Keras flattens outputs; anything
    else is left as it is.

    Raises:
        InputError: The dict has other keys than the model's outputs have names.
    """
    names = list(getattr(model, "output_names", None) or [])
    struct = getattr(model, "_outputs_struct", None)
    placed = _placed(y, "y", struct, names)
    return packed(keras(), placed, getattr(model, "output", None))


def packed(k: Any, data: Any, struct: Any) -> Any:
    """A list of arrays in another structure of so many leaves, as a loss packs its targets.

    Args:
        k: Keras.
        data: Targets.
        struct: Of the outputs; None where a model does not state them.
    """
    if struct is None or not isinstance(data, list | tuple) or isinstance(struct, list | tuple):
        return data
    arrays = all(len(getattr(one, "shape", ())) > 0 for one in data)  # others are rows in a list
    if not arrays or len(data) != len(k.tree.flatten(struct)):
        return data
    return k.tree.pack_sequence_as(struct, list(data))


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
