"""A few training steps on a copy of the model, with a new optimizer of the same kind."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ....core.clock import read_processor_clock
from ....program import Rehearsal
from .backends.jax_steps import JaxTraining
from .copies.borrowed import BorrowedModel
from .copies.clone import Clone, clone
from .copies.protocol import Copy
from .copies.replacements import Replacements
from .copies.value_copy import ValueCopy
from .measure import ROWS, Measurement, first_line
from .randomness import has_user_loss
from .training import overridden_training_method


class Rehearser:
    """Runner of a few training steps on copies of a model, starting from its stored weights.

    Args:
        measurement: Measurement of the model; its compiled functions are reused.
    """

    def __init__(self, measurement: Measurement) -> None:
        self.measurement = measurement
        self._clones: dict[tuple[str, Replacements, str], Clone] = {}

    @property
    def possible(self) -> bool:
        """Whether the model has an optimizer and overrides none of Keras's training methods."""
        k, model = self.measurement.k, self.measurement.model
        return getattr(model, "optimizer", None) is not None and not overridden_training_method(
            k, model
        )

    def rehearse(
        self,
        x: Any,
        y: Any,
        steps: int,
        batch: int | None = None,
        seed: int = 0,
        rate: float = 1.0,
        weights: Mapping[int, np.ndarray] | None = None,
        without: str = "",
        among: np.ndarray | None = None,
        seconds: float = 1.0,
        bent: Replacements = (),
        other: str = "",
    ) -> Rehearsal:
        """Measure the effect of training steps on the loss, the outputs and the weights of a copy.

        If a step fails, the result contains the error's text.

        Args:
            x: Inputs in the model's structure.
            y: Targets in the structure of the outputs.
            steps: Maximum number of steps. The run ends earlier if a loss is not finite. After more
                than 12 steps, it also ends once the processor time `seconds` is used up.
            batch: Number of rows per step, drawn in random order. If it is None or at least the
                number of rows, and `among` is None, every step uses the first `ROWS` rows.
            seed: Seed of the order of rows.
            rate: Factor by which the learning rate is multiplied.
            weights: Map from the index of a weight to the value that replaces its stored value.
            without: Part to leave out: `"penalties"`, `"noise"` (dropout), `"clipping"` or
                `"freezing"`; `""` for none.
            among: Indices of the rows that batches are drawn from, or None for all.
            seconds: Processor time for the steps, in seconds. The first two steps, which may
                compile something, are not counted.
            bent: Layers to replace; see `replaced_attributes`.
            other: Name of a loss to train with instead of the model's, or `""` to keep it.
        """
        measurement = self.measurement
        x, y = measurement.k.tree.map_structure(measurement.array, (x, y))
        first = measurement.k.tree.map_structure(lambda a: a[:ROWS], (x, y))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                before = [measurement.numpy(v) for v in measurement.model.weights]
                copy = self._copy(without, bent, other, first)
                with copy.in_use():
                    if rate != 1.0:
                        copy.multiply_rate(rate)
                    if weights:
                        copy.start_with(
                            {
                                i: weights.get(measurement.index[i])
                                for i in map(id, measurement.model.weights)
                            }
                        )
                    losses, looks = _train(
                        measurement.k, copy, (x, y), first, steps, batch, seed, among, seconds
                    )
                    last = copy.look(*first)
                    looks.append((len(losses), last.loss))
                    after = copy.weights()
            except Exception as error:
                # The loss is user code; a failing step is what the user would see.
                return Rehearsal((), {}, {}, first_line(error))
        changes, size = _largest_changes(measurement, before, after)
        return Rehearsal(
            tuple(losses), changes, size, "", tuple(looks), tuple(last.outputs),
            tuple(last.in_training),
        )  # fmt: skip

    def _copy(self, without: str, bent: Replacements, other: str, first: Any) -> Copy:
        measurement = self.measurement
        if measurement.jitted is None:
            key = without, bent, other
            if key not in self._clones:
                self._clones[key] = self._changeable_copy(*key)
            return self._clones[key]
        jitted = self._unfrozen if without == "freezing" else measurement.jitted
        jitted.prepare(*first)
        return ValueCopy(measurement.k, jitted, without, bent, other)

    def _changeable_copy(self, *change: Any) -> Clone:
        measurement = self.measurement
        if has_user_loss(measurement.k, measurement.model):
            return BorrowedModel(measurement.k, measurement.model, measurement.noisy, *change)
        try:
            return Clone(measurement.k, measurement.model, measurement.noisy, *change)
        except Exception:  # user code that Keras cannot rebuild may raise any error
            return BorrowedModel(measurement.k, measurement.model, measurement.noisy, *change)

    @cached_property
    def _unfrozen(self) -> JaxTraining:
        """The JAX training functions of a clone whose frozen weights are trained too."""
        measurement = self.measurement
        return JaxTraining(
            measurement.k, clone(measurement.k, measurement.model, "freezing"), measurement.noisy
        )


