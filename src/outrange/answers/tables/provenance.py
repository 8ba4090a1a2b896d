"""Provenance of an answer as table rows: hashes of models and property, arguments, version."""

from __future__ import annotations

from typing import Any, Protocol

from ...core import ModelSource, Provenance, Warrant
from ..render.document import Block, Table


class Recorded(Protocol):
    """Answer with fields that record its provenance."""

    @property
    def sources(self) -> tuple[ModelSource, ...]: ...

    @property
    def provenance(self) -> Provenance | None: ...


def provenance_blocks(answer: Recorded) -> tuple[Block, ...]:
    """Return the provenance as one table; an empty tuple if it is unknown."""
    rows = provenance_rows(answer)
    return (Table(("", ""), rows, "ll"),) if rows else ()


def provenance_rows(answer: Recorded) -> list[tuple[str, str]]:
    """Return the provenance as pairs of label and value, with full hashes."""
    provenance = answer.provenance or Provenance()
    rows = [("model", str(source)) for source in answer.sources]
    if provenance.property is not None:
        rows.append(("property", str(provenance.property)))
    if provenance.question:
        rows.append(("question", _question(provenance)))
    if provenance.version:
        rows.append(("outrange", provenance.version))
    warrant: Any = getattr(answer, "warrant", None)
    if rows and isinstance(warrant, Warrant):
        rows.append(("warrant", warrant.name))
    return rows


def provenance_cells(answer: Recorded) -> tuple[str, str]:
    """Return two table cells: the question with the hash of its property, and the warrant."""
    provenance = answer.provenance or Provenance()
    warrant: Any = getattr(answer, "warrant", None)
    question = _question(provenance)
    if provenance.property is not None:
        text = str(provenance.property)
        question = f"{question}; {text}" if question else text
    return question, warrant.name if isinstance(warrant, Warrant) else ""


def _question(provenance: Provenance) -> str:
    # Arguments left at None are only in the JSON.
    pairs = [(name, value) for name, value in provenance.arguments if value != "None"]
    arguments = ", ".join(f"{name}={value}" for name, value in pairs)
    return f"{provenance.question}({arguments})" if provenance.question else ""
