"""Search for rows outside a training set, and output ranges of a model with and without them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..answers.extrapolation.extrapolation import Extrapolation
from ..core import Box, Clock, InputDomain, InputError
from .common.network import NetworkLike
from .common.provenance import input_domain
from .inputs.boxes import describe_value
from .inputs.columns import is_frame
from .inputs.data import data_box
from .inputs.data_boxes import ArrayBox
from .inputs.rows import flat_rows, members, slots_of
from .inputs.sets import regions
from .output_range import output_range


def training_set(box: Any) -> Any:
    """Convert an array or a DataFrame of training data to its input set; see `outrange.data_box`.

    Any other value is returned unchanged.
    """
    is_data = is_frame(box) or (hasattr(box, "shape") and not isinstance(box, tuple | Box))
    return data_box(box) if is_data else box


def extrapolation(
    box: Any,
    rows: Any,
    *,
    network: NetworkLike | None = None,
    time_limit: float | None = None,
) -> Extrapolation:
    """Find the rows outside a training set; with `network`, also bound its outputs.

    The arguments are described in `outrange.extrapolation`.
    """
    slots = slots_of(box)
    flat, _ = flat_rows(slots, rows)
    if not len(flat):
        raise InputError(f"`rows` must contain at least one row. Received: {describe_value(rows)}.")
    inside = regions(slots, box)
    over = input_domain(slots, inside)
    assert isinstance(over, InputDomain)
    outside = np.flatnonzero(~members(inside, flat))
    answer = Extrapolation(
        "", over.names, over.lo, over.hi, len(flat), outside, flat[outside], over=over
    )
    if network is None:
        return answer
    clock = Clock(time_limit)
    share = clock.left / 2 if time_limit is not None and len(outside) else time_limit
    inner = output_range(network, box, time_limit=share)
    answer = replace(answer, model=network.name, inner=inner)
    if not len(outside):
        return answer
    rest = None if time_limit is None else max(clock.left, time_limit / 4)
    outer = output_range(network, widen_set(box, flat[outside]), time_limit=rest)
    return replace(answer, outer=outer)


def widen_set(inputs_set: Any, flat: np.ndarray) -> Any:
    """Widen an input set to the smallest set of the same type that contains the given rows.

    For an `outrange.Mixed` set, the box is widened. If a row violates the integer or one-hot
    constraints, the result is the widened box alone.

    Args:
        inputs_set: An input set in any form that `slots_of` accepts.
        flat: Flat inputs that the set must contain, `(n, inputs)`.
    """
    slots = slots_of(inputs_set)
    if hasattr(inputs_set, "is_input_set"):
        box = widen_set(inputs_set.box, flat)
        widened = replace(inputs_set, box=box)
        return widened if members(regions(slots, widened), flat).all() else box
    (region,) = regions(slots, inputs_set)
    lo = np.minimum(region.box.lo, flat.min(axis=0))
    hi = np.maximum(region.box.hi, flat.max(axis=0))
    ends, start = {}, 0
    for slot in slots:
        stop = start + slot.size
        ends[slot.name] = (
            lo[start:stop].reshape(slot.shape), hi[start:stop].reshape(slot.shape)
        )  # fmt: skip
        start = stop
    if not isinstance(inputs_set, dict):
        return ArrayBox(*ends[slots[0].name])
    return type(inputs_set)(ends)
