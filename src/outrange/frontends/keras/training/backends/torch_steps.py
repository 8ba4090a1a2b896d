"""Steps of training under PyTorch, without what Keras adds to each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any

import numpy as np

from ....torch.api import torch
from ....torch.replay import ReplayedFunction
from ..randomness import own_code, own_functions
from ..stepping import moves_entries_alone


LARGEST = 1_000_000
"""Weights beyond which nothing is recorded: operations on them cost more than what is between."""


class TorchTraining:
    """A compiled model's training as functions of data; steps change the model's variables.

    Args:
        model: A built, compiled model with a built optimizer.
        noisy: Whether it computes something else in training.
    """

    def __init__(self, k: Any, model: Any, noisy: bool) -> None:
        self.k, self.model, self.noisy = k, model, noisy
        self._functions: dict[Any, ReplayedFunction | Callable[..., list[Any]]] = {}
        self._vector: Any = None
        count = sum(v.value.numel() for v in model.variables)
        # The user's own code may do something else at every call, as no record does.
        own = own_code(k, model) or own_functions(model)
        self._records = count <= LARGEST and not model.run_eagerly and not own

    def build(self, apart: bool) -> list[Any]:
        """Make what steps need; return the variables that they change and the model has not.

        Where an optimizer does the same on one vector of all weights, the weights become parts of
        such a vector.

        Args:
            apart: They must not become parts of anything.
        """
        model, optimizer = self.model, self.model.optimizer
        variables = model.trainable_variables
        if not apart and moves_entries_alone(self.k, model):
            values = [v.value for v in variables]
            self._vector = self.k.Variable(
                self.k.ops.concatenate([t.detach().reshape(-1) for t in values]), name="weights"
            )
            parts = self._vector.value.detach().split([t.numel() for t in values])
            for value, part in zip(values, parts, strict=True):
                value.data = part.view(value.shape)
            variables = [self._vector]
        optimizer.build(variables)
        own = {id(v): v.value for v in (*model.variables, *optimizer.variables)}
        self._held = list(own.values())
        return list(optimizer.variables)

    def load(self) -> None:
        """The weights are parts of the vector: nothing is to be done."""

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One thread while small operations are run: two spend their time waiting."""
        before = torch().get_num_threads()
        torch().set_num_threads(1 if self._records else before)
        try:
            yield
        finally:
            torch().set_num_threads(before)

    def steps(self, x: Any, y: Any, due: Any, rows: Any) -> tuple[list[float], list[float]]:
        """Losses of steps and of looks: see `Copy.steps`."""
        data = self.k.tree.map_structure(self.k.ops.convert_to_tensor, (x, y))
        flat = self.k.tree.flatten(data)
        losses: list[float] = []
        seen: list[float] = []
        with self.alone():
            for looks, *batch in zip(due, *flat, strict=True):
                if looks:
                    seen.append(float(self.look(*rows)[0]))
                losses.append(float(self._run("step", data, batch)[0]))
                if not np.isfinite(losses[-1]):
                    break
        return losses, seen

    def look(self, x: Any, y: Any) -> tuple[Any, list[Any], list[Any]]:
        """The loss in training and the outputs: see `Look`; nothing is changed."""
        data = self.k.tree.map_structure(self.k.ops.convert_to_tensor, (x, y))
        with self.alone():
            loss, *outputs = self._run("look", data, self.k.tree.flatten(data))
        count = len(outputs) // 2 if self.noisy else len(outputs)
        return loss, outputs[:count], outputs[count:]

    def _run(self, what: str, structure: Any, flat: Any) -> list[Any]:
        key = what, *((tuple(t.shape), t.dtype) for t in flat)
        if key not in self._functions:
            self._functions[key] = self._function(what, structure)
        return self._functions[key](*flat)

    def _function(self, what: str, structure: Any) -> ReplayedFunction | Callable[..., list[Any]]:
        def packed(function: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
            return lambda *flat: function(*self.k.tree.pack_sequence_as(structure, flat))

        if what == "look":
            function, plain = packed(self._look), None
        else:
            function, plain = packed(self._step), packed(self._step_of_each)
        return ReplayedFunction(function, self._held, plain) if self._records else function

    def _step(self, x: Any, y: Any) -> list[Any]:
        model, optimizer = self.model, self.model.optimizer
        seen = model(x, training=True)
        loss = model.compute_loss(x=x, y=y, y_pred=seen, training=True)
        variables = model.trainable_variables
        if variables:
            values = [v.value for v in variables]
            found = torch().autograd.grad(optimizer.scale_loss(loss), values, allow_unused=True)
            with torch().no_grad():
                self._apply(list(found))
        return [loss.detach()]

    def _apply(self, found: list[Any]) -> None:
        variables = self.model.trainable_variables
        if self._vector is None:
            self.model.optimizer.apply(found, variables)
            return
        dense = [
            torch().zeros_like(v.value) if g is None else g
            for v, g in zip(variables, found, strict=True)
        ]
        flat = torch().cat([g.reshape(-1) for g in dense])
        # Where there is no gradient Keras does nothing, not even decay.
        kept = [
            (v.value, v.value.clone()) for v, g in zip(variables, found, strict=True) if g is None
        ]
        self.model.optimizer.apply([flat], [self._vector])
        for value, before in kept:
            value.copy_(before)

    def _step_of_each(self, x: Any, y: Any) -> list[Any]:
        """The same, with one weight after the other.

        All at once, some optimizers ask for their rate as a number, which no record holds.
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
            kept = [t.clone() for t in others]
            seen = model(x, training=True)
            loss = model.compute_loss(x=x, y=y, y_pred=seen, training=True)
            for tensor, value in zip(others, kept, strict=True):
                tensor.copy_(value)
            outputs = [*tree.flatten(model(x, training=False))] if self.noisy else []
            return [loss, *outputs, *tree.flatten(seen)]
