"""Creates a report on the input set that a page shows, as HTML without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from ..answers.range import Range
from ..answers.verdict import Verdict
from ..core import Box
from ..questions.common.provenance import add_provenance
from ..questions.summary import summary
from ..reports.answered import answered_section
from ..reports.context import model_section, reproduce_section, uncovered_section
from ..reports.domain import domain_section
from ..reports.report import Report
from ..reports.units import output_names, reader_of
from .exhibit import Exhibit


def report_page(exhibit: Exhibit, box: Box, answer: Range, verdicts: Sequence[Verdict]) -> str:
    """Return the HTML report on one input set.

    Args:
        exhibit: Content of the page.
        box: The box of the sliders.
        answer: The ranges of the outputs over the input set.
        verdicts: Verdicts on properties over the input set.
    """
    network = exhibit.network
    regions = exhibit.regions(box)
    graph, whole = network.graph, np.flatnonzero(exhibit.integer).tolist()
    outputs = output_names(graph.outputs, None, network.layers)
    reader = reader_of(graph, graph, regions, outputs=outputs, whole=whole, groups=exhibit.groups)
    # The ranges of outputs hold only for the input set, those of units hold for the whole box.
    ranges = answer if exhibit.input_set(box) is box else None
    sections = [
        model_section(network, getattr(network, "source", None), reader),
        domain_section(regions, reader, "The input set is that of the sliders."),
        answered_section("ranges", [answer], reader=reader),
        answered_section("layers", [add_provenance(summary(network, box, known=ranges), network)]),
    ]
    if verdicts:
        sections.append(answered_section("properties", verdicts, reader=reader))
    setting = [("Time limit of a search", f"{exhibit.seconds:g} s")]
    sections += [uncovered_section(), reproduce_section(sections, "", setting)]
    time = datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0")
    return Report(network.name, time, tuple(sections)).html()
