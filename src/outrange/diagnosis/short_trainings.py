"""Short training runs of model copies, each carried out at most once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..core.clock import read_processor_clock
from ..program import Rehearsal
from .changes import AS_IS, Case, Change, redraw_weights, standardize
from .plan import BATCH


STEPS, LONG = 200, 600
"""Default maximum number of steps of a training run without a plan, and the upper limit of that
maximum with a plan. For slow models, a time limit ends the run earlier."""

SEEDS = 3
"""Number of training runs per change, each with its own seed."""

ALLOWED = 15.0
"""Total processor time, in seconds, after which no further training run is started."""

OWN, OTHER = 3.0, 1.5
"""Limits of processor time, in seconds, without compilation: for the first run of the unchanged
program, and for every other run."""


class ShortTrainings:
    """Short training runs of model copies, started on demand and cached.

    Args:
        case: The model with its data.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._runs: dict[tuple[Change, int], Rehearsal | None] = {}
        self._seconds = 0.0

    @property
    def steps(self) -> int:
        """Default maximum number of steps of one training run.

        It is `STEPS` without a plan. With a plan, it is the planned number of steps, but at least
        `STEPS` and at most `LONG`. The argument `steps` of the diagnosis replaces this default.
        """
        plan = self._case.plan
        return STEPS if plan is None else min(max(STEPS, plan.steps(self._case.rows)), LONG)

    @property
    def complete(self) -> bool:
        """Whether the first run of the unchanged program took at least half of the planned steps.

        It is False if there is no plan.
        """
        plan, first = self._case.plan, self.run()
        return plan is not None and first is not None and (
            2 * len(first.losses) >= plan.steps(self._case.rows)
        )  # fmt: skip

    @property
    def batch(self) -> int:
        """Number of rows per training step: the planned batch size or 32, but at most all rows."""
        return min(self._case.batch_size or BATCH, self._case.rows)

    def run(self, change: Change = AS_IS, seed: int = 0) -> Rehearsal | None:
        """Train a copy with a change and return the result, which is cached.

        Returns None if training is not possible, if it fails, or if no time is left. Training is
        not possible if a row is not finite.

        Args:
            change: How the run differs from the user's program.
            seed: Seed of the row order and of newly drawn weights.
        """
        if (change, seed) not in self._runs:
            case, training = self._case, None
            go, most = case.program.rehearse, self.steps if case.steps is None else case.steps
            if change.steps:
                most = change.steps if case.steps is None else min(change.steps, most)
            left = self._seconds < ALLOWED
            if go is not None and most > 0 and left and case.runs and case.finite_rows.all():
                start = read_processor_clock()
                weights = redraw_weights(case.program, seed) if change.redrawn else None
                data = self._data(change)
                among = self.fitted if change.held_out else None
                training = go(
                    *data, most, change.batch or self.batch, seed, change.rate, weights,
                    change.without, among, OWN if (change, seed) == (AS_IS, 0) else OTHER,
                    change.bent, change.loss,
                )  # fmt: skip
                self._seconds += read_processor_clock() - start
            if training is not None and training.error and change == AS_IS:
                case.unread.append(f"short training runs: the backend raised {training.error}")
            self._runs[change, seed] = None if training is None or training.error else training
        return self._runs[change, seed]

    @cached_property
    def fitted(self) -> np.ndarray:
        """Indices of the rows to train on if the other rows are held out.

        These are the `training_rows` of the case, or three quarters of all rows, drawn at random.
        """
        if self._case.training_rows is not None:
            return self._case.training_rows
        rows = self._case.rows
        return np.sort(np.random.default_rng(0).permutation(rows)[: rows - rows // 4])

    def all(self, change: Change = AS_IS) -> list[Rehearsal]:
        """Return the successful training runs with a change, at most one per seed."""
        trainings = [self.run(change, seed) for seed in range(SEEDS)]
        return [training for training in trainings if training is not None]

    def _data(self, change: Change) -> tuple[Any, Any]:
        x, y = self._case.user_data
        if change.scaled_x and not any(
            layer.kind == "Embedding" for layer in self._case.program.layers
        ):
            x = standardize(x)
        return x, (standardize(y) if change.scaled_y else y)
