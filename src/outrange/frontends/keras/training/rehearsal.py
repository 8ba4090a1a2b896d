"""A few steps of training on a copy of the model, with its own optimizer."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ....core.clock import read_processor_clock
from ....program import Rehearsal
from .backends.jitted import JaxTraining
from .copies.clone import Clone, clone
from .copies.lent import Lent
from .copies.protocol import Copy
from .copies.state import State
from .measure import ROWS, Measurement, first_line
from .randomness import own_loss
from .training import own_training


class Rehearser:
    """Trains copies of a model, from its stored weights on.

    Args:
        measurement: Of the model; what it compiled is shared.
    """

    def __init__(self, measurement: Measurement) -> None:
        self.measurement = measurement
        self._clones: dict[tuple[str, tuple[str, ...], str], Clone] = {}

    @property
    def possible(self) -> bool:
        """Whether there is anything to train."""
        k, model = self.measurement.k, self.measurement.model
        return getattr(model, "optimizer", None) is not None and not own_training(k, model)

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
        bent: tuple[str, ...] = (),
        other: str = "",
    ) -> Rehearsal:
        """What some steps on a copy do to the loss, the outputs and the weights.

        Args:
            x: Inputs in the model's structure.
            steps: How many at most; fewer where they take long, never fewer than 12 of them.
            batch: Rows a step, drawn as `fit` draws them. None: the first rows, always the same.
            rate: By what the learning rate is multiplied.
            weights: Weight index to other values to start with.
            without: What is left out: `"penalties"`, `"noise"` (dropout), `"clipping"` or
                `"freezing"`.
            among: The rows that batches are drawn from; None for all.
            seconds: No further step is taken after so long, as the processor counts them.
            bent: Layers that get a relu for their activation.
            other: Name of another loss to train with.
        """
        one = self.measurement
        x, y = one.k.tree.map_structure(one.array, (x, y))
        first = one.k.tree.map_structure(lambda a: a[:ROWS], (x, y))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                before = [one.numpy(v) for v in one.model.weights]
                copy = self._copy(without, bent, other, first)
                with copy.in_use():
                    if rate != 1.0:
                        copy.multiply_rate(rate)
                    if weights:
                        copy.start_with(
                            {i: weights.get(one.index[i]) for i in map(id, one.model.weights)}
                        )
                    losses, looks = _run(
                        one.k, copy, (x, y), first, steps, batch, seed, among, seconds
                    )
                    last = copy.look(*first)
                    looks.append((len(losses), last.loss))
                    after = copy.weights()
            except Exception as error:
                # The loss is the user's code: a failing step is what the user would see.
                return Rehearsal((), {}, {}, first_line(error))
        moved, size = _moved(one, before, after)
        return Rehearsal(
            tuple(losses), moved, size, "", tuple(looks), tuple(last.outputs),
            tuple(last.in_training),
        )  # fmt: skip

    def _copy(self, without: str, bent: tuple[str, ...], other: str, first: Any) -> Copy:
        one = self.measurement
        if one.jitted is None:
            key = without, bent, other
            if key not in self._clones:
                self._clones[key] = self._changeable(*key)
            return self._clones[key]
        jitted = self._unfrozen if without == "freezing" else one.jitted
        jitted.prepare(*first)
        return State(one.k, jitted, without, bent, other)

    def _changeable(self, *change: Any) -> Clone:
        one = self.measurement
        if own_loss(one.k, one.model):
            return Lent(one.k, one.model, one.noisy, *change)
        try:
            return Clone(one.k, one.model, one.noisy, *change)
        except Exception:  # code of the user's own that Keras cannot make again; it has no one name
            return Lent(one.k, one.model, one.noisy, *change)

    @cached_property
    def _unfrozen(self) -> JaxTraining:
        """Under JAX: the functions of a clone in which everything is trained."""
        one = self.measurement
        return JaxTraining(one.k, clone(one.k, one.model, "freezing"), one.noisy)


def _run(
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
    """The loss of each step's rows, and looks at that of the first rows now and then."""
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
            x, y = _repeated(k, first, count)
            found, _ = copy.steps(x, y, due, first)
            looks += [(i + j, loss) for j, loss in enumerate(found)]
        else:
            at = np.stack([next(order) for _ in range(count)])
            x, y = k.tree.map_structure(lambda a, at=at: a[at], data)
            found, seen = copy.steps(x, y, due, first)
            looks += zip((i + np.flatnonzero(due)).tolist(), seen, strict=False)
        losses += found
        now = read_processor_clock()
        pace, last = (now - last) / count, now
        if i <= COMPILING:
            start = now  # what came before was compiled
        if not np.isfinite(losses[-1]) or (len(losses) > LEAST and now - start > seconds):
            break
    return losses, looks


LEAST = 12
"""Steps that are taken however long they take."""

COMPILING = 1
"""Steps after the first that may still compile something."""

AT_ONCE = 2**24
"""Bytes of data that are handed over at once, for several steps."""


def _order(rows: np.ndarray, batch: int, seed: int) -> Iterator[np.ndarray]:
    """Rows of each step, as `fit` draws them."""
    rng, left = np.random.default_rng(seed), np.zeros(0, int)
    while True:
        if len(left) < batch:
            left = np.resize(rng.permutation(rows), max(batch, len(rows)))
        at, left = left[:batch], left[batch:]
        yield at


def _most_at_once(k: Any, data: Any, batch: int) -> int:
    """Steps whose data may be handed over together."""
    row = sum(a[:1].nbytes for a in k.tree.flatten(data))
    return max(1, AT_ONCE // max(1, row * batch))


def _repeated(k: Any, data: Any, count: int) -> Any:
    """The same rows for every step."""
    return k.tree.map_structure(lambda a: np.broadcast_to(a, (count, *a.shape)), data)


def _due(step: int) -> bool:
    """Every step at first, then the more rarely the later."""
    return step % (2 ** max(step.bit_length() - 2, 0)) == 0


def _moved(
    one: Measurement, before: Sequence[np.ndarray], after: Sequence[np.ndarray]
) -> tuple[dict[int, float], dict[int, float]]:
    """The largest change of an entry of each weight, and its largest entry before."""
    moved, size = {}, {}
    for variable, a, b in zip(one.model.weights, before, after, strict=True):
        if a.dtype.kind == "f" or str(a.dtype) == "bfloat16":
            a, b = a.astype(np.float64), b.astype(np.float64)
            with np.errstate(invalid="ignore"):
                moved[one.index[id(variable)]] = float(np.abs(b - a).max(initial=0.0))
            size[one.index[id(variable)]] = float(np.abs(a).max(initial=0.0))
    return moved, size
