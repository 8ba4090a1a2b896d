"""The model itself in place of a clone, usually because of user code; it is restored afterward."""

import contextlib
from collections.abc import Iterator
from typing import Any

from ..optimizer_settings import fresh_optimizer
from ..randomness import compiled_losses
from .clone import Clone, changes, settings
from .replacements import Replacements


class BorrowedModel(Clone):
    """The model itself, trained in place of a clone, usually because part of it is user code.

    While the model is trained, it has a different optimizer. Weights, states, counters and
    attributes are restored at the end, even after an error.
    """

    def __init__(
        self, k: Any, model: Any, noisy: bool, without: str, bent: Replacements, other: str
    ) -> None:
        self._k, self._original, self._model = k, model, model
        loss = model._compile_loss
        self._changes = [
            (model, "optimizer", fresh_optimizer(model, settings(model, without))),
            (model, "_compile_loss", type(loss)(other) if other else loss),
            *changes(k, model, without, bent),
        ]
        with self._apply_changes():
            # Weights that became parts of one vector would remain so.
            self._prepare(noisy, one_by_one=True)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Open a context for training the model, which is restored at the end of the context."""
        with self._apply_changes():
            self.restart()
            yield

    @contextlib.contextmanager
    def _apply_changes(self) -> Iterator[None]:
        model = self._model
        # Read before any is set, since setting a layer also sets its own layers and weights.
        before = [
            (owner, name, getattr(owner, name)) for owner, name, _ in self._changes
            if name != "call"
        ]  # fmt: skip
        # Setting a layer's flag also sets its layers and weights, even shared or frozen ones.
        flags = [
            (owner, "_trainable", owner._trainable)
            for owner in (*model._flatten_layers(), *model.variables)
            if hasattr(owner, "_trainable")
        ]
        gradient_flags = [
            (v.value, v.value.requires_grad) for v in model.variables if self._is_torch
        ]
        modes = [
            (module, module.training)
            for layer in (model._flatten_layers() if self._is_torch else ())
            for module in layer.modules()
        ]
        try:
            with preserve_variables(self._k, model):
                for owner, name, value in self._changes:
                    setattr(owner, name, value)
                yield
        finally:
            for owner, name, _ in self._changes:
                if name == "call":
                    vars(owner).pop(name, None)  # the method of its class applies again
            # In the same order, because setting a layer also sets its own layers.
            for owner, name, value in before:
                setattr(owner, name, value)
            for owner, name, value in flags:
                setattr(owner, name, value)
            for tensor, value in gradient_flags:
                tensor.requires_grad_(value)
            for module, value in modes:
                module.training = value

    @property
    def _is_torch(self) -> bool:
        return self._k.backend.backend() == "torch"


def all_variables(k: Any, model: Any) -> list[Any]:
    """Return the variables that training may change, including those that the model does not list.

    The model's lists omit states of recurrent layers, TensorFlow's own variables and PyTorch's
    buffers.
    """
    variables = [*model.variables, *model.metrics_variables]
    for owner in (*model._flatten_layers(), *compiled_losses(k, model)):
        for value in tuple(getattr(owner, "__dict__", {}).values()):
            leaves = value.values() if isinstance(value, dict) else value
            for leaf in tuple(leaves) if isinstance(value, dict | list | tuple) else (value,):
                variable = getattr(leaf, "state", leaf)  # the state of a random generator
                if callable(getattr(variable, "assign", None)) and hasattr(variable, "shape"):
                    variables.append(variable)
    variables.append(k.src.random.seed_generator.global_seed_generator().state)
    if k.backend.backend() == "torch":
        variables += [b for layer in model._flatten_layers() for b in layer.buffers()]
    return list({id(v): v for v in variables}.values())


@contextlib.contextmanager
def preserve_variables(k: Any, model: Any) -> Iterator[None]:
    """Restore all variables of a model at the end of the context."""
    values = [(v, k.ops.copy(k.ops.convert_to_tensor(v))) for v in all_variables(k, model)]
    try:
        yield
    finally:
        for variable, value in values:
            (variable.assign if hasattr(variable, "assign") else variable.copy_)(value)
