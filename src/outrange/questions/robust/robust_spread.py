"""A data set over workers: each input is a task, and what they find is confirmed here."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ...answers.robust_accuracy import BROKEN, OPEN, ROBUST
from ...core import Warrant
from ...executors import Crew, Done, Kept, Parcel, Pool
from ...executors.parcel import unpacked
from ...search.common.parallel import single_blas_thread
from ..common.network import GraphAlone
from ..evidence.contradictions import check_never, sampled
from .robust_run import Question, RobustRun


ATTEMPTS = 3
"""Workers that may be lost over one input: then it may be what kills them, and stays open."""

TICK = 0.25
"""Seconds between two looks at the clock."""

GRACE = 30.0
"""Seconds beyond twice its limit until a task is taken for hung; the worker may start meanwhile."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a worker found about one input, in terms that need no model.

    Args:
        holds: The verdict.
        reason: Why it is open.
        x: `(d,)` the counterexample.
        seconds: Time on the worker.
        warrant: Of the verdict.
        methods: Likewise.
    """

    holds: bool | None
    reason: str
    x: np.ndarray | None
    seconds: float
    warrant: str
    methods: tuple[str, ...]


def decide_input(kept: Kept, question: Question) -> Found:
    """Decide one input, on a worker.

    Args:
        kept: The graph and its name; the model itself stays where it is.
        question: What is asked.
    """
    network = GraphAlone(*kept.once("network", unpacked))
    begin = time.perf_counter()
    verdict = question.ask(network)
    found = verdict.counterexample
    return Found(
        verdict.holds,
        verdict.reason,
        None if found is None else found.flat_x,
        time.perf_counter() - begin,
        verdict.warrant.name,
        tuple(verdict.methods),
    )


def spread(
    run: RobustRun, pool: Pool, left: Callable[[], float], told: Callable[[], None]
) -> Iterable[int]:
    """Decide the inputs on workers, and return those that are to be decided here.

    Args:
        run: The data set.
        pool: The workers.
        left: Seconds that are left for all.
        told: Called after every input.

    Returns:
        Where the pool broke, what it left; else nothing.
    """
    waiting = deque(i for i in range(len(run.status)) if not run.is_known(i))
    told()
    crew, lost = Crew(pool), Counter()
    parcel = Parcel.of((run.network.graph, run.network.name))
    given: dict[int, tuple[Question, float]] = {}
    try:
        while (waiting or len(crew)) and left() > 0 and not pool.broken:
            # Nothing waits behind a long task at the end, where somebody else is free.
            while waiting and crew.room(int(len(waiting) > pool.size)) > 0:
                i = waiting.popleft()
                seconds = left()
                question = run.question(i, seconds)
                given[i] = question, seconds
                limit = 2 * question.seconds + GRACE
                crew.give(i, f"robust input {i}", parcel, decide_input, question, limit=limit)
            for done in crew.wait(min(TICK, max(0.0, left()))):
                i = int(str(done.ticket))
                if not done.lost:
                    _conclude(run, i, done, *given[i])
                elif lost[i] + 1 < ATTEMPTS or pool.broken:
                    lost[i] += 1
                    waiting.appendleft(i)
                else:
                    run.enter(i, OPEN, 0.0)
                told()
    finally:
        crew.end()
    return range(len(run.status)) if pool.broken or left() <= 0 else ()


def _conclude(run: RobustRun, i: int, done: Done, question: Question, left: float) -> None:
    """Enter what a worker found; a counterexample only if it is one of the user's own model."""
    if done.error is not None:
        raise done.error
    with single_blas_thread():  # the other cores are the workers'
        _confirm(run, i, done.value, question, left)


def _confirm(run: RobustRun, i: int, found: Found, question: Question, left: float) -> None:
    if found.x is not None:
        seen = run.confirmed(i, found.x)
        if seen is None or seen.reproduced is False:
            run.settle(i, left)  # As float32 shows it nowhere near: look on, with the model.
        else:
            run.enter(i, BROKEN, found.seconds, seen)
        return
    status = ROBUST if found.holds else OPEN
    if found.holds:
        shown = sampled(run.network, question.regions, seed=run.seed)
        check_never(shown, question.unsafe, f"`{question.text}` holds")
    if not run.is_short(status, left):
        run.enter(i, status, found.seconds, None, Warrant[found.warrant], found.methods)
