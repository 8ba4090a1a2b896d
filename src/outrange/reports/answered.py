"""Sections of answers, and of questions that have none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..answers.range import Range
from ..answers.render.document import BAD, GOOD, OPEN, Paragraph
from ..answers.robust_accuracy import RobustAccuracy
from ..answers.summary import Summary
from ..answers.verdict import UNKNOWN, VIOLATED, Verdict
from .plain.answers import outcome
from .plain.reader import Reader
from .section import Section
from .words import NOT_ASKED, TITLES


CUTS = {
    "time": "The time of this section was over before every question was settled. What is shown as "
    "proved is proved; more time may add to it.",
    "memory": "Memory ran out before every question was settled; what is shown is proved.",
    "error": "An internal error ended a part of a search; what is shown is proved.",
    "interrupted": "The report was interrupted; what is shown is proved.",
}


def answered(
    key: str,
    answers: Sequence[Any],
    call: str = "",
    note: str = "",
    late: bool = False,
    reader: Reader | None = None,
) -> Section:
    """A section of answers.

    Args:
        key: Which section.
        answers: At least one.
        call: The code that asks them.
        note: What is to be known of how they were asked.
        late: Whether the time was over before the last one was complete, of which answers that
            have no status of their own say nothing.
        reader: Names, units and digits of the page.
    """
    title, about = TITLES[key]
    reader = reader or Reader()
    cut = next((CUTS[why] for why in map(stopped, answers) if why in CUTS), "")
    cut = cut or (CUTS["time"] if late else "")
    blocks = [Paragraph(note)] if note else []
    told, tone = outcome(answers, reader), _tone(answers)
    return Section(key, title, about, told, tone, answers, blocks, cut, call=call, reader=reader)


def unasked(key: str, why: str, cut: bool = True) -> Section:
    """A section whose question was not answered.

    Args:
        key: Which section.
        why: The reason, in a sentence.
        cut: Whether it would be with more time; else it does not fit the model or the data.
    """
    title, about = TITLES[key]
    if cut:
        return Section(key, title, about, "nothing known", OPEN, cut=why)
    return Section(key, title, about, NOT_ASKED, blocks=[Paragraph(why)])


def stopped(answer: Any) -> str:
    """Return why an answer ended, a key of `CUTS` if that was too early."""
    if isinstance(answer, Range):
        return answer.status
    if isinstance(answer, RobustAccuracy):
        return "" if answer.complete else "time"
    return getattr(answer, "reason", "")


def _tone(answers: Sequence[Any]) -> str:
    first = answers[0]
    if isinstance(first, Verdict):
        statuses = {answer.status for answer in answers}
        return BAD if VIOLATED in statuses else (OPEN if UNKNOWN in statuses else GOOD)
    return "" if isinstance(first, Summary) else first.document().tone
