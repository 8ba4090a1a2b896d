"""Worker processes as their sender sees them: started, given a task, listened to, ended."""

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


PROGRAM = "from outrange.cli.batch.worker import main; main()"

GRACE = 10.0
"""Seconds beyond its limit (and a tenth of it) until a worker that does not answer is ended."""

START = 120.0
"""Seconds a worker may take to start."""

ATTEMPTS = 3
"""Times a process may fail to start, or be killed over one task, before the task has no verdict."""

KILLS = [-number for name in ("SIGKILL", "SIGTERM") if (number := getattr(signal, name, None))]
"""Exit codes of a process that something outside it ended: the system or an administrator. What a
crash of its own looks like (`SIGSEGV`) would happen again."""


@dataclass(frozen=True)
class Heard:
    """What one read of a worker's pipe gave.

    Args:
        number: Which worker.
        process: The process, which may have been replaced since.
        data: Empty at its end.
    """

    number: int
    process: subprocess.Popen
    data: bytes


class WorkerProcess:
    """One worker process, started when it is needed, and again after it ended.

    Args:
        number: Which of `count` it is; they share the processors.
        count: How many there are.
        memory: GiB it may use, or None.
        seed: For every task.
        news: Where all that is heard from it goes: a thread reads its pipe, since not every system
            waits for several pipes at once.
    """

    def __init__(
        self,
        number: int,
        count: int,
        memory: float | None,
        seed: int,
        news: SimpleQueue[Heard],
    ) -> None:
        self._number, self._count, self._memory, self._seed = number, count, memory, seed
        self._news = news
        self._process: subprocess.Popen | None = None
        self._errors: IO[bytes] | None = None
        self._heard = b""
        self._ready = False
        self._failed = self._killed = 0
        self._since = 0.0
        self.task: Instance | None = None
        self._files = ""

    def give(self, task: Instance) -> None:
        """Ask it to decide an instance."""
        self.task, self._files, self._killed = task, task.files, 0
        if self._process is None or self._process.poll() is not None:
            self.end()
            self._start()
        self._hand_over()

    @property
    def left(self) -> float:
        """Seconds until it is overdue."""
        assert self.task is not None
        limit = 1.1 * self.task.seconds + GRACE if self._ready else START
        return self._since + limit - read_wall_clock()

    def listen(self, heard: Heard) -> Result | None:
        """What came of its task, if that is known now.

        Raises:
            InputError: It does not even start.
        """
        data = heard.data
        if heard.process is not self._process:
            return None  # Of a process that was ended.
        if self.task is None:
            if not data:
                self.end()  # The next task gets a process that lives.
            return None
        if not data:
            return self._ended()
        self._heard += data
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if "ready" in answer:
                self._ready, self._failed, self._since = True, 0, read_wall_clock()
            else:
                return self._answered(answer)
        return None

    def give_up(self) -> Result:
        """End it in the middle of its task, which has taken too long."""
        late = f"ended after {read_wall_clock() - self._since:.0f} s; it did not stop by itself"
        self.end()
        return self._done("timeout", late)

    def end(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            # Its stdout is closed by the thread that reads it.
            for file in (self._process.stdin, self._errors):
                if file is not None:
                    file.close()
        self._process = None

    def _start(self) -> None:
        # The worker finds what this process finds, and nothing in the current folder.
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
        self._heard, self._ready, self._since = b"", False, read_wall_clock()
        reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        reader.start()
        self._share_processors()

    def _read(self, process: subprocess.Popen) -> None:
        assert process.stdout is not None
        with process.stdout as pipe:
            while data := pipe.read(2**16):
                self._news.put(Heard(self._number, process, data))
        self._news.put(Heard(self._number, process, b""))

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
            return  # it has ended, which `listen` will tell

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
            return  # it has ended, which `listen` will tell

    def _answered(self, answer: dict) -> Result:
        if answer.pop("worn", False):
            self.end()
        return self._done(**answer)

    def _ended(self) -> Result | None:
        """Start again if it was killed or had not started; otherwise the task is at fault."""
        assert self.task is not None and self._process is not None
        code = self._process.wait()
        why = f"killed by {_signal(-code)}" if code < 0 else f"ended with code {code}"
        said = self._last_words()
        started = self._ready
        self.end()
        self._killed += started and code in KILLS
        if started and (code not in KILLS or self._killed >= ATTEMPTS):
            times = f" {self._killed} times" if self._killed > 1 else ""
            return self._done("error", f"its process was {why}{times}{said}")
        self._failed += not started
        if self._failed >= ATTEMPTS:
            raise InputError(
                "A worker process does not start; more --memory or fewer --jobs may help. "
                f"Received: {why}{said}."
            )
        self._start()
        self._hand_over()
        return None

    def _last_words(self) -> str:
        """The last line on its stderr: where it crashed in compiled code, there is no more."""
        assert self._errors is not None
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 2000))
        lines = self._errors.read().decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f" ({said[-1][:200]})" if said else ""

    def _done(self, verdict: str, detail: str, seconds: float | None = None, **more: Any) -> Result:
        assert self.task is not None
        taken = read_wall_clock() - self._since if seconds is None else seconds
        task, self.task = self.task, None
        return result_of(task, self._files, self._seed, verdict, detail, taken, **more)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
