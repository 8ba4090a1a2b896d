"""Decides a property that the user typed, over the input set of the sliders."""

from __future__ import annotations

from typing import Any

from ..answers.verdict import Verdict
from ..core import PropertySource, text_digest
from ..questions.decide_property import decide_property, translate_property
from ..questions.language.parser import read_condition
from .exhibit import Exhibit
from .messages import Ask
from .work import finite


def decide(exhibit: Exhibit, ask: Ask) -> tuple[Verdict, dict[str, Any]]:
    """Decide a property; return the verdict and the message for the page.

    Args:
        exhibit: Content of the page.
        ask: A `verify` question.

    Raises:
        InputError: The text is not a property of this model.
    """
    network = exhibit.network
    assert ask.box is not None
    where = exhibit.input_set(ask.box)
    question = translate_property(network, read_condition(ask.property), where)
    text = question.text
    source = PropertySource(text, text_digest(text), "text")
    verdict = decide_property(
        question.network, question.unsafe, question.regions, text,
        time_limit=exhibit.seconds, source=source, assumption=question.assumption,
    )  # fmt: skip
    broken = verdict.counterexample
    message = {
        "say": "verdict",
        "id": ask.id,
        "status": verdict.status,
        "claim": verdict.claim,
        "sentence": verdict.sentence,
        "seconds": verdict.cost.seconds,
        "boxes": verdict.cost.boxes,
        "x": None if broken is None else finite(broken.flat_x),
        "y": None if broken is None else finite(broken.flat_y),
        "reproduced": None if broken is None else broken.reproduced,
    }
    return verdict, message
