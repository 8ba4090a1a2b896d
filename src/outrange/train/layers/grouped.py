"""One softmax a group of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ...core import InputError
from ..framework import Shape, keras, registered
from .channel_groups import by_pieces, channels, picked
from .channel_index import apart, encoded, places


def groups_of(groups: Any, size: int, where: str) -> list[list[int]]:
    """Which channels make each group; every channel is in exactly one.

    Args:
        groups: How many equal groups, the size of each, or the channels of each.
        size: Number of channels.
        where: What asks, for messages.

    Raises:
        InputError: They overlap, leave a channel out, or do not fit; a group has one class.

    Example:
        >>> groups_of([2, 3], 5, "Layer `a`")
        [[0, 1], [2, 3, 4]]
    """
    check_groups(groups, where)
    if isinstance(groups, int | np.integer):
        if size % int(groups):
            raise InputError(
                f"{where}: {size} channels do not make {groups} equal groups. Name the size of "
                f"each. Received: groups={groups}."
            )
        groups = [size // int(groups)] * int(groups)
    if all(isinstance(g, int | np.integer) for g in groups):
        if sum(groups) != size:
            raise InputError(
                f"{where}: the sizes of the groups must add up to the number of channels, {size}. "
                f"Received: {[int(g) for g in groups]}."
            )
        ends = np.cumsum([0, *groups])
        parts = [list(range(a, b)) for a, b in pairwise(ends)]
    else:
        parts = [places(g, size, where) for g in groups]
    apart(parts, where)
    left = sorted(set(range(size)) - {i for part in parts for i in part})
    if left:
        raise InputError(
            f"{where}: every channel belongs to a group. Received: {size} channels, and "
            f"{left[:8]} in no group."
        )
    if any(len(part) < 2 for part in parts):
        raise InputError(
            f"{where}: a softmax over one class is always 1; a group needs at least two. "
            f"Received: sizes {[len(part) for part in parts]}."
        )
    return parts


def check_groups(groups: Any, where: str) -> None:
    """Check the kind of the argument `groups`.

    Raises:
        InputError: It is neither a number nor a list of sizes or of channels.
    """
    whole = isinstance(groups, int | np.integer) and not isinstance(groups, bool)
    if whole and groups >= 1:
        return
    if not whole and isinstance(groups, list | tuple) and groups:
        plain = [isinstance(g, int | np.integer) and not isinstance(g, bool) for g in groups]
        if all(plain) and min(groups) > 0:
            return
        if not any(plain):
            return
    raise InputError(
        f"{where}: `groups` is how many equal groups there are, a list of their sizes, or a list "
        f"of the channels of each. Received: {groups!r}."
    )


def saved_groups(groups: Any) -> Any:
    """`groups` as JSON can hold it."""
    if isinstance(groups, int | np.integer):
        return int(groups)
    return [int(g) if isinstance(g, int | np.integer) else _listed(g) for g in groups]


def _listed(group: Any) -> Any:
    if isinstance(group, slice):
        if group.stop is None or min(group.start or 0, group.stop) < 0:
            raise InputError(
                f"The slice of a group needs ends counted from the front. Received: {group}."
            )
        return list(range(group.start or 0, group.stop, group.step or 1))
    return encoded(group)


@registered
class GroupedSoftmax(keras.layers.Layer):
    """A softmax over each of several groups of channels.

    Args:
        groups: How many equal groups (4), the size of each (`[3, 3, 5]`), or the channels of each
            (`[[0, 2], [1, 3]]`). Every channel belongs to exactly one.
        axis: The channel axis; never the batch axis 0.
        **kwargs: Those of `keras.layers.Layer`, `name` say.

    Raises:
        InputError: The groups overlap, leave a channel out, do not fit, or have a single class.

    Example:
        >>> import numpy as np
        >>> np.asarray(GroupedSoftmax([2, 4])(np.zeros((1, 6)))).tolist()
        [[0.5, 0.5, 0.25, 0.25, 0.25, 0.25]]
    """

    def __init__(self, groups: int | Sequence[Any], axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_groups(groups, f"Layer `{self.name}` (GroupedSoftmax)")
        self.groups, self.axis = saved_groups(groups), int(axis)
        self.supports_masking = True

    def _parts(self, shape: Shape) -> tuple[int, list[list[int]]]:
        where = f"Layer `{self.name}` (GroupedSoftmax)"
        axis, size = channels(shape, self.axis, where)
        return axis, groups_of(self.groups, size, where)

    def build(self, input_shape: Shape) -> None:
        """Settle which channels each group has."""
        self._parts(input_shape)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Probabilities that add up to 1 in each group, in the shape of `inputs`."""
        axis, parts = self._parts(inputs.shape)

        def softmax(part: Any) -> Any:
            return keras.ops.softmax(part, axis=axis)

        return by_pieces(inputs, parts, [softmax] * len(parts), axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's own."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "groups": self.groups, "axis": self.axis}


def split_groups(x: Any, groups: Any, where: str) -> list[Any]:
    """The groups of the last axis of `x`, one tensor each."""
    parts = groups_of(groups, int(x.shape[-1]), where)
    return [picked(x, part, len(x.shape) - 1) for part in parts]
