"""Short trainings of copies, each run once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..core.clock import read_processor_clock
from ..program import Rehearsal
from .changes import AS_IS, Case, Change, redrawn, scaled
from .plan import BATCH


STEPS, LONG = 200, 600
"""Steps of one training where nothing is planned, and at most; fewer where they take long."""

SEEDS = 3
"""Trainings, each with its own order of the rows."""

ALLOWED = 7.0
"""Seconds that all trainings together may take."""

OWN, OTHER = 4.0, 1.5
"""Seconds of the first training, and of each other one."""


class ShortTrainings:
    """Trainings of copies. Each is run once, and only when asked for.

    Args:
        case: Model and data.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._runs: dict[tuple[Change, int], Rehearsal | None] = {}
        self._seconds = 0.0

    @property
    def steps(self) -> int:
        """Steps of one training at most: more where that is what is planned."""
        plan = self._case.plan
        return STEPS if plan is None else min(max(STEPS, plan.steps(self._case.rows)), LONG)

    @property
    def complete(self) -> bool:
        """Whether the first training was at least half of what is planned."""
        plan, one = self._case.plan, self.run()
        return plan is not None and one is not None and (
            2 * len(one.losses) >= plan.steps(self._case.rows)
        )  # fmt: skip

    @property
    def batch(self) -> int:
        """Rows a step."""
        return min(self._case.batch_size or BATCH, self._case.rows)

    def run(self, change: Change = AS_IS, seed: int = 0) -> Rehearsal | None:
        """One training, with something changed; None where there is none."""
        if (change, seed) not in self._runs:
            case, found = self._case, None
            go, most = case.program.rehearse, self.steps if case.steps is None else case.steps
            if change.steps:
                most = change.steps if case.steps is None else min(change.steps, most)
            left = self._seconds < ALLOWED
            if go is not None and most > 0 and left and case.runs and case.sound_rows.all():
                start = read_processor_clock()
                weights = redrawn(case.program, seed) if change.redrawn else None
                data = self._data(change)
                among = self.fitted if change.held_out else None
                found = go(
                    *data, most, change.batch or self.batch, seed, change.rate, weights,
                    change.without, among, OWN if (change, seed) == (AS_IS, 0) else OTHER,
                    change.bent, change.loss,
                )  # fmt: skip
                self._seconds += read_processor_clock() - start
            if found is not None and found.error and change == AS_IS:
                case.unread.append(f"short trainings: the backend says {found.error}")
            self._runs[change, seed] = None if found is None or found.error else found
        return self._runs[change, seed]

    @cached_property
    def fitted(self) -> np.ndarray:
        """Three quarters of the rows, drawn at random, or those that the case says."""
        if self._case.taken is not None:
            return self._case.taken
        rows = self._case.rows
        return np.sort(np.random.default_rng(0).permutation(rows)[: rows - rows // 4])

    def all(self, change: Change = AS_IS) -> list[Rehearsal]:
        """The trainings with every order of the rows."""
        found = [self.run(change, seed) for seed in range(SEEDS)]
        return [one for one in found if one is not None]

    def _data(self, change: Change) -> tuple[Any, Any]:
        x, y = self._case.given
        if change.scaled_x and not any(
            one.kind == "Embedding" for one in self._case.program.layers
        ):
            x = scaled(x)
        return x, (scaled(y) if change.scaled_y else y)
