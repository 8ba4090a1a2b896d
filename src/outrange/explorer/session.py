"""One page: its questions, its workers, and the answers that its clicks refer to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ..answers import Range, Verdict
from ..core import Bounds, Box, OutrangeError
from .exhibit import Exhibit
from .messages import Ask, Refused, read_message
from .property import decide
from .report import report_page
from .work import Ends, at_point, check, exact_range, first_bounds, sampled
from .worker import NewestWorker


class Gone(Exception):
    """The page has gone: nothing can be said to it any more."""


@dataclass
class Shown:
    """What a page shows.

    Args:
        id: Of the `range` question that it shows the answer of.
        ends: The inputs that give the ends seen.
        box: The input set.
        answer: Once its search has ended.
        verdicts: By property: those decided last.
    """

    id: int = -1
    ends: Ends | None = None
    box: Box | None = None
    answer: Range | None = None
    verdicts: dict[str, tuple[Box, Verdict]] = field(default_factory=dict)


class Session:
    """Answers one page. Each kind of question has a worker: a newer one replaces an older one.

    Args:
        exhibit: What is shown.
        send: Takes a message, from any thread; raises `Gone` where the page has left.
    """

    def __init__(self, exhibit: Exhibit, send: Callable[[str], None]) -> None:
        self._exhibit, self._send = exhibit, send
        kinds = ("bounds", "search", "point", "verify", "sample", "report")
        self._workers = {kind: NewestWorker(f"outrange-{kind}") for kind in kinds}
        self._shown = Shown()

    def hello(self) -> str:
        """The first message."""
        return encoded(self._exhibit.hello())

    def receive(self, message: str | bytes | None) -> str | None:
        """Take a message; the answers follow by `send`.

        Args:
            message: As it arrived.

        Returns:
            An error to reply at once; None if there is none.
        """
        try:
            ask = read_message(message, self._exhibit.network.graph)
        except Refused as error:
            return encoded(_error(str(error), error.kind, error.id))
        if ask.kind == "stop":
            for worker in self._workers.values():
                worker.interrupt()
        elif ask.kind == "range":
            self._workers["search"].interrupt()
            self._post("bounds", ask, self._bound)
        elif ask.kind in ("point", "end"):
            self._post("point", ask, self._point)
        else:
            work = {"verify": self._verify, "sample": self._sample, "report": self._report}
            self._post(ask.kind, ask, work[ask.kind])
        return None

    def close(self) -> None:
        """Stop all work; returns at once."""
        for worker in self._workers.values():
            worker.close()

    def join(self) -> None:
        """Wait a little until closed workers have ended."""
        for worker in self._workers.values():
            worker.join()

    def _say(self, message: dict[str, Any]) -> None:
        self._send(encoded(message))

    def _post(self, worker: str, ask: Ask, work: Callable[[Ask], None]) -> None:
        self._workers[worker].post(partial(self._guarded, ask, work))

    def _guarded(self, ask: Ask, work: Callable[[Ask], None]) -> None:
        """Whatever goes wrong with one question is told, and ends nothing else."""
        try:
            try:
                work(ask)
            except OutrangeError as error:
                self._say(_error(str(error), ask.kind, ask.id))
            except MemoryError:
                self._say(_error("Out of memory; try a smaller input set.", ask.kind, ask.id))
            except Gone:
                raise
            except Exception as error:
                what = f"{type(error).__name__}: {error}"
                text = f"This is a bug in outrange, please report it ({what})."
                self._say(_error(text, ask.kind, ask.id))
        except Gone:
            pass

    def _bound(self, ask: Ask) -> None:
        for first in first_bounds(self._exhibit, ask):
            # The verdicts stay: each knows its own box.
            self._shown = Shown(ask.id, first.ends, ask.box, None, self._shown.verdicts)
            self._say(first.message)
            known = first.known
        self._post("search", ask, partial(self._search, known=known))

    def _search(self, ask: Ask, known: Bounds) -> None:
        answer, ends = exact_range(self._exhibit, ask, known, self._say)
        shown = self._shown
        if shown.id == ask.id:
            shown.answer, shown.ends = answer, ends

    def _point(self, ask: Ask) -> None:
        x = ask.point
        if x is None:
            ends = self._shown.ends
            if ends is None:
                self._say(_error("No ranges are shown yet.", ask.kind, ask.id))
                return
            x = (ends.lo if ask.side == "lo" else ends.hi)[ask.output]
            if np.isnan(x).any():
                self._say(_error("No input that gives this end is known.", ask.kind, ask.id))
                return
        self._say(at_point(self._exhibit, ask.id, x))

    def _verify(self, ask: Ask) -> None:
        verdict, message = decide(self._exhibit, ask)
        assert ask.box is not None
        self._shown.verdicts = {ask.property: (ask.box, verdict)}
        self._say(message)

    def _sample(self, ask: Ask) -> None:
        self._say(sampled(self._exhibit, ask))
        shown = self._shown
        if shown.answer is not None and shown.box is not None:
            check(self._exhibit, shown.box, shown.answer)

    def _report(self, ask: Ask) -> None:
        shown = self._shown
        if shown.answer is None or shown.box is None:
            self._say(
                _error("The ranges are not there yet; save the report then.", ask.kind, ask.id)
            )
            return
        box = shown.box
        fitting = [
            verdict
            for where, verdict in shown.verdicts.values()
            if np.array_equal(where.lo, box.lo) and np.array_equal(where.hi, box.hi)
        ]
        page = report_page(self._exhibit, box, shown.answer, fitting)
        self._say({"say": "report", "id": ask.id, "html": page})


def encoded(message: dict[str, Any]) -> str:
    """A message as JSON; a number that JSON does not know is a mistake."""
    return json.dumps(message, allow_nan=False, separators=(",", ":"))


def _error(text: str, kind: str | None, id: int | None) -> dict[str, Any]:
    return {"say": "error", "ask": kind, "id": id, "text": text}
