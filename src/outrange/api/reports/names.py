"""Names of inputs and outputs in a report, the same in every section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...core import InputError
from ...questions.inputs.columns import column_names
from ..arguments import is_nameless


if TYPE_CHECKING:
    from ...frontends.network import Network
    from ...graph import Slot


def names_of(names: Sequence[str] | None, x: Any, box: Any, size: int) -> list[str] | None:
    """Return the names of the input entries: `names`, or the columns of a table, or None.

    Args:
        names: As for `outrange.report`.
        x: Inputs of the data; None if there are no data.
        box: The input set; None for the range of the data.
        size: Total number of input entries.

    Raises:
        InputError: The number of names differs from the number of entries.
    """
    if names is None:
        names = column_names(x) or column_names(box)
    if names is not None and len(names) != size:
        raise InputError(
            f"`names` must have one name for each of the {size} inputs. "
            f"Received: {len(names)} names, {list(names)[:8]}."
        )
    return None if names is None else list(names)


def apply_names(network: Network, names: Sequence[str] | None, box: Any) -> Network:
    """Return the network with feature names, so that every section uses the same names.

    Args:
        network: The model.
        names: Names of the input entries as a flat list; None for no names.
        box: The input set. If it refers to the model's input by name, the network is returned
            unchanged.
    """
    if names is None or not is_nameless(network):
        return network
    (slot,) = network.graph.inputs
    by_input = isinstance(box, Mapping) and set(box) == {slot.name} and slot.name not in names
    return network if len(slot.shape) != 1 or by_input else network.with_feature_names(names)


def checked_outputs(
    names: Sequence[str] | None, slots: Sequence[Slot], y: Any
) -> Sequence[str] | None:
    """Return the names of the outputs: `names`, otherwise the column titles of the targets.

    The result is None if there are no names, or if the number of titles differs from the number of
    outputs.

    Args:
        names: As for `outrange.report`.
        slots: Outputs of the model.
        y: Targets of the data; None if there are no targets.

    Raises:
        InputError: The number of names differs from the number of outputs, or a name is repeated.
    """
    size = sum(slot.size for slot in slots)
    if names is None:
        columns = column_names(y) or (
            (y.name,) if isinstance(getattr(y, "name", None), str) else ()
        )
        return columns if len(columns) == size else None
    if len(names) != size or len(set(names)) < size:
        raise InputError(
            f"`output_names` must have one name for each of the {size} outputs, all different. "
            f"Received: {len(names)} names, {list(names)[:8]}."
        )
    return names
