"""Data set of inputs and labels, checked against a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError
from ...graph.graph import merge_columns
from ..common.named_arrays import Named
from ..common.network import NetworkLike
from ..inputs.boxes import describe_value, numbers, rows_shape
from ..inputs.columns import is_frame, named_parts, restore_shape
from .decision import Decision


@dataclass(frozen=True, eq=False)
class LabeledData:
    """Inputs and labels that fit a classifier.

    Args:
        decision: The classifier's decision rule.
        x: Inputs in float64, `(n, *input shape)`; for several inputs, a dict of such arrays.
        flat: Inputs in float64, `(n, d)`.
        labels: Class indices, integers `(n,)`.
    """

    decision: Decision
    x: np.ndarray | dict[str, np.ndarray]
    flat: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, network: NetworkLike, x: Any, labels: Any, threshold: Any = None) -> LabeledData:
        """Build a data set from the user's inputs and labels.

        Raises:
            InputError: The shapes or values do not fit the model.
        """
        graph = network.graph
        decision = Decision.of(graph, threshold)
        parts = named_parts(merge_columns(graph.inputs), x)
        by_name = isinstance(x, Mapping) or is_frame(x)
        slots = graph.inputs if by_name else merge_columns(graph.inputs)
        if set(parts) != {slot.name for slot in slots}:
            raise InputError(
                f"`x` must be a dict from input name to data; the inputs are "
                f"{[slot.name for slot in slots]}. Received: {describe_value(x)}."
            )
        flats, arrays = [], {}
        for slot in slots:
            array = restore_shape(numbers(parts[slot.name], f"input `{slot.name}`"), slot.shape)
            if array.ndim == 1 and slot.size == 1:
                array = array.reshape(-1, *slot.shape)
            if array.shape[1:] != slot.shape or not len(array) or not np.isfinite(array).all():
                raise InputError(
                    f"Data for input `{slot.name}` needs finite numbers of shape "
                    f"{rows_shape(slot.shape)} with n >= 1. "
                    f"Received: {describe_value(parts[slot.name])}."
                )
            arrays[slot.name] = array
            flats.append(array.reshape(len(array), -1))
        if len({len(part) for part in flats}) > 1:
            raise InputError(
                "All inputs must have the same number of rows. "
                f"Received: {[len(part) for part in flats]}."
            )
        count, classes = len(flats[0]), decision.classes
        classes_given = numbers(labels, "the labels")
        if classes_given.shape == (count, classes) and classes > 1:
            raise InputError(
                "Labels must be class numbers, one per row; for one-hot rows pass "
                "`y.argmax(axis=1)`. "
                f"Received: shape {classes_given.shape}."
            )
        if classes_given.shape not in ((count,), (count, 1)):
            raise InputError(
                f"Labels must be one class number per row, of shape ({count},). "
                f"Received: {describe_value(labels)}."
            )
        classes_given = classes_given.reshape(count)
        is_class = np.isin(classes_given, np.arange(classes))
        if not is_class.all():
            i, others = int(np.argmin(is_class)), int((~is_class).sum()) - 1
            raise InputError(
                f"Labels must be class numbers, integers from 0 to {classes - 1}. Received: "
                f"{classes_given[i]:g} in row {i}{f', and {others} more' if others else ''}."
            )
        inputs = arrays[slots[0].name] if len(slots) == 1 else arrays
        return cls(decision, inputs, np.concatenate(flats, axis=1), classes_given.astype(np.int64))

    def row(self, i: int) -> Named:
        """Return input `i` in the model's input shape, or as a dict by input name."""
        if isinstance(self.x, dict):
            return {name: part[i] for name, part in self.x.items()}
        return self.x[i]
