"""Output range of the difference of two networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..answers.progress import RangeProgress
from ..answers.range import Range
from ..graph import Graph
from ..graph.difference import difference
from .common.network import NetworkLike
from .output_range import output_range


@dataclass(frozen=True, eq=False)
class _Difference:
    """A network whose output is the difference of the outputs of two networks."""

    graph: Graph
    written: Graph
    predict: Callable[[np.ndarray], np.ndarray] | None
    name: str
    layers: tuple = ()


def difference_range(
    first: NetworkLike,
    second: NetworkLike,
    box: Any,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    rows: Any = None,
    solver: bool = True,
    progress: Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the exact range of the output difference `first(x) - second(x)` over an input set.

    The arguments are described in `outrange.difference_range`.
    """
    graph = difference(first.graph, second.graph)
    first_model, second_model = first.predict, second.predict

    def apart(x: np.ndarray) -> np.ndarray:
        a, b = (
            np.asarray(p(x), np.float64).reshape(len(x), -1)
            for p in (first_model, second_model)
            if p
        )
        return a - b

    has_models = first_model is not None and second_model is not None
    written = difference(first.written, second.written, in_full=True)
    both = _Difference(
        graph, written, apart if has_models else None, f"{first.name} - {second.name}"
    )
    bounds = output_range(
        both, box, tol=tol, time_limit=time_limit, rows=rows, solver=solver, progress=progress
    )
    return replace(bounds, subject="difference")
