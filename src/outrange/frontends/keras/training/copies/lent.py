"""The model itself, where it cannot be cloned: what a training changes is put back after it."""

import contextlib
from collections.abc import Iterator
from typing import Any

from .clone import Clone, changes, fresh_optimizer


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
            (model, "optimizer", fresh_optimizer(model, without)),
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
        variables = {id(v): v for v in (*model.variables, *model.metrics_variables)}
        values = [(v, self._k.ops.copy(v.value)) for v in variables.values()]
        # Before any is set: a layer's own layers, and its weights, come up again by themselves.
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in self._changes]
        try:
            for owner, name, value in self._changes:
                setattr(owner, name, value)
            yield
        finally:
            # In the same order: what a layer is set to, its own layers are too.
            for owner, name, value in before:
                setattr(owner, name, value)
            for variable, value in values:
                variable.assign(value)
