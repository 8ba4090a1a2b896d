"""Training steps under PyTorch, recorded where possible to avoid the overhead of Keras."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any

import numpy as np

from ....torch.api import torch
from ....torch.replay import ReplayedFunction
from ..randomness import has_user_code, has_user_functions
from ..stepping import moves_entries_alone


LARGEST = 1_000_000
"""Number of weights above which steps are not recorded: Keras's overhead is then negligible."""


class TorchTraining:
    """The training of a compiled model, as functions of data.

    Steps change the model's variables.

    Args:
        model: A built, compiled model.
        noisy: Whether the model behaves differently in training mode.
    """

    def __init__(self, k: Any, model: Any, noisy: bool) -> None:
        self.k, self.model, self.noisy = k, model, noisy
        self._functions: dict[Any, ReplayedFunction | Callable[..., list[Any]]] = {}
        self._vector: Any = None
        count = sum(v.value.numel() for v in model.variables)
        # User code may behave differently in every call, which a record cannot.
        has_own_code = has_user_code(k, model) or has_user_functions(model)
        self._records = count <= LARGEST and not model.run_eagerly and not has_own_code

    def build(self, one_by_one: bool) -> list[Any]:
        """Build the optimizer, and return its variables.

        If the optimizer can update one vector of all trainable weights, the weights become views of
        this vector.

        Args:
            one_by_one: Whether the weights must stay separate.
        """
        model, optimizer = self.model, self.model.optimizer
        variables = model.trainable_variables
        if not one_by_one and moves_entries_alone(self.k, model):
            values = [v.value for v in variables]
            self._vector = self.k.Variable(
                self.k.ops.concatenate([t.detach().reshape(-1) for t in values]), name="weights"
            )
            parts = self._vector.value.detach().split([t.numel() for t in values])
            for value, part in zip(values, parts, strict=True):
                value.data = part.view(value.shape)
            variables = [self._vector]
        optimizer.build(variables)
        values_by_id = {id(v): v.value for v in (*model.variables, *optimizer.variables)}
        self._variables = list(values_by_id.values())
        return list(optimizer.variables)

    def load(self) -> None:
        """Do nothing: if `build` created a vector, the trainable weights are views of it."""

    @contextlib.contextmanager
    def single_threaded(self) -> Iterator[None]:
        """Limit PyTorch to one thread in this context if training steps are recorded.

        Steps are recorded only for models with at most `LARGEST` weights. In their small
        operations, additional threads would mostly wait.
        """
        before = torch().get_num_threads()
        torch().set_num_threads(1 if self._records else before)
        try:
            yield
        finally:
            torch().set_num_threads(before)

    def steps(self, x: Any, y: Any, due: Any, rows: Any) -> tuple[list[float], list[float]]:
        """Take training steps; return their losses and the losses on `rows`, as in `Copy.steps`."""
        data = self.k.tree.map_structure(self.k.ops.convert_to_tensor, (x, y))
        flat = self.k.tree.flatten(data)
        losses: list[float] = []
        seen: list[float] = []
        with self.single_threaded():
            for looks, *batch in zip(due, *flat, strict=True):
                if looks:
                    seen.append(float(self.look(*rows)[0]))
                losses.append(float(self._call("step", data, batch)[0]))
                if not np.isfinite(losses[-1]):
                    break
        return losses, seen

    def look(self, x: Any, y: Any) -> tuple[Any, list[Any], list[Any]]:
        """Compute the training loss and outputs, as in `Look`; leave model variables unchanged."""
        data = self.k.tree.map_structure(self.k.ops.convert_to_tensor, (x, y))
        with self.single_threaded():
            loss, *outputs = self._call("look", data, self.k.tree.flatten(data))
        count = len(outputs) // 2 if self.noisy else len(outputs)
        return loss, outputs[:count], outputs[count:]

    def _call(self, what: str, structure: Any, flat: Any) -> list[Any]:
        key = what, *((tuple(t.shape), t.dtype) for t in flat)
        if key not in self._functions:
            self._functions[key] = self._function(what, structure)
        return self._functions[key](*flat)

    def _function(self, what: str, structure: Any) -> ReplayedFunction | Callable[..., list[Any]]:
        def pack(function: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
            return lambda *flat: function(*self.k.tree.pack_sequence_as(structure, flat))

        if what == "look":
            function, plain = pack(self._look), None
        else:
            function, plain = pack(self._step), pack(self._step_of_each)
        return ReplayedFunction(function, self._variables, plain) if self._records else function

    def _step(self, x: Any, y: Any) -> list[Any]:
        model, optimizer = self.model, self.model.optimizer
        predictions = model(x, training=True)
        loss = model.compute_loss(x=x, y=y, y_pred=predictions, training=True)
        variables = model.trainable_variables
        if variables:
            values = [v.value for v in variables]
            grads = torch().autograd.grad(optimizer.scale_loss(loss), values, allow_unused=True)
            with torch().no_grad():
                self._apply(list(grads))
        return [loss.detach()]

    def _apply(self, grads: list[Any]) -> None:
        variables = self.model.trainable_variables
        if self._vector is None:
            self.model.optimizer.apply(grads, variables)
            return
        dense = [
            torch().zeros_like(v.value) if g is None else g
            for v, g in zip(variables, grads, strict=True)
        ]
        flat = torch().cat([g.reshape(-1) for g in dense])
        # Without a gradient Keras does nothing, not even decay.
        saved = [
            (v.value, v.value.clone()) for v, g in zip(variables, grads, strict=True) if g is None
        ]
        self.model.optimizer.apply([flat], [self._vector])
        for value, before in saved:
            value.copy_(before)

    def _step_of_each(self, x: Any, y: Any) -> list[Any]:
        """Take one training step in which the optimizer updates the weights one by one.

        A combined update may read the learning rate as a number, which prevents recording.
        """
        optimizer, name = self.model.optimizer, "_backend_update_step"
        _, *others = (kind for kind in type(optimizer).__mro__ if name in vars(kind))
        if not others:
            return self._step(x, y)
        setattr(optimizer, name, MethodType(getattr(others[0], name), optimizer))
        try:
            return self._step(x, y)
        finally:
            delattr(optimizer, name)

    def _look(self, x: Any, y: Any) -> list[Any]:
        model, tree = self.model, self.k.tree
        with torch().no_grad():
            others = [v.value for v in model.non_trainable_variables]
            saved = [t.clone() for t in others]
            predictions = model(x, training=True)
            loss = model.compute_loss(x=x, y=y, y_pred=predictions, training=True)
            for tensor, value in zip(others, saved, strict=True):
                tensor.copy_(value)
            outputs = [*tree.flatten(model(x, training=False))] if self.noisy else []
            return [loss, *outputs, *tree.flatten(predictions)]
