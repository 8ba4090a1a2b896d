"""Under TensorFlow and PyTorch: a clone of the model."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..backends.compiled_tensorflow import TensorFlowTraining
from ..backends.jitted import rate_owner
from ..backends.torch_steps import TorchTraining
from ..optimizer_settings import fresh_optimizer, settings_of, unclipped
from .protocol import Look


class Clone:
    """Elsewhere: a clone of the model, whose variables are changed."""

    def __init__(
        self, k: Any, model: Any, noisy: bool, without: str, bent: tuple[str, ...], other: str
    ) -> None:
        self._k, self._original = k, model
        self._model = clone(k, model, without, bent, other)
        self._prepare(noisy, apart=False)

    def _prepare(self, noisy: bool, apart: bool) -> None:
        kinds = {"tensorflow": TensorFlowTraining, "torch": TorchTraining}
        self._training = kinds[self._k.backend.backend()](self._k, self._model, noisy)
        held = {id(v): v for v in (*self._model.variables, *self._training.build(apart))}
        self._training.load()
        self._first = [(v, self._k.ops.copy(v.value)) for v in held.values()]

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """While it is trained, from the stored weights on."""
        self.restart()
        yield

    def restart(self) -> None:
        """Put everything back to where it was; what is compiled or recorded is kept."""
        for variable, value in self._first:
            variable.assign(value)
        self._training.load()

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
        self._training.load()

    def steps(self, x: Any, y: Any, due: Any, rows: Any) -> tuple[list[float], list[float]]:
        """Take steps, up to the first whose loss is not finite: see `Copy.steps`."""
        return self._training.steps(x, y, due, rows)

    def look(self, x: Any, y: Any) -> Look:
        """Loss and outputs at the weights reached."""
        x, y = self._k.tree.map_structure(self._k.ops.convert_to_tensor, (x, y))
        loss, *outputs = self._training.look(x, y)
        number = self._k.ops.convert_to_numpy
        return Look(float(number(loss)), *([np.asarray(number(t)) for t in o] for o in outputs))

    def weights(self) -> list[np.ndarray]:
        """The weights reached, in the model's order."""
        return [np.asarray(self._k.ops.convert_to_numpy(v)) for v in self._model.weights]


def clone(k: Any, model: Any, without: str, bent: tuple[str, ...] = (), other: str = "") -> Any:
    """A model of the same weights, loss and optimizer that shares nothing with the first."""
    with uncompiled(model):
        copy = k.models.clone_model(model)
    if not copy.built:
        copy.build(model.input_shape)
    if {id(v) for v in copy.variables} & {id(v) for v in model.variables}:
        # A configuration may hold a layer itself, or a function that does.
        raise ValueError("the clone has variables of the model's own")
    copy.set_weights(model.get_weights())
    for layer in copy._flatten_layers():
        # What an adapted layer computes with is derived from its weights, and not by `set_weights`.
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
    """What the optimizer of a copy is made with."""
    own = settings_of(model.optimizer)
    return unclipped(own) if without == "clipping" else own


@contextlib.contextmanager
def uncompiled(model: Any) -> Iterator[None]:
    """Keras compiles a clone from written settings, which hold no function of the user's own."""
    before = model.compiled
    model.compiled = False
    try:
        yield
    finally:
        model.compiled = before


def changes(
    k: Any, model: Any, without: str, bent: tuple[str, ...]
) -> Iterator[tuple[Any, str, Any]]:
    """Owner, name and new value of the attributes that what is left out or bent comes to."""
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
        if layer.name in bent and "activation" in vars(layer):  # a recurrent one only shows it
            yield layer, "activation", k.activations.relu
