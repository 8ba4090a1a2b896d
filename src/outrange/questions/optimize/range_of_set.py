"""Ranges over input sets that are not one box: unions, polytopes, balls, whole numbers."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core import Atom, InputError, Region, Warrant
from ...core.formula import TRUE
from ...graph import Graph
from .optimize import Least, least


@dataclass(frozen=True, eq=False)
class _Forms:
    """A network whose outputs are the forms asked for; there is no model to run."""

    graph: Graph
    predict: None = None
    name: str = "forms"
    layers: tuple = ()


@dataclass(frozen=True, eq=False)
class Ends:
    """Both ends of every form: see `search.Solution`. NaN in `at` where no point is known."""

    lower: np.ndarray
    at: np.ndarray
    tolerance: np.ndarray
    status: str
    boxes: int
    seconds: float
    methods: tuple[str, ...]
    warrant: Warrant


def range_over(formed: Graph, regions: Sequence[Region], *, tol: float, time: float | None) -> Ends:
    """The least value of every output of `formed`, and of its negative, over a union of regions.

    Args:
        formed: Its outputs are what is asked about.
        regions: A union.
        tol: Relative to the range seen of each.
        time: Seconds for all of them, or None.

    Raises:
        InputError: The union is empty.
    """
    began = clock.perf_counter()
    k = formed.value_size(formed.output)
    found: list[Least] = []
    for i in range(2 * k):
        sign = 1.0 if i < k else -1.0
        form = Atom(((formed.size + i % k, sign),), 0.0)
        spent = clock.perf_counter() - began
        left = None if time is None else max(1e-3, (time - spent) / (2 * k - i))
        found.append(least(_Forms(formed), form, regions, TRUE, tol=tol, time=left))
        if found[-1].status == "infeasible":
            raise InputError(
                "The input set must hold at least one input; it is proved to be empty. Received: "
                "conditions that no input satisfies."
            )
        if found[-1].status == "interrupted":
            break
    none = Least(-np.inf, np.inf, None, "interrupted", 0, 0.0, ())
    found += [none] * (2 * k - len(found))
    nowhere = np.full(formed.size, np.nan)
    lower = np.array([one.lower for one in found])
    upper = np.array([one.upper for one in found])
    spread = np.tile(-upper[k:] - upper[:k], 2)
    reasons = [one.status for one in found if one.status != "exact"]
    return Ends(
        lower,
        np.array([nowhere if one.at is None else one.at for one in found]),
        np.maximum(tol * np.nan_to_num(spread), upper - lower if not reasons else 0.0),
        reasons[0] if reasons else "exact",
        sum(one.boxes for one in found),
        clock.perf_counter() - began,
        tuple(dict.fromkeys(m for one in found for m in one.methods)),
        min(one.warrant for one in found),
    )
