"""Conversion of flat vectors to arrays with the shapes and names of the user's model."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph import Slot


Named = np.ndarray | dict[str, np.ndarray]
"""The single input or output of a model as an array, or several as a dict by name."""


def input_slots(network: Any) -> tuple[Sequence[Slot], np.ndarray | None]:
    """Return the inputs of the user's models, and the position of each entry in the graph's input.

    The positions are None if the graph has the inputs of one model. Otherwise, several models may
    share entries of the graph's input.
    """
    index = getattr(network, "input_index", None)
    return (network.graph.inputs, None) if index is None else (network.input_slots, index)


def graph_point(network: Any, flat_x: np.ndarray) -> np.ndarray:
    """Convert the flat inputs of the user's models to the flat input of the graph."""
    index = input_slots(network)[1]
    return flat_x if index is None else flat_x[np.unique(index, return_index=True)[1]]


def split_by_name(slots: Sequence[Slot], flat: np.ndarray) -> Named:
    """Split a flat vector into one array per slot, each with the shape of its slot.

    Returns:
        The array of a single slot; for several slots, a dict from name to array.

    Example:
        >>> split_by_name([Slot("x", (2, 1))], np.arange(2)).tolist()
        [[0], [1]]
    """
    ends = np.cumsum([0, *(slot.size for slot in slots)])
    parts = {
        slot.name: flat[a:b].reshape(slot.shape)
        for slot, a, b in zip(slots, ends[:-1], ends[1:], strict=True)
    }
    return parts if len(parts) > 1 else next(iter(parts.values()))
