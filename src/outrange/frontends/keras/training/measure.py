"""Measurements by the framework itself: outputs, loss and gradients at inference."""

import contextlib
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np

from ....program import Measured
from .backends.gradients import gradients
from .backends.jax_steps import JaxTraining
from .backends.tensorflow_steps import TensorFlowTraining
from .copies.borrowed import preserve_variables
from .randomness import has_user_code


ROWS = 512
"""Maximum number of rows passed to the framework in one call of a measurement."""


class Measurement:
    """Measurements of one model, which share compiled functions.

    Args:
        model: A built model; it is not changed.
        index: Map from the `id` of a variable to its index in the program.
        noisy: Whether the model behaves differently in training.
    """

    def __init__(self, k: Any, model: Any, index: dict[int, int], noisy: bool) -> None:
        self.k, self.model, self.index, self.noisy = k, model, index, noisy

    @cached_property
    def jitted(self) -> JaxTraining | None:
        """The compiled functions under JAX, or None under other backends."""
        if self.k.backend.backend() != "jax":
            return None
        return JaxTraining(self.k, self.model, self.noisy)

    @cached_property
    def graphs(self) -> TensorFlowTraining | None:
        """The traced functions under TensorFlow, or None under other backends."""
        if self.k.backend.backend() != "tensorflow":
            return None
        return TensorFlowTraining(self.k, self.model, self.noisy)

    def predict(self, x: Any) -> list[np.ndarray]:
        """Compute the outputs at inference, one array per output."""
        k = self.k
        rows = len(k.tree.flatten(x)[0])
        parts = []
        for start in range(0, rows, ROWS):
            # A last piece of another length would be compiled again, so it is padded.
            at = np.minimum(np.arange(start, start + min(rows, ROWS)), rows - 1)
            with self._preserve_variables():
                outputs = self._outputs(
                    k.tree.map_structure(lambda a, at=at: self.tensor(a[at]), x)
                )
            parts.append([self.numpy(t)[: rows - start] for t in outputs])
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]

    def _preserve_variables(self) -> AbstractContextManager[None]:
        """Preserve variables that user code may change, such as counters, except under JAX."""
        if self.jitted is None and has_user_code(self.k, self.model):
            return preserve_variables(self.k, self.model)
        return contextlib.nullcontext()

    def _outputs(self, x: Any) -> list[Any]:
        if self.jitted is not None:
            with contextlib.suppress(Exception):  # the eager call below raises the real error
                return self.jitted.outputs(*self.jitted.current_values(), x)
        if self.graphs is not None:
            return self.graphs.outputs(x)
        return self.k.tree.flatten(self.model(x, training=False))

    def array(self, array: Any) -> Any:
        """Cast a float64 array to Keras's default float type; return other arrays unchanged."""
        return array.astype(self.k.backend.floatx()) if array.dtype == np.float64 else array

    def tensor(self, array: Any) -> Any:
        """Cast an array as `array` does, and convert it to a tensor, except under JAX."""
        array = self.array(array)
        return array if self.jitted is not None else self.k.ops.convert_to_tensor(array)

    def numpy(self, tensor: Any) -> np.ndarray:
        """Convert a tensor to a NumPy array."""
        return np.asarray(self.k.ops.convert_to_numpy(tensor))

    def measure(self, x: Any, y: Any) -> Measured:
        """Compute loss, gradients and outputs at inference, using the current weights.

        Only the first `ROWS` rows are used. If the computation fails, the loss is NaN, and the
        record contains the error's text.
        """
        cut = self.k.tree.map_structure(lambda a: self.tensor(a[:ROWS]), (x, y))
        was_built = self.model._compile_loss is None or self.model._compile_loss.built
        with warnings.catch_warnings(), preserve_metrics(self.model), self._preserve_variables():
            warnings.simplefilter("ignore")
            try:
                scalar, gradients_, outputs = self._gradients(*cut)
            except Exception as error:
                # The loss is the user's code on the user's data, so its error is the result.
                if self.jitted is not None and not was_built:
                    renew_losses(self.model)  # its new counters hold traced values
                return Measured(float("nan"), {}, first_line(error))
        places = [self.index[id(v)] for v in self.model.trainable_variables]
        return Measured(scalar, dict(zip(places, gradients_, strict=True)), outputs=outputs)

    def _gradients(self, x: Any, y: Any) -> tuple[float, list[Any], tuple[np.ndarray, ...]]:
        if self.jitted is not None:
            self.jitted.prepare(x, y)
            with contextlib.suppress(Exception):  # as in `_outputs`
                loss, outputs, grads = self.jitted.measure(*self.jitted.current_values(), x, y)
                return (
                    float(loss), [self.numpy(g) for g in grads], tuple(map(self.numpy, outputs)),
                )  # fmt: skip
        model, k = self.model, self.k
        x, y = k.tree.map_structure(k.ops.convert_to_tensor, (x, y))
        if self.graphs is not None:
            self.graphs.prepare(y)
            loss, grads, outputs = self.graphs.measure(x, y)
            gradients_ = [None if g is None else self.numpy(g) for g in grads]
            return float(self.numpy(loss)), gradients_, tuple(map(self.numpy, outputs))
        predictions: list[Any] = []

        def loss_of() -> Any:
            predictions[:] = [model(x, training=False)]
            return model.compute_loss(x=x, y=y, y_pred=predictions[0], training=False)

        scalar, grads = gradients(k, model, loss_of)
        return scalar, grads, tuple(map(self.numpy, k.tree.flatten(predictions[0])))


@contextlib.contextmanager
def preserve_metrics(model: Any) -> Iterator[None]:
    """Restore a model's metrics at the end of the context, since computing a loss updates them."""
    variables = [v for m in getattr(model, "metrics", ()) for v in m.variables]
    before = [(v, np.array(v.numpy())) for v in variables]
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)


def renew_losses(model: Any) -> None:
    """Replace the model's compiled loss with a new, unbuilt one with the same loss functions."""
    compiled_loss = model._compile_loss
    vars(model)["_compile_loss"] = type(compiled_loss)(
        compiled_loss._user_loss,
        compiled_loss._user_loss_weights,
        compiled_loss.reduction,
        compiled_loss.output_names,
    )


@contextlib.contextmanager
def preserve_unbuilt_loss(model: Any) -> Iterator[None]:
    """Keep a loss unbuilt, by using a new one with the same loss functions in this context.

    A loss built here would restrict `fit` to the structure of these targets. Before its first step,
    `fit` would then also skip its own build, which draws random numbers.
    """
    compiled_loss = getattr(model, "_compile_loss", None)
    if compiled_loss is None or compiled_loss.built:
        yield
        return
    renew_losses(model)
    try:
        yield
    finally:
        vars(model)["_compile_loss"] = compiled_loss


def first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}"
