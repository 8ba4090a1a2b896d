"""The state of one page: its workers, the ranges it shows, and the latest verdict."""

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
from .work import Ends, at_point, check, exact_range, first_bounds, sample
from .worker import NewestWorker


CALM = 0.35
"""Seconds to wait between a search and the run of the model itself, so that a newer question can
come first."""


class Gone(Exception):
    """Raised if no message can be sent because the page has disconnected."""


@dataclass
class Shown:
    """The ranges that a page shows.

    Args:
        id: ID of the `range` question that they answer.
        ends: The inputs at which the smallest and the largest outputs were seen.
        box: The box of the sliders.
        answer: The answer of the search; None until it is complete, or if the model contradicts it.
        checked: Whether the answer has been compared with the model itself.
    """

    id: int = -1
    ends: Ends | None = None
    box: Box | None = None
    answer: Range | None = None
    checked: bool = False


class Session:
    """Answers the questions of one page; each worker runs the newest question posted to it.

    Args:
        exhibit: Content of the page.
        send: Function that sends a message from any thread, and raises `Gone` if the page has
            disconnected.
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
        """Return the first message to the page, as JSON."""
        return to_json(self._exhibit.hello())

    def receive(self, message: str | bytes | None) -> str | None:
        """Receive a message; the answers are sent later by `send`.

        Returns:
            An error message to send immediately; None if the message is valid.
        """
        try:
            ask = read_message(message, self._exhibit.network.graph)
        except Refused as error:
            return to_json(_error(str(error), "input", error.kind, error.id))
        if ask.box is not None:
            self._set_box(ask.box)
        if ask.kind == "range":
            self._workers["search"].interrupt()
            self._post("bounds", ask, self._send_bounds)
        elif ask.kind in ("point", "end"):
            self._post("point", ask, self._point)
        else:
            work = {"verify": self._verify, "sample": self._sample, "report": self._report}
            self._post(ask.kind, ask, work[ask.kind])
        return None

    def _set_box(self, box: Box) -> None:
        """Set the current box of the page; stop verification and sampling for any other box."""
        if not _is_same(self._newest, box):
            self._newest = box
            for kind in ("verify", "sample"):
                self._workers[kind].interrupt()

    def close(self) -> None:
        """Tell all workers to stop, without waiting for them."""
        for worker in self._workers.values():
            worker.close()

    def join(self) -> None:
        """Wait briefly until the closed workers have ended."""
        for worker in self._workers.values():
            worker.join()

    def _say(self, message: dict[str, Any]) -> None:
        self._send(to_json(message))

    def _post(self, worker: str, ask: Ask, work: Callable[[Ask], None]) -> None:
        self._workers[worker].post(partial(self._run_safely, ask, work))

    def _run_safely(self, ask: Ask, work: Callable[[Ask], None]) -> None:
        """Run a question and report any error, so that other questions continue."""
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
                text = f"This is a bug in outrange; please report it ({what})."
                self._fail(text, "failure", ask)
        except Gone:
            pass

    def _fail(self, text: str, cause: str, ask: Ask) -> None:
        self._say({**_error(text, cause, ask.kind, ask.id), "box": ask.box_id})

    def _send_bounds(self, ask: Ask) -> None:
        assert ask.box is not None
        for first in first_bounds(self._exhibit, ask, self._proved.over(ask.box)):
            self._shown = Shown(ask.id, first.ends, ask.box)
            self._say(first.message)
            bounds = first.known
        self._post("search", ask, partial(self._search, known=bounds))

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
        """Compare the answer with the model itself, and withdraw it if the model contradicts it.

        Do nothing if there is no answer, or if it has been compared before.

        Raises:
            ContradictionError: The model contradicts the answer.
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
                self._refuse("No input that attains this bound is known.", ask)
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
        self._say_of_box(sample(self._exhibit, ask), ask)

    def _say_of_box(self, message: dict[str, Any], ask: Ask) -> None:
        """Send a message, unless the page has moved on to another box."""
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
        verdict = self._verdict
        current = [verdict[1]] if verdict is not None and _is_same(verdict[0], box) else []
        page = report_page(self._exhibit, box, answer, current)
        self._say({"say": "report", "id": ask.id, "html": page})

    def _refuse(self, text: str, ask: Ask) -> None:
        self._fail(text, "input", ask)


def _is_same(box: Box | None, other: Box | None) -> bool:
    if box is None or other is None:
        return False
    return np.array_equal(box.lo, other.lo) and np.array_equal(box.hi, other.hi)


def to_json(message: dict[str, Any]) -> str:
    """Convert a message to JSON; a number that is not finite raises a `ValueError`."""
    return json.dumps(message, allow_nan=False, separators=(",", ":"))


def _error(text: str, cause: str, kind: str | None, id: int | None) -> dict[str, Any]:
    """Return an error message for the page.

    Args:
        text: Explanation for the user of the page.
        cause: `"input"` if the question cannot be answered, `"memory"` if memory ran out,
            `"failure"` otherwise.
        kind: Kind of the question, if known.
        id: ID of the question, if known.
    """
    return {"say": "error", "cause": cause, "ask": kind, "id": id, "text": text}
