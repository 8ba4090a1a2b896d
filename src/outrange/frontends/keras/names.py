"""Conversion of inputs and targets to a model's own structure, mostly by name."""

from collections.abc import Mapping
from typing import Any

from ...core import InputError
from .api import keras


def named_inputs(model: Any, x: Any) -> Any:
    """Arrange a dict of inputs in the order of the model's inputs; return other `x` unchanged.

    A dict is also returned unchanged if the model accepts a dict or declares no inputs.

    Raises:
        InputError: The keys of the dict differ from the names of the model's inputs.
    """
    return _arrange_by_name(x, "x", getattr(model, "_inputs_struct", None), _names(model, "inputs"))


def named_targets(model: Any, y: Any) -> Any:
    """Arrange targets in the structure of the model's outputs, as a Keras loss does.

    A dict is arranged by name, and a list with one array per output in the order in which Keras
    flattens outputs. Anything else is returned unchanged.

    Raises:
        InputError: The keys of the dict differ from the names of the model's outputs.
    """
    names = list(getattr(model, "output_names", None) or [])
    struct = getattr(model, "_outputs_struct", None)
    arranged = _arrange_by_name(y, "y", struct, names)
    return pack_targets(keras(), arranged, getattr(model, "output", None))


def pack_targets(k: Any, data: Any, struct: Any) -> Any:
    """Pack a list of arrays into a structure with the same number of leaves, as a Keras loss does.

    Other data, and data for a list or tuple of outputs, are returned unchanged.

    Args:
        data: Targets in any structure.
        struct: Structure of the outputs, or None if the model does not state it.
    """
    if struct is None or not isinstance(data, list | tuple) or isinstance(struct, list | tuple):
        return data
    arrays = all(len(getattr(array, "shape", ())) > 0 for array in data)  # otherwise a list of rows
    if not arrays or len(data) != len(k.tree.flatten(struct)):
        return data
    return k.tree.pack_sequence_as(struct, list(data))


def _names(model: Any, which: str) -> list[str]:
    return [tensor.name for tensor in getattr(model, which, None) or []]


def _arrange_by_name(data: Any, what: str, struct: Any, names: list[str]) -> Any:
    as_dict = isinstance(struct, Mapping)
    names = list(struct) if as_dict else names
    if not isinstance(data, Mapping) or not names:
        return data
    if set(data) != set(names):
        raise InputError(
            f"If `{what}` is a dict, it must have one array for each of the keys {sorted(names)}. "
            f"Received: `{what}` with the keys {sorted(map(str, data))}."
        )
    if as_dict:
        return data
    # A list follows the model's own order; a dict would be flattened in the order of its keys.
    arranged = [data[name] for name in names]
    return arranged if len(arranged) > 1 else arranged[0]


def takes_rows(model: Any) -> bool:
    """Return whether a model declares its inputs, and each has an axis besides the batch axis."""
    inputs = getattr(model, "inputs", None) or ()
    return bool(inputs) and all(len(tensor.shape) > 1 for tensor in inputs)
