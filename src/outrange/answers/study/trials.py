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
        losses: The loss over all the data at the first `k` of the study's `ticks`, `(k,)`.
        metrics: The study's metric, in the same shape.
        why: Reasons, if it fell short of the goal.
    """

    start: int
    epochs: int
    losses: np.ndarray
    metrics: np.ndarray
    why: tuple[Reason, ...] = ()

    def __repr__(self) -> str:
        return f"Trial({self.start}, {self.epochs} epochs, loss {self.loss:.4g}, {self.metric:.4g})"

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
        solved: Which of them reached the goal at their end, `(trials,)`.
        reached: The first epoch from which a trial stayed at the goal, `(trials,)`; NaN without.
    """

    activation: str
    loss: str
    optimizer: str
    trials: tuple[Trial, ...]
    solved: np.ndarray
    reached: np.ndarray

    def __repr__(self) -> str:
        reached = f"{int(self.solved.sum())}/{len(self.trials)} starts reach the goal"
        return f"Combination({self.name}: {reached}, median {self.metric:.4g})"

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
        """Compute a confidence interval for the median over all possible starts.

        Args:
            what: `"metric"` or `"loss"`.

        Returns:
            `(lo, hi, confidence)`: two of the values reached, valid for any distribution; with few
            starts the confidence is that of the least and the largest (0.9375 for five).
        """
        values = np.sort([getattr(t, what) for t in self.trials])
        rank, confidence = median_ranks(len(values), CONFIDENCE)
        return float(values[rank]), float(values[-1 - rank]), confidence

    def row(self, metric: str) -> dict[str, Any]:
        """Summarize the combination in one row of a table.

        Args:
            metric: What the study compares; the name of its column.

        Returns:
            Column to value.
        """
        lo, hi, confidence = self.interval()
        loss_lo, loss_hi, _ = self.interval("loss")
        return {
            "activation": self.activation,
            "loss": self.loss,
            "optimizer": self.optimizer,
            "solved": int(self.solved.sum()),
            "starts": len(self.trials),
            "chance_lo": self.chance[0],
            "chance_hi": self.chance[1],
            metric: self.metric,
            f"{metric}_lo": lo,
            f"{metric}_hi": hi,
            "final_loss": self.final_loss,
            "final_loss_lo": loss_lo,
            "final_loss_hi": loss_hi,
            "interval_confidence": confidence,
            "epochs_to_goal": self.epochs_to_goal,
            "why": ", ".join(reason.code for reason in self.why),
        }

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