def _train(
    k: Any,
    copy: Copy,
    data: Any,
    first: Any,
    steps: int,
    batch: int | None,
    seed: int,
    among: np.ndarray | None,
    seconds: float,
) -> tuple[list[float], list[tuple[int, float]]]:
    """Train a copy; return the loss of each step, and `(step, loss on the first rows)` pairs.

    The loss on the first rows is measured before every step if every step uses these rows, and
    otherwise before the steps that `_due` selects.
    """
    rows = len(k.tree.flatten(data)[0])
    whole = among is None and (batch is None or batch >= rows)
    order = _order(np.arange(rows) if among is None else among, batch or rows, seed)
    most = _most_at_once(k, first if whole else data, batch or rows)
    losses: list[float] = []
    looks: list[tuple[int, float]] = []
    start = last = read_processor_clock()
    pace = 0.0
    while len(losses) < steps:
        i = len(losses)
        count = min(steps - i, most)
        if i <= COMPILING:
            count = 1
        else:
            count = min(count, max(1, int((seconds - (last - start)) / max(pace, 1e-9))))
        due = np.array([not whole and _due(i + j) for j in range(count)])
        if whole:
            x, y = _repeat(k, first, count)
            step_losses, _ = copy.steps(x, y, due, first)
            looks += [(i + j, loss) for j, loss in enumerate(step_losses)]
        else:
            at = np.stack([next(order) for _ in range(count)])
            x, y = k.tree.map_structure(lambda a, at=at: a[at], data)
            step_losses, looked_at = copy.steps(x, y, due, first)
            looks += zip((i + np.flatnonzero(due)).tolist(), looked_at, strict=False)
        losses += step_losses
        now = read_processor_clock()
        pace, last = (now - last) / count, now
        if i <= COMPILING:
            start = now  # the time before was spent on compiling
        if not np.isfinite(losses[-1]) or (len(losses) > LEAST and now - start > seconds):
            break
    return losses, looks


LEAST = 12
"""Number of steps after which the time limit applies."""

COMPILING = 1
"""Number of steps after the first that may still compile something."""

AT_ONCE = 2**24
"""Maximum number of bytes of data that one call may receive for several steps."""


def _order(rows: np.ndarray, batch: int, seed: int) -> Iterator[np.ndarray]:
    """Yield `batch` row indices for each step, in a new random order for each pass over `rows`."""
    rng, left = np.random.default_rng(seed), np.zeros(0, int)
    while True:
        if len(left) < batch:
            left = np.resize(rng.permutation(rows), max(batch, len(rows)))
        at, left = left[:batch], left[batch:]
        yield at


def _most_at_once(k: Any, data: Any, batch: int) -> int:
    """Return the number of steps whose data may be passed in one call."""
    row = sum(a[:1].nbytes for a in k.tree.flatten(data))
    return max(1, AT_ONCE // max(1, row * batch))


def _repeat(k: Any, data: Any, count: int) -> Any:
    """Repeat the same rows for each of `count` steps, along a new first axis."""
    return k.tree.map_structure(lambda a: np.broadcast_to(a, (count, *a.shape)), data)


def _due(step: int) -> bool:
    """Return whether to measure before a step: at steps 0 to 4, and then 6, 8, 12, 16, 24, ..."""
    return step % (2 ** max(step.bit_length() - 2, 0)) == 0


def _largest_changes(
    measurement: Measurement, before: Sequence[np.ndarray], after: Sequence[np.ndarray]
) -> tuple[dict[int, float], dict[int, float]]:
    """Return the largest change, and the largest initial size, of each weight's entries.

    Both maps are keyed by the index of the weight; sizes are absolute values. Only weights of
    floating-point numbers are included.
    """
    changes, size = {}, {}
    for variable, a, b in zip(measurement.model.weights, before, after, strict=True):
        if a.dtype.kind == "f" or str(a.dtype) == "bfloat16":
            a, b = a.astype(np.float64), b.astype(np.float64)
            with np.errstate(invalid="ignore"):
                changes[measurement.index[id(variable)]] = float(np.abs(b - a).max(initial=0.0))
            size[measurement.index[id(variable)]] = float(np.abs(a).max(initial=0.0))
    return changes, size
