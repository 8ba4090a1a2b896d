"""Input splits over a norm ball."""

from __future__ import annotations

from functools import partial

from ...attack.first_points import first_points
from ...common.task import SearchTask
from ...engines.array_engine import ArrayEngine
from ...input_split.array_search import METHODS, ArraySearch
from .boxes import BallBoxes
from .engine import BallEngine


IN_BALL = "linear forms over a box and a norm ball by duality (Boyd, Vandenberghe 2004)"


def search_in_ball(task: SearchTask) -> ArraySearch:
    """Start input splits of a problem whose domain is a `BallBoxes`."""
    problem, incumbent, domain = task.problem, task.incumbent, task.problem.domain
    assert isinstance(domain, BallBoxes)
    whole = ArrayEngine(
        problem.small, problem.rows, problem.offset, domain.hull, refine=task.refine
    )
    first = partial(first_points, late=lambda: incumbent.clock.expired)
    engine = BallEngine(whole, domain.ball)
    search = ArraySearch(engine, domain, incumbent, seed=task.seed, first=first)
    search.methods = (*METHODS, IN_BALL)
    return search
