"""A part of a report, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..answers.answer import Answer
from ..answers.render.document import Block, Code, Document, Fold
from ..answers.verdict import MOST_NUMBERS, Verdict
from .units import with_units
from .words import TITLES


MOST_IN_FULL = 4096
"""A counterexample of more numbers is not written out."""


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
        units: From the name of an input to its unit, where it has one.
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
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> list[Answer]:
        """The answers, the inputs with their units."""
        return [with_units(answer, self.units) for answer in self.answers]

    @property
    def documents(self) -> list[Document]:
        """What the answers show; a verdict under what was claimed."""
        return [_headed(answer, answer.document()) for answer in self.shown]


def _headed(answer: Answer, document: Document) -> Document:
    """A document whose title says what it is about, and that a counterexample is found in."""
    if not isinstance(answer, Verdict):
        return document
    blocks, found = list(document.blocks), answer.counterexample
    if found is not None and MOST_NUMBERS < found.flat_x.size + found.flat_y.size <= MOST_IN_FULL:
        shown = f"x = {found.flat_x.tolist()}\ny = {found.flat_y.tolist()}"
        blocks.append(Fold("The counterexample in full, flat", [Code(shown)]))
    return replace(document, title=f"{document.title}: {document.lead}", lead="", blocks=blocks)


def titled_section(key: str, outcome: str = "", blocks: Sequence[Block] = ()) -> Section:
    """A section without answers, under its own heading.

    Args:
        key: One of `TITLES`.
        outcome: As for `Section`.
        blocks: What is shown.
    """
    title, about = TITLES[key]
    return Section(key, title, about, outcome, blocks=blocks)
