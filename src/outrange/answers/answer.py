"""Base class that renders answers as text and HTML, tabulates them and saves them."""

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
    """Work spent on an answer: time and number of sub-problems.

    Args:
        seconds: Wall-clock time in seconds, or units of counted work with a `budget`.
        boxes: Number of sub-problems bounded.
        unit: `"s"`, or `"units"` with a budget.
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
    """Base class of answers: records of plain data that `print` and notebooks render.

    In the JSON form of an answer, most fields keep their own names; see `as_dict`.

    Args:
        sources: Models analyzed, each with its hash; empty if unknown.
        over: Input set analyzed; None if there is none or it is unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.
    """

    sources: tuple[ModelSource, ...] = field(default=(), kw_only=True, repr=False)
    over: InputDomain | None = field(default=None, kw_only=True, repr=False)
    provenance: Provenance | None = field(default=None, kw_only=True, repr=False)
    certificate: str = field(default="", kw_only=True, repr=False)
    late: str = field(default="", kw_only=True, repr=False)

    FORMAT: ClassVar[str]
    """Name of the JSON layout that `as_dict` returns."""

    DERIVED: ClassVar[tuple[str, ...]] = ()
    """Properties that `as_dict` includes in addition to the fields."""

    OMITTED: ClassVar[tuple[str, ...]] = ()
    """Fields that `as_dict` omits."""

    INDEX: ClassVar[tuple[str, ...]] = ()
    """Columns of `records` that identify a row."""

    @abstractmethod
    def document(self) -> Document:
        """Return the tables and sentences from which text and HTML are rendered."""

    @abstractmethod
    def records(self) -> list[dict[str, Any]]:
        """Return the rows of the table that `to_frame` returns.

        Returns:
            One dict per row, such as an output, a layer, a step or a finding. Unknown values may be
            missing or None.
        """

    def to_frame(self) -> Any:
        """Convert the answer to a table.

        Returns:
            A `pandas.DataFrame` with one row per dict of `records`, indexed by the columns that
            identify a row.

        Raises:
            InputError: pandas is not installed.
        """
        return frame(self.records(), self.INDEX)

    @property
    def box(self) -> Bounds | None:
        """The bounding box of the input set, `(lo, hi)`, each `(inputs,)`; None if unknown.

        Inputs that are limited only by other constraints of the set have infinite bounds.
        """
        return None if self.over is None else (self.over.lo, self.over.hi)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, preceded by the name and version of the format.

        Fields named in `OMITTED` are left out, and properties named in `DERIVED` are added. The
        input set `over` has the key `"box"`.
        """
        derived = {name: jsonable(getattr(self, name)) for name in self.DERIVED}
        head = {"format": self.FORMAT, "version": 1}
        fields = field_dict(self, without=(*self.OMITTED, "over", "provenance"))
        box = {} if self.over is None else {"box": domain_dict(self.over)}
        return head | fields | derived | box | {"provenance": self._provenance_dict()}

    def _provenance_dict(self) -> dict[str, Any]:
        provenance = self.provenance or Provenance()
        fields = jsonable(provenance) | {"arguments": dict(provenance.arguments)}
        warrant = getattr(self, "warrant", None)
        name = warrant.name if isinstance(warrant, Warrant) else None
        return fields | {"models": jsonable(self.sources), "warrant": name}

    def save(self, path: str | os.PathLike) -> None:
        """Write the answer as JSON that `outrange.answers.read` restores bit for bit.

        The file identifies the models by their SHA-256 hash. It is written completely or not at
        all.

        Args:
            path: The file, replaced if it exists.

        Raises:
            InputError: The file cannot be written.
        """
        write(self, self.FORMAT, self.sources, path)

    def html(self, path: str | os.PathLike | None = None) -> str:
        """Render the answer as HTML without scripts or external content, with every name escaped.

        Args:
            path: File to write a complete page to; None to write no file.

        Returns:
            The HTML that a notebook shows: a `<div>` with its style sheet.

        Raises:
            InputError: The page cannot be written.
        """
        if path is not None:
            write_text("page", page(self._in_full()), path)
        return html(self._in_full())

    def _in_full(self) -> Document:
        """Return the document with the methods and provenance, which plain text omits."""
        shown = self.annotated_document()
        methods = Listing("Methods:", getattr(self, "methods", ()))
        found_by = Fold("How this was found", (methods,), in_text=False)
        provenance = Fold("Question, models and version", provenance_blocks(self), in_text=False)
        return replace(shown, blocks=(*shown.blocks, found_by, provenance))

    def __str__(self) -> str:
        return text(self.annotated_document())

    def annotated_document(self) -> Document:
        """Return the document with the input set below its title, and notes at its end.

        Returns:
            The document; an unknown input set is left out.
        """
        shown = replace(self.document(), over=domain_line(self.over))
        notes = (Paragraph(note) for note in (self.certificate, self.late) if note)
        return replace(shown, blocks=(*shown.blocks, *notes))

    def _repr_html_(self) -> str:
        return self.html()
