"""What a report says beside answers: the model, the input set, versions, how to ask again."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from ..answers.render.document import MOST_ROWS, Code, Paragraph, Table
from ..answers.render.text import entry_names, point
from ..core import ModelSource
from .section import Section
from .words import ARITHMETIC, NOT_COVERED, STATEMENT, TITLES, WARRANTS


if TYPE_CHECKING:
    from ..core import Region
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
    return _section("model", outcome, blocks=[Table(("property", "value"), rows, "l")])


def _shapes(slots: Sequence[Slot]) -> str:
    return ", ".join(f"{slot.name} of shape {(None, *slot.shape)}" for slot in slots)


def domain_section(
    slots: Sequence[Slot],
    regions: Sequence[Region],
    names: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    told: str = "",
) -> Section:
    """The input set: the ends of every input, with its unit.

    Args:
        slots: The model's inputs.
        regions: Whose union the set is.
        names: What each entry of the inputs stands for, flat.
        units: From the name of an input, or of an entry of it, to its unit.
        told: Where the set came from, in words.
    """
    entries = entry_names({slot.name: slot.shape for slot in slots})
    homes = [slot.name for slot in slots for _ in range(slot.size)]
    lo = np.min([region.box.lo for region in regions], axis=0)
    hi = np.max([region.box.hi for region in regions], axis=0)
    called = [unit_of(units, entry, home, name) for entry, home, name in zip(
        entries, homes, names or entries, strict=True
    )]  # fmt: skip
    head = ["input", *(["name"] if names else []), "low", "high", *(["unit"] if units else [])]
    rows = [
        (entries[i], *([names[i]] if names else []), lo[i], hi[i], *([called[i]] if units else []))
        for i in range(min(len(entries), MOST_ROWS))
    ]
    align = "l" + ("l" if names else "") + "rr" + "l"
    whole = [f"{np.count_nonzero(r.integer):,}" for r in regions if r.integer.any()]
    about = told or f"{len(entries):,} inputs, each between its two ends."
    if not all(region.is_box for region in regions) or len(regions) > 1:
        about += " The set is a part of this box: further conditions hold on it."
    if whole:
        about += f" Inputs of whole numbers: {', '.join(whole)}."
    table = Table(head, rows, align, len(entries) - len(rows))
    return _section("domain", f"{len(entries):,} inputs", blocks=[Paragraph(about), table])


def unit_of(units: Mapping[str, str] | None, *names: str) -> str:
    """The unit under the first of these names that has one."""
    return next((units[name] for name in names if units and name in units), "")


def uncovered_section() -> Section:
    """The limits of what is proved."""
    statement, claim = STATEMENT
    return _section(
        "uncovered",
        blocks=[
            Paragraph(f"{statement} Then for every answer, whatever its status,"),
            Code(claim),
            Table(("limit", "what it means"), list(NOT_COVERED.items()), "l"),
            Paragraph("What stands behind a number is its warrant:"),
            Table(("warrant", "what stands behind the number"), WARRANTS, "l"),
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
            f"from the real-valued ones by at most {point(np.array(max(away)))}"
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
    rows = [*setting, *versions()]
    blocks += [Table(("what", "which"), rows, "l")]
    return _section("reproduce", blocks=blocks)


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


def _section(key: str, outcome: str = "", blocks: Sequence[Any] = ()) -> Section:
    title, about = TITLES[key]
    return Section(key, title, about, outcome, blocks=blocks)
