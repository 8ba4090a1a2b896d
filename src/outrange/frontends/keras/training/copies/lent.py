"""The model itself, where it cannot be cloned: what a training changes is put back after it."""

import contextlib
from collections.abc import Iterator
from typing import Any

from ..optimizer_settings import fresh_optimizer
from ..randomness import given_losses
from .clone import Clone, changes, settings


class Lent(Clone):
    """A model that Keras cannot make a second time: a class, a layer or a function of one's own.

    Its optimizer is another one meanwhile. Weights, states, counters and attributes have their
    values again at the end, however it ends.
    """

    def __init__(
        self, k: Any, model: Any, noisy: bool, without: str, bent: tuple[str, ...], other: str
    ) -> None:
        self._k, self._original, self._model = k, model, model
        loss = model._compile_loss
        self._changes = [
            (model, "optimizer", fresh_optimizer(model, settings(model, without))),
            (model, "_compile_loss", type(loss)(other) if other else loss),
            *changes(k, model, without, bent),
        ]
        with self._changed():
            # Weights that are parts of one vector would stay so.
            self._prepare(noisy, apart=True)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """While it is trained, from the stored weights on."""
        with self._changed():
            self.restart()
            yield

    @contextlib.contextmanager
    def _changed(self) -> Iterator[None]:
        model = self._model
        # Before any is set: a layer's own layers, and its weights, come up again by themselves.
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in self._changes]
        # A layer tells all its layers and weights, shared ones and those frozen by themselves too.
        flags = [
            (owner, "_trainable", owner._trainable)
            for owner in (*model._flatten_layers(), *model.variables)
            if hasattr(owner, "_trainable")
        ]
        needed = [(v.value, v.value.requires_grad) for v in model.variables if self._is_torch]
        modes = [
            (module, module.training)
            for layer in (model._flatten_layers() if self._is_torch else ())
            for module in layer.modules()
        ]
        try:
            with numbers_kept(self._k, model):
                for owner, name, value in self._changes:
                    setattr(owner, name, value)
                yield
        finally:
            # In the same order: what a layer is set to, its own layers are too.
            for owner, name, value in before:
                setattr(owner, name, value)
            for owner, name, value in flags:
                setattr(owner, name, value)
            for tensor, value in needed:
                tensor.requires_grad_(value)
            for module, value in modes:
                module.training = value

    @property
    def _is_torch(self) -> bool:
        return self._k.backend.backend() == "torch"


def held_by(k: Any, model: Any) -> list[Any]:
    """What holds numbers that a training may change: variables, known to the model or not.

    States of recurrent layers, TensorFlow's own variables and PyTorch's buffers are in no list.
    """
    found = [*model.variables, *model.metrics_variables]
    for owner in (*model._flatten_layers(), *given_losses(k, model)):
        for value in tuple(getattr(owner, "__dict__", {}).values()):
            leaves = value.values() if isinstance(value, dict) else value
            for leaf in tuple(leaves) if isinstance(value, dict | list | tuple) else (value,):
                one = getattr(leaf, "state", leaf)  # of a generator of random numbers
                if callable(getattr(one, "assign", None)) and hasattr(one, "shape"):
                    found.append(one)
    found.append(k.src.random.seed_generator.global_seed_generator().state)
    if k.backend.backend() == "torch":
        found += [b for layer in model._flatten_layers() for b in layer.buffers()]
    return list({id(v): v for v in found}.values())


@contextlib.contextmanager
def numbers_kept(k: Any, model: Any) -> Iterator[None]:
    """What is held by a model has the same numbers again at the end."""
    values = [(v, k.ops.copy(k.ops.convert_to_tensor(v))) for v in held_by(k, model)]
    try:
        yield
    finally:
        for variable, value in values:
            (variable.assign if hasattr(variable, "assign") else variable.copy_)(value)
