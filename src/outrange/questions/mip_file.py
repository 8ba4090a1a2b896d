"""Mixed-integer programs of networks, for other solvers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..answers.layer_bounds import LayerBounds
from ..core import InputError
from ..core.clock import read_clock
from ..core.progress import begin_phase
from ..search.milp.program_file import SUFFIXES, check_encoding, write_program
from .common.arguments import check_limits
from .common.network import LayeredNetwork
from .inputs.parse_box import input_box
from .layer_bounds import answer_of, bound_values


def to_mip(
    network: LayeredNetwork,
    box: Any,
    path: str | os.PathLike,
    *,
    output: int = 0,
    maximize: bool = False,
    time_limit: float | None = None,
) -> LayerBounds:
    """Write a mixed-integer program of a network; see `outrange.to_mip`."""
    check_limits(None, time_limit)
    _check_path(path)
    graph = network.graph
    if not isinstance(maximize, bool | np.bool_):
        raise InputError(f"`maximize` must be True or False. Received: {maximize!r}.")
    _check_output(graph.value_size(graph.output), output)
    check_encoding(graph)
    where = input_box(graph.inputs, box)
    start = read_clock()
    begin_phase("searching")
    values = bound_values(network, where, time_limit)
    begin_phase("writing")
    write_program(graph, where, values.ends, path, output=int(output), maximize=maximize)
    return answer_of(network, where, values, read_clock() - start)


def _check_path(path: Any) -> None:
    is_path = isinstance(path, str | os.PathLike)
    if not is_path or Path(path).suffix not in SUFFIXES:
        raise InputError(
            f"`path` must be a file name that ends in {' or '.join(SUFFIXES)}. Received: {path!r}."
        )


def _check_output(count: int, output: Any) -> None:
    is_integer = isinstance(output, int | np.integer) and not isinstance(output, bool)
    if not is_integer or not 0 <= output < count:
        raise InputError(
            f"`output` must be the index of one of the {count} outputs, counted from 0. "
            f"Received: {output!r}."
        )
