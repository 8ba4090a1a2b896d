"""Search for rows outside a training set, and output ranges of a model with and without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..answers.extrapolation.extrapolation import BrokenRule, Extrapolation
from ..core import Box, Clock, InputDomain, InputError
from .common.network import NetworkLike
from .common.provenance import input_domain
from .inputs.boxes import describe_value
from .inputs.columns import is_frame, quote_names
from .inputs.data import data_box
from .inputs.data_boxes import ArrayBox
from .inputs.rows import flat_rows, members, slots_of
from .inputs.sets import regions
from .inputs.sets.table import integers_and_groups
from .output_range import output_range


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..graph import Slot


def training_set(box: Any) -> Any:
    """Convert training data to its input set; see `outrange.data_box`.

    Data is a DataFrame, an array, a list of rows, or a dict of the values of each input. Any other
    value is returned unchanged, and so are pairs of bounds and numbers in a dict.
    """
    if not isinstance(box, Mapping):
        return data_box(box) if is_frame(box) or _is_data(box) else box
    data = {name: part for name, part in box.items() if _is_data(part)}
    if len(data) == len(box):
        return data_box(data)
    return {**box, **data_box(data)} if data else box


def _is_data(part: Any) -> bool:
    is_array = isinstance(part, list) or hasattr(part, "shape")
    return is_array and not isinstance(part, Box) and np.ndim(part) > 0


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
    entries = [] if network is None else _input_slots(network, slots)
    refused = _refused_values(entries, flat)
    outside = np.flatnonzero(~members(inside, flat) | refused.any(axis=1))
    broken = [
        *_refusals(entries, over.names, flat, refused),
        *_broken_rules(slots, box, over.names, flat, outside),
    ]
    explained = {rule.row for rule in broken}
    is_beyond = np.any((flat < over.lo) | (flat > over.hi), axis=1).tolist()
    broken += [
        BrokenRule(row, (), "the row violates a condition of the training set.")
        for row in outside.tolist()
        if row not in explained and not is_beyond[row]
    ]
    answer = Extrapolation(
        "", over.names, over.lo, over.hi, len(flat), outside, flat[outside],
        broken=tuple(sorted(broken, key=lambda rule: rule.row)), over=over,
    )  # fmt: skip
    if network is None:
        return answer
    clock = Clock(time_limit)
    added = flat[outside[~refused[outside].any(axis=1)]]
    share = clock.left / 2 if time_limit is not None and len(added) else time_limit
    inner = output_range(network, box, time_limit=share)
    answer = replace(answer, model=network.name, inner=inner)
    if not len(added):
        return answer
    rest = None if time_limit is None else max(clock.left, time_limit / 4)
    return replace(answer, outer=output_range(network, widen_set(box, added), time_limit=rest))


def _input_slots(network: NetworkLike, slots: Sequence[Slot]) -> list[Slot]:
    """Return one slot of the model for each flat entry of a set, with its type and its limits.

    The inputs correspond by name, or by position if the names differ.
    """
    by_name = {slot.name: slot for slot in network.graph.inputs}
    if by_name.keys() == {slot.name for slot in slots}:
        return [by_name[slot.name] for slot in slots for _ in range(slot.size)]
    return [slot for slot in network.graph.inputs for _ in range(slot.size)]


def _refused_values(entries: Sequence[Slot], flat: np.ndarray) -> np.ndarray:
    """Return which values `(n, inputs)` the model does not accept: other types or indices.

    Args:
        entries: The slot of each flat input; empty without a model.
        flat: `(n, inputs)`, rows of the table.
    """
    if len(entries) != flat.shape[1]:
        return np.zeros(flat.shape, bool)  # The shapes do not match; `output_range` reports this.
    least, most = np.array([slot.limits for slot in entries]).T
    whole = np.array([slot.whole for slot in entries])
    return (flat < least) | (flat > most) | (whole & (flat != np.rint(flat)))


def _refusals(
    entries: Sequence[Slot], names: Sequence[str], flat: np.ndarray, refused: np.ndarray
) -> list[BrokenRule]:
    """Describe the values that the model does not accept."""
    rules = []
    for row, i in np.argwhere(refused).tolist():
        least, most = entries[i].limits
        kind = "integers" if entries[i].whole else "numbers"
        ends = f" from {least:.15g} to {most:.15g}" if np.isfinite([least, most]).any() else ""
        text = (
            f"`{names[i]}` is {flat[row, i]:.15g}, but the model accepts only {kind}{ends} "
            "in this input."
        )
        rules.append(BrokenRule(row, (names[i],), text, is_refused=True))
    return rules


def _broken_rules(
    slots: Sequence[Slot], box: Any, names: Sequence[str], flat: np.ndarray, outside: np.ndarray
) -> list[BrokenRule]:
    """Describe the integer columns and the groups of an `outrange.Mixed` that rows violate."""
    integer, groups, partial = integers_and_groups(slots, box)
    integer[np.concatenate([np.zeros(0, int), *partial])] = False
    rules = []
    for row in outside.tolist():
        for i in np.flatnonzero(integer & (flat[row] != np.rint(flat[row]))).tolist():
            text = f"`{names[i]}` is {flat[row, i]:.15g}, but it must be an integer."
            rules.append(BrokenRule(row, (names[i],), text))
        for k, group in enumerate((*groups, *partial)):
            least = 1 if k < len(groups) else 0
            fault = _group_fault(flat[row, group], least)
            if fault:
                labels = tuple(names[int(i)] for i in group)
                count = "exactly" if least else "at most"
                text = f"{count} one of {quote_names(labels)} must be 1, but {fault}."
                rules.append(BrokenRule(row, labels, text))
    return rules


def _group_fault(values: np.ndarray, least: int) -> str:
    """Describe the fault of the values of a one-hot group; return an empty string if none.

    Args:
        values: Values of the columns of the group.
        least: Minimum number of columns that are 1; the maximum is 1.
    """
    if not np.isin(values, (0.0, 1.0)).all():
        return "they have values other than 0 and 1"
    count = int(values.sum())
    if least <= count <= 1:
        return ""
    return f"{count} of them are 1" if count else "none of them is 1"


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
