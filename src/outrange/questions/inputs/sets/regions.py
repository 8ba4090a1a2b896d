"""Conversion of the user's `box` to a union of regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ....core import Region
from ..columns import is_frame
from .base import cut, on_inputs, regions_of
from .table import frame_set


if TYPE_CHECKING:
    from ....graph import Slot


def regions(
    slots: Sequence[Slot], inputs_set: Any, where: Any = None, outputs: Sequence[Slot] = ()
) -> list[Region]:
    """Translate a set of inputs to regions whose union is the set.

    Args:
        slots: The inputs of the model.
        inputs_set: Any argument of `input_box`; a `Polytope`, `L1Ball`, `L2Ball`, `Mixed`, `Union`;
            or one of these restricted by a condition, `set & (x[0] <= 1)`.
        where: A condition on `x`, or a function of `x` that returns one, added to every region.
        outputs: The model's outputs, which an error message lists if `where` uses `y`.

    Returns:
        At least one region over the concatenated inputs.

    Raises:
        InputError: The set does not fit the model, `where` uses `y`, or the set is evidently empty.

    Example:
        >>> from outrange.graph import Slot
        >>> from outrange.questions.expressions import x
        >>> found = regions([Slot("x", (2,))], (0, 1), where=x[0] + x[1] <= 1)
        >>> found[0].condition
        Atom(terms=((0, 1.0), (1, 1.0)), offset=-1.0, strict=False)
    """
    whole = frame_set(inputs_set) if is_frame(inputs_set) else inputs_set
    return where_holds(regions_of(slots, whole), slots, where, outputs)


def where_holds(
    found: list[Region], slots: Sequence[Slot], where: Any, outputs: Sequence[Slot] = ()
) -> list[Region]:
    """Restrict regions by a condition on `x`, if there is one; see `regions`."""
    return found if where is None else cut(found, on_inputs(slots, where, outputs))
