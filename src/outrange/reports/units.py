"""Names and units of a model's inputs and outputs, for a page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..answers.render.text import entry_names
from .plain.reader import Category, Reader


if TYPE_CHECKING:
    from ..core import Region
    from ..graph import Graph, Slot


Units = Mapping[str, str] | str | None
"""From the name of an input or an output to its unit; or the unit of all outputs."""


def units_of(slots: Sequence[Slot], names: Sequence[str] | None, units: Units) -> list[str]:
    """The unit of each entry of inputs or outputs, flat; empty where none is known.

    Args:
        slots: The inputs or the outputs, as the model names them.
        names: What each entry stands for.
        units: As for `outrange.report`.
    """
    entries = entry_names({slot.name: slot.shape for slot in slots})
    homes = [slot.name for slot in slots for _ in range(slot.size)]
    known = units if isinstance(units, Mapping) else {}
    return [
        next((known[name] for name in whose if name in known), "")
        for whose in zip(names or entries, entries, homes, strict=True)
    ]


def output_names(slots: Sequence[Slot], given: Sequence[str] | None) -> list[str]:
    """What each output is called.

    Args:
        slots: The model's outputs.
        given: Their names, flat; None for none.
    """
    if given is not None:
        return list(given)
    if len(slots) > 1:
        return entry_names({slot.name: slot.shape * (slot.size > 1) for slot in slots})
    # The layer's name, `dense_2`, says nothing to a reader of the page.
    if slots[0].size == 1:
        return ["output"]
    return entry_names({"output": slots[0].shape})


def reader_of(
    graph: Graph,
    named: Graph,
    regions: Sequence[Region],
    names: Sequence[str] | None = None,
    units: Units = None,
    outputs: Sequence[str] | None = None,
    whole: Collection[int] = (),
    groups: Sequence[Category] = (),
) -> Reader:
    """The names and formats of a page.

    Args:
        graph: The model, as it names its inputs.
        named: The model that was asked, as the answers name its inputs.
        regions: Whose union the input set is.
        names: What each entry of the inputs stands for, flat.
        units: As for `outrange.report`.
        outputs: What each output is called, flat.
        whole: Inputs that take integers.
        groups: One-hot groups.
    """
    lo = np.min([region.box.lo for region in regions], axis=0)
    hi = np.max([region.box.hi for region in regions], axis=0)
    whole = {*whole, *np.flatnonzero(regions[0].integer).tolist()}
    called = output_names(graph.outputs, outputs)
    every = [units] * len(called) if isinstance(units, str) else None
    return Reader(
        list(names or entry_names({slot.name: slot.shape for slot in graph.inputs})),
        units_of(graph.inputs, names, units),
        (hi - lo).tolist(),
        frozenset(whole),
        tuple(groups),
        called,
        every or units_of(graph.outputs, called, units),
        entry_names({slot.name: slot.shape for slot in named.inputs}),
        entry_names({slot.name: slot.shape for slot in graph.outputs}),
    )
