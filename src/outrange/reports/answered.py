"""Sections of a report with answers, and sections for questions without an answer."""

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
    "time": "Time ran out before every question of this section was settled. Results marked as "
    "proved are valid. With more time, the report may prove more.",
    "memory": "Memory ran out before every question was settled. Results marked as proved are "
    "valid.",
    "error": "An internal error ended a part of the search. Results marked as proved are valid.",
    "interrupted": "The report was interrupted. Results marked as proved are valid.",
}


def answered_section(
    key: str,
    answers: Sequence[Any],
    call: str = "",
    note: str = "",
    late: bool = False,
    reader: Reader | None = None,
) -> Section:
    """Return a report section that shows answers.

    Args:
        key: Key of the section, from `TITLES`.
        answers: At least one answer.
        call: Code that asks the same questions again.
        note: Remark on how the questions were posed.
        late: Whether time ran out before the last answer was complete. It is needed only for
            answers that do not record a status.
        reader: Names, units and number formats of the page.
    """
    title, about = TITLES[key]
    reader = reader or Reader()
    cut = next((CUTS[why] for why in map(stop_reason, answers) if why in CUTS), "")
    cut = cut or (CUTS["time"] if late else "")
    blocks = [Paragraph(note)] if note else []
    result, tone = outcome(answers, reader), _tone(answers)
    return Section(key, title, about, result, tone, answers, blocks, cut, call=call, reader=reader)


def unanswered_section(key: str, why: str, cut: bool = True) -> Section:
    """Return a report section that states why its question has no answer.

    Args:
        key: Key of the section, from `TITLES`.
        why: The reason, a sentence.
        cut: Whether more time might yield an answer. If False, the question does not apply to the
            model or the data.
    """
    title, about = TITLES[key]
    if cut:
        return Section(key, title, about, "nothing decided", OPEN, cut=why)
    return Section(key, title, about, NOT_ASKED, blocks=[Paragraph(why)])


def stop_reason(answer: Any) -> str:
    """Return why a search ended, or `""` if the answer does not state it.

    `CUTS` explains some of the reasons why a search is incomplete.
    """
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
