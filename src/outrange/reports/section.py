"""A part of a report, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..answers.answer import Answer
from ..answers.render.document import Block, Document


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

    @property
    def documents(self) -> list[Document]:
        """What the answers show."""
        return [answer.document() for answer in self.answers]
