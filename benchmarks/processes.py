"""Commands with a time limit, whose processes are killed and CPU time is counted (on Linux)."""

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


Command = Sequence[str | Path]
Settings = Mapping[str, str]


@dataclass(frozen=True)
class Ran:
    """The outcome of a command; `code` is None if it was killed at the limit."""

    code: int | None
    wall: float
    cpu: float
    output: str


def run(command: Command, folder: Path, seconds: float, settings: Settings | None = None) -> Ran:
    """Run a command in a folder; kill all its processes when it exits or its time is over.

    Python may store compiled bytecode, regardless of the caller's environment. Otherwise a verifier
    that runs from sources would compile them again for every instance.
    """
    surroundings = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as log:
        begin, cpu = time.perf_counter(), 0.0
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env={**surroundings, **(settings or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        watch = os.pidfd_open(process.pid)
        try:
            over = bool(select.select([watch], [], [], max(seconds, 0.0))[0])
            wall = time.perf_counter() - begin
            if not over:
                cpu = session_cpu(process.pid)
        finally:
            os.close(watch)
            # The leader is not reaped yet, so its process group still has its number.
            os.killpg(process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        # The usage does not include children that were killed and not reaped, so an earlier count
        # helps.
        cpu = max(cpu, usage.ru_utime + usage.ru_stime)
        output = log.read().decode(errors="replace")
        return Ran(process.returncode if over else None, wall, cpu, output)


def session_cpu(session: int) -> float:
    """Return the CPU seconds of a session's live processes, and of the children they reaped."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")
