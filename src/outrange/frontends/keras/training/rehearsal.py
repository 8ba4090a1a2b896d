"""A few steps of training on a copy of the model, with its own optimizer."""

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ....program import Rehearsal
from .jitted import JaxTraining, rate_owner
from .measure import ROWS, Measurement, first_line, metrics_kept
from .training import own_training


SECONDS = 0.7
"""A rehearsal takes no further step after so long."""


class Copy(Protocol):
    """Something that is trained in the model's place."""

    def step(self, x: Any, y: Any) -> float:
        """Take a step; return the loss before it."""
        ...

    def look(self, x: Any, y: Any) -> tuple[float, list[np.ndarray]]:
        """The loss in training and the outputs at inference, at the weights reached."""
        ...

    def weights(self) -> list[np.ndarray]:
        """The weights reached, in the model's order."""
        ...

    def multiply_rate(self, factor: float) -> None:
        """Train at another rate; a schedule raises."""
        ...

    def start_with(self, values: Mapping[int, np.ndarray | None]) -> None:
        """Put other values in, by `id` of the model's variable."""
        ...


class _State:
    """Under JAX: the variables' values, handed from one compiled step to the next."""

    def __init__(self, k: Any, jitted: JaxTraining) -> None:
        self._k, self._jitted = k, jitted
        self._state = jitted.start()

    def multiply_rate(self, factor: float) -> None:
        """Train at another rate; a schedule raises."""
        trainable, others, slots = self._state
        place = self._jitted.rate_slot
        slots = [s * np.float32(factor) if i == place else s for i, s in enumerate(slots)]
        self._state = trainable, others, slots

    def start_with(self, values: Mapping[int, np.ndarray | None]) -> None:
        """Put other values in, by `id` of the model's variable."""
        trainable, others, slots = self._state
        variables = self._jitted.model.trainable_variables
        new = [values.get(id(v)) for v in variables]
        trainable = [
            old if n is None else n.astype(v.dtype)
            for v, old, n in zip(variables, trainable, new, strict=True)
        ]
        self._state = trainable, others, slots

    def step(self, x: Any, y: Any) -> float:
        """Take a step; return the loss before it."""
        loss, self._state = self._jitted.step(self._state, x, y)
        return float(loss)

    def look(self, x: Any, y: Any) -> tuple[float, list[np.ndarray]]:
        """The loss in training and the outputs at inference, at the weights reached."""
        loss, outputs = self._jitted.look(*self._state[:2], x, y)
        return float(loss), [np.asarray(t) for t in outputs]

    def weights(self) -> list[np.ndarray]:
        """The weights reached, in the model's order."""
        model = self._jitted.model
        found = {
            id(v): value
            for variables, values in (
                (model.trainable_variables, self._state[0]),
                (model.non_trainable_variables, self._state[1]),
            )
            for v, value in zip(variables, values, strict=True)
        }
        return [np.asarray(self._k.ops.convert_to_numpy(found[id(v)])) for v in model.weights]


class _Clone:
    """Elsewhere: a clone of the model."""

    def __init__(self, k: Any, model: Any, noisy: bool) -> None:
        self._k, self._model, self._noisy = k, _copy(k, model), noisy
        self._original = model

    def multiply_rate(self, factor: float) -> None:
        """Train at another rate; a schedule raises."""
        optimizer = rate_owner(self._model.optimizer)
        optimizer.learning_rate = factor * float(
            self._k.ops.convert_to_numpy(optimizer.learning_rate)
        )

    def start_with(self, values: Mapping[int, np.ndarray | None]) -> None:
        """Put other values in, by `id` of the model's variable."""
        for own, variable in zip(self._model.weights, self._original.weights, strict=True):
            new = values.get(id(variable))
            if new is not None:
                own.assign(new)

    def step(self, x: Any, y: Any) -> float:
        """Take a step; return the loss before it."""
        return float(np.ravel(self._model.train_on_batch(x, y))[0])

    def look(self, x: Any, y: Any) -> tuple[float, list[np.ndarray]]:
        """The loss in training and the outputs at inference, at the weights reached."""
        k, model = self._k, self._model
        x, y = k.tree.map_structure(k.ops.convert_to_tensor, (x, y))
        kept = [(v, np.array(k.ops.convert_to_numpy(v))) for v in model.non_trainable_variables]
        with metrics_kept(model):
            seen = model(x, training=True)
            loss = model.compute_loss(x=x, y=y, y_pred=seen, training=True)
        for variable, value in kept:
            variable.assign(value)
        outputs = k.tree.flatten(model(x, training=False) if self._noisy else seen)
        return float(k.ops.convert_to_numpy(loss)), [
            np.asarray(k.ops.convert_to_numpy(t)) for t in outputs
        ]

    def weights(self) -> list[np.ndarray]:
        """The weights reached, in the model's order."""
        return [np.asarray(self._k.ops.convert_to_numpy(v)) for v in self._model.weights]


