"""Measurements by the framework itself: outputs, gradients, a few training steps."""

import contextlib
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np

from ....program import Measured
from .backends.compiled_tensorflow import TensorFlowTraining
from .backends.gradients import gradients
from .backends.jitted import JaxTraining
from .copies.lent import numbers_kept
from .randomness import own_code


ROWS = 512
"""At most so many rows are given to the framework at once."""


class Measurement:
    """Runs one model; what is compiled for one measurement serves the others.

    Args:
        model: A built model; it is not changed.
        index: `id` of a variable to its number in the program.
        noisy: Whether the model computes something else in training.
    """

    def __init__(self, k: Any, model: Any, index: dict[int, int], noisy: bool) -> None:
        self.k, self.model, self.index, self.noisy = k, model, index, noisy

    @cached_property
    def jitted(self) -> JaxTraining | None:
        """The compiled functions, under JAX."""
        if self.k.backend.backend() != "jax":
            return None
        return JaxTraining(self.k, self.model, self.noisy)

    @cached_property
    def graphs(self) -> TensorFlowTraining | None:
        """The traced functions, under TensorFlow."""
        if self.k.backend.backend() != "tensorflow":
            return None
        return TensorFlowTraining(self.k, self.model, self.noisy)

    def predict(self, x: Any) -> list[np.ndarray]:
        """The outputs at inference, one array an output."""
        k = self.k
        rows = len(k.tree.flatten(x)[0])
        parts = []
        for start in range(0, rows, ROWS):
            # A last piece of another length would be compiled again.
            at = np.minimum(np.arange(start, start + min(rows, ROWS)), rows - 1)
            with self._kept():
                found = self._outputs(k.tree.map_structure(lambda a, at=at: self.tensor(a[at]), x))
            parts.append([self.numpy(t)[: rows - start] for t in found])
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]

    def _kept(self) -> AbstractContextManager[None]:
        """Code of the user's own may count its calls; under JAX what it counts is handed back."""
        if self.jitted is None and own_code(self.k, self.model):
            return numbers_kept(self.k, self.model)
        return contextlib.nullcontext()

    def _outputs(self, x: Any) -> list[Any]:
        if self.jitted is not None:
            with contextlib.suppress(Exception):  # it is the eager call that tells what is wrong
                return self.jitted.outputs(*self.jitted.stored(), x)
        if self.graphs is not None:
            return self.graphs.outputs(x)
        return self.k.tree.flatten(self.model(x, training=False))

    def array(self, array: Any) -> Any:
        """An array as `fit` hands it to the model."""
        return array.astype(self.k.backend.floatx()) if array.dtype == np.float64 else array

    def tensor(self, array: Any) -> Any:
        """The same on the device; under JAX the compiled function puts it there."""
        array = self.array(array)
        return array if self.jitted is not None else self.k.ops.convert_to_tensor(array)

    def numpy(self, tensor: Any) -> np.ndarray:
        """A tensor's numbers."""
        return np.asarray(self.k.ops.convert_to_numpy(tensor))

    def measure(self, x: Any, y: Any) -> Measured:
        """Loss, gradients and outputs at inference, at the present weights."""
        cut = self.k.tree.map_structure(lambda a: self.tensor(a[:ROWS]), (x, y))
        was_built = self.model._compile_loss is None or self.model._compile_loss.built
        with warnings.catch_warnings(), metrics_kept(self.model), self._kept():
            warnings.simplefilter("ignore")
            try:
                scalar, found, outputs = self._gradients(*cut)
            except Exception as error:
                # The loss is the user's code on the user's data: what it raises is the answer.
                if self.jitted is not None and not was_built:
                    renew_losses(self.model)  # counters that it made hold what was traced
                return Measured(float("nan"), {}, first_line(error))
        places = [self.index[id(v)] for v in self.model.trainable_variables]
        return Measured(scalar, dict(zip(places, found, strict=True)), outputs=outputs)

    def _gradients(self, x: Any, y: Any) -> tuple[float, list[Any], tuple[np.ndarray, ...]]:
        if self.jitted is not None:
            self.jitted.prepare(x, y)
            with contextlib.suppress(Exception):  # as in `_outputs`
                loss, outputs, found = self.jitted.measure(*self.jitted.stored(), x, y)
                return (
                    float(loss), [self.numpy(g) for g in found], tuple(map(self.numpy, outputs)),
                )  # fmt: skip
        model, k = self.model, self.k
        x, y = k.tree.map_structure(k.ops.convert_to_tensor, (x, y))
        if self.graphs is not None:
            self.graphs.prepare(y)
            loss, found, outputs = self.graphs.measure(x, y)
            gradients_ = [None if g is None else self.numpy(g) for g in found]
            return float(self.numpy(loss)), gradients_, tuple(map(self.numpy, outputs))
        seen: list[Any] = []

        def loss_of() -> Any:
            seen[:] = [model(x, training=False)]
            return model.compute_loss(x=x, y=y, y_pred=seen[0], training=False)

        scalar, found = gradients(k, model, loss_of)
        return scalar, found, tuple(map(self.numpy, k.tree.flatten(seen[0])))


@contextlib.contextmanager
def metrics_kept(model: Any) -> Iterator[None]:
    """Computing a loss counts it in the model's metrics; they get back what they had."""
    variables = [v for m in getattr(model, "metrics", ()) for v in m.variables]
    before = [(v, np.array(v.numpy())) for v in variables]
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)


def renew_losses(model: Any) -> None:
    """Replace the model's loss by another one of the same functions, not built yet."""
    given = model._compile_loss
    vars(model)["_compile_loss"] = type(given)(
        given._user_loss, given._user_loss_weights, given.reduction, given.output_names
    )


@contextlib.contextmanager
def losses_unbuilt(model: Any) -> Iterator[None]:
    """A loss that waits for the first targets goes on waiting: what asks it asks another one.

    Built, it would hold `fit` to the structure of these targets, and `fit` would build nothing
    before its first step, which draws random numbers.
    """
    given = getattr(model, "_compile_loss", None)
    if given is None or given.built:
        yield
        return
    renew_losses(model)
    try:
        yield
    finally:
        vars(model)["_compile_loss"] = given


def first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}"
