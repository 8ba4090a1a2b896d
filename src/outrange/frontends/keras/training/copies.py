"""What is trained in a model's place: values under JAX, a clone elsewhere."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from .compiled_tensorflow import TensorFlowTraining
from .jitted import JaxTraining, rate_owner
from .stepping import settings_of, unclipped
from .torch_steps import TorchTraining


class Look(NamedTuple):
    """What a copy does at some rows.

    Args:
        loss: In training, penalties included.
        outputs: At inference.
        in_training: The outputs in training; empty where they are the same.
    """

    loss: float
    outputs: list[np.ndarray]
    in_training: list[np.ndarray]


class Copy(Protocol):
    """Something that is trained in the model's place."""

    def steps(self, x: Any, y: Any, due: Any, rows: Any) -> tuple[list[float], list[float]]:
        """Take steps, up to the first whose loss is not finite.

        Args:
            x: Inputs of each step, one after the other along a first axis more.
            y: Their targets.
            due: Whether a look comes before each step.
            rows: Inputs and targets of the looks.

        Returns:
            The loss before each step, of its own rows; and that of each look.
        """
        ...

    def look(self, x: Any, y: Any) -> Look:
        """Loss and outputs at the weights reached."""
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


class State:
    """Under JAX: the variables' values, handed from one compiled step to the next."""

    def __init__(
        self, k: Any, jitted: JaxTraining, without: str, bent: tuple[str, ...], other: str
    ) -> None:
        self._k, self._jitted, self._step = k, jitted, jitted.step(without, bent, other)
        self._look = jitted.look(bent)
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

    def steps(self, x: Any, y: Any, due: Any, rows: Any) -> tuple[list[float], list[float]]:
        """Take steps, up to the first whose loss is not finite: see `Copy.steps`."""
        losses: list[float] = []
        seen: list[float] = []
        for i, looks in enumerate(due):
            if looks:
                seen.append(self.look(*rows).loss)
            batch = self._k.tree.map_structure(lambda a, i=i: a[i], (x, y))
            loss, self._state = self._step(self._state, *batch)
            losses.append(float(loss))
            if not np.isfinite(losses[-1]):
                break
        return losses, seen

    def look(self, x: Any, y: Any) -> Look:
        """Loss and outputs at the weights reached."""
        loss, *outputs = self._look(*self._state[:2], x, y)
        return Look(float(loss), *([np.asarray(t) for t in part] for part in outputs))

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


class Clone:
    """Elsewhere: a clone of the model, whose variables are changed."""

    def __init__(
        self, k: Any, model: Any, noisy: bool, without: str, bent: tuple[str, ...], other: str
    ) -> None:
        self._k, self._model = k, clone(k, model, without, bent, other)
        self._original = model
        self._training = {"tensorflow": TensorFlowTraining, "torch": TorchTraining}[
            k.backend.backend()
        ](k, self._model, noisy)
        held = {id(v): v for v in (*self._model.variables, *self._training.build())}
        self._training.load()
        self._first = [(v, k.ops.copy(v.value)) for v in held.values()]

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
    copy.set_weights(model.get_weights())
    for layer in copy._flatten_layers():
        # What an adapted layer computes with is derived from its weights, and not by `set_weights`.
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    settings = settings_of(model.optimizer)
    if without == "freezing":
        for layer in copy._flatten_layers():
            layer.trainable = True
    optimizer = type(model.optimizer).from_config(
        unclipped(settings) if without == "clipping" else settings
    )
    _leave_out(copy, without)
    for layer in copy._flatten_layers():
        if layer.name in bent and hasattr(layer, "activation"):
            layer.activation = k.activations.relu
    compiled = model._compile_loss
    copy.compile(
        optimizer=optimizer,
        loss=other or compiled._user_loss,
        loss_weights=None if other else compiled._user_loss_weights,
        run_eagerly=model.run_eagerly,
        jit_compile=False,
    )
    return copy


@contextlib.contextmanager
def uncompiled(model: Any) -> Iterator[None]:
    """Keras compiles a clone from written settings, which hold no function of the user's own."""
    before = model.compiled
    model.compiled = False
    try:
        yield
    finally:
        model.compiled = before


def _leave_out(copy: Any, what: str) -> None:
    for layer in copy._flatten_layers():
        if what == "noise" and hasattr(layer, "rate"):
            layer.rate = 0.0
        if what == "penalties":
            for variable in layer.variables:
                variable.regularizer = None
            if getattr(layer, "activity_regularizer", None) is not None:
                layer.activity_regularizer = None
