"""Output range of the difference of two networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..answers.progress import RangeProgress
from ..answers.range import Range
from ..core import Clock
from ..graph import Graph
from ..graph.difference import difference
from ..search.solve import solve
from .common.aligned import align
from .common.network import NetworkLike
from .common.target import target
from .inputs.sets.regions import regions
from .output_range import output_range


NOISE_SHARE, NOISE_SECONDS = 0.5, 10.0
"""Time for bounds in which noise replaces quantizers: as a fraction of the question's time limit,
and in seconds if the question has none."""

LEAST_SECONDS = 1e-3
"""Minimum time limit of the search, in seconds, if bounds with noise used all of the time."""


@dataclass(frozen=True, eq=False)
class _Difference:
    """A network whose output is the difference of the outputs of two networks."""

    graph: Graph
    written: Graph
    predict: Callable[[np.ndarray], np.ndarray] | None
    name: str
    layers: tuple = ()
    terms: None = None
    model: None = None
    products: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


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
    clock = Clock(time_limit)
    shared = _range_with_noise(first.graph, second.graph, box, rows, tol, time_limit)
    left = None if time_limit is None else max(clock.left, LEAST_SECONDS)
    answer = output_range(
        both, box, tol=tol, time_limit=left, rows=rows, solver=solver, progress=progress
    )
    if shared is not None:
        lo, hi, methods = shared
        lo, hi = lo.reshape(answer.lo.shape), hi.reshape(answer.hi.shape)
        answer = replace(
            answer,
            lo=np.maximum(answer.lo, lo),
            hi=np.minimum(answer.hi, hi),
            methods=tuple(dict.fromkeys((*answer.methods, *methods))),
        )
    return replace(answer, subject="difference")


def _range_with_noise(
    first: Graph, second: Graph, box: Any, rows: Any, tol: float | None, time_limit: float | None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]] | None:
    """Bound the difference of a network and its quantization.

    Each quantizer is replaced with the identity plus bounded noise, so that equal layers cancel.

    Returns:
        Lower and upper bounds of each requested form, and the names of the methods used; None if
        neither network is a quantization of the other, or if the input set is not a box.
    """
    sets = regions(first.inputs, box)
    if len(sets) > 1 or not sets[0].is_box:
        return None
    for sign, pair in ((1.0, (first, second)), (-1.0, (second, first))):
        aligned = align(*pair, sets[0].box)
        if aligned is None:
            continue
        graph, where = aligned
        wanted = target(graph, rows)
        forms = sign * np.concatenate([wanted.rows, -wanted.rows])
        seconds = NOISE_SECONDS if time_limit is None else NOISE_SHARE * time_limit
        solution = solve(wanted.graph, where, forms, tol=tol, time_limit=seconds, solver=False)
        k = len(wanted.rows)
        methods = ("noise instead of quantizers, layer by layer", *solution.methods)
        return solution.lower[:k], -solution.lower[k:], methods
    return None
