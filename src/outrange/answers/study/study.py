"""The answer to "which activation, loss and optimizer?": every training of a comparison, kept."""

import json
import math
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...core import UnknownKeyError
from .trials import Combination, Reason, Trial, median


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
        """Best first: starts that succeed, then the median metric, then how soon."""
        return tuple(sorted(self.combinations, key=self._order))

    def _order(self, c: Combination) -> tuple[float, ...]:
        sign = -1.0 if self.better == "higher" else 1.0
        metric = c.metric if math.isfinite(c.metric) else math.inf * sign * -1.0
        area = median([float(np.mean(sign * t.metrics)) for t in c.trials])
        soon = c.epochs_to_goal
        return (
            -float(c.solved.sum()),
            math.inf if math.isnan(metric) else sign * metric,
            soon,
            math.inf if math.isnan(area) else area,
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
        return min(
            pairs,
            key=lambda pair: (
                -sum(int(c.solved.sum()) for c in pairs[pair]),
                min(place[c.name] for c in pairs[pair]),
            ),
        )

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
        """One dict a combination, best first: `pandas.DataFrame(study.rows())` is the table."""
        found = []
        for c in self.ranking:
            lo, hi, confidence = c.interval()
            loss_lo, loss_hi, _ = c.interval("loss")
            found.append(
                {
                    "activation": c.activation,
                    "loss": c.loss,
                    "optimizer": c.optimizer,
                    "solved": int(c.solved.sum()),
                    "starts": len(c.trials),
                    "chance_lo": c.chance[0],
                    "chance_hi": c.chance[1],
                    self.metric: c.metric,
                    f"{self.metric}_lo": lo,
                    f"{self.metric}_hi": hi,
                    "final_loss": c.final_loss,
                    "final_loss_lo": loss_lo,
                    "final_loss_hi": loss_hi,
                    "interval_confidence": confidence,
                    "epochs_to_goal": c.epochs_to_goal,
                    "why": ", ".join(reason.code for reason in c.why),
                }
            )
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
        from .table import study_text

        return study_text(self)

    def _repr_html_(self) -> str:
        from .table import study_html

        return study_html(self)

    def plot_heatmap(self, ax=None, optimizer: str | None = None):
        """Share of starts that succeed, activations against losses.

        Args:
            ax: Matplotlib axes; new ones if None.
            optimizer: Which; the best over all optimizers if None.

        Returns:
            The axes.
        """
        from ..render.plot import plot_study_heatmap

        return plot_study_heatmap(self, ax, optimizer)

    def plot_curves(self, ax=None, most: int = 8):
        """The metric of the `most` best combinations over the epochs, with all their starts."""
        from ..render.plot import plot_study_curves

        return plot_study_curves(self, ax, most)

    # ---- keeping it -------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        from .file import study_dict

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
        from .file import read_study

        return read_study(Path(path))

    def with_reasons(self, why: dict[tuple[int, int], tuple[Reason, ...]]) -> "Study":
        """The same study; `why[combination, start]` are the reasons of a trial."""
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
