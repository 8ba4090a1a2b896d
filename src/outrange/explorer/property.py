"""A typed property, decided over the box that the sliders show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..answers import Verdict
from ..cli.property.parser import read_condition
from ..core.formula import negate
from ..questions.common.stamp import hull, stamped
from ..questions.expressions import resolve
from ..questions.inputs.sets.regions import regions
from ..questions.verify import verify
from .exhibit import Exhibit
from .messages import Ask
from .work import finite


def decide(exhibit: Exhibit, ask: Ask) -> tuple[Verdict, dict[str, Any]]:
    """The verdict, and the message that tells it.

    Args:
        exhibit: The network.
        ask: A `verify`.

    Raises:
        InputError: The text is no property of this model.
    """
    network, condition = exhibit.network, read_condition(ask.property)
    slots, outputs = network.graph.inputs, network.graph.outputs
    where = regions(slots, ask.box, outputs=outputs)
    found = verify(
        network,
        negate(resolve(condition, slots, outputs)),
        where,
        text=str(condition),
        time_limit=exhibit.seconds,
    )
    verdict = stamped(replace(found, **hull(network, where)), network)
    broken = verdict.counterexample
    message = {
        "say": "verdict",
        "id": ask.id,
        "status": verdict.status,
        "claim": verdict.claim,
        "sentence": verdict.sentence,
        "standing": verdict.standing,
        "x": None if broken is None else finite(broken.flat_x),
        "y": None if broken is None else finite(broken.flat_y),
    }
    return verdict, message
