"""What the public questions about properties have in common: the model, and what is asked of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..core import InputError
from ..core.formula import negate
from .read import read_property


if TYPE_CHECKING:
    from ..frontends.network import Network


def loaded(model: Any) -> Network:
    """The model, read once."""
    from ..frontends.load import load

    return load(model)


def asked(network: Network, property: Any, box: Any, where: Any):
    """What is unsafe, where, and the property in words."""
    from ..questions.conditions.specification import assumed, matched, whole_space
    from ..questions.expressions import resolve
    from ..questions.inputs.sets.base import cut
    from ..questions.inputs.sets.regions import regions, where_holds

    slots, outputs = network.graph.inputs, network.graph.outputs
    if isinstance(property, str | os.PathLike):
        specification = matched(read_property(property), network.graph)
        name = os.path.basename(os.fspath(property))
        if box is None:
            own = where_holds([whole_space(network.graph)], slots, where, outputs)
            return specification.unsafe, own, name
        # Its own bounds belong to the input set: where they leave nothing, nothing was asked.
        found = regions(slots, box, where=where, outputs=outputs)
        return specification.unsafe, cut(found, assumed(specification)), name
    if box is None:
        raise InputError(
            "A condition needs an input set: pass `box`, `(0, 1)` say (only a VNN-LIB file brings "
            "its own). Received: box=None."
        )
    formula = resolve(property, slots, outputs)
    return negate(formula), regions(slots, box, where=where, outputs=outputs), str(property)
