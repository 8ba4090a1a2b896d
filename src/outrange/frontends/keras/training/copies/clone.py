"""Clones of a model, and training of a clone under TensorFlow and PyTorch."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..backends.jax_steps import rate_owner
from ..backends.tensorflow_steps import TensorFlowTraining
from ..backends.torch_steps import TorchTraining
from ..optimizer_settings import fresh_optimizer, settings_of, without_clipping
from .protocol import Look
from .replacements import Replacements, replaced_attributes


class Clone:
    """A clone of the model; training changes the variables of the clone."""

    def __init__(
        self, k: Any, model: Any, noisy: bool, without: str, bent: Replacements, other: str
    ) -> None:
        self._k, self._original = k, model
        self._model = clone(k, model, without, bent, other)
        self._prepare(noisy, one_by_one=False)

    def _prepare(self, noisy: bool, one_by_one: bool) -> None:
        kinds = {"tensorflow": TensorFlowTraining, "torch": TorchTraining}
        self._training = kinds[self._k.backend.backend()](self._k, self._model, noisy)
        variables = {id(v): v for v in (*self._model.variables, *self._training.build(one_by_one))}
        self._training.load()
        self._first = [(v, self._k.ops.copy(v.value)) for v in variables.values()]

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Open a context for training the copy, starting from the stored weights."""
        self.restart()
        yield

    def restart(self) -> None:
        """Restore the clone's initial weights and optimizer state, without compiling again."""
        for variable, value in self._first:
            variable.assign(value)
        self._training.load()

    def multiply_rate(self, factor: float) -> None:
        """Multiply the learning rate by `factor`.

        Raises:
            TypeError: The learning rate follows a schedule.
        """
        optimizer = rate_owner(self._model.optimizer)
        optimizer.learning_rate = factor * float(
            self._k.ops.convert_to_numpy(optimizer.learning_rate)
        )

    def start_with(self, values: Mapping[int, np.ndarray | None]) -> None:
        """Replace the values of the weights that `values` lists.

        Args:
            values: Map from the `id` of a variable of the model to its value in the clone. A weight
                that is absent or None stays unchanged.
        """
        for variable_of_clone, variable in zip(
            self._model.weights, self._original.weights, strict=True
        ):
            new = values.get(id(variable))
            if new is not None:
                variable_of_clone.assign(new)
        self._training.load()

    def steps(self, x: Any, y: Any, due: Any, rows: Any) -> tuple[list[float], list[float]]:
        """Take training steps, and stop early if a loss is not finite, as in `Copy.steps`."""
        return self._training.steps(x, y, due, rows)

    def look(self, x: Any, y: Any) -> Look:
        """Compute the loss and the outputs with the current weights."""
        x, y = self._k.tree.map_structure(self._k.ops.convert_to_tensor, (x, y))
        loss, *outputs = self._training.look(x, y)
        number = self._k.ops.convert_to_numpy
        return Look(float(number(loss)), *([np.asarray(number(t)) for t in o] for o in outputs))

    def weights(self) -> list[np.ndarray]:
        """Return the current weights, in the model's order."""
        return [np.asarray(self._k.ops.convert_to_numpy(v)) for v in self._model.weights]


def clone(k: Any, model: Any, without: str, bent: Replacements = (), other: str = "") -> Any:
    """Clone a model with its weights, its loss and a new optimizer of the same kind.

    Args:
        without: Part to leave out: `"penalties"`, `"noise"`, `"clipping"` or `"freezing"`; `""`
            for none.
        bent: Layers to replace; see `replaced_attributes`.
        other: Name of a loss to use instead of the model's, or `""` to keep the model's.

    Raises:
        ValueError: The clone shares variables with the model.
    """
    with not_compiling(model):
        copy = k.models.clone_model(model)
    if not copy.built:
        copy.build(model.input_shape)
    if {id(v) for v in copy.variables} & {id(v) for v in model.variables}:
        # A config may contain a layer itself, or a function that refers to it.
        raise ValueError("the clone shares variables with the model")
    copy.set_weights(model.get_weights())
    for layer in copy._flatten_layers():
        # The values that an adapted layer uses are derived from its weights by `finalize_state`.
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    for owner, name, value in changes(k, copy, without, bent):
        setattr(owner, name, value)
    compiled = model._compile_loss
    copy.compile(
        optimizer=fresh_optimizer(model, settings(model, without), copy.variables),
        loss=other or compiled._user_loss,
        loss_weights=None if other else compiled._user_loss_weights,
        run_eagerly=model.run_eagerly,
        jit_compile=False,
    )
    return copy


def settings(model: Any, without: str) -> dict[str, Any]:
    """Return the optimizer settings for a copy, without clipping if `without` is "clipping"."""
    model_settings = settings_of(model.optimizer)
    return without_clipping(model_settings) if without == "clipping" else model_settings


@contextlib.contextmanager
def not_compiling(model: Any) -> Iterator[None]:
    """Mark a model as not compiled in this context, so that Keras does not compile its clone.

    Keras would compile the clone from a config, which lacks user functions.
    """
    before = model.compiled
    model.compiled = False
    try:
        yield
    finally:
        model.compiled = before


def changes(k: Any, model: Any, without: str, bent: Replacements) -> Iterator[tuple[Any, str, Any]]:
    """Yield `(owner, name, new value)` for each attribute to change.

    Args:
        without: Part to leave out: `"penalties"`, `"noise"` (dropout rates become 0) or
            `"freezing"`; nothing changes for other values.
        bent: Layers to replace; see `replaced_attributes`.
    """
    for layer in model._flatten_layers():
        if without == "freezing":
            yield layer, "trainable", True
        if without == "noise" and hasattr(layer, "rate"):
            yield layer, "rate", 0.0
        if without == "penalties":
            for variable in layer.variables:
                yield variable, "regularizer", None
            if getattr(layer, "activity_regularizer", None) is not None:
                yield layer, "activity_regularizer", None
    yield from replaced_attributes(k, model, bent)
