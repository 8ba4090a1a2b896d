"""State of a run that decides the inputs of a data set one by one."""

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
    """The question of whether one input is robust.

    Args:
        unsafe: The condition that the class of the output is not the input's label.
        regions: The ball around the input, as one region.
        text: The property as text.
        seconds: Time limit in seconds.
        seed: Random seed of the samples.
    """

    unsafe: Formula
    regions: list[Region]
    text: str
    seconds: float
    seed: int

    def decide(self, network: NetworkLike) -> Verdict:
        """Answer the question for a network."""
        return verify(
            network,
            self.unsafe,
            self.regions,
            text=self.text,
            time_limit=self.seconds,
            seed=self.seed,
        )


class RobustRun:
    """Run that decides the inputs of a data set, in this process or on workers.

    Args:
        network: The network under study.
        data: Inputs with their labels.
        arounds: The neighborhood of each input.
        wrong: `(n,)` bool: whether each input is misclassified even without a perturbation.
        records: Store of the results.
        eps: Radius of the ball around each input.
        each: Time limit per input, in seconds.
        seed: Random seed of the samples.
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
        """Build the question about input `i`; `left` is the time in seconds left for all inputs."""
        label = int(self.data.labels[i])
        return Question(
            self._unsafe(label),
            [self._arounds[i].region(self.eps)],
            f"label {label}",
            max(1e-3, min(self.each, left)),
            self.seed,
        )

    def is_known(self, i: int) -> bool:
        """Return whether input `i` needs no search: it has a result, or is misclassified anyway."""
        if self.status[i] or self._restore(i):
            return True
        if self._wrong[i]:
            self.enter(i, WRONG, 0.0)
        return bool(self._wrong[i])

    def settle(self, i: int, left: float) -> None:
        """Decide in this process whether input `i` is robust, and record the result.

        Args:
            i: Index of the input.
            left: Seconds left for all inputs. If this is less than the limit per input, an open
                result is not recorded.

        Raises:
            KeyboardInterrupt: The search was interrupted.
        """
        begin = read_clock()
        verdict = self.question(i, left).decide(self.network)
        if verdict.reason == "interrupted":
            raise KeyboardInterrupt
        counterexample = verdict.counterexample
        status = BROKEN if counterexample is not None else (ROBUST if verdict.holds else OPEN)
        seconds = read_clock() - begin
        if not self.is_short(status, left):
            self.enter(i, status, seconds, counterexample, verdict.warrant, verdict.methods)

    def is_short(self, status: str, left: float) -> bool:
        """Return whether an input is open and the run had less time left than `each`.

        In that case the result is not recorded, since a later run may decide the input.
        """
        return status == OPEN and left < self.each

    def enter(
        self,
        i: int,
        status: str,
        seconds: float,
        counterexample: Counterexample | None = None,
        warrant: Warrant = Warrant.FLOAT64_ROUNDED,
        methods: Sequence[str] = (),
    ) -> None:
        """Record the result of input `i`."""
        record: dict[str, Any] = {
            "status": status,
            "seconds": seconds,
            "warrant": warrant.name,
            "methods": list(methods),
        }
        if counterexample is not None:
            record["x"] = counterexample.flat_x
        self.records.add(i, record)
        self._adopt(i, record, counterexample)

    def confirm(self, i: int, x: np.ndarray) -> Counterexample | None:
        """Check a point; return it as a counterexample for input `i`, or None if it is not one."""
        question = self.question(i, np.inf)
        examiner = CounterexampleChecker(self.network, question.unsafe, question.regions)
        if x.shape == self._arounds[i].center.shape:
            examiner(x)
        return (
            None if examiner.witness is None else counterexample_at(self.network, examiner.witness)
        )

    def _restore(self, i: int) -> bool:
        """Adopt the stored result of an input; return whether there is a valid one.

        A stored adversarial input is checked again.
        """
        record = self.records.known.get(i)
        if record is None or record.get("status") not in (WRONG, ROBUST, BROKEN):
            return False
        counterexample = None
        if record["status"] == BROKEN:
            counterexample = self.confirm(i, np.asarray(record["x"], np.float64))
            if counterexample is None:
                return False
        self._adopt(i, record, counterexample)
        return True

    def _adopt(self, i: int, record: dict[str, Any], counterexample: Counterexample | None) -> None:
        self.status[i], self.seconds[i] = record["status"], float(record["seconds"])
        self.methods |= dict.fromkeys(record["methods"])
        if record["status"] == ROBUST:
            self.warrant = min(self.warrant, Warrant[record["warrant"]])
        if counterexample is not None:
            self.adversarial[i] = counterexample

    def progress(self, seconds: float) -> RobustProgress:
        """Return a progress record with the number of inputs of each status."""
        count = {name: int((self.status == name).sum()) for name in (ROBUST, BROKEN, WRONG, OPEN)}
        return RobustProgress(seconds, len(self.status), **count)
