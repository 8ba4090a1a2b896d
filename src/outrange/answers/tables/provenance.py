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
        arguments = ", ".join(f"{name}={value}" for name, value in asked.arguments)
        rows.append(("question", f"{asked.question}({arguments})"))
    if asked.version:
        rows.append(("outrange", asked.version))
    warrant: Any = getattr(answer, "warrant", None)
    if rows and isinstance(warrant, Warrant):
        rows.append(("warrant", warrant.name))
    return rows


def provenance_cells(answer: Recorded) -> tuple[str, str, str, str]:
    """The hashes of the models, that of the property, the arguments, the warrant: one row of many.

    Args:
        answer: Any answer.
    """
    asked = answer.provenance or Provenance()
    warrant: Any = getattr(answer, "warrant", None)
    return (
        "\n".join(source.sha256 for source in answer.sources),
        "" if asked.property is None else asked.property.sha256,
        ", ".join(f"{name}={value}" for name, value in asked.arguments),
        warrant.name if isinstance(warrant, Warrant) else "",
    )
