"""A data set as far as it is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ...answers.progress import RobustProgress
from ...answers.robust_accuracy import BROKEN, OPEN, ROBUST, WRONG
from ...answers.verdict import Counterexample, Verdict
from ...core import Formula, Region, Warrant
from ...core.clock import read_clock
from ..common.network import NetworkLike
from ..evidence.check_point import CounterexampleChecker
from ..inputs.neighborhood import Neighborhood
from ..verify import counterexample_at, verify
from .labeled_data import LabeledData
from .robust_records import Records


@dataclass(frozen=True)
class Question:
    """What is asked of one input.

    Args:
        unsafe: What an adversarial output satisfies.
        regions: The ball.
        text: The property in words.
        seconds: The time it has.
        seed: Of the samples.
    """

    unsafe: Formula
    regions: list[Region]
    text: str
    seconds: float
    seed: int

    def ask(self, network: NetworkLike) -> Verdict:
        """The verdict of a network."""
        return verify(
            network,
            self.unsafe,
            self.regions,
            text=self.text,
            time_limit=self.seconds,
            seed=self.seed,
        )


class RobustRun:
    """Settles the inputs of a data set one by one, here or by what a worker has found.

    Args:
        network: The model.
        data: Inputs and labels.
        arounds: What is around each input.
        wrong: `(n,)` which inputs are misclassified.
        records: Where results are kept.
        eps: The radius.
        each: Seconds per input.
        seed: Of the samples.
    """

    def __init__(
        self,
        network: NetworkLike,
        data: LabeledData,
        arounds: Sequence[Neighborhood],
        wrong: np.ndarray,
        records: Records,
        eps: float,
        each: float,
        seed: int,
    ) -> None:
        count = len(data.flat)
        self.network, self.data, self.records = network, data, records
        self._arounds, self._wrong = arounds, wrong
        self.eps, self.each, self.seed = eps, each, seed
        self.status = np.full(count, "", dtype="<U6")
        self.seconds = np.full(count, np.nan)
        self.adversarial: dict[int, Counterexample] = {}
        self.warrant, self.methods = Warrant.FLOAT64_ROUNDED, {}
        self._unsafe = cache(data.decision.unsafe)

    def question(self, i: int, left: float) -> Question:
        """What is asked of input `i`, with so many seconds left for all."""
        label = int(self.data.labels[i])
        return Question(
            self._unsafe(label),
            [self._arounds[i].region(self.eps)],
            f"label {label}",
            max(1e-3, min(self.each, left)),
            self.seed,
        )

    def is_known(self, i: int) -> bool:
        """Whether nothing is to be asked: it has a result, or a record, or is misclassified."""
        if self.status[i] or self._recalled(i):
            return True
        if self._wrong[i]:
            self.enter(i, WRONG, 0.0)
        return bool(self._wrong[i])

    def settle(self, i: int, left: float) -> None:
        """Decide input `i` in this process."""
        begin = read_clock()
        verdict = self.question(i, left).ask(self.network)
        if verdict.reason == "interrupted":
            raise KeyboardInterrupt
        found = verdict.counterexample
        status = BROKEN if found is not None else (ROBUST if verdict.holds else OPEN)
        seconds = read_clock() - begin
        if not self.is_short(status, left):
            self.enter(i, status, seconds, found, verdict.warrant, verdict.methods)

    def is_short(self, status: str, left: float) -> bool:
        """Whether an input is open because it did not get all of its time: a later run may."""
        return status == OPEN and left < self.each

    def enter(
        self,
        i: int,
        status: str,
        seconds: float,
        found: Counterexample | None = None,
        warrant: Warrant = Warrant.FLOAT64_ROUNDED,
        methods: Sequence[str] = (),
    ) -> None:
        """Record what became of input `i`."""
        record: dict[str, Any] = {
            "status": status,
            "seconds": seconds,
            "warrant": warrant.name,
            "methods": list(methods),
        }
        if found is not None:
            record["x"] = found.flat_x
        self.records.add(i, record)
        self._adopt(i, record, found)

    def confirmed(self, i: int, x: np.ndarray) -> Counterexample | None:
        """A point as a counterexample of the user's own model; None where it is not."""
        question = self.question(i, np.inf)
        examiner = CounterexampleChecker(self.network, question.unsafe, question.regions)
        if x.shape == self._arounds[i].center.shape:
            examiner(x)
        return (
            None if examiner.witness is None else counterexample_at(self.network, examiner.witness)
        )

    def _recalled(self, i: int) -> bool:
        """Whether the record decides it; an adversarial input from a file is validated again."""
        record = self.records.known.get(i)
        if record is None or record.get("status") not in (WRONG, ROBUST, BROKEN):
            return False
        found = None
        if record["status"] == BROKEN:
            found = self.confirmed(i, np.asarray(record["x"], np.float64))
            if found is None:
                return False
        self._adopt(i, record, found)
        return True

    def _adopt(self, i: int, record: dict[str, Any], found: Counterexample | None) -> None:
        self.status[i], self.seconds[i] = record["status"], float(record["seconds"])
        self.methods |= dict.fromkeys(record["methods"])
        if record["status"] == ROBUST:
            self.warrant = min(self.warrant, Warrant[record["warrant"]])
        if found is not None:
            self.adversarial[i] = found

    def progress(self, seconds: float) -> RobustProgress:
        """The counts so far."""
        count = {name: int((self.status == name).sum()) for name in (ROBUST, BROKEN, WRONG, OPEN)}
        return RobustProgress(seconds, len(self.status), **count)
