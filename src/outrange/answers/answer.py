"""The base of answers: a record, shown as text and HTML, drawn, tabulated, and kept in files."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ..core import Bounds, InputDomain, ModelSource, Provenance, Warrant
from ..core.clock import time_unit
from .render.document import Document, Fold, Listing, Paragraph
from .render.frame import frame
from .render.html import html, page
from .render.jsonable import field_dict, jsonable
from .render.text import size, text
from .storage.write import write, write_text
from .tables.domain import domain_dict, domain_line
from .tables.provenance import provenance_blocks


@dataclass(frozen=True)
class Cost:
    """The work behind an answer.

    Args:
        seconds: Wall-clock time in seconds; under a `budget`, units of counted work.
        boxes: Sub-problems bounded.
        unit: `"s"`, or `"units"` under a budget.
    """

    seconds: float
    boxes: int
    unit: str = field(default_factory=time_unit)

    def __str__(self) -> str:
        boxes = f", {self.boxes:,} box{'' if self.boxes == 1 else 'es'}" if self.boxes else ""
        spent = size(self.seconds) if self.unit == "s" else f"{self.seconds:.2f} {self.unit}"
        return spent + boxes


@dataclass(frozen=True, eq=False)
class Answer(ABC):
    """A record that states what it shows as plain data; `print` and notebooks render that.

    JSON holds the record itself: its fields in full, under their names.

    Args:
        sources: The models it is about, each with its hash; empty where none is known.
        over: The input set it is about; None where it is about none, or that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Where one was asked for: which file holds it, or why there is none.
        late: By how much a time limit was exceeded, or which effort ended the search.
    """

    sources: tuple[ModelSource, ...] = field(default=(), kw_only=True, repr=False)
    over: InputDomain | None = field(default=None, kw_only=True, repr=False)
    provenance: Provenance | None = field(default=None, kw_only=True, repr=False)
    certificate: str = field(default="", kw_only=True, repr=False)
    late: str = field(default="", kw_only=True, repr=False)

    FORMAT: ClassVar[str]
    """Name of the layout of `as_dict`."""

    DERIVED: ClassVar[tuple[str, ...]] = ()
    """Properties that `as_dict` holds beside the fields."""

    OMITTED: ClassVar[tuple[str, ...]] = ()
    """Fields that it does not hold."""

    INDEX: ClassVar[tuple[str, ...]] = ()
    """The columns of `records` that name a row."""

    @abstractmethod
    def document(self) -> Document:
        """The tables and sentences that text and HTML are rendered from."""

    @abstractmethod
    def records(self) -> list[dict[str, Any]]:
        """Tell the answer in plain values, for `to_frame`.

        Returns:
            One dict per output, layer, pair, finding or whatever the answer tells apart; all of
            them have the same keys, or leave out what is not known.
        """

    def to_frame(self) -> Any:
        """Tabulate the answer.

        Returns:
            A `pandas.DataFrame` of the dicts of `records`, indexed by what names a row.

        Raises:
            InputError: pandas is not installed.
        """
        return frame(self.records(), self.INDEX)

    @property
    def box(self) -> Bounds | None:
        """`(lo, hi)`, each `(inputs,)`: the smallest box around the input set; None if unknown."""
        return None if self.over is None else (self.over.lo, self.over.hi)

    def as_dict(self) -> dict[str, Any]:
        """Everything, in lists, strings and numbers ready for JSON; `version` names the layout."""
        derived = {name: jsonable(getattr(self, name)) for name in self.DERIVED}
        head = {"format": self.FORMAT, "version": 1}
        told = field_dict(self, without=(*self.OMITTED, "over", "provenance"))
        box = {} if self.over is None else {"box": domain_dict(self.over)}
        return head | told | derived | box | {"provenance": self._provenance_dict()}

    def _provenance_dict(self) -> dict[str, Any]:
        asked = self.provenance or Provenance()
        told = jsonable(asked) | {"arguments": dict(asked.arguments)}
        warrant = getattr(self, "warrant", None)
        stands = warrant.name if isinstance(warrant, Warrant) else None
        return told | {"models": jsonable(self.sources), "warrant": stands}

    def save(self, path: str | os.PathLike) -> None:
        """Write the answer as JSON that `outrange.read` reads back, to the last bit.

        The file names the models by their SHA-256 hash. It is written whole or not at all.

        Args:
            path: The file, replaced if it exists.

        Raises:
            InputError: It cannot be written there.
        """
        write(self, self.FORMAT, self.sources, path)

    def html(self, path: str | os.PathLike | None = None) -> str:
        """Render the answer as HTML: no script, nothing from outside, every name escaped.

        Args:
            path: Also write it there, as a page to open or to send to someone.

        Returns:
            What a notebook shows: a `<div>`, and its style sheet.

        Raises:
            InputError: The page cannot be written there.
        """
        if path is not None:
            write_text("page", page(self._in_full()), path)
        return html(self._in_full())

    def _in_full(self) -> Document:
        """The document, and what pages say beyond it: the methods, and which model it was."""
        shown = self.titled()
        methods = Listing("Methods:", getattr(self, "methods", ()))
        told = Fold("How this was found", (methods,), in_text=False)
        asked = Fold("What was asked of what", provenance_blocks(self), in_text=False)
        return replace(shown, blocks=(*shown.blocks, told, asked))

    def __str__(self) -> str:
        return text(self.titled())

    def titled(self) -> Document:
        """Put the input set below the title of the document, and notes at its end.

        Returns:
            The document, with the set in one line where it is known.
        """
        shown = replace(self.document(), over=domain_line(self.over))
        notes = (Paragraph(note) for note in (self.certificate, self.late) if note)
        return replace(shown, blocks=(*shown.blocks, *notes))

    def _repr_html_(self) -> str:
        return self.html()
