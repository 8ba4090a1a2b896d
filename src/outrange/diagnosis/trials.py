"""What short trainings of copies reached, with the user's own optimizer and batch size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from ..program import Loss, Rehearsal
from . import baselines
from .changes import AS_IS, Change, scaled
from .short_trainings import SEEDS, ShortTrainings
from .signal import FEATURES, Signal, signal
from .wording import reached


ROWS = 512
"""Rows at which the trainings are looked at."""

GAIN = 0.02
"""Share of the best constant's loss that a training has to win to count as learning."""


LEAST = 40
"""Steps below which it says nothing that a training learned nothing."""

FEW = 12
"""Steps below which a comparison says nothing; as many are done however long they take."""

HALFWAY, BETTER = 0.3, 0.6
"""Share of the best constant's loss from which on a training is far from done; how much less of it
must be left for a change to count."""

LEARNED = 0.7
"""Share of the best constant's loss below which a training has clearly learned something."""


class Trials(ShortTrainings):
    """What some short trainings did, compared with the best constant and with each other."""

    # ---- what is reached --------------------------------------------------------------------

    @cached_property
    def constant(self) -> float | None:
        """The loss of the best constant outputs, penalties left out; None if it is not known."""

        def of(loss: Loss, y: np.ndarray) -> float | None:
            head = self._case.head(loss)
            return None if head is None else baselines.constant(loss, y, head.width)

        return self._sum(of)

    @cached_property
    def least(self) -> float:
        """The loss that no outputs get below, as far as the targets alone say: mostly 0."""
        return self._sum(baselines.least) or 0.0

    def reached(self, outputs: Sequence[np.ndarray]) -> float | None:
        """The loss of some outputs at the first rows, penalties left out; None if not known."""

        def of(loss: Loss, y: np.ndarray) -> float | None:
            p = np.asarray(outputs[loss.output], np.float64)
            return baselines.value(loss, y[: len(p)], p)

        return self._sum(of) if outputs else None

    def _sum(self, of: Callable[[Loss, np.ndarray], float | None]) -> float | None:
        total = 0.0
        for loss in self._case.program.losses:
            y = self._case.targets(loss)
            found = None if y is None else of(loss, y[:ROWS])
            if found is None:
                return None
            total += float(loss.options.get("weight", 1.0)) * found
        return total if self._case.program.losses else None

    @property
    def signal(self) -> Signal | None:
        """What a kernel ridge sees of the targets of the only loss in the inputs."""
        losses = self._case.program.losses
        return self.signal_of(losses[0]) if len(losses) == 1 else None

    def signal_of(self, loss: Loss) -> Signal | None:
        """What a kernel ridge sees of a loss's targets in the inputs; of words, in their counts."""
        if loss.output not in self._signals:
            self._signals[loss.output] = self._signal(loss)
        return self._signals[loss.output]

    @cached_property
    def _signals(self) -> dict[int, Signal | None]:
        return {}

    def _signal(self, loss: Loss) -> Signal | None:
        case, y = self._case, self._columns(loss)
        if y is None or not case.sound_rows.all():
            return None
        x = case.flat
        words = any(one.kind == "Embedding" for one in case.program.layers)
        if words and x.min() >= 0 and x.max() < FEATURES and (x == np.floor(x)).all():
            counts = np.zeros((len(x), int(x.max()) + 1))
            np.add.at(counts, (np.arange(len(x))[:, None], x.astype(int)), 1.0)
            x = counts
        return signal(x, y)

    def _columns(self, loss: Loss) -> np.ndarray | None:
        """The targets of a loss as rows of numbers, one column a class."""
        case = self._case
        head, y = case.head(loss), case.targets(loss)
        if y is None or head is None or not np.isfinite(y).all():
            return None
        if loss.name == "sparse_categorical_crossentropy" and y.size == case.rows:
            return (y.reshape(-1, 1) == np.arange(head.width)).astype(np.float64)
        return y.reshape(len(y), -1)

    def ratio(self, one: Rehearsal, change: Change = AS_IS) -> float | None:
        """What is left of the best constant's loss above the least; infinite if it diverged."""
        constant = self.constant
        least = 0.0 if constant is None else self.least
        if constant is None or constant - least < 1e-12:
            return None
        if change.scaled_y:
            constant = self._of_scaled
            if constant is None:
                return None
        if not np.isfinite(one.losses).all():
            return np.inf
        if change.scaled_y:
            return one.looks[-1][1] / constant
        # What batch normalization collected in few steps does not fit the weights yet; if it still
        # does not after all steps planned, that is what the user will get.
        plan = self._case.plan
        done = plan is not None and len(one.losses) >= plan.steps(self._case.rows)
        outputs = one.in_training if self._case.batch_normalized and not done else one.outputs
        reached = self.reached(outputs)
        return None if reached is None else (reached - least) / (constant - least)

    @cached_property
    def _of_scaled(self) -> float | None:
        """The loss of the best constant, were the targets scaled."""
        losses = self._case.program.losses
        y, head = self._case.targets(losses[0]), self._case.head(losses[0])
        if len(losses) != 1 or y is None or head is None:
            return None
        return baselines.constant(losses[0], scaled(y)[:ROWS].astype(np.float64), head.width)

    def ratios(self, change: Change = AS_IS) -> list[float]:
        """The same of every training; empty if it is not known of one."""
        found = [self.ratio(one, change) for one in self.all(change)]
        return [r for r in found if r is not None] if None not in found else []

    def evaluated(self, change: Change) -> list[float]:
        """What is left of the best constant's loss at inference, in each training.

        Other than `ratios`, it counts what batch normalization has collected, as `evaluate` does.

        Args:
            change: What is different in the trainings.

        Returns:
            Empty if it is not known of one.
        """
        constant, found = self.constant, []
        if constant is None or constant - self.least < 1e-12:
            return []
        for one in self.all(change):
            reached = self.reached(one.outputs)
            if reached is None:
                return []
            found.append((reached - self.least) / (constant - self.least))
        return found if len(found) == SEEDS else []

    @cached_property
    def stuck(self) -> bool | None:
        """Whether every training ends no better than the best constant; None if not known."""
        for seed in range(SEEDS):
            one = self.run(AS_IS, seed)
            ratio = None if one is None or len(one.losses) < LEAST else self.ratio(one)
            if ratio is None:
                return None
            if ratio < 1.0 - GAIN:
                return False
        return True

    def helps(self, change: Change) -> tuple[float, float] | None:
        """Whether the trainings learn with a change, and not without it.

        Returns:
            The shares of the best constant's loss that are left without it (the least of the
            trainings) and with it (the most); None if it does not help, or it is not known.
        """
        if not self.stuck:
            return None
        most = 0.0
        for seed in range(SEEDS):
            one = self.run(change, seed)
            ratio = None if one is None else self.ratio(one, change)
            if ratio is None or ratio > LEARNED:
                return None
            most = max(most, ratio)
        return min(self.ratios()), most

    def unseen(self, change: Change, loss: Loss) -> float | None:
        """How much outputs go with a loss's targets at rows held out, at most in the trainings.

        Returns:
            The correlation in deviations of chance, averaged over the outputs' entries; None if it
            is not known.
        """
        rest = np.setdiff1d(np.arange(min(self._case.rows, ROWS)), self.fitted)
        y, runs = self._columns(loss), self.all(change)
        if y is None or len(rest) < 10 or len(runs) < SEEDS:
            return None
        found = []
        for one in runs:
            p = np.asarray(one.outputs[loss.output], np.float64)
            p = p.reshape(len(p), -1)[rest]
            if p.shape[1] != y.shape[1] or not np.isfinite(p).all():
                return None
            a, b = p - p.mean(axis=0), y[rest] - y[rest].mean(axis=0)
            size = np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))
            alike = np.where(size > 0, (a * b).sum(axis=0) / np.maximum(size, 1e-300), 0.0)
            found.append(float(alike.mean() * np.sqrt(len(rest))))
        return max(found)

    def improves(self, change: Change) -> tuple[float, float] | None:
        """As `helps`; and as `gain`, where the trainings are as long as what is planned."""
        return self.helps(change) or (self.gain(change) if self.complete else None)

    def gain_unseen(self, change: Change) -> tuple[float, float] | None:
        """As `gain`, at a quarter of the rows that no training sees.

        Args:
            change: What is different; `held_out` is added.
        """
        before = self._left_unseen(replace(AS_IS, held_out=True))
        if not before or min(before) < HALFWAY:
            return None
        after = self._left_unseen(replace(change, held_out=True))
        return (min(before), max(after)) if after and max(after) < BETTER * min(before) else None

    def _left_unseen(self, change: Change) -> list[float]:
        """The loss at rows held out, over that of their best constant; empty if not known."""
        rest = np.setdiff1d(np.arange(min(self._case.rows, ROWS)), self.fitted)
        losses, found = self._case.program.losses, []
        if len(losses) != 1 or len(rest) < 20:
            return []
        loss, y, head = losses[0], self._case.targets(losses[0]), self._case.head(losses[0])
        constant = None if y is None or head is None else (
            baselines.constant(loss, y[rest], head.width)
        )  # fmt: skip
        least = 0.0 if constant is None or y is None else baselines.least(loss, y[rest])
        if constant is None or y is None or constant - least < 1e-12:
            return []
        for one in self.all(change):
            if len(one.losses) < FEW and np.isfinite(one.losses).all():
                return []
            p = np.asarray(one.outputs[0], np.float64)[rest]
            value = baselines.value(loss, y[rest], p) if np.isfinite(one.losses).all() else np.inf
            if value is None:
                return []
            found.append((value - least) / (constant - least))
        return found if len(found) == SEEDS else []

    def gain(self, change: Change) -> tuple[float, float] | None:
        """What is left of the best constant's loss without a change, and with it.

        Few steps are evidence only of a loss that is no number; there a change has to learn.

        Returns:
            The least of the trainings without, the most of those with it; None if it is not known,
            or if nothing clear is gained.
        """
        before, first = self.ratios(), self.run()
        if not before or min(before) < HALFWAY or first is None:
            return None
        if np.isfinite(min(before)) and len(first.losses) < FEW:
            return None
        most = BETTER * min(before) if np.isfinite(min(before)) else 1.0 - GAIN
        changed = self.run(change, 0)
        one = None if changed is None else self.ratio(changed, change)
        if one is None or one > most:
            return None
        after = self.ratios(change)
        if len(after) < SEEDS or max(after) > most:
            return None
        return min(before), max(after)

    def said(self, left: tuple[float, float], how: str, loss: str = "loss") -> str:
        """A sentence of what `gain` found.

        Args:
            left: What it returned.
            how: What was changed, `"without dropout"`.
            loss: What is compared.
        """
        one = self.run()
        of = f"{loss}, above the least there is" if self.least > 0.0 else loss
        return reached(0 if one is None else len(one.losses), left, how, of)
