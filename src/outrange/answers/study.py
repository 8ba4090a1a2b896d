"""The answer to "which activation, loss and optimizer?": every training of a comparison, kept."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core import InputError
from ..core.chance import clopper_pearson, median_ranks


FORMAT, VERSION = "outrange.study", 1

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

    @property
    def name(self) -> str:
        """`"tanh, mse, adam"`."""
        return f"{self.activation}, {self.loss}, {self.optimizer}"

    @property
    def metric(self) -> float:
        """The median metric reached; a start that diverged counts as its last number, or NaN."""
        return _median([t.metric for t in self.trials])

    @property
    def final_loss(self) -> float:
        """The median loss reached."""
        return _median([t.loss for t in self.trials])

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
        return _median(np.where(np.isnan(self.reached), np.inf, self.reached))

    @property
    def why(self) -> tuple[Reason, ...]:
        """The reasons of all trials that fell short, each once, the most frequent first."""
        found: dict[str, list[Reason]] = {}
        for trial in self.trials:
            for reason in trial.why:
                found.setdefault(reason.code, []).append(reason)
        return tuple(group[0] for group in sorted(found.values(), key=len, reverse=True))


@dataclass(frozen=True, eq=False)
class Study:
    """A comparison of activations, losses and optimizers; `print` it for the table.

    Args:
        combinations: In the order of the arguments: activations, then losses, then optimizers.
        metric: What is compared, `"accuracy"` or `"mse"`, say.
        better: `"higher"` or `"lower"`.
        goal: What counts as success.
        baseline: The metric of the best constant prediction.
        ticks: Epochs at which the curves were measured, 0 first.
        epochs: Epochs planned.
        status: `"complete"`, `"time"` or `"interrupted"`.
        seconds: Wall-clock time of training.
        backend: Keras's backend, and how the trainings ran on it.
        notes: What to know when reading it.
        plan: What it was asked, to be able to go on.
    """

    combinations: tuple[Combination, ...]
    metric: str
    better: str
    goal: float
    baseline: float
    ticks: np.ndarray
    epochs: int
    status: str
    seconds: float
    backend: str
    notes: tuple[str, ...] = ()
    plan: dict[str, Any] = field(default_factory=dict)

    # ---- reading it -------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.combinations)

    def __getitem__(self, labels: tuple[str, str, str]) -> Combination:
        for found in self.combinations:
            if (found.activation, found.loss, found.optimizer) == tuple(labels):
                return found
        raise KeyError(
            "A combination is named by activation, loss and optimizer, such as "
            f"{self.combinations[0].name!r}. Received: {labels!r}."
        )

    @property
    def ranking(self) -> tuple[Combination, ...]:
        """Best first: starts that succeed, then the median metric, then how soon."""
        return tuple(sorted(self.combinations, key=self._order))

    def _order(self, c: Combination) -> tuple[float, ...]:
        sign = -1.0 if self.better == "higher" else 1.0
        metric = c.metric if math.isfinite(c.metric) else math.inf * sign * -1.0
        area = _median([float(np.mean(sign * t.metrics)) for t in c.trials])
        soon = c.epochs_to_goal
        return (
            -float(c.solved.sum()), math.inf if math.isnan(metric) else sign * metric,
            soon, math.inf if math.isnan(area) else area,
        )

    @property
    def best(self) -> Combination:
        """The first of `ranking`."""
        return self.ranking[0]

    @property
    def best_activation(self) -> str:
        """The activation of `best`."""
        return self.best.activation

    @property
    def best_loss(self) -> str:
        """The loss of `best`."""
        return self.best.loss

    @property
    def best_optimizer(self) -> str:
        """The optimizer of `best`."""
        return self.best.optimizer

    @property
    def best_pair(self) -> tuple[str, str]:
        """The activation and loss that succeed most often, whatever the optimizer.

        Ties go to the pair whose best combination ranks first.
        """
        place = {c.name: i for i, c in enumerate(self.ranking)}
        pairs: dict[tuple[str, str], list[Combination]] = {}
        for c in self.combinations:
            pairs.setdefault((c.activation, c.loss), []).append(c)
        return min(pairs, key=lambda pair: (
            -sum(int(c.solved.sum()) for c in pairs[pair]), min(place[c.name] for c in pairs[pair])
        ))

    @property
    def failures(self) -> tuple[tuple[Combination, Trial], ...]:
        """Every training that fell short of the goal."""
        return tuple(
            (c, t) for c in self.combinations
            for t, solved in zip(c.trials, c.solved, strict=True) if not solved
        )

    def rows(self) -> list[dict[str, Any]]:
        """One dict a combination, best first: `pandas.DataFrame(study.rows())` is the table."""
        found = []
        for c in self.ranking:
            lo, hi, confidence = c.interval()
            loss_lo, loss_hi, _ = c.interval("loss")
            found.append({
                "activation": c.activation, "loss": c.loss, "optimizer": c.optimizer,
                "solved": int(c.solved.sum()), "starts": len(c.trials),
                "chance_lo": c.chance[0], "chance_hi": c.chance[1],
                self.metric: c.metric, f"{self.metric}_lo": lo, f"{self.metric}_hi": hi,
                "final_loss": c.final_loss, "final_loss_lo": loss_lo, "final_loss_hi": loss_hi,
                "interval_confidence": confidence, "epochs_to_goal": c.epochs_to_goal,
                "why": ", ".join(reason.code for reason in c.why),
            })
        return found

    # ---- showing it -------------------------------------------------------------------------

    def __repr__(self) -> str:
        best = self.best
        return (
            f"Study({len(self)} combinations x {len(best.trials)} starts, best: {best.name}, "
            f"{int(best.solved.sum())}/{len(best.trials)} reach {self.metric} {self.goal:.4g}, "
            f"{self.status})"
        )

    def __str__(self) -> str:
        from .study_text import study_text

        return study_text(self)

    def _repr_html_(self) -> str:
        from .study_text import study_html

        return study_html(self)

    def plot_heatmap(self, ax=None, optimizer: str | None = None):
        """Share of starts that succeed, activations against losses.

        Args:
            ax: Matplotlib axes; new ones if None.
            optimizer: Which; the best over all optimizers if None.

        Returns:
            The axes.
        """
        from .plot import plot_study_heatmap

        return plot_study_heatmap(self, ax, optimizer)

    def plot_curves(self, ax=None, most: int = 8):
        """The metric of the `most` best combinations over the epochs, with all their starts."""
        from .plot import plot_study_curves

        return plot_study_curves(self, ax, most)

    # ---- keeping it -------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        from .study_file import study_dict

        return study_dict(self)

    def save(self, path: str | os.PathLike) -> None:
        """Write it as JSON, at once or not at all."""
        path = Path(path)
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(self.as_dict(), allow_nan=False))
        os.replace(part, path)

    @staticmethod
    def load(path: str | os.PathLike) -> "Study":
        """Read what `save` wrote.

        Raises:
            InputError: The file is not a study.
        """
        from .study_file import read_study

        return read_study(Path(path))

    def with_reasons(self, why: dict[tuple[int, int], tuple[Reason, ...]]) -> "Study":
        """The same study; `why[combination, start]` are the reasons of a trial."""
        combinations = [
            replace(c, trials=tuple(
                replace(t, why=why.get((i, j), t.why)) for j, t in enumerate(c.trials)
            ))
            for i, c in enumerate(self.combinations)
        ]
        return replace(self, combinations=tuple(combinations))


def _median(values: Sequence[float] | np.ndarray) -> float:
    """The lower-middle value: one that was reached; NaN counts as the largest."""
    return float(np.sort(np.asarray(values, np.float64))[(len(values) - 1) // 2])


def judged(
    labels: tuple[str, str, str], trials: Sequence[Trial], ticks: np.ndarray, goal: float,
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


def check_json(record: Any, path: Path) -> None:
    """Raise `InputError` unless a JSON document is a study of this version."""
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f"A study file is what `Study.save` wrote. Received: `{path}`.")
    if record.get("version") != VERSION:
        raise InputError(
            f"This release reads version {VERSION} of study files. "
            f"Received: version {record.get('version')!r} in `{path}`."
        )


