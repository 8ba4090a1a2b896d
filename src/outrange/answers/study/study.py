"""The answer of `outrange.compare`: every training of a comparison."""

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
    """A comparison of activations, losses and optimizers; `print` it for the table.

    Args:
        combinations: In the order of the arguments: activations, then losses, then optimizers.
        metric: What is compared, `"accuracy"` or `"mse"`, say.
        better: `"higher"` or `"lower"`.
        goal: What counts as success.
        baseline: The metric of the best constant prediction.
        ticks: Epochs at which the curves were measured, 0 first, of shape `(ticks,)`.
        epochs: Epochs planned.
        status: `"complete"`, `"time"` or `"interrupted"`.
        seconds: Wall-clock time of training, in seconds.
        backend: Keras's backend, and how the trainings ran on it.
        notes: What to know when reading it.
        plan: What it was asked, to be able to go on.
        recommended: The activation and the loss that `recommend` names, by their labels; empty
            where the study has no such one. Ties of the ranking go to them.
        proof: What is proved of the models, where no training reached the goal; else empty.
        sources: The models it is about, each with its hash.
        over: The input set it is about; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Where one was asked for: which file holds it, or why there is none.
        late: By how much a time limit was exceeded, or which effort ended the search.
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

    # ---- reading it -------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.combinations)

    def __getitem__(self, labels: tuple[str, str, str]) -> Combination:
        wanted = tuple(labels) if isinstance(labels, list | tuple) else None
        for found in self.combinations:
            if (found.activation, found.loss, found.optimizer) == wanted:
                return found
        raise UnknownKeyError(
            "A combination is named by activation, loss and optimizer, such as "
            f"{self.combinations[0].name!r}. Received: {labels!r}."
        )

    @property
    def ranking(self) -> tuple[Combination, ...]:
        """Best first: starts that succeed, then the median metric, then how soon.

        Where the metric is the same, up to a thousandth of the way from a constant prediction to
        the goal, what `recommend` names comes first.
        """
        return tuple(sorted(self.combinations, key=self._order))

    def _order(self, c: Combination) -> tuple[float, ...]:
        sign = -1.0 if self.better == "higher" else 1.0
        metric = c.metric if math.isfinite(c.metric) else math.inf * sign
        way = self.goal - self.baseline
        part = round((metric - self.baseline) / way, 3) if way and math.isfinite(metric) else metric
        named = (c.activation, c.loss)
        others = sum(
            label not in ("", own) for label, own in zip(self.recommended, named, strict=True)
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
        """The first of `ranking`."""
        return self.ranking[0]

    @property
    def solved(self) -> bool:
        """Whether any training reached the goal."""
        return any(bool(c.solved.any()) for c in self.combinations)

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
        return self.best_pairs[0]

    @property
    def best_pairs(self) -> list[tuple[str, str]]:
        """All pairs of activation and loss that succeed as often as `best_pair`, that one first."""
        successes: dict[tuple[str, str], int] = {}
        for c in self.ranking:  # a pair stands where its best combination ranks
            pair = c.activation, c.loss
            successes[pair] = successes.get(pair, 0) + int(c.solved.sum())
        most = max(successes.values())
        return [pair for pair, count in successes.items() if count == most]

    @property
    def failures(self) -> tuple[tuple[Combination, Trial], ...]:
        """Every training that fell short of the goal."""
        return tuple(
            (c, t)
            for c in self.combinations
            for t, solved in zip(c.trials, c.solved, strict=True)
            if not solved
        )

    def rows(self) -> list[dict[str, Any]]:
        """Tell every combination in plain values, as `records` does.

        Returns:
            One dict a combination, best first: `pandas.DataFrame(study.rows())` is the table.
        """
        return self.records()

    def records(self) -> list[dict[str, Any]]:
        """Tell every combination in plain values, for `to_frame`.

        Returns:
            One dict a combination, best first: what was combined, how many starts solved the
            task, and the metric and loss in the end.
        """
        return [c.row(self.metric) for c in self.ranking]

    # ---- showing it -------------------------------------------------------------------------

    def __repr__(self) -> str:
        best = self.best
        return (
            f"Study({len(self)} combinations x {len(best.trials)} starts, "
            f"{'best' if self.solved else 'none solves it, closest'}: "
            f"{clipped_name(best.name, 60)}, "
            f"{int(best.solved.sum())}/{len(best.trials)} reach {self.metric} {self.goal:.4g}, "
            f"{self.status})"
        )

    def document(self) -> Document:
        """The ranking, every reason once, and how to read it."""
        return study_document(self)

    def plot(self, ax: Any = None) -> Any:
        """Draw the share of starts that succeed, as `plot_heatmap` does.

        Args:
            ax: Matplotlib axes; new ones if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        return self.plot_heatmap(ax)

    def plot_heatmap(self, ax: Any = None, optimizer: str | None = None) -> Any:
        """Draw the share of starts that succeed, activations against losses.

        Args:
            ax: Matplotlib axes; new ones if None.
            optimizer: Which; the best over all optimizers if None.

        Returns:
            The axes.

        Raises:
            InputError: The study has no such optimizer, or matplotlib is not installed.
        """
        known = {c.optimizer for c in self.combinations}
        if optimizer is not None and optimizer not in known:
            raise InputError(
                f"The study's optimizers are {sorted(known)}. Received: optimizer={optimizer!r}."
            )
        activations = list(dict.fromkeys(c.activation for c in self.combinations))
        losses = list(dict.fromkeys(c.loss for c in self.combinations))
        share = np.zeros((len(activations), len(losses)))
        for c in self.combinations:
            if optimizer in (None, c.optimizer):
                at = activations.index(c.activation), losses.index(c.loss)
                share[at] = max(share[at], float(np.mean(c.solved)))
        best, n = self.best, len(self.best.trials)
        which = f"with {optimizer}" if optimizer else "with the best optimizer of each"
        title = (
            f"{'Best' if self.solved else 'No candidate solves it; closest'}: "
            f"{clipped_name(best.name, 60)}, {int(best.solved.sum())} of {n} starts reach "
            f"the goal. Share of starts that do, {which}:"
        )
        return plot_heatmap(title, activations, losses, share, ax)

    def plot_curves(self, ax: Any = None, most: int = 8) -> Any:
        """Draw the metric of the best combinations over the epochs, with all their starts.

        Args:
            ax: Matplotlib axes; new ones if None.
            most: Number of combinations drawn at most.

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

    # ---- keeping it -------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return super().as_dict() | {"best": self.best.name}

    @staticmethod
    def load(path: str | os.PathLike) -> "Study":
        """Read a study that `save` wrote.

        Args:
            path: The file.

        Returns:
            The `Study`.

        Raises:
            InputError: The file is not a study.
        """
        return cast(Study, read_answer(path, [Study]))

    def with_reasons(self, why: dict[tuple[int, int], tuple[Reason, ...]]) -> "Study":
        """Attach reasons to trials.

        Args:
            why: `(combination, start)`, both from 0, to the reasons of that trial.

        Returns:
            The same study with these reasons.
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
