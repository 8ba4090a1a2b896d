"""Decision of a data set's inputs on workers, with counterexamples confirmed in this process."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...answers.robust_accuracy import BROKEN, OPEN, ROBUST
from ...core import Warrant
from ...core.clock import read_clock
from ...executors.chunks import Chunks, answer_within
from ...executors.dispatcher import TICK, Dispatcher, TaskResult, hang_limit
from ...executors.payload import Payload, deserialize
from ...executors.pool import Pool
from ...executors.worker_cache import CachedPayload
from ..common.network import GraphAlone
from ..evidence.contradictions import check_never, run_samples
from .robust_run import Question, RobustRun


@dataclass(frozen=True, eq=False)
class InputResult:
    """Result of a worker for one input, as plain data without the model.

    Args:
        holds: Whether the property holds; None if undecided.
        reason: Reason why the search stopped.
        x: `(d,)`, the counterexample, or None.
        seconds: Time in seconds on the worker.
        warrant: Warrant of the verdict.
        methods: Methods of the verdict.
    """

    holds: bool | None
    reason: str
    x: np.ndarray | None
    seconds: float
    warrant: str
    methods: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SentInput:
    """Input that was sent to a worker.

    Args:
        i: Index of the input.
        question: The question about the input.
        left: Seconds that remained for all inputs when it was sent.
    """

    i: int
    question: Question
    left: float


def decide_inputs(
    kept: CachedPayload, questions: Sequence[Question], patience: float
) -> list[InputResult]:
    """Decide inputs on a worker, at least one, until `patience` seconds have passed."""
    network = GraphAlone(*kept.get_or_make("network", deserialize))
    return answer_within(questions, lambda question: _decide(network, question), patience)


def _decide(network: GraphAlone, question: Question) -> InputResult:
    begin = read_clock()
    verdict = question.decide(network)
    counterexample = verdict.counterexample
    return InputResult(
        verdict.holds,
        verdict.reason,
        None if counterexample is None else counterexample.flat_x,
        read_clock() - begin,
        verdict.warrant.name,
        tuple(verdict.methods),
    )


def spread(
    run: RobustRun, pool: Pool, left: Callable[[], float], report: Callable[[], None]
) -> Iterable[int]:
    """Decide inputs on workers, and return the inputs that this process must decide.

    Args:
        run: The run of the data set.
        pool: The pool of workers.
        left: Function that returns the seconds left for all inputs.
        report: Called after every input.

    Returns:
        Indices of the inputs that only the model itself can decide. If the pool broke or time ran
        out, all inputs are returned.
    """
    waiting = deque(i for i in range(len(run.status)) if not run.is_known(i))
    report()
    dispatcher: Dispatcher[tuple[SentInput, ...]] = Dispatcher(pool)
    chunks = Chunks()
    payload = Payload.of((run.network.graph, run.network.name))
    ended: deque[tuple[SentInput, InputResult]] = deque()
    remaining: list[int] = []

    def dispatch() -> None:
        most = chunks.size(len(waiting), pool.size)
        chunk = _next(run, waiting, most, dispatcher.losses, left())
        questions, patience = [part.question for part in chunk], chunks.patience(len(chunk))
        limit = hang_limit(sum(question.seconds for question in questions))
        work = payload, decide_inputs, questions, patience
        dispatcher.submit(chunk, _name(chunk), *work, limit=limit)

    def receive(done: TaskResult[tuple[SentInput, ...]]) -> None:
        if done.error is not None and not done.lost:
            raise done.error
        chunk, results = done.key, done.value or ()
        ended.extend(zip(chunk, results, strict=False))
        for result in results:
            chunks.add(result.seconds)
        for part in reversed(chunk[len(results) :]):
            if not done.lost or dispatcher.may_resend(part.i):
                waiting.appendleft(part.i)
            else:
                run.enter(part.i, OPEN, 0.0)
                report()

    def conclude() -> None:
        part, result = ended.popleft()
        if not _conclude(run, part, result):
            remaining.append(part.i)
        report()

    with dispatcher:
        while (waiting or len(dispatcher)) and left() > 0 and not pool.broken:
            while waiting and dispatcher.free_slots(chunks.ahead(len(waiting), pool.size)) > 0:
                dispatch()
            if ended:  # Conclude one at a time: a worker may need its next task meanwhile.
                conclude()
            for done in dispatcher.wait(0.0 if ended else min(TICK, max(0.0, left()))):
                receive(done)
        while ended:
            conclude()
    return range(len(run.status)) if pool.broken or left() <= 0 else remaining


def _next(
    run: RobustRun, waiting: deque[int], most: int, lost: Counter, left: float
) -> tuple[SentInput, ...]:
    """Take the next inputs to send; an input whose worker was lost earlier is sent alone."""
    chunk = []
    while waiting and (not chunk or (len(chunk) < most and not lost[waiting[0]])):
        i = waiting.popleft()
        chunk.append(SentInput(i, run.question(i, left), left))
        if lost[i]:
            break
    return tuple(chunk)


def _name(chunk: Sequence[SentInput]) -> str:
    more = f" and {len(chunk) - 1} more" if len(chunk) > 1 else ""
    return f"robust input {chunk[0].i}{more}"


def _conclude(run: RobustRun, sent: SentInput, result: InputResult) -> bool:
    """Record the result that a worker returned for one input.

    Returns False for a counterexample that is not confirmed, or that the user's model does not
    reproduce. In that case, the input must be searched again with the model itself, later and in
    this process, because this search may take the whole time limit of an input.
    """
    i, question = sent.i, sent.question
    if result.x is not None:
        seen = run.confirm(i, result.x)
        if seen is None or seen.reproduced is False:
            return False
        run.enter(i, BROKEN, result.seconds, seen)
        return True
    status = ROBUST if result.holds else OPEN
    if result.holds:
        samples = run_samples(run.network, question.regions, seed=run.seed)
        check_never(samples, question.unsafe, f"`{question.text}` holds")
    if not run.is_short(status, sent.left):
        run.enter(i, status, result.seconds, None, Warrant[result.warrant], result.methods)
    return True
