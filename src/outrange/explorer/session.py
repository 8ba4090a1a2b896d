"""One page: its questions, its workers, and the answers that its clicks refer to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..answers.range import Range
from ..answers.verdict import Verdict
from ..core import Bounds, Box, ContradictionError, InputError, OutrangeError
from .exhibit import Exhibit
from .messages import Ask, Refused, read_message
from .property import decide
from .proved import ProvedRanges
from .report import report_page
from .work import Ends, at_point, check, exact_range, first_bounds, sampled
from .worker import NewestWorker


CALM = 0.35
"""Seconds after a search until the model itself is run: a drag goes on before they are over."""


class Gone(Exception):
    """The page has gone: nothing can be said to it any more."""


@dataclass
class Shown:
    """What a page shows.

    Args:
        id: Of the `range` question that it shows the answer of.
        ends: The inputs that give the ends seen.
        box: The input set.
        answer: Once its search has ended, and until the model itself contradicts it.
        checked: Whether the model was held against the answer.
    """

    id: int = -1
    ends: Ends | None = None
    box: Box | None = None
    answer: Range | None = None
    checked: bool = False


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
        self._verdict: tuple[Box, Verdict] | None = None
        self._newest: Box | None = None
        self._proved = ProvedRanges()

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
            return encoded(_error(str(error), "input", error.kind, error.id))
        if ask.box is not None:
            self._turn_to(ask.box)
        if ask.kind == "range":
            self._workers["search"].interrupt()
            self._post("bounds", ask, self._bound)
        elif ask.kind in ("point", "end"):
            self._post("point", ask, self._point)
        else:
            work = {"verify": self._verify, "sample": self._sample, "report": self._report}
            self._post(ask.kind, ask, work[ask.kind])
        return None

    def _turn_to(self, box: Box) -> None:
        """The page shows this box from now on: what is asked about another one is dropped."""
        if not _is_same(self._newest, box):
            self._newest = box
            for kind in ("verify", "sample"):
                self._workers[kind].interrupt()

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
                self._fail(str(error), "input" if isinstance(error, InputError) else "failure", ask)
            except MemoryError:
                self._fail("Out of memory; try a smaller input set.", "memory", ask)
            except Gone:
                raise
            except Exception as error:
                what = f"{type(error).__name__}: {error}"
                text = f"This is a bug in outrange, please report it ({what})."
                self._fail(text, "failure", ask)
        except Gone:
            pass

    def _fail(self, text: str, cause: str, ask: Ask) -> None:
        self._say({**_error(text, cause, ask.kind, ask.id), "box": ask.box_id})

    def _bound(self, ask: Ask) -> None:
        assert ask.box is not None
        for first in first_bounds(self._exhibit, ask, self._proved.over(ask.box)):
            self._shown = Shown(ask.id, first.ends, ask.box)
            self._say(first.message)
            known = first.known
        self._post("search", ask, partial(self._search, known=known))

    def _search(self, ask: Ask, known: Bounds) -> None:
        answer, ends = exact_range(self._exhibit, ask, known, self._say)
        assert ask.box is not None
        self._proved.add(ask.box, (np.ravel(answer.lo), np.ravel(answer.hi)))
        shown = self._shown
        if shown.id != ask.id:
            return
        shown.answer, shown.ends = answer, ends
        self._workers["search"].rest(CALM)
        self._check(shown)

    def _check(self, shown: Shown) -> None:
        """Hold the answer against the model itself; one that it contradicts is shown no longer.

        Raises:
            ContradictionError: It does.
        """
        if shown.checked or shown.answer is None or shown.box is None:
            return
        try:
            check(self._exhibit, shown.box, shown.answer)
        except ContradictionError:
            shown.answer, shown.ends = None, None
            self._proved.clear()
            raise
        shown.checked = True

    def _point(self, ask: Ask) -> None:
        x = ask.point
        if x is None:
            shown = self._shown
            ends = shown.ends
            if ends is None:
                self._refuse("No ranges are shown yet.", ask)
                return
            x = (ends.lo if ask.side == "lo" else ends.hi)[ask.output]
            if np.isnan(x).any():
                self._refuse("No input that gives this end is known.", ask)
                return
            self._say({**at_point(self._exhibit, ask.id, x), "range": shown.id})
            return
        self._say(at_point(self._exhibit, ask.id, x))

    def _verify(self, ask: Ask) -> None:
        verdict, message = decide(self._exhibit, ask)
        assert ask.box is not None
        self._verdict = (ask.box, verdict)
        self._say_of_box(message, ask)

    def _sample(self, ask: Ask) -> None:
        self._say_of_box(sampled(self._exhibit, ask), ask)

    def _say_of_box(self, message: dict[str, Any], ask: Ask) -> None:
        """Say it, unless the page has gone on to another box."""
        if _is_same(self._newest, ask.box):
            self._say({**message, "box": ask.box_id})

    def _report(self, ask: Ask) -> None:
        shown = self._shown
        try:
            self._check(shown)
        except ContradictionError as error:
            self._say(_error(str(error), "failure", "range", shown.id))
        answer, box = shown.answer, shown.box
        if answer is None or box is None:
            self._refuse("There are no ranges to report; save the report once they are shown.", ask)
            return
        decided = self._verdict
        fitting = [decided[1]] if decided is not None and _is_same(decided[0], box) else []
        page = report_page(self._exhibit, box, answer, fitting)
        self._say({"say": "report", "id": ask.id, "html": page})

    def _refuse(self, text: str, ask: Ask) -> None:
        self._fail(text, "input", ask)


def _is_same(one: Box | None, other: Box | None) -> bool:
    if one is None or other is None:
        return False
    return np.array_equal(one.lo, other.lo) and np.array_equal(one.hi, other.hi)


def encoded(message: dict[str, Any]) -> str:
    """A message as JSON; a number that JSON does not know is a mistake."""
    return json.dumps(message, allow_nan=False, separators=(",", ":"))


def _error(text: str, cause: str, kind: str | None, id: int | None) -> dict[str, Any]:
    """A message about what did not work.

    Args:
        text: The sentence.
        cause: `"input"` where a rule was broken, `"memory"`, or else `"failure"`.
        kind: What was asked, where that is known.
        id: Its number, likewise.
    """
    return {"say": "error", "cause": cause, "ask": kind, "id": id, "text": text}
