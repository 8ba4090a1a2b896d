"""Progress output while instances are decided: a live line, or log lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ...core.clock import read_wall_clock
from ...core.progress import Stage
from .instances import Instance, Key
from .results import Result
from .summary import BatchProgress, batch_live_text


class ResultStore(Protocol):
    """Protocol of objects that store the results of instances."""

    known: dict[Key, Result]

    def add(self, result: Result) -> None: ...


class Memory:
    """A result store that exists only in memory."""

    def __init__(self) -> None:
        self.known: dict[Key, Result] = {}

    def add(self, result: Result) -> None:
        """Store a result."""
        self.known[result.key] = result


class Log:
    """Recorder of results that also reports progress.

    Args:
        instances: All instances of the list, for counting.
        results: Store of the results.
        live: Receives a `Stage` with the progress.
        lines: Whether to print a line per instance if `live` displays nothing.
    """

    def __init__(
        self,
        instances: Sequence[Instance],
        results: ResultStore,
        live: Callable[..., Any],
        lines: bool = True,
    ) -> None:
        self._keys = [i.key for i in instances]
        self._results, self._live = results, live
        self._lines = lines and not getattr(live, "shown", True)
        self._start = read_wall_clock()
        self._done = 0

    def log_start(self, task: Instance) -> None:
        """Log that work on an instance begins."""
        self._say("started", task)

    def take(self, result: Result | None) -> None:
        """Record the result of an instance, unless it is None."""
        if result is not None:
            self._results.add(result)
            self._done += 1
            self._say(result.verdict, result, f" {result.seconds:.2f} s")

    def report(self, tasks: Sequence[Instance]) -> None:
        """Report the progress, with the instances that are being decided."""
        results = self._results.known
        now = BatchProgress(
            read_wall_clock() - self._start,
            [results[key].verdict for key in self._keys if key in results],
            len(self._keys),
            self._done,
            [f"{t.onnx} {t.vnnlib}" for t in tasks],
        )
        self._live(Stage(batch_live_text(now)))

    def _say(self, word: str, about: Instance | Result, more: str = "") -> None:
        if self._lines:
            count = sum(key in self._results.known for key in self._keys)
            name = f"{about.onnx} {about.vnnlib}"
            print(f"{count}/{len(self._keys)} {word:7} {name}{more}", file=sys.stderr, flush=True)
