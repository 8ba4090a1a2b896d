"""Counterexamples to monotonicity inside the input set, after a search over a larger box."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...answers.monotone import FallingPair, Monotone, Trend
from ...core import Box
from ...questions.gradients.monotone_witness import MonotoneWitnesses
from ...questions.inputs.sets import Mixed
from ...questions.inputs.sets.table import integers_and_groups
from ...reports.plain.reader import Reader


if TYPE_CHECKING:
    from ...frontends.network import Network


MOST_TRIED = 64
"""Maximum number of points from which a search for a falling or rising pair starts."""


def with_examples_inside(
    answer: Monotone, network: Network, box: Box, input_set: Mixed, points: Any, reader: Reader
) -> Monotone:
    """Replace each counterexample to monotonicity with one inside the input set.

    If no such counterexample is found, it is undecided whether the output rises or falls.

    A proof over the larger box also applies to the set, but a counterexample must lie in the set.

    Args:
        answer: The answer over the box.
        network: The model.
        box: The box around the set.
        input_set: The input set.
        points: `(n, inputs)`: inputs in the set from which the search starts.
        reader: Names and formats of inputs and outputs.
    """
    graph = network.graph
    constraints = integers_and_groups(graph.inputs, input_set)
    search = MonotoneWitnesses(network, graph, box, True, *constraints)

    def inside(trend: Trend, sign: float) -> FallingPair | None:
        i, k = reader.entries.index(trend.input), reader.output_number(trend.output)
        pairs = (search.find_fall(point, k, i, sign) for point in points[:MOST_TRIED])
        return next((pair for pair in pairs if pair is not None), None)

    trends = []
    for trend in answer.trends:
        fall = inside(trend, 1.0) if trend.rises is False else None
        rise = inside(trend, -1.0) if trend.falls is False else None
        rises = trend.rises if fall is not None or trend.rises else None
        falls = trend.falls if rise is not None or trend.falls else None
        trends.append(replace(trend, fall=fall, rise=rise, rises=rises, falls=falls))
    return replace(answer, trends=tuple(trends))
