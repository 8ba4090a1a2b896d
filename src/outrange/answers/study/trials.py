"""One training, and one combination of activation, loss and optimizer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.confidence import clopper_pearson, median_ranks


CONFIDENCE = 0.95


@dataclass(frozen=True)
class Reason:
    """Why a training fell short.

    Args:
        code: A code of `outrange.diagnose` (`"OR..."`), or `"T..."` for what only the training
            itself shows.
        level: `"PROVED"`, `"MEASURED"` or `"SUSPECTED"`.
        sentence: What is wrong, with the numbers.
        fix: What to change; empty if nothing is known.
    """

    code: str
    level: str
    sentence: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.level}: {self.sentence}"


@dataclass(frozen=True, eq=False)
class Trial:
    """One training from one start.

    Args:
        start: Number of the start; all combinations share a start's initial weights where their
            models have the same shapes.
        epochs: Epochs trained.
        losses: The loss over all the data, at the study's `ticks` up to `epochs`.
        metrics: The study's metric, likewise.
        why: Reasons, if it fell short of the goal.
    """

    start: int
    epochs: int
    losses: np.ndarray
    metrics: np.ndarray
    why: tuple[Reason, ...] = ()

    @staticmethod
    def restored(record: dict[str, Any]) -> "Trial":
        """A trial from its entry in the file of a study."""
        losses, metrics = numbers(record["losses"]), numbers(record["metrics"])
        why = tuple(Reason(**reason) for reason in record["why"])
        return Trial(record["start"], record["epochs"], losses, metrics, why)

    @property
    def loss(self) -> float:
        """The loss reached."""
        return float(self.losses[-1])

    @property
    def metric(self) -> float:
        """The metric reached."""
        return float(self.metrics[-1])


@dataclass(frozen=True, eq=False)
class Combination:
    """One activation, loss and optimizer, from every start.

    Args:
        activation: Its label.
        loss: Its label.
        optimizer: Its label.
        trials: One a start.
        solved: Which of them reached the goal at their end.
        reached: Per trial, the first epoch from which it stayed at the goal; NaN if it is not.
    """

    activation: str
    loss: str
    optimizer: str
    trials: tuple[Trial, ...]
    solved: np.ndarray
    reached: np.ndarray

    @staticmethod
    def restored(record: dict[str, Any]) -> "Combination":
        """A combination from its entry in the file of a study."""
        return Combination(
            record["activation"],
            record["loss"],
            record["optimizer"],
            tuple(map(Trial.restored, record["trials"])),
            np.array(record["solved"], bool),
            numbers(record["reached"]),
        )

    @property
    def name(self) -> str:
        """`"tanh, mse, adam"`."""
        return f"{self.activation}, {self.loss}, {self.optimizer}"

    @property
    def metric(self) -> float:
        """The median metric reached; a start that diverged counts as its last number, or NaN."""
        return median([t.metric for t in self.trials])

    @property
    def final_loss(self) -> float:
        """The median loss reached."""
        return median([t.loss for t in self.trials])

    def interval(self, what: str = "metric") -> tuple[float, float, float]:
        """An interval for the median `"metric"` or `"loss"` over all starts there could be.

        Returns:
            `(lo, hi, confidence)`: two of the values reached. They hold for any distribution; with
            few starts the confidence is what least and most give (0.9375 for five).
        """
        values = np.sort([getattr(t, what) for t in self.trials])
        rank, confidence = median_ranks(len(values), CONFIDENCE)
        return float(values[rank]), float(values[-1 - rank]), confidence

    @property
    def chance(self) -> tuple[float, float]:
        """The exact (Clopper-Pearson) 95 % interval for the chance that a start succeeds."""
        return clopper_pearson(int(self.solved.sum()), len(self.trials), CONFIDENCE)

    @property
    def epochs_to_goal(self) -> float:
        """Median over the starts; a start that did not get there counts as infinite."""
        return median(np.where(np.isnan(self.reached), np.inf, self.reached))

    @property
    def why(self) -> tuple[Reason, ...]:
        """The reasons of all trials that fell short, each once, the most frequent first."""
        found: dict[str, list[Reason]] = {}
        for trial in self.trials:
            for reason in trial.why:
                found.setdefault(reason.code, []).append(reason)
        return tuple(group[0] for group in sorted(found.values(), key=len, reverse=True))


def numbers(values: list) -> np.ndarray:
    """An array from JSON, where infinities and NaN are strings."""
    return np.array([float(value) for value in values])


def median(values: Sequence[float] | np.ndarray) -> float:
    """The lower-middle value: one that was reached; NaN counts as the largest."""
    return float(np.sort(np.asarray(values, np.float64))[(len(values) - 1) // 2])


def judged(
    labels: tuple[str, str, str],
    trials: Sequence[Trial],
    ticks: np.ndarray,
    goal: float,
    better: str,
) -> Combination:
    """A combination with what its trials reached of `goal`."""
    solved, reached = [], []
    for trial in trials:
        values = trial.metrics
        good = values >= goal if better == "higher" else values <= goal
        solved.append(bool(good[-1]))
        missed = np.flatnonzero(~good)
        first = 0 if not missed.size else missed[-1] + 1
        reached.append(float(ticks[first]) if good[-1] else math.nan)
    return Combination(*labels, tuple(trials), np.array(solved), np.array(reached))
