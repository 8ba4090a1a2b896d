"""What is said while many instances are decided: one live line, or a line each for a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ...core.clock import read_wall_clock
from ...core.watch import Stage
from ..text.verify_all import BatchProgress, batch_live_text
from .instances import Instance, Key
from .results import Result


class ResultStore(Protocol):
    """Where results go."""

    known: dict[Key, Result]

    def add(self, result: Result) -> None: ...


class Memory:
    """Results that are kept nowhere else."""

    def __init__(self) -> None:
        self.known: dict[Key, Result] = {}

    def add(self, result: Result) -> None:
        """Keep a result."""
        self.known[result.key] = result


class Log:
    """Writes down what comes back, and says so.

    Args:
        instances: All of the list, for counting.
        results: Where it is written.
        live: What is told how far it is.
        lines: Whether each instance has a line, where `live` shows nothing.
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

    def started(self, task: Instance) -> None:
        """Somebody begins with an instance."""
        self._say("started", task)

    def take(self, result: Result | None) -> None:
        """An instance has a result, if it has."""
        if result is not None:
            self._results.add(result)
            self._done += 1
            self._say(result.verdict, result, f" {result.seconds:.2f} s")

    def under_way(self, tasks: Sequence[Instance]) -> None:
        """Tell how far it is.

        Args:
            tasks: What somebody works on now.
        """
        known = self._results.known
        now = BatchProgress(
            read_wall_clock() - self._start,
            [known[key].verdict for key in self._keys if key in known],
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
