"""The answer of `outrange.compare`: every training run of a comparison."""

import math
import os
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from ...core import InputError, UnknownKeyError
from ..answer import Answer
from ..render.document import Document
from ..render.plot import plot_curves, plot_heatmap
from ..render.text import clipped_name
from ..storage.read import read_answer
from .table import study_document
from .trials import Combination, Reason, Trial, median


@dataclass(frozen=True, eq=False)
class Study(Answer):
    """A comparison of activations, losses and optimizers; `print` shows the table.

    Args:
        combinations: One entry per combination, ordered by activation, then loss, then optimizer,
            each in the order of the arguments.
        metric: Name of the compared metric, such as `"accuracy"` or `"mse"`.
        better: Better direction, `"higher"` or `"lower"`.
        goal: Value of the metric that a successful training run reaches.
        baseline: Metric of the best constant prediction.
        ticks: Epochs at which the curves were measured, 0 first, of shape `(ticks,)`.
        epochs: Number of epochs planned.
        status: `"complete"`, `"time"` or `"interrupted"`.
        seconds: Wall-clock time of training, in seconds.
        backend: Keras backend, and how the training runs were executed on it.
        notes: Remarks on the comparison, as sentences.
        plan: Arguments of the comparison, needed to continue it.
        recommended: Labels of the activation and the loss that `outrange.recommend` suggests;
            empty if the study does not contain them. They win ties in the ranking.
        proof: Sentence about a proved property of the models that prevents them from reaching the
            goal; empty if there is none.
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.
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
    recommended: tuple[str, str] = ("", "")
    proof: str = ""

    FORMAT = "outrange.study"
    INDEX = ("activation", "loss", "optimizer")

    # ---- reading ----------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.combinations)

    def __getitem__(self, labels: tuple[str, str, str]) -> Combination:
        wanted = tuple(labels) if isinstance(labels, list | tuple) else None
        for c in self.combinations:
            if (c.activation, c.loss, c.optimizer) == wanted:
                return c
        raise UnknownKeyError(
            "Select a combination by activation, loss and optimizer, such as "
            f"{self.combinations[0].name!r}. Received: {labels!r}."
        )

    @property
    def ranking(self) -> tuple[Combination, ...]:
        """Combinations, best first, by successful starts, then by median metric, then by speed.

        If two metrics agree to about a thousandth of the distance from `baseline` to `goal`, the
        combination that shares more of the activation and the loss that `recommend` suggests comes
        first. Among combinations that share the same number of these, the exact metric decides.
        """
        return tuple(sorted(self.combinations, key=self._order))

    def _order(self, c: Combination) -> tuple[float, ...]:
        sign = -1.0 if self.better == "higher" else 1.0
        metric = c.metric if math.isfinite(c.metric) else math.inf * sign
        way = self.goal - self.baseline
        part = round((metric - self.baseline) / way, 3) if way and math.isfinite(metric) else metric
        labels = (c.activation, c.loss)
        others = sum(
            best not in ("", label) for best, label in zip(self.recommended, labels, strict=True)
        )
        area = median([float(np.mean(sign * t.metrics)) for t in c.trials])
        soon = c.epochs_to_goal
        return (
            -float(c.solved.sum()),
            -part if way and math.isfinite(metric) else sign * metric,
            float(others),
            sign * metric,
            soon,
            math.inf if math.isnan(area) else area,
        )

    @property
    def best(self) -> Combination:
        """Best combination, which is the first in `ranking`."""
        return self.ranking[0]

    @property
    def solved(self) -> bool:
        """Whether any training run reached the goal."""
        return any(bool(c.solved.any()) for c in self.combinations)

    @property
    def best_activation(self) -> str:
        """Activation of `best`."""
        return self.best.activation

    @property
    def best_loss(self) -> str:
        """Loss of `best`."""
        return self.best.loss

    @property
    def best_optimizer(self) -> str:
        """Optimizer of `best`."""
        return self.best.optimizer

    @property
    def best_pair(self) -> tuple[str, str]:
        """Activation and loss that succeed most often, over all optimizers.

        Ties go to the pair whose best combination ranks first.
        """
        return self.best_pairs[0]

    @property
    def best_pairs(self) -> list[tuple[str, str]]:
        """All pairs of activation and loss that succeed as often as `best_pair`, which is first."""
        successes: dict[tuple[str, str], int] = {}
        for c in self.ranking:  # A pair has the rank of its best combination.
            pair = c.activation, c.loss
            successes[pair] = successes.get(pair, 0) + int(c.solved.sum())
        most = max(successes.values())
        return [pair for pair, count in successes.items() if count == most]

    @property
    def failures(self) -> tuple[tuple[Combination, Trial], ...]:
        """Combination and trial of each training run that missed the goal."""
        return tuple(
            (c, t)
            for c in self.combinations
            for t, solved in zip(c.trials, c.solved, strict=True)
            if not solved
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return every combination as plain values, as `records` does.

        Returns:
            One dict per combination, best first: `pandas.DataFrame(study.rows())` is the table.
        """
        return self.records()

    def records(self) -> list[dict[str, Any]]:
        """Return every combination as plain values, for `to_frame`.

        Returns:
            One dict per combination, best first: its labels, the number of successful starts, and
            the final metric and loss.
        """
        return [c.row(self.metric) for c in self.ranking]

    # ---- display ----------------------------------------------------------------------------

    def __repr__(self) -> str:
        best = self.best
        return (
            f"Study({len(self)} combinations x {len(best.trials)} starts, "
            f"{'best' if self.solved else 'none reaches the goal, closest'}: "
            f"{clipped_name(best.name, 60)}, "
            f"{int(best.solved.sum())}/{len(best.trials)} reach {self.metric} {self.goal:.4g}, "
            f"{self.status})"
        )

    def document(self) -> Document:
        """Return a document with the ranking, the reasons for failures, and remarks."""
        return study_document(self)

    def plot(self, ax: Any = None) -> Any:
        """Draw the fraction of starts that succeed, as `plot_heatmap` does.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        return self.plot_heatmap(ax)

    def plot_heatmap(self, ax: Any = None, optimizer: str | None = None) -> Any:
        """Draw the fraction of starts that succeed for every activation and loss.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.
            optimizer: The optimizer; None for the best optimizer of each activation and loss.

        Returns:
            The axes.

        Raises:
            InputError: The study does not contain the optimizer, or matplotlib is not installed.
        """
        optimizers = {c.optimizer for c in self.combinations}
        if optimizer is not None and optimizer not in optimizers:
            raise InputError(
                f"`optimizer` must be an optimizer of the study: {sorted(optimizers)}. "
                f"Received: optimizer={optimizer!r}."
            )
        activations = list(dict.fromkeys(c.activation for c in self.combinations))
        losses = list(dict.fromkeys(c.loss for c in self.combinations))
        share = np.zeros((len(activations), len(losses)))
        for c in self.combinations:
            if optimizer in (None, c.optimizer):
                at = activations.index(c.activation), losses.index(c.loss)
                share[at] = max(share[at], float(np.mean(c.solved)))
        best, n = self.best, len(self.best.trials)
        which = f"with {optimizer}" if optimizer else "with the best optimizer for each pair"
        title = (
            f"{'Best' if self.solved else 'No candidate reaches the goal; closest'}: "
            f"{clipped_name(best.name, 60)}, {int(best.solved.sum())} of {n} starts reach "
            f"the goal. Share of starts that reach the goal {which}:"
        )
        return plot_heatmap(title, activations, losses, share, ax)

    def plot_curves(self, ax: Any = None, most: int = 8) -> Any:
        """Draw the metric of the best combinations over the epochs, with all their starts.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.
            most: Maximum number of combinations.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        groups = [
            (c.name, [(self.ticks[: len(t.metrics)], t.metrics) for t in c.trials])
            for c in self.ranking[:most]
        ]
        return plot_curves(("epochs", self.metric), groups, self.goal, ax)

    # ---- storage ----------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """Return all fields and the name of the best combination as JSON values."""
        return super().as_dict() | {"best": self.best.name}

    @staticmethod
    def load(path: str | os.PathLike) -> "Study":
        """Read a study from a file that `save` wrote.

        Args:
            path: The file of the study.

        Returns:
            The `Study`.

        Raises:
            InputError: The file cannot be read, or is not a study.
        """
        return cast(Study, read_answer(path, [Study]))

    def with_reasons(self, why: dict[tuple[int, int], tuple[Reason, ...]]) -> "Study":
        """Return a copy of the study with reasons attached to trials.

        Args:
            why: Dict from `(combination, start)`, both from 0, to the reasons of that trial.

        Returns:
            The study with these reasons.
        """
        combinations = [
            replace(
                c,
                trials=tuple(
                    replace(t, why=why.get((i, j), t.why)) for j, t in enumerate(c.trials)
                ),
            )
            for i, c in enumerate(self.combinations)
        ]
        return replace(self, combinations=tuple(combinations))
