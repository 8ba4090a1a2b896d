"""`outrange verify-all`: every instance of a list, each in a process that may fail alone."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from ...core import InputError
from ...core.watch import Stage
from ...live.follow import EAGER, Display, screen
from ..exit_codes import CONTRADICTED, EXACT, INTERRUPTED, OPEN, fail
from ..text import BatchProgress, batch_live_text, batch_text
from .instances import Instance, Key, read_expected, read_instances
from .results import DECIDED, Result, Results
from .worker import can_limit_memory
from .worker_process import Heard, WorkerProcess


TICK = 0.25
"""Seconds between two looks at the clock."""


@dataclass(frozen=True)
class BatchOptions:
    """What the user wrote.

    Args:
        root: The folder that names are relative to; None for the list's own.
        seconds: A limit for every instance in place of the list's.
        out: The table of results.
        jobs: Number of worker processes.
        only: Only instances whose names contain this text.
        retry: Verdicts that are asked again.
        memory: GiB a worker may use.
        expected: A list of expected verdicts.
        seed: Of the random points.
    """

    root: str | None
    seconds: float | None
    out: str
    jobs: int
    only: str | None
    retry: tuple[str, ...]
    memory: float | None
    expected: str | None
    seed: int


def ask_verify_all(listed: str, options: BatchOptions, echo: Callable[[str], None]) -> int:
    """Decide what is not decided yet; print a summary. The exit code says whether all is decided.

    Args:
        listed: The list of instances, a CSV file.
        options: What the user wrote.
        echo: Prints on stdout.
    """
    _check(listed, options)
    root = None if options.root is None else Path(options.root)
    instances = read_instances(Path(listed), root, options.seconds, options.only)
    expected = None if options.expected is None else read_expected(Path(options.expected))
    with Results(Path(options.out)) as results:
        again = {*options.retry}
        asked = [i for i in instances if _is_open(i, results.known.get(i.key), again)]
        interrupted = False
        try:
            _Batch(instances, results, options).run(asked)
        except KeyboardInterrupt:
            interrupted = True
        found = [results.known[i.key] for i in instances if i.key in results.known]
    wrong = [] if expected is None else _contradictions(found, expected)
    compared = (
        None if expected is None else sum(r.key in expected for r in found if r.verdict in DECIDED)
    )
    named = [(f"{r.onnx} {r.vnnlib}", r.verdict) for r in found]
    echo(batch_text(named, sum(r.seconds for r in found), wrong, compared))
    if interrupted:
        left = len(instances) - len(found)
        return fail(f"interrupted, {left} left; start it again to go on", INTERRUPTED)
    if wrong:
        return CONTRADICTED
    return EXACT if all(r.verdict in DECIDED for r in found) else OPEN


def _check(listed: str, o: BatchOptions) -> None:
    if o.jobs < 1:
        raise InputError(f"--jobs is a whole number above 0. Received: {o.jobs}.")
    if o.seed < 0:
        raise InputError(f"--seed is a whole number, 0 or above. Received: {o.seed}.")
    for option, value in (("--time", o.seconds), ("--memory", o.memory)):
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"{option} is a finite number above 0. Received: {value}.")
    if o.memory is not None and not can_limit_memory():
        raise InputError(
            "--memory limits nothing on this system; leave it out, and choose --jobs so that all "
            f"workers fit. Received: {o.memory}."
        )
    out, names = Path(o.out), (listed, o.expected)
    if any(name and Path(name).resolve() == out.resolve() for name in names):
        raise InputError(f"--out is a file of its own. Received: {o.out}.")


def _is_open(instance: Instance, result: Result | None, again: set[str]) -> bool:
    if result is None or result.files != instance.files:
        return True  # a verdict about another model or property of the same name is none
    return result.verdict not in DECIDED and (result.verdict in again or "all" in again)


def _contradictions(found: Sequence[Result], expected: dict[Key, str]) -> list[str]:
    return [
        f"{r.onnx} {r.vnnlib}: {r.verdict}, expected {expected[r.key]}"
        for r in found
        if r.verdict in DECIDED and expected.get(r.key, r.verdict) != r.verdict
    ]


class _Batch:
    """Hands out instances, and writes down what comes back.

    Args:
        instances: All of the list, for counting.
        results: Where it is written.
        options: Jobs, memory, seed.
    """

    def __init__(
        self, instances: Sequence[Instance], results: Results, options: BatchOptions
    ) -> None:
        self._keys = [i.key for i in instances]
        self._results = results
        self._news: SimpleQueue[Heard] = SimpleQueue()
        self._hands = [
            WorkerProcess(k, options.jobs, options.memory, options.seed, self._news)
            for k in range(options.jobs)
        ]
        self._start = time.perf_counter()
        self._done = 0

    def run(self, asked: Sequence[Instance]) -> None:
        """Until every instance has a result."""
        waiting = deque(asked)
        with Display("verify-all", screen(), EAGER) as live:
            try:
                while waiting or any(hand.task for hand in self._hands):
                    for hand in self._hands:
                        if hand.task is None and waiting:
                            task = waiting.popleft()
                            self._say(live, "started", task)
                            hand.give(task)
                    live(Stage(batch_live_text(self._progress())))
                    self._wait(live)
            finally:
                for hand in self._hands:
                    hand.end()

    def _wait(self, live: Display) -> None:
        """For the next answer, or until someone is overdue, or for a moment."""
        busy = [hand for hand in self._hands if hand.task is not None]
        moment = min([TICK, *(max(0.0, hand.left) for hand in busy)])
        try:
            heard = self._news.get(timeout=moment)
            self._take(live, self._hands[heard.number].listen(heard))
        except Empty:
            pass
        for hand in busy:
            if hand.task is not None and hand.left < 0:
                self._take(live, hand.give_up())

    def _take(self, live: Display, result: Result | None) -> None:
        if result is not None:
            self._results.add(result)
            self._done += 1
            self._say(live, result.verdict, result, f" {result.seconds:.2f} s")

    def _progress(self) -> BatchProgress:
        known = self._results.known
        tasks = [hand.task for hand in self._hands if hand.task is not None]
        return BatchProgress(
            time.perf_counter() - self._start,
            [known[key].verdict for key in self._keys if key in known],
            len(self._keys),
            self._done,
            [f"{t.onnx} {t.vnnlib}" for t in tasks],
        )

    def _say(self, live: Display, word: str, about: Instance | Result, more: str = "") -> None:
        """A line for a log, where no live line is shown."""
        if not live.shown:
            count = sum(key in self._results.known for key in self._keys)
            name = f"{about.onnx} {about.vnnlib}"
            print(f"{count}/{len(self._keys)} {word:7} {name}{more}", file=sys.stderr, flush=True)
