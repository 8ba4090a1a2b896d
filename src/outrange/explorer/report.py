"""The report that a page saves: what it shows now, as one HTML file without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from ..answers import Range, Verdict
from ..answers.render.document import MOST_ROWS, Document, Table
from ..answers.render.html import html
from ..answers.render.text import entry_names
from ..core import Box
from ..questions.summary import summary
from .exhibit import Exhibit


PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; }}
body {{ margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
th, td {{ padding: 0.2rem 0.7rem; border-bottom: 1px solid #8886; }}
</style>
</head>
<body>
<h1>{title}</h1>
{parts}
<p>Made by outrange.</p>
</body>
</html>
"""


def report_page(exhibit: Exhibit, box: Box, answer: Range, verdicts: Sequence[Verdict]) -> str:
    """The page of one input set.

    Args:
        exhibit: The network.
        box: The input set.
        answer: Its ranges.
        verdicts: Of properties that were decided over it.
    """
    layers = summary(exhibit.network, box)
    parts = [html(inputs_document(exhibit, box)), answer._repr_html_()]
    parts += [verdict._repr_html_() for verdict in verdicts]
    title = escape(f"What {exhibit.network.name} can output")
    parts.append(layers._repr_html_())
    return PAGE.format(title=title, parts="\n".join(parts))


def inputs_document(exhibit: Exhibit, box: Box) -> Document:
    """The input set as a table."""
    names = entry_names({slot.name: slot.shape for slot in exhibit.network.graph.inputs})
    ends = np.stack([box.lo, box.hi], axis=1).tolist()
    rows = [(name, lo, hi) for name, (lo, hi) in zip(names, ends, strict=True)][:MOST_ROWS]
    table = Table(("input", "low", "high"), rows, "lrr", len(names) - len(rows))
    return Document("Input set", "every input between its two ends.", (table,))
