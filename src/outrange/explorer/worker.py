"""A thread that does the newest task; an older one stops for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from ..core import OutOfTime, check_stopped, stopped_by


CLOSING = 2.0
"""Seconds that a closed worker's task may take to notice."""


class NewestWorker:
    """Does one task at a time, the newest; tasks in between are dropped.

    The task runs under `core.stopped_by`: whatever checks its deadline stops as soon as a newer
    task arrives.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        self._next: Callable[[], None] | None = None
        self._stop = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def post(self, task: Callable[[], None]) -> None:
        """Do `task` as soon as the one under way has stopped.

        Args:
            task: May raise `OutOfTime`, and nothing else.
        """
        with self._changed:
            self._stop.set()
            self._next = task
            if self._thread is None and not self._closed:
                # A process that ends does not wait for an answer that nobody will read.
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify()

    def rest(self, seconds: float) -> None:
        """Wait; a task calls it before work that a newer one should not have to wait for.

        Args:
            seconds: How long.

        Raises:
            OutOfTime: A newer task has come, or none is wanted any more.
        """
        self._stop.wait(seconds)
        check_stopped()

    def interrupt(self) -> None:
        """Stop what is under way, and forget what waits."""
        with self._changed:
            self._stop.set()
            self._next = None

    def close(self) -> None:
        """Stop for good; returns at once."""
        with self._changed:
            self._closed = True
            self._next = None
            self._stop.set()
            self._changed.notify()

    def join(self) -> None:
        """Wait until a closed worker's thread has ended, for at most `CLOSING` seconds."""
        if self._thread is not None:
            self._thread.join(CLOSING)

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._next is None and not self._closed:
                    self._changed.wait()
                if self._closed or self._next is None:
                    return
                task, self._next = self._next, None
                self._stop = stop = threading.Event()
            with stopped_by(stop), suppress(OutOfTime):
                task()
