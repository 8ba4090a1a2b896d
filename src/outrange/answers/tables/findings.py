"""Figure of the findings of a diagnosis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..render.diagrams import plot_matrix


def plot_findings(diagnosis: Any, ax: Any) -> Any:
    """Draw findings and notes as a matrix of rules (rows) and layers (columns); return the axes."""
    findings = (*diagnosis.findings, *diagnosis.notes)
    layers = list(dict.fromkeys(f.layer or "the whole" for f in findings)) or ["all layers"]
    codes = list(dict.fromkeys(f"{f.code} {f.title}" for f in findings)) or [
        f"{len(diagnosis.rules)} rules"
    ]
    kinds = [
        ("PROVED", "!", "#b3312c"), ("MEASURED", "m", "#c2571a"), ("SUSPECTED", "?", "#d4a72c"),
        ("note", "i", "#5b7db1"),
        ("no findings", *(("–", "#8a8a8a") if diagnosis.unread else ("✓", "#1a7f37"))),
    ]  # fmt: skip
    names = [name for name, *_ in kinds]
    cells = np.full((len(codes), len(layers)), -1 if findings else names.index("no findings"))
    for f in reversed(findings):
        kind = names.index("note" if f.note else f.level.name)
        cells[codes.index(f"{f.code} {f.title}"), layers.index(f.layer or "the whole")] = kind
    what = f"{len(diagnosis.findings)} finding{'s' * (len(diagnosis.findings) != 1)}"
    title = f"{diagnosis.model}: {what}; {len(diagnosis.rules)} rules, {diagnosis.rows:,} data rows"
    if diagnosis.unread:
        title += f", {len(diagnosis.unread)} not checked"
    return plot_matrix(title, codes, layers, cells, kinds, ax)
