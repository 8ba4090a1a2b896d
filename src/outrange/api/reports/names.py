"""The names of inputs in a report: of every section, wherever they came from."""

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
    """What each entry of the inputs stands for: as given, else as the columns of a table say.

    Args:
        names: As for `outrange.report`.
        x: The inputs of the data; None for no data.
        box: The input set; None for that of the data.
        size: Entries of all inputs.

    Raises:
        InputError: There are more or fewer names than entries.
    """
    if names is None:
        names = column_names(x) or column_names(box)
    if names is not None and len(names) != size:
        raise InputError(
            f"`names` has one name for each of the {size} inputs. "
            f"Received: {len(names)} names, {list(names)[:8]}."
        )
    return None if names is None else list(names)


def named_throughout(network: Network, names: Sequence[str] | None, box: Any) -> Network:
    """The network with the names of its features, so that every section has them.

    Args:
        network: The model.
        names: One for each entry of the inputs, flat; None for none.
        box: The input set; where it speaks of the input as a whole, nothing is renamed.
    """
    if names is None or not is_nameless(network):
        return network
    (slot,) = network.graph.inputs
    by_input = isinstance(box, Mapping) and set(box) == {slot.name} and slot.name not in names
    return network if len(slot.shape) != 1 or by_input else network.with_feature_names(names)


def checked_outputs(
    given: Sequence[str] | None, slots: Sequence[Slot], y: Any
) -> Sequence[str] | None:
    """The names of the outputs: as given, else those of the columns of the targets.

    Args:
        given: As for `outrange.report`.
        slots: The model's outputs.
        y: The targets of the data; None for none.

    Raises:
        InputError: There are more or fewer names than outputs, or a name is there twice.
    """
    size = sum(slot.size for slot in slots)
    if given is None:
        columns = column_names(y) or (
            (y.name,) if isinstance(getattr(y, "name", None), str) else ()
        )
        return columns if len(columns) == size else None
    if len(given) != size or len(set(given)) < size:
        raise InputError(
            f"`output_names` has one name for each of the {size} outputs, all different. "
            f"Received: {len(given)} names, {list(given)[:8]}."
        )
    return given
