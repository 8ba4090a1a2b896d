"""Evaluates short training runs of model copies with the user's optimizer and batch size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from ..program import Loss, Rehearsal
from . import baselines
from .changes import AS_IS, Change, standardize
from .short_trainings import SEEDS, ShortTrainings
from .signal import Signal, signal, token_signal
from .wording import describe_copies


ROWS = 512
"""Maximum number of rows on which training runs are evaluated."""

GAIN = 0.02
"""Minimum improvement over the best constant's loss, as a fraction of that loss, for a training run
to be regarded as having learned."""


LEAST = 40
"""Minimum number of steps after which a lack of learning is evidence."""

FEW = 12
"""Minimum number of steps of a training run that is compared, even if the model is slow."""

HALFWAY, BETTER = 0.3, 0.6
"""A training run is far from done if its loss is at least the first fraction of the best constant's
loss. In that case a change helps if it reduces the loss to at most the second fraction of the loss
without the change."""

FASTER, AHEAD = 10.0, 0.85
"""Thresholds for runs at `FASTER` times the learning rate. A change can help only if the unchanged
copies learn almost nothing (see `BEHIND`). The loss of every changed copy must be at most `AHEAD`
times the least loss of the unchanged copies, and at most `BEHIND` times the best constant's
loss."""

BEHIND, NOTHING = 0.9, 0.99
"""Losses above which unchanged copies have learned almost nothing: at their own learning rate, and
at `FASTER` times that rate, as fractions of the best constant's loss."""

LEARNED = 0.7
"""Fraction of the best constant's loss below which a training run has clearly learned."""


TOKENS = 0.2
"""Minimum fraction of the variance that the counts of token numbers explain in addition to the
numbers themselves."""


