"""A typed property, decided over the box that the sliders show."""

from __future__ import annotations

from typing import Any

from ..answers import Verdict
from ..api.arguments import asked
from ..cli.property.parser import read_condition
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
    network, limit = exhibit.network, exhibit.seconds
    unsafe, regions, text = asked(network, read_condition(ask.property), ask.box, None)
    verdict = verify(network, unsafe, regions, text=text, time_limit=limit)
    found = verdict.counterexample
    message = {
        "say": "verdict",
        "id": ask.id,
        "status": verdict.status,
        "claim": verdict.claim,
        "sentence": verdict.sentence,
        "standing": verdict.standing,
        "x": None if found is None else finite(found.flat_x),
        "y": None if found is None else finite(found.flat_y),
    }
    return verdict, message