class Rehearser:
    """Trains copies of a model, from its stored weights on.

    Args:
        measurement: Of the model; what it compiled is shared.
    """

    def __init__(self, measurement: Measurement) -> None:
        self.measurement = measurement

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
    ) -> Rehearsal:
        """What some steps on a copy do to the loss, the outputs and the weights.

        Args:
            x: Inputs in the model's structure.
            y: Targets.
            steps: How many at most; fewer where they take long, never fewer than 12 of them.
            batch: Rows a step, drawn as `fit` draws them. None: the first rows, always the same.
            seed: Of the draw.
            rate: By what the learning rate is multiplied.
            weights: Weight index to other values to start with.
        """
        one = self.measurement
        x, y = one.k.tree.map_structure(one.array, (x, y))
        first = one.k.tree.map_structure(lambda a: a[:ROWS], (x, y))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                before = [one.numpy(v) for v in one.model.weights]
                copy = self._copy()
                if rate != 1.0:
                    copy.multiply_rate(rate)
                if weights:
                    copy.start_with(
                        {i: weights.get(one.index[i]) for i in map(id, one.model.weights)}
                    )
                losses, looks = _run(one.k, copy, (x, y), first, steps, batch, seed)
                loss, outputs = copy.look(*first)
                looks.append((len(losses), loss))
                after = copy.weights()
            except Exception as error:
                # The loss is the user's code: a failing step is what the user would see.
                return Rehearsal((), {}, {}, first_line(error))
        moved, size = _moved(one, before, after)
        return Rehearsal(tuple(losses), moved, size, "", tuple(looks), tuple(outputs))

    def _copy(self) -> Copy:
        one = self.measurement
        return (
            _Clone(one.k, one.model, one.noisy) if one.jitted is None else _State(one.k, one.jitted)
        )


def _run(
    k: Any, copy: Copy, data: Any, first: Any, steps: int, batch: int | None, seed: int
) -> tuple[list[float], list[tuple[int, float]]]:
    """The loss of each step's rows, and looks at that of the first rows now and then."""
    rows = len(k.tree.flatten(data)[0])
    whole = batch is None or batch >= rows
    rng, order = np.random.default_rng(seed), np.zeros(0, int)
    losses: list[float] = []
    looks: list[tuple[int, float]] = []
    start = time.perf_counter()
    for i in range(steps):
        if whole:
            losses.append(copy.step(*first))
            looks.append((i, losses[-1]))
        else:
            if _due(i):
                looks.append((i, copy.look(*first)[0]))
            if len(order) < batch:
                order = rng.permutation(rows)
            at, order = order[:batch], order[batch:]
            losses.append(copy.step(*k.tree.map_structure(lambda a, at=at: a[at], data)))
        if i == 1:
            start = time.perf_counter()  # what came before was compiled
        if not np.isfinite(losses[-1]) or (i >= LEAST and time.perf_counter() - start > SECONDS):
            break
    return losses, looks


LEAST = 12
"""Steps that are taken however long they take."""


def _due(step: int) -> bool:
    """Every step at first, then the more rarely the later."""
    return step <= LEAST or step % (2 ** max(step.bit_length() - 3, 0)) == 0


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


def _copy(k: Any, model: Any) -> Any:
    """A model of the same weights, loss and optimizer that shares nothing with the first."""
    copy = k.models.clone_model(model)
    if not copy.built:
        copy.build(model.input_shape)
    copy.set_weights(model.get_weights())
    for layer in copy._flatten_layers():
        # What an adapted layer computes with is derived from its weights, and not by `set_weights`.
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    compiled = model._compile_loss
    copy.compile(
        optimizer=optimizer,
        loss=compiled._user_loss,
        loss_weights=compiled._user_loss_weights,
        run_eagerly=model.run_eagerly,
        jit_compile=False,
    )
    return copy
