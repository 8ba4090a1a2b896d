"""What a report says beside answers: the model, the input set, versions, how to ask again."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from ..answers.render.document import Code, Fold, Listing, Paragraph, Table
from ..answers.render.text import number, size
from ..answers.tables.provenance import provenance_cells
from ..core import ModelSource
from .section import Section, titled_section
from .words import ARITHMETIC, NOT_COVERED, PLAIN_LIMITS, STATEMENT, WARRANTS


if TYPE_CHECKING:
    from ..graph import Slot
    from ..questions.common.network import LayeredNetwork


PACKAGES = (
    "outrange", "numpy", "highspy", "python-flint", "keras", "jax", "tensorflow", "torch", "onnx",
    "onnxruntime", "scikit-learn", "matplotlib",
)  # fmt: skip
"""Those of these that are loaded are listed with their versions."""

MODULES = {"python-flint": "flint", "scikit-learn": "sklearn"}


def model_section(network: LayeredNetwork, source: ModelSource | None) -> Section:
    """What the model is.

    Args:
        network: The model.
        source: Its hash, where one is known.
    """
    graph = network.graph
    parameters = sum(layer.parameters for layer in network.layers)
    rows: list[tuple[str, str]] = [("Name", network.name)]
    if source is not None:
        rows.append((f"SHA-256 of the {source.of}", source.sha256))
    rows += [
        ("Layers", f"{len(network.layers):,}"),
        ("Parameters", f"{parameters:,}"),
        ("Inputs", _shapes(graph.inputs)),
        ("Outputs", _shapes(graph.outputs)),
    ]
    outcome = f"{len(network.layers):,} layers, {parameters:,} parameters"
    return titled_section("model", outcome, blocks=[Table(("property", "value"), rows, "l")])


def _shapes(slots: Sequence[Slot]) -> str:
    return ", ".join(f"{slot.name} of shape {(None, *slot.shape)}" for slot in slots)


def uncovered_section() -> Section:
    """The limits of what is proved."""
    statement, claim = STATEMENT
    return titled_section(
        "uncovered",
        blocks=[
            Table(("limit", "what it means"), PLAIN_LIMITS, "l"),
            Fold(
                "For a specialist: the exact statement",
                [
                    Paragraph(f"{statement} Then for every answer, whatever its status,"),
                    Code(claim),
                    Table(("limit", "what it means"), list(NOT_COVERED.items()), "l"),
                    Paragraph("What stands behind a number is its warrant:"),
                    Table(("warrant", "what stands behind the number"), WARRANTS, "l"),
                ],
            ),
        ],
    )


def arithmetic_section(answer: Any) -> Section:
    """Which arithmetic the proofs are about, and what the model itself returned in float32.

    Args:
        answer: The range of the outputs, or None.
    """
    title, told = ARITHMETIC
    blocks: list[Any] = []
    if answer is not None and answer.model_hi is not None:
        away = [
            np.max(np.abs(real - run), initial=0.0)
            for real, run in (
                (answer.seen_lo, answer.model_lo), (answer.seen_hi, answer.model_hi)
            )
        ]  # fmt: skip
        blocks.append(Paragraph(
            "At the inputs where the extremes were seen, the model's own float32 outputs differ "
            f"from the real-valued ones by at most {number(float(max(away)))}."
        ))  # fmt: skip
    return Section("arithmetic", title, told, blocks=blocks)


def reproduce_section(
    sections: Sequence[Section], command: str, setting: Sequence[tuple[str, str]]
) -> Section:
    """The command and the calls, the versions they ran with, the seeds.

    Args:
        sections: What was asked.
        command: The shell command or the Python call that made the report.
        setting: Further rows: the seed, the limit.
    """
    calls = "\n".join(section.call for section in sections if section.call)
    blocks: list[Any] = [Paragraph("The report:"), Code(command)] if command else []
    if calls:
        blocks += [Paragraph("Section by section, in Python:"), Code(calls)]
    answers = [(part.title, answer) for part in sections for answer in part.answers]
    if answers:
        models = dict.fromkeys(str(one) for _, answer in answers for one in answer.sources)
        asked = [(title, *provenance_cells(answer)) for title, answer in answers]
        blocks += [
            Paragraph("What was asked of what, as every answer says of itself:"),
            Listing("Models:", list(models)),
            Table(("section", "asked", "warrant"), asked, "l"),
        ]
    rows = [*times(sections), *setting, *versions()]
    blocks += [Table(("what", "which"), rows, "l")]
    return titled_section("reproduce", blocks=blocks)


def times(sections: Sequence[Section]) -> list[tuple[str, str]]:
    """What every section took."""
    return [(f"Time of {part.title}", size(part.seconds)) for part in sections if part.seconds]


def versions() -> list[tuple[str, str]]:
    """What ran: packages in use, Python, the machine."""
    found = []
    for package in PACKAGES:
        if MODULES.get(package, package) in sys.modules:
            try:
                found.append((package, metadata.version(package)))
            except metadata.PackageNotFoundError:
                continue
    keras = sys.modules.get("keras")
    backend = getattr(getattr(keras, "backend", None), "backend", None)
    if callable(backend):
        found.append(("Keras backend", str(backend())))
    return [
        *found,
        ("Python", platform.python_version()),
        ("Platform", f"{platform.platform()}, {os.cpu_count()} cores"),
    ]
