"""Context sections of a report: the model, the limits of proofs, the arithmetic, reproduction."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from ..answers.render.document import Code, Fold, Listing, Paragraph, Table
from ..answers.render.images import to_image
from ..answers.render.text import number, size
from ..answers.tables.provenance import provenance_cells
from ..core import ModelSource
from ..core.messages import count_noun
from .plain.reader import Reader
from .plain.words import join_words
from .section import Section, titled_section
from .words import ARITHMETIC, NOT_COVERED, PLAIN_LIMITS, STATEMENT, WARRANTS


if TYPE_CHECKING:
    from ..graph import Slot
    from ..questions.common.network import LayeredNetwork


PACKAGES = (
    "outrange", "numpy", "highspy", "python-flint", "keras", "jax", "tensorflow", "torch", "onnx",
    "onnxruntime", "scikit-learn", "matplotlib",
)  # fmt: skip
"""Packages whose versions a report lists if they are loaded."""

MOST_NAMED = 3
"""Maximum number of outputs that the summary names."""

MODULES = {"python-flint": "flint", "scikit-learn": "sklearn"}


def model_section(
    network: LayeredNetwork, source: ModelSource | None, reader: Reader, name: str = ""
) -> Section:
    """Return the section about the model.

    Args:
        network: The model.
        source: Hash of the model; None if there is none.
        reader: Names and units of the page.
        name: Name of the model in the summary; if empty, the network's name.
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
    outcome = f"{count_noun(len(network.layers), 'layer')}, {count_noun(parameters, 'parameter')}"
    sentence = f"{name or network.name} computes {_outputs(reader)} from {_inputs(reader)}"
    if parameters:
        sentence += f"; it has {outcome.replace(', ', ' and ')}"
    else:  # The parameters of a traced function are constants.
        outcome, rows = "", [row for row in rows if row[0] not in ("Layers", "Parameters")]
    table = Table(("property", "value"), rows, "l")
    return titled_section("model", outcome, [table], f"{sentence}.")


def _inputs(reader: Reader) -> str:
    """Return the number of the inputs as the page counts them, or the size of the image."""
    if reader.is_image:
        height, width = to_image(np.zeros(reader.image)).shape[:2]
        return f"an image of {width} × {height} pixels"
    return count_noun(len(reader.numbers) + len(reader.groups), "input")


def _outputs(reader: Reader) -> str:
    """Return the names and units of the outputs; more than `MOST_NAMED` outputs are counted."""
    units = [f" in {unit}" if unit else "" for unit in reader.output_units]
    names = [name + unit for name, unit in zip(reader.outputs, units, strict=True)]
    if len(names) <= MOST_NAMED:
        return join_words(names)
    return f"{len(names):,} outputs ({names[0]} to {names[-1]})"


def _shapes(slots: Sequence[Slot]) -> str:
    return ", ".join(f"{slot.name} of shape {(None, *slot.shape)}" for slot in slots)


def uncovered_section() -> Section:
    """Return the section about the limits of the proofs."""
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
                    Paragraph("The evidence for a number is its warrant:"),
                    Table(("warrant", "evidence for the number"), WARRANTS, "l"),
                ],
            ),
        ],
    )


def arithmetic_section(answer: Any) -> Section:
    """Return the section about the arithmetic of the proofs, and the model's own float32 outputs.

    Args:
        answer: The range of the outputs; None if it was not computed.
    """
    title, about = ARITHMETIC
    blocks: list[Any] = []
    if answer is not None and answer.model_hi is not None:
        deviations = [
            np.max(np.abs(real - run), initial=0.0)
            for real, run in (
                (answer.seen_lo, answer.model_lo), (answer.seen_hi, answer.model_hi)
            )
        ]  # fmt: skip
        blocks.append(Paragraph(
            "At the inputs where the extremes were seen, the model's own float32 outputs differ "
            f"from the real-valued ones by at most {number(float(max(deviations)))}."
        ))  # fmt: skip
    return Section("arithmetic", title, about, blocks=blocks)


def reproduce_section(
    sections: Sequence[Section], command: str, setting: Sequence[tuple[str, str]]
) -> Section:
    """Return the section with the code, the settings and the versions that reproduce the report.

    Args:
        sections: The other sections of the report.
        command: Shell command or Python call of the report.
        setting: Further settings, such as the seed and the time limit, as pairs of name and value.
    """
    calls = "\n".join(section.call for section in sections if section.call)
    blocks: list[Any] = [Paragraph("The report:"), Code(command)] if command else []
    if calls:
        blocks += [Paragraph("Section by section, in Python:"), Code(calls)]
    answers = [(part.title, answer) for part in sections for answer in part.answers]
    if answers:
        models = dict.fromkeys(str(source) for _, answer in answers for source in answer.sources)
        questions = [(title, *provenance_cells(answer)) for title, answer in answers]
        blocks += [
            Paragraph("The question and the models of every answer:"),
            Listing("Models:", list(models)),
            Table(("section", "question", "warrant"), questions, "l"),
        ]
    rows = [*times(sections), *setting, *versions()]
    blocks += [Table(("setting", "value"), rows, "l")]
    return titled_section("reproduce", blocks=blocks)


def times(sections: Sequence[Section]) -> list[tuple[str, str]]:
    """Return a label and the computing time of every section that took time."""
    return [(f"Time of {part.title}", size(part.seconds)) for part in sections if part.seconds]


def versions() -> list[tuple[str, str]]:
    """Return pairs of name and value: versions of Python and of loaded packages, and the machine.

    The Keras backend is included if Keras is loaded.
    """
    packages = []
    for package in PACKAGES:
        if MODULES.get(package, package) in sys.modules:
            try:
                packages.append((package, metadata.version(package)))
            except metadata.PackageNotFoundError:
                continue
    keras = sys.modules.get("keras")
    backend = getattr(getattr(keras, "backend", None), "backend", None)
    if callable(backend):
        packages.append(("Keras backend", str(backend())))
    return [
        *packages,
        ("Python", platform.python_version()),
        ("Platform", f"{platform.platform()}, {os.cpu_count()} cores"),
    ]
