"""A layer with a separate softmax for each group of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ...core import InputError
from ..framework import Shape, keras, registered
from .channel_groups import apply_by_groups, channels, pick_channels
from .channel_index import check_disjoint, encode_key, places


def groups_of(groups: Any, size: int, where: str) -> list[list[int]]:
    """Return the channels of each group; every channel is in exactly one group.

    Args:
        groups: The number of equal groups, a list of the size of each group, or a list of the
            channels of each group.
        size: The total number of channels.
        where: Description of the caller, for messages.

    Raises:
        InputError: Groups overlap, omit a channel or do not fit, or a group has only one class.

    Example:
        >>> groups_of([2, 3], 5, "Layer `a`")
        [[0, 1], [2, 3, 4]]
    """
    check_groups(groups, where)
    if isinstance(groups, int | np.integer):
        if size % int(groups):
            raise InputError(
                f"{where}: {size} channels cannot be split into {groups} equal groups. "
                f"Received: groups={groups}. Pass the size of each group."
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
    check_disjoint(parts, where)
    left = sorted(set(range(size)) - {i for part in parts for i in part})
    if left:
        raise InputError(
            f"{where}: every channel must belong to a group. Received: {size} channels, with "
            f"{left[:8]} in no group."
        )
    if any(len(part) < 2 for part in parts):
        raise InputError(
            f"{where}: a group needs at least two classes, because a softmax over one is always 1. "
            f"Received: sizes {[len(part) for part in parts]}."
        )
    return parts


def check_groups(groups: Any, where: str) -> None:
    """Check the type of the argument `groups`.

    Raises:
        InputError: `groups` is neither a positive integer nor a list of sizes or of channels.
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
        f"{where}: `groups` must be the number of equal groups, a list of their sizes, or a list "
        f"of the channels of each group. Received: {groups!r}."
    )


def saved_groups(groups: Any) -> Any:
    """Convert `groups` to a form that JSON can represent.

    Raises:
        InputError: A group is a slice without an end or with a negative bound.
    """
    if isinstance(groups, int | np.integer):
        return int(groups)
    return [int(g) if isinstance(g, int | np.integer) else _list_channels(g) for g in groups]


def _list_channels(group: Any) -> Any:
    if isinstance(group, slice):
        if group.stop is None or min(group.start or 0, group.stop) < 0:
            raise InputError(f"The slice of a group must have nonnegative ends. Received: {group}.")
        return list(range(group.start or 0, group.stop, group.step or 1))
    return encode_key(group)


@registered
class GroupedSoftmax(keras.layers.Layer):
    """Applies a separate softmax to each group of channels.

    Args:
        groups: The number of equal groups (4), the size of each group (`[3, 3, 5]`), or the
            channels of each group (`[[0, 2], [1, 3]]`). Every channel belongs to exactly one group.
        axis: The channel axis; never the batch axis 0.
        **kwargs: Further arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        InputError: The groups overlap, omit a channel or do not fit, or a group has only one class.

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
        """Check that the groups fit the input shape."""
        self._parts(input_shape)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return probabilities that add up to 1 in each group, in the shape of `inputs`."""
        axis, parts = self._parts(inputs.shape)

        def softmax(part: Any) -> Any:
            return keras.ops.softmax(part, axis=axis)

        return apply_by_groups(inputs, parts, [softmax] * len(parts), axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "groups": self.groups, "axis": self.axis}


def split_groups(x: Any, groups: Any, where: str) -> list[Any]:
    """Split the last axis of `x` into one tensor per group."""
    parts = groups_of(groups, int(x.shape[-1]), where)
    return [pick_channels(x, part, len(x.shape) - 1) for part in parts]
