"""Control of worker processes by their parent, which starts them and sends them tasks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from queue import SimpleQueue
from typing import IO, Any

from ...core import InputError
from ...core.clock import read_wall_clock
from .instances import Instance
from .results import Result, result_of


PROGRAM = "from outrange.api.batch.worker import main; main()"

GRACE = 10.0
"""A worker without an answer is killed this many seconds after 1.1 times the time limit."""

START = 120.0
"""Maximum number of seconds for the start of a worker."""

ATTEMPTS = 3
"""Number of failed starts in a row after which the run fails, and number of kills during one task
after which its verdict is `"error"`."""

KILLS = [-number for name in ("SIGKILL", "SIGTERM") if (number := getattr(signal, name, None))]
"""Exit codes of a process that the system or an administrator killed; its task is tried again.
After a crash (`SIGSEGV`), the task is not tried again, because the crash would recur."""


@dataclass(frozen=True)
class PipeData:
    """The data from one read of a worker's pipe.

    Args:
        number: Index of the worker.
        process: The process that sent the data; the worker may have been restarted since.
        data: Bytes read; empty at the end of the pipe.
    """

    number: int
    process: subprocess.Popen
    data: bytes


class WorkerProcess:
    """A worker process that is started on demand and restarted after it ends.

    Args:
        number: Index of the worker, less than `count`; it determines which processors the worker
            uses.
        memory: Memory limit in GiB, or None.
        seed: Seed of every task.
        messages: Queue for all data from the worker. A thread reads the worker's pipe, since not
            every system can wait for several pipes.
    """

    def __init__(
        self,
        number: int,
        count: int,
        memory: float | None,
        seed: int,
        messages: SimpleQueue[PipeData],
    ) -> None:
        self._number, self._count, self._memory, self._seed = number, count, memory, seed
        self._messages = messages
        self._process: subprocess.Popen | None = None
        self._errors: IO[bytes] | None = None
        self._buffer = b""
        self._ready = False
        self._failed = self._killed = 0
        self._since = 0.0
        self.task: Instance | None = None
        self._files = ""

    def give(self, task: Instance) -> None:
        """Send an instance to the worker, and start the process if necessary."""
        self.task, self._files, self._killed = task, task.files, 0
        if self._process is None or self._process.poll() is not None:
            self.end()
            self._start()
        self._hand_over()

    @property
    def left(self) -> float:
        """Seconds until the worker's current task is overdue."""
        assert self.task is not None
        limit = 1.1 * self.task.seconds + GRACE if self._ready else START
        return self._since + limit - read_wall_clock()

    def listen(self, message: PipeData) -> Result | None:
        """Return the result of the task if `message` completes it, otherwise None.

        Raises:
            InputError: The worker fails to start.
        """
        data = message.data
        if message.process is not self._process:
            return None  # data of a process that was ended
        if self.task is None:
            if not data:
                self.end()  # The next task gets a live process.
            return None
        if not data:
            return self._handle_exit()
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if "ready" in answer:
                self._ready, self._failed, self._since = True, 0, read_wall_clock()
            else:
                return self._handle_answer(answer)
        return None

    def give_up(self) -> Result:
        """Kill the worker because its task has taken too long; return the verdict `"timeout"`."""
        late = f"stopped after {read_wall_clock() - self._since:.0f} s, past its time limit"
        self.end()
        return self._done("timeout", late)

    def end(self) -> None:
        """Kill the process immediately, and close its pipes."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            # The reading thread closes its stdout.
            for file in (self._process.stdin, self._errors):
                if file is not None:
                    file.close()
        self._process = None

    def _start(self) -> None:
        # The worker has this process's import path, without the current folder.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        settings = json.dumps({"memory": self._memory})
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the process)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", PROGRAM, settings],
            env=environment,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._buffer, self._ready, self._since = b"", False, read_wall_clock()
        reader = threading.Thread(target=self._read_pipe, args=(self._process,), daemon=True)
        reader.start()
        self._share_processors()

    def _read_pipe(self, process: subprocess.Popen) -> None:
        assert process.stdout is not None
        with process.stdout as pipe:
            while data := pipe.read(2**16):
                self._messages.put(PipeData(self._number, process, data))
        self._messages.put(PipeData(self._number, process, b""))

    def _share_processors(self) -> None:
        if self._count == 1 or not hasattr(os, "sched_setaffinity"):
            return
        assert self._process is not None
        all_of_them = sorted(os.sched_getaffinity(0))
        mine = all_of_them[self._number :: self._count]
        mine = mine or [all_of_them[self._number % len(all_of_them)]]
        try:
            os.sched_setaffinity(self._process.pid, mine)
        except OSError:
            return  # The process has ended; `listen` handles that.

    def _hand_over(self) -> None:
        assert self.task is not None
        assert self._process is not None and self._process.stdin is not None
        self._since = read_wall_clock()
        task = {
            "model": str(self.task.model_file),
            "property": str(self.task.property_file),
            "seconds": self.task.seconds,
            "seed": self._seed,
        }
        try:
            self._process.stdin.write((json.dumps(task) + "\n").encode())
        except OSError:
            return  # The process has ended; `listen` handles that.

    def _handle_answer(self, answer: dict) -> Result:
        if answer.pop("worn", False):
            self.end()
        return self._done(**answer)

    def _handle_exit(self) -> Result | None:
        """Restart a process that was killed or never started; otherwise return an error result."""
        assert self.task is not None and self._process is not None
        code = self._process.wait()
        why = f"was killed by {_signal(-code)}" if code < 0 else f"ended with code {code}"
        last_words = self._last_words()
        started = self._ready
        self.end()
        self._killed += started and code in KILLS
        if started and (code not in KILLS or self._killed >= ATTEMPTS):
            times = f" {self._killed} times" if self._killed > 1 else ""
            return self._done("error", f"its process {why}{times}{last_words}")
        self._failed += not started
        if self._failed >= ATTEMPTS:
            raise InputError(
                "A worker process did not start; a larger --memory or fewer --jobs may help. "
                f"Received: a process that {why}{last_words}."
            )
        self._start()
        self._hand_over()
        return None

    def _last_words(self) -> str:
        """Return the last line on stderr, the only trace of a crash in compiled code."""
        assert self._errors is not None
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 2000))
        lines = self._errors.read().decode(errors="replace").split("\n")
        lines = [line.strip() for line in lines if line.strip()]
        return f" ({lines[-1][:200]})" if lines else ""

    def _done(self, verdict: str, detail: str, seconds: float | None = None, **more: Any) -> Result:
        assert self.task is not None
        duration = read_wall_clock() - self._since if seconds is None else seconds
        task, self.task = self.task, None
        return result_of(task, self._files, self._seed, verdict, detail, duration, **more)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
