"""The report that a page saves: what it shows now, as one HTML file without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from ..answers.range import Range
from ..answers.verdict import Verdict
from ..core import Box
from ..questions.common.stamp import stamped
from ..questions.summary import summary
from ..reports.answered import answered
from ..reports.context import model_section, reproduce_section, uncovered_section
from ..reports.domain import domain_section
from ..reports.report import Report
from ..reports.units import reader_of
from .exhibit import Exhibit


def report_page(exhibit: Exhibit, box: Box, answer: Range, verdicts: Sequence[Verdict]) -> str:
    """The page of one input set.

    Args:
        exhibit: The network.
        box: The input set.
        answer: Its ranges.
        verdicts: Of properties that were decided over it.
    """
    network = exhibit.network
    regions = exhibit.regions(box)
    graph, whole = network.graph, np.flatnonzero(exhibit.integer).tolist()
    reader = reader_of(graph, graph, regions, whole=whole, groups=exhibit.groups)
    # Units are bounded over the whole box, of which the ranges may leave out a part.
    known = answer if exhibit.input_set(box) is box else None
    sections = [
        model_section(network, getattr(network, "source", None)),
        domain_section(regions, reader, "As the sliders were set."),
        answered("ranges", [answer], reader=reader),
        answered("layers", [stamped(summary(network, box, known=known), network)]),
    ]
    if verdicts:
        sections.append(answered("properties", verdicts, reader=reader))
    setting = [("Time limit of a search", f"{exhibit.seconds:g} s")]
    sections += [uncovered_section(), reproduce_section(sections, "", setting)]
    made = datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC")
    return Report(network.name, made, tuple(sections)).html()
