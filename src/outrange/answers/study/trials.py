"""Records of training runs, and of combinations of activation, loss and optimizer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.confidence import clopper_pearson, median_ranks


CONFIDENCE = 0.95


@dataclass(frozen=True)
class Reason:
    """Reason why a training run missed the goal.

    Args:
        code: A code of `outrange.diagnose` (`"OR..."`), or `"T..."` for an observation of the
            training run itself.
        level: `"PROVED"`, `"MEASURED"` or `"SUSPECTED"`.
        sentence: Description of the fault, with numbers.
        fix: Suggested change; empty if none is known.
    """

    code: str
    level: str
    sentence: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.level}: {self.sentence}"


@dataclass(frozen=True, eq=False)
class Trial:
    """One training run from one start (a random initialization).

    Args:
        start: Index of the start; all combinations whose models have the same shapes begin with the
            same initial weights at this index.
        epochs: Number of epochs trained.
        losses: `(k,)`, loss over all the data at the first `k` of the study's `ticks`.
        metrics: `(k,)`, the study's metric at the same epochs.
        why: Reasons why the training run missed the goal; empty if it reached the goal.
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
        """Loss over all the data, as last measured."""
        return float(self.losses[-1])

    @property
    def metric(self) -> float:
        """Metric of the study, as last measured."""
        return float(self.metrics[-1])


@dataclass(frozen=True, eq=False)
class Combination:
    """One activation, loss and optimizer, trained from every start.

    Args:
        activation: Label of the activation.
        loss: Label of the loss.
        optimizer: Label of the optimizer.
        trials: One training run per start.
        solved: `(trials,)`, whether each trial met the goal at its end.
        reached: `(trials,)`, first measured epoch from which each trial met the goal until its end;
            NaN if it did not.
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
        """The three labels, such as `"tanh, mse, adam"`."""
        return f"{self.activation}, {self.loss}, {self.optimizer}"

    @property
    def metric(self) -> float:
        """Median of the trials' last measured metrics; NaN is ranked above all numbers."""
        return median([t.metric for t in self.trials])

    @property
    def final_loss(self) -> float:
        """Median of the trials' last measured losses."""
        return median([t.loss for t in self.trials])

    def interval(self, what: str = "metric") -> tuple[float, float, float]:
        """Compute a confidence interval for the median metric or loss over all possible starts.

        Args:
            what: `"metric"` or `"loss"`.

        Returns:
            `(lo, hi, confidence)`. The bounds are two of the final values, valid for any
            distribution. With few starts they are the smallest and the largest value
            (confidence 0.9375 for five starts).
        """
        values = np.sort([getattr(t, what) for t in self.trials])
        rank, confidence = median_ranks(len(values), CONFIDENCE)
        return float(values[rank]), float(values[-1 - rank]), confidence

    def row(self, metric: str) -> dict[str, Any]:
        """Return the combination as one row of a table.

        Args:
            metric: Name of the study's metric, used as a column name.

        Returns:
            Dict from column to value.
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
        """Exact (Clopper-Pearson) 95 % interval for the probability that a start succeeds."""
        return clopper_pearson(int(self.solved.sum()), len(self.trials), CONFIDENCE)

    @property
    def epochs_to_goal(self) -> float:
        """Median number of epochs to the goal; a start that misses the goal counts as infinite."""
        return median(np.where(np.isnan(self.reached), np.inf, self.reached))

    @property
    def why(self) -> tuple[Reason, ...]:
        """Reasons why trials missed the goal, one per code, the most frequent code first."""
        groups: dict[str, list[Reason]] = {}
        for trial in self.trials:
            for reason in trial.why:
                groups.setdefault(reason.code, []).append(reason)
        return tuple(group[0] for group in sorted(groups.values(), key=len, reverse=True))


def median(values: Sequence[float] | np.ndarray) -> float:
    """Return the median, or the lower median of an even number of values; NaN ranks highest."""
    return float(np.sort(np.asarray(values, np.float64))[(len(values) - 1) // 2])


def combination_of(
    labels: tuple[str, str, str],
    trials: Sequence[Trial],
    ticks: np.ndarray,
    goal: float,
    better: str,
) -> Combination:
    """Build a combination, and determine whether and when each of its trials reached `goal`."""
    solved, reached = [], []
    for trial in trials:
        values = trial.metrics
        good = values >= goal if better == "higher" else values <= goal
        solved.append(bool(good[-1]))
        missed = np.flatnonzero(~good)
        first = 0 if not missed.size else missed[-1] + 1
        reached.append(float(ticks[first]) if good[-1] else math.nan)
    return Combination(*labels, tuple(trials), np.array(solved), np.array(reached))
