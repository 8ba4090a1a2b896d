"""Bounds on every unit of every layer, as tight as a time limit allows."""

from __future__ import annotations

from typing import Any

from ..answers.answer import Cost
from ..answers.layer_bounds import LayerBounds, UnitBounds
from ..answers.summary import LayerRow
from ..core import Box
from ..core.clock import read_clock
from ..core.progress import begin_phase
from ..search.value_bounds import ValueBounds
from .common.arguments import check_limits
from .common.network import LayeredNetwork
from .common.provenance import input_domain
from .inputs.parse_box import input_box
from .summary import layer_rows


def bound_values(
    network: LayeredNetwork, where: Box, time_limit: float | None = None
) -> ValueBounds:
    """Bound every value over a box; tighten the outputs and the values around activations."""
    values = {v for layer in network.layers for v in (layer.before, layer.after) if v is not None}
    return ValueBounds.of(network.graph, where, sorted({*values, network.graph.output}), time_limit)


def layer_bounds(
    network: LayeredNetwork, box: Any, *, time_limit: float | None = None
) -> LayerBounds:
    """Bound every unit of every layer; see `outrange.layer_bounds`."""
    check_limits(None, time_limit)
    where = input_box(network.graph.inputs, box)
    start = read_clock()
    begin_phase("searching")
    values = bound_values(network, where, time_limit)
    return answer_of(network, where, values, read_clock() - start)


def answer_of(
    network: LayeredNetwork, where: Box, values: ValueBounds, seconds: float
) -> LayerBounds:
    """Build the answer from the bounds on all values of the graph."""
    return LayerBounds(
        model=network.name,
        layers=tuple(_unit_bounds(row) for row in layer_rows(network, values.ends)),
        status=str(values.status),
        cost=Cost(seconds, values.boxes),
        methods=tuple(values.methods),
        over=input_domain(network.graph.inputs, where),
    )


def _unit_bounds(row: LayerRow) -> UnitBounds:
    return UnitBounds(
        name=row.name,
        kind=row.kind,
        pre=row.before,
        post=row.after,
        active=row.always_on,
        inactive=row.dead,
        calls=row.calls,
    )
