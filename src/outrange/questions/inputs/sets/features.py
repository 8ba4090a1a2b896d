"""Conversion of selected features (indices, names, or `(name, index)` pairs) to flat indices."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ....answers.render.text import entry_names
from ....core import InputError


if TYPE_CHECKING:
    from ....graph import Slot


def flat_features(slots: Sequence[Slot], features: Any, what: str) -> np.ndarray:
    """Return the flat indices of features.

    Args:
        slots: The inputs of the model.
        features: A list of flat indices, names of whole inputs, and `(name, index)` pairs; or a
            single feature.
        what: Name of the argument, for messages.

    Returns:
        `(k,)` int, in the order of the list.

    Raises:
        InputError: A feature does not exist.
    """
    parts = [np.zeros(0, int)]
    for feature in as_list(features):
        parts.append(np.atleast_1d(_flat(slots, feature, what)).ravel())
    return np.concatenate(parts)


def as_list(features: Any) -> Sequence[Any]:
    """Return features as a list; a single feature becomes a list of one."""
    if _is_pair(features) or isinstance(features, str | int | np.integer):
        return [features]
    try:
        return list(features)
    except TypeError:
        return [features]


def _is_pair(feature: Any) -> bool:
    """Return whether a feature is a pair `(name, index)`, not two names or two pairs."""
    return (
        isinstance(feature, tuple)
        and len(feature) == 2
        and isinstance(feature[0], str)
        and not isinstance(feature[1], str)
        and not _is_pair(feature[1])
    )


def _flat(slots: Sequence[Slot], feature: Any, what: str) -> Any:
    total = sum(slot.size for slot in slots)
    if isinstance(feature, str) or _is_pair(feature):
        name, index = (feature, ...) if isinstance(feature, str) else feature
        start = 0
        for slot in slots:
            if slot.name == name:
                return start + _within(slot, index, what)
            start += slot.size
        entries = entry_names({slot.name: slot.shape for slot in slots})
        if name in entries:
            return entries.index(name)
        names = ", ".join(f"`{slot.name}`" for slot in slots[:12])
        raise InputError(f"`{what}` must name inputs of the model: {names}. Received: {name!r}.")
    try:
        if isinstance(feature, bool | np.bool_):
            raise TypeError
        i = operator.index(feature)
    except TypeError:
        raise InputError(
            f"`{what}` must contain flat indices, names of inputs, or `(name, index)`; "
            "`np.flatnonzero(mask)` turns a mask into indices. "
            f"Received: {feature!r}."
        ) from None
    if not -total <= i < total:
        raise InputError(
            f"`{what}` must contain flat indices from 0 to {total - 1}. Received: {i}."
        )
    return i % total


def _within(slot: Slot, index: Any, what: str) -> Any:
    try:
        return np.arange(slot.size).reshape(slot.shape)[index]
    except (IndexError, TypeError, ValueError) as error:
        raise InputError(
            f"Input `{slot.name}` has shape {slot.shape} (no batch axis): {error}. "
            f"Received: ({slot.name!r}, {index!r}) in `{what}`."
        ) from None
