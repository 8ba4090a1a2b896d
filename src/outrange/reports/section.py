"""A part of a report, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..answers.answer import Answer
from ..answers.render.document import Block, Document
from ..answers.verdict import Verdict
from .plain.answers import document
from .plain.reader import Reader
from .words import NOT_ASKED, TITLES


@dataclass(frozen=True, eq=False)
class Section:
    """A heading, what it is about, and the answers below it.

    Args:
        key: Its name in the page's address, `"ranges"`.
        title: The heading.
        about: A sentence on what the section says.
        outcome: The result in a few words, for the table at the top.
        tone: Of the outcome: `GOOD`, `BAD`, `OPEN`, or empty.
        answers: Shown one by one, each with its picture.
        blocks: What is shown before them.
        cut: Why it is not complete, in a sentence; empty if it is.
        seconds: What it took.
        call: The Python code that asks the same again; empty if there is none.
        reader: Names, units and digits of the page.
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
    reader: Reader = field(default_factory=Reader)

    @property
    def documents(self) -> list[Document]:
        """What the answers show, in full; a verdict under what was claimed."""
        return [_headed(answer, answer.document()) for answer in self.answers]

    @property
    def plain(self) -> list[Document]:
        """What the page shows of the answers."""
        return [document(answer, self.reader) for answer in self.answers]


def _headed(answer: Answer, shown: Document) -> Document:
    """A document whose title says what it is about."""
    if not isinstance(answer, Verdict):
        return shown
    return replace(shown, title=f"{shown.title}: {shown.lead}", lead="")


def titled_section(key: str, outcome: str = "", blocks: Sequence[Block] = ()) -> Section:
    """A section without answers, under its own heading.

    Args:
        key: One of `TITLES`.
        outcome: As for `Section`.
        blocks: What is shown.
    """
    title, about = TITLES[key]
    return Section(key, title, about, outcome, blocks=blocks)


def in_order(sections: Sequence[Section]) -> list[Section]:
    """Sort sections as a page shows them: what is proved first, what was not asked late."""
    order = list(TITLES)
    late = order.index("uncovered") - 0.5

    def place(one: Section) -> float:
        if one.outcome == NOT_ASKED:
            return late
        return order.index(one.key) if one.key in order else len(order)

    return sorted(sections, key=place)
