"""A section of a report, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..answers.answer import Answer
from ..answers.range import Range
from ..answers.render.document import Block, Document
from ..answers.verdict import Verdict
from .plain.answers import document
from .plain.reader import Reader
from .words import NOT_ASKED, TITLES


SMALL_GAP = 0.01
"""Relative gap of output ranges up to which a page does not mark them as open."""


@dataclass(frozen=True, eq=False)
class Section:
    """A heading, its subject, and the answers below it.

    Args:
        key: Key of the section and anchor in the page's address, such as `"ranges"`.
        title: Heading of the section.
        about: Sentence on the subject of the section.
        outcome: Result in a few words; empty if there is none.
        tone: Tone of the outcome: `GOOD`, `BAD`, `OPEN`, or empty.
        answers: Answers, shown one by one with their figures.
        blocks: Blocks shown before the answers.
        cut: Sentence on why the section is incomplete; empty if it is complete.
        seconds: Computing time of the section.
        call: Python code that repeats the questions; empty if there is none.
        sentence: Description of the model or of the input set for the summary.
        reader: Names, units and number formats of the page.
    """

    key: str
    title: str
    about: str
    outcome: str = ""
    tone: str = ""
    answers: Sequence[Answer] = ()
    blocks: Sequence[Block] = ()
    cut: str = ""
    seconds: float = 0.0
    call: str = ""
    sentence: str = ""
    reader: Reader = field(default_factory=Reader)

    @property
    def gap(self) -> float:
        """Largest relative gap of the output ranges; infinite for other sections."""
        ranges = [answer for answer in self.answers if isinstance(answer, Range)]
        if self.key != "ranges" or not ranges:
            return float("inf")
        return max(float(np.max(answer.relative_gap, initial=0.0)) for answer in ranges)

    @property
    def is_open(self) -> bool:
        """Whether the page marks the section as incomplete.

        Output ranges with a gap of at most `SMALL_GAP` are not marked, nor are finite slopes.
        """
        if self.key == "slopes" and self.answers:
            ends = [end for answer in self.answers if isinstance(answer, Range)
                    for end in (answer.lo, answer.hi)]  # fmt: skip
            return not all(np.isfinite(end).all() for end in ends)
        return bool(self.cut) and self.gap > SMALL_GAP

    @property
    def documents(self) -> list[Document]:
        """The full documents of the answers; for a verdict, the title also states its claim."""
        return [_with_heading(answer, answer.document()) for answer in self.answers]

    @property
    def plain(self) -> list[Document]:
        """The plain documents of the answers, as they are shown on the page."""
        return [document(answer, self.reader) for answer in self.answers]


def _with_heading(answer: Answer, shown: Document) -> Document:
    """Append the lead of a verdict's document to its title; return other documents unchanged."""
    if not isinstance(answer, Verdict):
        return shown
    return replace(shown, title=f"{shown.title}: {shown.lead}", lead="")


def titled_section(
    key: str, outcome: str = "", blocks: Sequence[Block] = (), sentence: str = ""
) -> Section:
    """Return a section without answers, with the heading that `TITLES` has for its key.

    Args:
        key: A key of `TITLES`.
        outcome: Result in a few words.
        blocks: Content of the section.
        sentence: See `Section`.
    """
    title, about = TITLES[key]
    return Section(key, title, about, outcome, blocks=blocks, sentence=sentence)


def in_order(sections: Sequence[Section]) -> list[Section]:
    """Sort sections in the order of a page.

    Sections follow the order of `TITLES`; sections with other keys come last. Sections whose
    question does not apply come just before the section `"uncovered"`.
    """
    order = list(TITLES)
    late = order.index("uncovered") - 0.5

    def place(section: Section) -> float:
        if section.outcome == NOT_ASKED:
            return late
        return order.index(section.key) if section.key in order else len(order)

    return sorted(sections, key=place)
