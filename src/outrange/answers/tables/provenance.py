"""Where an answer comes from, as rows: models and property by their hashes, arguments, version."""

from __future__ import annotations

from typing import Any, Protocol

from ...core import ModelSource, Provenance, Warrant
from ..render.document import Block, Table


class Recorded(Protocol):
    """What an answer knows of its origin."""

    @property
    def sources(self) -> tuple[ModelSource, ...]: ...

    @property
    def provenance(self) -> Provenance | None: ...


def provenance_blocks(answer: Recorded) -> tuple[Block, ...]:
    """One table; none where nothing is known."""
    rows = provenance_rows(answer)
    return (Table(("", ""), rows, "ll"),) if rows else ()


def provenance_rows(answer: Recorded) -> list[tuple[str, str]]:
    """What it is and its value, in words; hashes in full, since nobody can check the half of one.

    Args:
        answer: Any answer.
    """
    asked = answer.provenance or Provenance()
    rows = [("model", str(source)) for source in answer.sources]
    if asked.property is not None:
        rows.append(("property", str(asked.property)))
    if asked.question:
        rows.append(("question", _question(asked)))
    if asked.version:
        rows.append(("outrange", asked.version))
    warrant: Any = getattr(answer, "warrant", None)
    if rows and isinstance(warrant, Warrant):
        rows.append(("warrant", warrant.name))
    return rows


def provenance_cells(answer: Recorded) -> tuple[str, str]:
    """What was asked, with the hash of a property, and the warrant: a row of many of one model.

    Args:
        answer: Any answer.
    """
    asked = answer.provenance or Provenance()
    warrant: Any = getattr(answer, "warrant", None)
    told = _question(asked)
    if asked.property is not None:
        told = f"{told}; {asked.property}" if told else str(asked.property)
    return told, warrant.name if isinstance(warrant, Warrant) else ""


def _question(asked: Provenance) -> str:
    # What was left to its default is in the JSON.
    given = [(name, value) for name, value in asked.arguments if value != "None"]
    arguments = ", ".join(f"{name}={value}" for name, value in given)
    return f"{asked.question}({arguments})" if asked.question else ""
