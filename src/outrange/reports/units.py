"""Determines the names and units of a model's inputs and outputs on a page."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..answers.render.images import is_image
from ..answers.render.text import entry_names
from .plain.reader import Category, Reader


if TYPE_CHECKING:
    from ..core import Region
    from ..graph import Graph, Slot
    from ..questions.common.network import LayerLike


Units = Mapping[str, str] | str | None
"""Dict from the name of an input, an output or an entry to its unit, or one unit for all outputs.

None if no units are known.
"""


def units_of(slots: Sequence[Slot], names: Sequence[str] | None, units: Units) -> list[str]:
    """Return the unit of each entry of the inputs or outputs; an unknown unit is an empty string.

    Args:
        slots: Inputs or outputs with the model's names.
        names: Flat list of names for the entries; None to use the model's names.
        units: Units by name of an entry, an input or an output.
    """
    entries = entry_names({slot.name: slot.shape for slot in slots})
    homes = [slot.name for slot in slots for _ in range(slot.size)]
    by_name = units if isinstance(units, Mapping) else {}
    return [
        next((by_name[name] for name in candidates if name in by_name), "")
        for candidates in zip(names or entries, entries, homes, strict=True)
    ]


def output_names(
    slots: Sequence[Slot], names: Sequence[str] | None, layers: Sequence[LayerLike] = ()
) -> list[str]:
    """Return a flat list of the names of all output entries.

    Args:
        slots: Outputs of the model.
        names: Flat list of the user's names for the entries; None if there are none.
        layers: Layers of the model. If an output has the automatic name of a layer, such as
            "dense_2", it is called `output`, since that name means nothing to a reader.
    """
    if names is not None:
        return list(names)
    called = [slot.name for slot in slots]
    if len(slots) == 1:
        automatic = {layer.path for layer in layers if _is_named_automatically(layer)}
        called = ["output" if name in automatic else name for name in called]
    shapes = (slot.shape * (slot.size > 1) for slot in slots)
    return entry_names(dict(zip(called, shapes, strict=True)))


def insert_spaces(names: Sequence[str]) -> list[str]:
    """Return names with spaces instead of underscores, if they are still different."""
    shown = [name.replace("_", " ") for name in names]
    return shown if len(set(shown)) == len(names) else list(names)


def _is_named_automatically(layer: LayerLike) -> bool:
    """Return whether a layer has the name that Keras derives from its class."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", layer.kind).lower()
    return re.fullmatch(rf"{re.escape(words)}(_\d+)?", layer.path) is not None


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
    """Return the names, units and number formats of a page.

    Args:
        graph: The model with its own input names.
        named: The model with the input names of the answers.
        regions: Regions whose union is the input set.
        names: Flat list of names for the input entries; None to use the model's names.
        units: Units of inputs and outputs by name, or one unit for all outputs.
        outputs: Flat list of names for the output entries; None for those of `output_names`.
        whole: Flat indices of inputs that are integers in the data, even if the regions allow other
            numbers.
        groups: One-hot groups of the inputs.
    """
    lo = np.min([region.box.lo for region in regions], axis=0)
    hi = np.max([region.box.hi for region in regions], axis=0)
    whole = {*whole, *np.flatnonzero(regions[0].integer).tolist()}
    called = output_names(graph.outputs, outputs)
    shapes = [slot.shape for slot in graph.inputs]
    is_drawn = len(shapes) == 1 and names is None and _is_image_shape(shapes[0])
    every = [units] * len(called) if isinstance(units, str) else None
    inputs = list(names or entry_names({slot.name: slot.shape for slot in graph.inputs}))
    return Reader(
        insert_spaces(inputs),
        units_of(graph.inputs, names, units),
        (hi - lo).tolist(),
        frozenset(whole),
        tuple(replace(g, name=g.name.replace("_", " ")) for g in groups),
        insert_spaces(called),
        every or units_of(graph.outputs, called, units),
        entry_names({slot.name: slot.shape for slot in named.inputs}),
        entry_names({slot.name: slot.shape for slot in graph.outputs}),
        shapes[0] if is_drawn else (),
    )


def _is_image_shape(shape: tuple[int, ...]) -> bool:
    """Return whether an input is an image; a matrix is one if it is square.

    Other matrices are more often series of steps and features.
    """
    return is_image(np.zeros(shape)) and (len(shape) == 3 or shape[0] == shape[1])