class Trials(ShortTrainings):
    """Short training runs, compared with the best constant and with each other."""

    # ---- losses -----------------------------------------------------------------------------

    @cached_property
    def constant(self) -> float | None:
        """The loss of the best constant output, excluding penalties; None if unknown."""

        def of(loss: Loss, y: np.ndarray) -> float | None:
            head = self._case.head(loss)
            return None if head is None else baselines.constant(loss, y, head.width)

        return self._sum(of)

    @cached_property
    def least(self) -> float:
        """The least loss that any outputs can have, computed from the targets; usually 0."""
        return self._sum(baselines.least) or 0.0

    def loss_of(self, outputs: Sequence[np.ndarray]) -> float | None:
        """Return the total weighted loss of predictions for the first rows of the data.

        Penalties are excluded. Returns None if the loss is unknown.

        Args:
            outputs: One array per model output; row `i` is the prediction for row `i` of the data.
        """

        def of(loss: Loss, y: np.ndarray) -> float | None:
            p = np.asarray(outputs[loss.output], np.float64)
            return baselines.value(loss, y[: len(p)], p)

        return self._sum(of) if outputs else None

    def _sum(self, of: Callable[[Loss, np.ndarray], float | None]) -> float | None:
        total = 0.0
        for loss in self._case.program.losses:
            y = self._case.targets(loss)
            value = None if y is None else of(loss, y[:ROWS])
            if value is None:
                return None
            total += float(loss.options.get("weight", 1.0)) * value
        return total if self._case.program.losses else None

    @property
    def signal(self) -> Signal | None:
        """The result of `signal_of` for the only loss; None unless there is exactly one loss."""
        losses = self._case.program.losses
        return self.signal_of(losses[0]) if len(losses) == 1 else None

    def signal_of(self, loss: Loss) -> Signal | None:
        """Return how well the inputs explain the targets of a loss; None if unknown.

        If the inputs are tokens of a vocabulary, the count of each token in a row is used instead.
        """
        if loss.output not in self._signals:
            self._signals[loss.output] = self._signal(loss)
        return self._signals[loss.output]

    @cached_property
    def _signals(self) -> dict[int, Signal | None]:
        return {}

    def _signal(self, loss: Loss) -> Signal | None:
        case, y = self._case, self._columns(loss)
        if y is None or not case.finite_rows.all():
            return None
        x = case.flat
        return token_signal(x, y) if self._embeds else signal(x, y)

    @property
    def _embeds(self) -> bool:
        return any(layer.kind == "Embedding" for layer in self._case.program.layers)

    @cached_property
    def tokens(self) -> tuple[float, float] | None:
        """Return the fractions of the targets' variance that token numbers in the inputs explain.

        The first fraction is for the counts of each number in a row, and the second one for the
        numbers themselves. None if the counts do not explain clearly more, or if the model has an
        embedding.
        """
        case, losses = self._case, self._case.program.losses
        y = self._columns(losses[0]) if len(losses) == 1 else None
        if y is None or self._embeds or not case.finite_rows.all():
            return None
        counted, plain = token_signal(case.flat, y), self.signal
        if counted is None or plain is None or counted.by_chance:
            return None
        fractions = counted.explained, max(plain.explained, 0.0)
        return fractions if fractions[0] > fractions[1] + TOKENS else None

    def _columns(self, loss: Loss) -> np.ndarray | None:
        """Return the targets of a loss as a matrix; None if unknown.

        Class numbers are converted to one column per class.
        """
        case = self._case
        head, y = case.head(loss), case.targets(loss)
        if y is None or head is None or not np.isfinite(y).all():
            return None
        if loss.name == "sparse_categorical_crossentropy" and y.size == case.rows:
            return (y.reshape(-1, 1) == np.arange(head.width)).astype(np.float64)
        return y.reshape(len(y), -1)

    def ratio(self, training: Rehearsal, change: Change = AS_IS) -> float | None:
        """Return a training run's loss divided by the best constant's loss.

        The least possible loss is subtracted from both. If the targets are scaled, the last
        recorded loss is divided by the best constant's loss on scaled targets, and nothing is
        subtracted. The ratio is infinite if the loss is not finite, and None if unknown.
        """
        constant = self.constant
        least = 0.0 if constant is None else self.least
        if constant is None or constant - least < 1e-12:
            return None
        if change.scaled_y:
            constant = self._of_scaled
            if constant is None:
                return None
        if not np.isfinite(training.losses).all():
            return np.inf
        if change.scaled_y:
            return training.looks[-1][1] / constant
        # After few steps the moving statistics of batch normalization lag behind the weights. If
        # they still do after all planned steps, the user will get the same.
        plan = self._case.plan
        done = plan is not None and len(training.losses) >= plan.steps(self._case.rows)
        outputs = (
            training.in_training if self._case.batch_normalized and not done else training.outputs
        )
        value = self.loss_of(outputs)
        return None if value is None else (value - least) / (constant - least)

    @cached_property
    def _of_scaled(self) -> float | None:
        """The loss of the best constant output when the targets are scaled; None if unknown."""
        losses = self._case.program.losses
        y, head = self._case.targets(losses[0]), self._case.head(losses[0])
        if len(losses) != 1 or y is None or head is None:
            return None
        scaled = standardize(y)[:ROWS].astype(np.float64)
        constant = baselines.constant(losses[0], scaled, head.width)
        weight = float(losses[0].options.get("weight", 1.0))
        return None if constant is None else weight * constant

    def ratios(self, change: Change = AS_IS) -> list[float]:
        """Return the `ratio` of every run with a change; empty if one of the ratios is unknown."""
        ratios = [self.ratio(training, change) for training in self.all(change)]
        return [r for r in ratios if r is not None] if None not in ratios else []

    def inference_ratios(self, change: Change) -> list[float]:
        """Return every training run's loss in inference mode, divided by the best constant's loss.

        The least possible loss is subtracted from both. Unlike in `ratios`, the loss is always
        computed with the moving statistics of batch normalization, as in `evaluate`.

        Returns:
            One ratio per training run; empty if one of them is unknown or a run failed.
        """
        constant, ratios = self.constant, []
        if constant is None or constant - self.least < 1e-12:
            return []
        for training in self.all(change):
            value = self.loss_of(training.outputs)
            if value is None:
                return []
            ratios.append((value - self.least) / (constant - self.least))
        return ratios if len(ratios) == SEEDS else []

    @cached_property
    def stuck(self) -> bool | None:
        """True if no training run ends far below the loss of the best constant, False if one does.

        Far means more than `GAIN` of that loss. None if unknown, for example if a run has fewer
        than `LEAST` steps.
        """
        for seed in range(SEEDS):
            training = self.run(AS_IS, seed)
            ratio = (
                None if training is None or len(training.losses) < LEAST else self.ratio(training)
            )
            if ratio is None:
                return None
            if ratio < 1.0 - GAIN:
                return False
        return True

    def helps(self, change: Change) -> tuple[float, float] | None:
        """Return the losses without and with a change if the model learns only with it.

        The model learns only with the change if `stuck` is true and if every run with the change
        ends with a loss of at most `LEARNED` times the best constant's loss.

        Returns:
            Two fractions of the best constant's loss: the least without the change, and the largest
            with it. None if the change does not help or if its effect is unknown.
        """
        if not self.stuck:
            return None
        most = 0.0
        for seed in range(SEEDS):
            training = self.run(change, seed)
            ratio = None if training is None else self.ratio(training, change)
            if ratio is None or ratio > LEARNED:
                return None
            most = max(most, ratio)
        return min(self.ratios()), most

    def heldout_correlation(self, change: Change, loss: Loss) -> float | None:
        """Return the correlation of outputs and targets on held-out rows, in standard deviations.

        Returns:
            The correlation coefficient, averaged over the entries of the output and multiplied by
            the square root of the number of held-out rows. For unrelated data, its standard
            deviation is then at most about 1. The result is the largest over all training runs.
            None if unknown.
        """
        rest = np.setdiff1d(np.arange(min(self._case.rows, ROWS)), self.fitted)
        y, runs = self._columns(loss), self.all(change)
        if y is None or len(rest) < 10 or len(runs) < SEEDS:
            return None
        correlations = []
        for training in runs:
            p = np.asarray(training.outputs[loss.output], np.float64)
            p = p.reshape(len(p), -1)[rest]
            if p.shape[1] != y.shape[1] or not np.isfinite(p).all():
                return None
            a, b = p - p.mean(axis=0), y[rest] - y[rest].mean(axis=0)
            size = np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))
            correlation = np.where(size > 0, (a * b).sum(axis=0) / np.maximum(size, 1e-300), 0.0)
            correlations.append(float(correlation.mean() * np.sqrt(len(rest))))
        return max(correlations)

    def improves(self, change: Change) -> tuple[float, float] | None:
        """Return the result of `helps`; if that is None, return the result of `gain`.

        `gain` is used only if training took at least half of the planned steps.
        """
        return self.helps(change) or (self.gain(change) if self.complete else None)

    def heldout_gain(self, change: Change) -> tuple[float, float] | None:
        """Return the losses on held-out rows, without and with a change, if the change lowers them.

        The thresholds are `HALFWAY` and `BETTER`, as in `gain`.

        Args:
            change: The change to evaluate. The training runs with and without it also hold out
                rows.

        Returns:
            Two fractions of the best constant's loss, as in `gain`; None if unknown, or if a
            threshold is missed.
        """
        before = self._heldout_ratios(replace(AS_IS, held_out=True))
        if not before or min(before) < HALFWAY:
            return None
        after = self._heldout_ratios(replace(change, held_out=True))
        return (min(before), max(after)) if after and max(after) < BETTER * min(before) else None

    def _heldout_ratios(self, change: Change) -> list[float]:
        """Return every run's loss on held-out rows, divided by the best constant's loss on them.

        The least possible loss is subtracted from both. The list is empty if a ratio is unknown, if
        a run failed or was too short, or if fewer than 20 rows are held out.
        """
        rest = np.setdiff1d(np.arange(min(self._case.rows, ROWS)), self.fitted)
        losses, ratios = self._case.program.losses, []
        if len(losses) != 1 or len(rest) < 20:
            return []
        loss, y, head = losses[0], self._case.targets(losses[0]), self._case.head(losses[0])
        constant = None if y is None or head is None else (
            baselines.constant(loss, y[rest], head.width)
        )  # fmt: skip
        least = 0.0 if constant is None or y is None else baselines.least(loss, y[rest])
        if constant is None or y is None or constant - least < 1e-12:
            return []
        for training in self.all(change):
            if len(training.losses) < FEW and np.isfinite(training.losses).all():
                return []
            p = np.asarray(training.outputs[0], np.float64)[rest]
            value = (
                baselines.value(loss, y[rest], p) if np.isfinite(training.losses).all() else np.inf
            )
            if value is None:
                return []
            ratios.append((value - least) / (constant - least))
        return ratios if len(ratios) == SEEDS else []

    def gain(self, change: Change) -> tuple[float, float] | None:
        """Return the losses without and with a change if the change lowers the loss.

        Every run without the change must end with at least `HALFWAY` times the best constant's
        loss. Every run with the change must end with at most `BETTER` times the least of these
        losses. Training runs of fewer than `FEW` steps are evidence only if their loss is not
        finite. In that case the runs with the change must have learned.

        Returns:
            Two fractions of the best constant's loss: the least without the change, and the largest
            with it. None if unknown, or if a threshold is missed.
        """
        first = self.run()
        at_first = None if first is None else self.ratio(first)
        if first is None or at_first is None or at_first < HALFWAY:
            return None
        tried = self.run(change, 0) if np.isfinite(at_first) else None
        ratio = None if tried is None else self.ratio(tried, change)
        if ratio is not None and ratio > BETTER * at_first:
            return None  # The first pair decides, which saves training more copies.
        before = self.ratios()
        if not before or min(before) < HALFWAY:
            return None
        if np.isfinite(min(before)) and len(first.losses) < FEW:
            return None
        most = BETTER * min(before) if np.isfinite(min(before)) else 1.0 - GAIN
        changed = self.run(change, 0)
        ratio = None if changed is None else self.ratio(changed, change)
        if ratio is None or ratio > most:
            return None
        after = self.ratios(change)
        if len(after) < SEEDS or max(after) > most:
            return None
        return min(before), max(after)

    def gain_at_faster_rate(self, change: Change) -> tuple[float, float] | None:
        """Return the losses without and with a change, both at `FASTER` times the learning rate.

        In a short training run, many models learn little at their own rate. A model that learns
        nothing even at a higher rate, but learns with a change, needs that change.

        Returns:
            Two fractions of the best constant's loss, as in `gain`; None if unknown, or if the
            losses miss one of the thresholds `BEHIND`, `NOTHING` and `AHEAD`.
        """
        first = self.run()
        if first is None or len(first.losses) < LEAST:
            return None
        fast, changed = replace(AS_IS, rate=FASTER), replace(change, rate=FASTER)
        least, largest = np.inf, 0.0
        for seed in range(SEEDS):  # The first seed often decides, which saves training more copies.
            if not self.ratio_of(AS_IS, seed) >= BEHIND or not self.ratio_of(fast, seed) >= NOTHING:
                return None
            least = min(least, self.ratio_of(fast, seed))
            ratio = self.ratio_of(changed, seed)
            if not ratio <= min(AHEAD * least, BEHIND):
                return None
            largest = max(largest, ratio)
        return (least, largest) if largest <= AHEAD * least else None

    def ratio_of(self, change: Change, seed: int) -> float:
        """Return the `ratio` of the training run with a change and a seed; NaN if unknown."""
        training = self.run(change, seed)
        ratio = None if training is None else self.ratio(training, change)
        return np.nan if ratio is None else ratio

    def describe_gain(self, left: tuple[float, float], how: str, loss: str = "loss") -> str:
        """Describe the result of `gain` in a sentence.

        Args:
            left: The pair of fractions that `gain` returned.
            how: The change as a phrase, for example `"without dropout"`.
            loss: The name of the compared quantity.
        """
        training = self.run()
        of = f"{loss} above the least possible {loss}" if self.least > 0.0 else loss
        return describe_copies(0 if training is None else len(training.losses), left, how, of)
