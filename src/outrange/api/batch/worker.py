"""The worker process: it decides instances one by one and exchanges JSON lines over its pipes."""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ...core.clock import read_wall_clock


if TYPE_CHECKING:
    from ...answers.verdict import Verdict


def main() -> None:
    """Read tasks from stdin and write answers to the original stdout, until stdin is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent process.
    answers = os.dup(1)
    os.dup2(2, 1)  # Output of a framework must not mix with the answers.
    settings = json.loads(sys.argv[1])
    _limit_memory(settings["memory"])
    tasks: queue.SimpleQueue[dict] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(tasks,), daemon=True).start()
    from ...frontends.onnx.load import warm_up

    worker = Worker()
    warm_up()
    _send(answers, {"ready": True})
    while True:
        answer = worker.decide(tasks.get())
        _send(answers, answer)
        if answer.get("worn"):
            os._exit(0)


def _listen(tasks: queue.SimpleQueue[dict]) -> None:
    """Put tasks from stdin into a queue, even during a search; exit when stdin is closed."""
    for line in sys.stdin:
        tasks.put(json.loads(line))
    os._exit(0)


def _send(file: int, answer: dict) -> None:
    data = (json.dumps(answer) + "\n").encode()
    while data:
        data = data[os.write(file, data) :]


def can_limit_memory() -> bool:
    """Return whether the operating system can limit the memory of a process; Windows cannot."""
    return find_spec("resource") is not None


def _limit_memory(gib: float | None) -> None:
    if gib is None:
        return
    try:
        import resource
    except ImportError:  # Windows; the caller has checked `can_limit_memory`.
        return

    most = int(gib * 2**30)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


class Worker:
    """A worker that caches the last model, because the next task often uses the same model."""

    def __init__(self) -> None:
        self._last: tuple[Any, Any] = (None, None)

    def decide(self, task: dict) -> dict:
        """Decide a task; return the verdict or a description of the failure instead of raising.

        Args:
            task: Dict with `model` and `property` (paths), `seconds` and `seed`.

        Returns:
            Dict with `verdict`, `seconds` and `detail`, and for `sat` also `x` and `y`. If `worn`
            is true, the process must be restarted.
        """
        from ...core import OutOfTime, OutrangeError

        start = read_wall_clock()
        try:
            answer = self._decide(task, start)
        except OutOfTime:
            detail = "time ran out before the model was read"
            answer = {"verdict": "timeout", "detail": detail}
        except OutrangeError as error:
            answer = {"verdict": "error", "detail": str(error)}
        except MemoryError:
            answer = {"verdict": "error", "detail": "out of memory", "worn": True}
        except Exception as error:
            detail = f"a bug in outrange: {type(error).__name__}: {error}"
            answer = {"verdict": "error", "detail": detail, "worn": True}
        return answer | {"seconds": read_wall_clock() - start}

    def _decide(self, task: dict, start: float) -> dict:
        from ...answers.verdict import competition_word, witness_of
        from ...core import deadline
        from ..decorators import with_arguments
        from ..properties import verify

        with deadline(task["seconds"]):
            network = self._network(task["model"])
        left = task["seconds"] - (read_wall_clock() - start)
        answered = verify(network, task["property"], time_limit=max(left, 1e-3), seed=task["seed"])
        verdict = with_arguments(answered, time_limit=task["seconds"])
        answer: dict[str, Any] = {"verdict": competition_word(verdict), "detail": ""}
        answer |= _origin(verdict)
        if verdict.holds is None:
            answer["detail"] = verdict.sentence
            answer["worn"] = verdict.reason == "memory"
        elif verdict.vacuous:
            answer["detail"] = "no input satisfies the assumptions"
        witness, example = witness_of(verdict), verdict.counterexample
        if witness is not None and example is not None:
            answer["x"], answer["y"] = (part.tolist() for part in witness)
            if example.reproduced is not True:
                answer["detail"] = (
                    "violated in real arithmetic; the model in float32 does not reproduce this"
                )
        return answer

    def _network(self, path: str) -> Any:
        from ..read import load

        state = os.stat(path)
        key = path, state.st_mtime_ns, state.st_size
        if self._last[0] != key:
            self._last = None, None  # Two models may not fit into memory.
            self._last = key, load(path)
        return self._last[1]


def _origin(verdict: Verdict) -> dict[str, str]:
    """Return the provenance of a verdict: the hashes of the files as read, and its warrant."""
    provenance = verdict.provenance
    property_source = None if provenance is None else provenance.property
    return {
        "model_sha256": " ".join(source.sha256 for source in verdict.sources),
        "property_sha256": "" if property_source is None else property_source.sha256,
        "warrant": verdict.warrant.name,
    }
