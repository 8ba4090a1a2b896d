"""The base of answers: a record, shown as text, in a notebook and as JSON."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from .render.document import Document
from .render.html import html
from .render.jsonable import field_dict, jsonable
from .render.text import size, text


@dataclass(frozen=True)
class Cost:
    """What an answer took.

    Args:
        seconds: Wall-clock time in seconds.
        boxes: Sub-problems bounded.
    """

    seconds: float
    boxes: int

    def __str__(self) -> str:
        return f"{size(self.seconds)}, {self.boxes:,} box{'' if self.boxes == 1 else 'es'}"


class Answer(ABC):
    """A record that states what it shows as plain data; `print` and notebooks render that.

    JSON holds the record itself: its fields in full, under their names.
    """

    FORMAT: ClassVar[str]
    """Name of the layout of `as_dict`."""

    DERIVED: ClassVar[tuple[str, ...]] = ()
    """Properties that `as_dict` holds beside the fields."""

    OMITTED: ClassVar[tuple[str, ...]] = ()
    """Fields that it does not hold."""

    @abstractmethod
    def document(self) -> Document:
        """The tables and sentences that text and HTML are rendered from."""

    def as_dict(self) -> dict[str, Any]:
        """Everything, in lists, strings and numbers ready for JSON; `version` names the layout."""
        derived = {name: jsonable(getattr(self, name)) for name in self.DERIVED}
        head = {"format": self.FORMAT, "version": 1}
        return head | field_dict(self, without=self.OMITTED) | derived

    def __str__(self) -> str:
        return text(self.document())

    def _repr_html_(self) -> str:
        return html(self.document())
