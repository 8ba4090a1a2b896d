"""A thread that runs the newest task and stops an older one to make room for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from ..core import OutOfTime, check_stopped, stopped_by


CLOSING = 2.0
"""Maximum number of seconds to wait until the task of a closed worker stops."""


class NewestWorker:
    """Runs one task at a time; the newest waiting task runs next, and older ones are dropped.

    A task runs under `core.stopped_by`, so code that checks its deadline stops as soon as a newer
    task arrives.

    Args:
        name: Name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        self._next: Callable[[], None] | None = None
        self._stop = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def post(self, task: Callable[[], None]) -> None:
        """Stop the current task, and run `task` as soon as the current one has ended.

        Args:
            task: A function that raises no exception except `OutOfTime`.
        """
        with self._changed:
            self._stop.set()
            self._next = task
            if self._thread is None and not self._closed:
                # A daemon thread does not keep the process alive for an unwanted answer.
                self._thread = threading.Thread(
                    target=self._run_tasks, name=self._name, daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def rest(self, seconds: float) -> None:
        """Wait for the given time, and raise if a newer task arrives meanwhile.

        A task calls this before work that should not delay a newer task.

        Args:
            seconds: Duration of the wait.

        Raises:
            OutOfTime: A newer task has arrived, or the worker was interrupted.
        """
        self._stop.wait(seconds)
        check_stopped()

    def interrupt(self) -> None:
        """Stop the current task, and drop the waiting task."""
        with self._changed:
            self._stop.set()
            self._next = None

    def close(self) -> None:
        """Stop the worker for good, without waiting for its thread."""
        with self._changed:
            self._closed = True
            self._next = None
            self._stop.set()
            self._changed.notify()

    def join(self) -> None:
        """Wait until a closed worker's thread has ended, for at most `CLOSING` seconds."""
        if self._thread is not None:
            self._thread.join(CLOSING)

    def _run_tasks(self) -> None:
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
