"""A data set: inputs and labels, checked against a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError
from ...graph.graph import vectors
from ..common.named import Named
from ..common.network import NetworkLike
from ..inputs.boxes import numbers, what_came
from ..inputs.columns import is_frame, named_parts, unflattened
from .decision import Decision


@dataclass(frozen=True, eq=False)
class LabeledData:
    """Inputs and labels, checked.

    Args:
        decision: How the classifier's output is read.
        x: As the user passed them, `(n, ...)` or a dict of such arrays.
        flat: `(n, d)` float64.
        labels: `(n,)` integers.
    """

    decision: Decision
    x: np.ndarray | dict[str, np.ndarray]
    flat: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, network: NetworkLike, x: Any, labels: Any, threshold: Any = None) -> LabeledData:
        """From what a user passes.

        Raises:
            InputError: Shapes or values do not fit the model.
        """
        graph = network.graph
        decision = Decision.of(graph, threshold)
        parts = named_parts(vectors(graph.inputs), x)
        by_name = isinstance(x, Mapping) or is_frame(x)
        slots = graph.inputs if by_name else vectors(graph.inputs)
        if set(parts) != {slot.name for slot in slots}:
            raise InputError(
                f"`x` is a dict from input name to data; the inputs are "
                f"{[slot.name for slot in slots]}. Received: {what_came(x)}."
            )
        flats, given = [], {}
        for slot in slots:
            array = unflattened(numbers(parts[slot.name], f"input `{slot.name}`"), slot.shape)
            if array.ndim == 1 and slot.size == 1:
                array = array.reshape(-1, *slot.shape)
            if array.shape[1:] != slot.shape or not len(array) or not np.isfinite(array).all():
                raise InputError(
                    f"Data for input `{slot.name}` needs finite numbers of shape (n, "
                    f"{str(slot.shape)[1:]}, n >= 1. Received: {what_came(parts[slot.name])}."
                )
            given[slot.name] = array
            flats.append(array.reshape(len(array), -1))
        if len({len(part) for part in flats}) > 1:
            raise InputError(
                f"Every input needs as many rows. Received: {[len(part) for part in flats]}."
            )
        count, classes = len(flats[0]), decision.classes
        found = numbers(labels, "the labels")
        if found.shape == (count, classes) and classes > 1:
            raise InputError(
                "Labels are class numbers, one per row; of one-hot rows pass `y.argmax(axis=1)`. "
                f"Received: shape {found.shape}."
            )
        found = found.reshape(count) if found.shape == (count, 1) else found
        if (
            found.shape != (count,)
            or (found != np.rint(found)).any()
            or not ((found >= 0) & (found < classes)).all()
        ):
            raise InputError(
                f"Labels are {count} class numbers, 0 to {classes - 1}. "
                f"Received: {what_came(labels)}."
            )
        kept = given[slots[0].name] if len(slots) == 1 else given
        return cls(decision, kept, np.concatenate(flats, axis=1), found.astype(np.int64))

    def row(self, i: int) -> Named:
        """Input `i`, as the model takes it."""
        if isinstance(self.x, dict):
            return {name: part[i] for name, part in self.x.items()}
        return self.x[i]
