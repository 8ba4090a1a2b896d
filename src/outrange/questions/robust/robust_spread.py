"""A data set over workers: each input is a task, and what they find is confirmed here."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...answers.robust_accuracy import BROKEN, OPEN, ROBUST
from ...core import Warrant
from ...core.clock import read_clock
from ...executors.chunks import Chunks, decided
from ...executors.crew import ATTEMPTS, TICK, Crew, Done
from ...executors.parcel import Parcel, unpacked
from ...executors.pool import Pool
from ...executors.shelf import Kept
from ..common.network import GraphAlone
from ..evidence.contradictions import check_never, sampled
from .robust_run import Question, RobustRun


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


@dataclass(frozen=True, eq=False)
class AskedInput:
    """An input that a worker has.

    Args:
        i: Its number.
        question: What is asked of it.
        left: Seconds that were left for all.
    """

    i: int
    question: Question
    left: float


def decide_inputs(kept: Kept, questions: Sequence[Question], patience: float) -> list[Found]:
    """Decide some inputs, on a worker, at least one.

    Args:
        kept: The graph and its name; the model itself stays where it is.
        questions: What is asked.
        patience: Seconds; see `Chunks.patience`.
    """
    network = GraphAlone(*kept.once("network", unpacked))
    return decided(questions, lambda question: _decide(network, question), patience)


def _decide(network: GraphAlone, question: Question) -> Found:
    begin = read_clock()
    verdict = question.ask(network)
    found = verdict.counterexample
    return Found(
        verdict.holds,
        verdict.reason,
        None if found is None else found.flat_x,
        read_clock() - begin,
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
        Those that only the model itself can tell, which is here; where the pool broke, all.
    """
    waiting = deque(i for i in range(len(run.status)) if not run.is_known(i))
    told()
    crew, lost, chunks = Crew(pool), Counter(), Chunks()
    parcel = Parcel.of((run.network.graph, run.network.name))
    given: dict[int, list[AskedInput]] = {}
    ended: deque[tuple[AskedInput, Found]] = deque()
    here: list[int] = []

    def give() -> None:
        asked = _next(run, waiting, chunks.size(len(waiting), pool.size), lost, left())
        given[asked[0].i] = asked
        questions, patience = [one.question for one in asked], chunks.patience(len(asked))
        limit = 2 * sum(question.seconds for question in questions) + GRACE
        work = parcel, decide_inputs, questions, patience
        crew.give(asked[0].i, _name(asked), *work, limit=limit)

    def hear(done: Done) -> None:
        if done.error is not None and not done.lost:
            raise done.error
        asked, found = given.pop(int(str(done.ticket))), done.value or ()
        ended.extend(zip(asked, found, strict=False))
        for one in found:
            chunks.add(one.seconds)
        for one in reversed(asked[len(found) :]):
            lost[one.i] += done.lost
            if lost[one.i] < ATTEMPTS or pool.broken:
                waiting.appendleft(one.i)
            else:
                run.enter(one.i, OPEN, 0.0)
                told()

    def conclude() -> None:
        one, found = ended.popleft()
        if not _conclude(run, one, found):
            here.append(one.i)
        told()

    try:
        while (waiting or len(crew)) and left() > 0 and not pool.broken:
            while waiting and crew.room(chunks.ahead(len(waiting), pool.size)) > 0:
                give()
            if ended:  # One at a time: a worker may need its next task meanwhile.
                conclude()
            for done in crew.wait(0.0 if ended else min(TICK, max(0.0, left()))):
                hear(done)
        while ended:
            conclude()
    finally:
        crew.end()
    return range(len(run.status)) if pool.broken or left() <= 0 else here


def _next(
    run: RobustRun, waiting: deque[int], most: int, lost: Counter, left: float
) -> list[AskedInput]:
    """The next inputs; one that was lost goes alone."""
    asked = []
    while waiting and (not asked or (len(asked) < most and not lost[waiting[0]])):
        i = waiting.popleft()
        asked.append(AskedInput(i, run.question(i, left), left))
        if lost[i]:
            break
    return asked


def _name(asked: Sequence[AskedInput]) -> str:
    more = f" and {len(asked) - 1} more" if len(asked) > 1 else ""
    return f"robust input {asked[0].i}{more}"


def _conclude(run: RobustRun, asked: AskedInput, found: Found) -> bool:
    """Enter what a worker found; False for a counterexample that the user's own model is not at.

    As float32 shows it nowhere near, somebody has to look on with the model: once the workers have
    all that they can do, for it may take the whole time of an input.
    """
    i, question = asked.i, asked.question
    if found.x is not None:
        seen = run.confirmed(i, found.x)
        if seen is None or seen.reproduced is False:
            return False
        run.enter(i, BROKEN, found.seconds, seen)
        return True
    status = ROBUST if found.holds else OPEN
    if found.holds:
        shown = sampled(run.network, question.regions, seed=run.seed)
        check_never(shown, question.unsafe, f"`{question.text}` holds")
    if not run.is_short(status, asked.left):
        run.enter(i, status, found.seconds, None, Warrant[found.warrant], found.methods)
    return True
