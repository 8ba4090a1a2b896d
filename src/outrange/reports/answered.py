"""Answers as sections: what came of each in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..answers.diagnosis import Diagnosis
from ..answers.monotone import Monotone
from ..answers.range import Range
from ..answers.render.document import BAD, GOOD, OPEN, Paragraph
from ..answers.render.text import number
from ..answers.robust_accuracy import RobustAccuracy
from ..answers.summary import Summary
from ..answers.verdict import Verdict
from .section import Section
from .words import NOT_ASKED, TITLES


CUTS = {
    "time": "The time of this section was over before every question was settled; what is shown "
    "is proved, and may be improved by more time.",
    "memory": "Memory ran out before every question was settled; what is shown is proved.",
    "error": "An internal error ended a part of a search; what is shown is proved.",
    "interrupted": "The report was interrupted; what is shown is proved.",
}


def answered(
    key: str, answers: Sequence[Any], call: str = "", note: str = "", late: bool = False
) -> Section:
    """A section of answers.

    Args:
        key: Which section.
        answers: At least one.
        call: The code that asks them.
        note: What is to be known of how they were asked.
        late: Whether the time was over before the last one was complete, of which answers that
            have no status of their own say nothing.
    """
    title, about = TITLES[key]
    outcome, tone = _outcome(answers)
    cut = next((CUTS[why] for why in map(stopped, answers) if why in CUTS), "")
    cut = cut or (CUTS["time"] if late else "")
    blocks = [Paragraph(note)] if note else []
    return Section(key, title, about, outcome, tone, answers, blocks, cut, call=call)


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


def _outcome(answers: Sequence[Any]) -> tuple[str, str]:
    first = answers[0]
    if isinstance(first, Verdict):
        count = {s: sum(a.status == s for a in answers) for s in ("HOLDS", "VIOLATED", "UNKNOWN")}
        told = ", ".join(f"{n} {word}" for word, n in count.items() if n)
        tone = BAD if count["VIOLATED"] else (OPEN if count["UNKNOWN"] else GOOD)
        return told, tone
    if isinstance(first, Range):
        if first.subject == "lipschitz":
            worst = number(float(np.max(first.hi, initial=0.0)))
            return f"at most {worst}, {first.reason}", first.document().tone
        return first.sentence.removesuffix("."), first.document().tone
    if isinstance(first, Summary):
        counts = ("dead", "always_on", "saturated", "constant")
        told = ", ".join(f"{first.total(c):,} {c.replace('_', ' ')}" for c in counts)
        return f"units proved: {told}", ""
    if isinstance(first, RobustAccuracy):
        return f"{first.kept} stay right", first.document().tone
    if isinstance(first, Monotone):
        return f"pairs of output and input: {first.headline}", first.document().tone
    if isinstance(first, Diagnosis):
        count = len(first.findings)
        told = f"{count} finding{'s' * (count != 1)}" if count else "nothing found"
        told += f", {len(first.unread)} not looked at" if first.unread else ""
        return told, first.document().tone
    return repr(first), first.document().tone
