"""Loss, gradients and steps of training under TensorFlow, each traced once for all calls.

What `fit` does, in a graph too, but many steps of it in one call: a call costs more than a small
model's step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any

import numpy as np

from ....tensorflow.api import tensorflow
from ...names import packed
from ..randomness import own_code
from ..stepping import moves_entries_alone


class TensorFlowTraining:
    """A compiled model's training as functions of data; steps change the model's variables.

    Args:
        k: Keras.
        model: A built, compiled model.
        noisy: Whether it computes something else in training.
    """

    def __init__(self, k: Any, model: Any, noisy: bool) -> None:
        self.k, self.model, self.noisy, self.tf = k, model, noisy, tensorflow()
        self._loops: dict[str, Callable[..., Any]] = {}
        self._vector: Any = None

    def build(self, apart: bool) -> list[Any]:
        """Make what steps need; return the variables that they change and the model has not.

        An optimizer does some twenty operations a weight: where they are the same on one vector of
        all weights, tracing and running it takes a fifth as long.

        Args:
            apart: The optimizer must get one weight after the other.
        """
        optimizer, variables = self.model.optimizer, self.model.trainable_variables
        layers = self.model._flatten_layers()
        # The gradient of a table of rows is sparse, and optimizers have another way with it.
        sparse = own_code(self.k, self.model) or any(
            type(o).__name__ == "Embedding" for o in layers
        )
        if apart or sparse or not moves_entries_alone(self.k, self.model):
            optimizer.build(variables)
            return list(optimizer.variables)
        size = sum(int(np.prod(v.shape)) for v in variables)
        self._vector = self.k.Variable(np.zeros(size, "float32"), name="weights")
        optimizer.build([self._vector])
        return list(optimizer.variables)

    def load(self) -> None:
        """Take the values that the model's weights have now."""
        if self._vector is not None:
            values = [v.value for v in self.model.trainable_variables]
            self._vector.assign(_flat(self.tf, values))

    def _traced(self, function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        # As `fit` does it: user code is not rewritten, and runs eagerly where that is asked for.
        if self.model.run_eagerly:
            return function
        traced = self.tf.function(function, autograph=False, **options)

        def run(*given: Any) -> Any:
            with self._unoptimized():
                return traced(*given)

        return run

    @contextlib.contextmanager
    def _unoptimized(self) -> Iterator[None]:
        """Graphs run as they are: to better one takes longer than its few hundred runs."""
        options, name = self.tf.config.optimizer, "disable_meta_optimizer"
        before = options.get_experimental_options().get(name, False)
        options.set_experimental_options({name: True})
        try:
            yield
        finally:
            options.set_experimental_options({name: before})

    def prepare(self, y: Any) -> None:
        """Make the variables that count the losses of several outputs.

        A function that makes them while it is traced is traced twice.

        Args:
            y: Targets; their number of rows does not matter.
        """
        tree, symbol, dtype = self.k.tree, self.k.KerasTensor, self.k.backend.standardize_dtype
        compiled, output = self.model._compile_loss, getattr(self.model, "output", None)
        if compiled is None or compiled.built or not tree.is_nested(output):
            return
        targets = tree.map_structure(lambda t: symbol((None, *t.shape[1:]), dtype(t.dtype)), y)
        with contextlib.suppress(Exception):  # it is the call itself that tells what is wrong
            compiled.build(packed(self.k, targets, output), output)

    @cached_property
    def outputs(self) -> Any:
        """`(x)` to the outputs at inference."""

        def run(x: Any) -> Any:
            return self.k.tree.flatten(self.model(x, training=False))

        return self._traced(run, reduce_retracing=True)

    @cached_property
    def measure(self) -> Any:
        """`(x, y)` to loss, gradients and outputs, at inference; None where there is no path."""
        model = self.model

        def run(x: Any, y: Any) -> Any:
            with self.tf.GradientTape() as tape:
                outputs = model(x, training=False)
                # In a graph a cross-entropy sees which operation made its input.
                loss = model.compute_loss(x=x, y=y, y_pred=outputs, training=False)
            found = tape.gradient(loss, [v.value for v in model.trainable_variables])
            dense = [None if g is None else self.tf.convert_to_tensor(g) for g in found]
            return loss, dense, self.k.tree.flatten(outputs)

        return self._traced(run, reduce_retracing=True)

    @cached_property
    def look(self) -> Any:
        """`(x, y)` to the loss in training and the outputs: see `Look`; nothing is changed."""
        model = self.model

        def run(x: Any, y: Any) -> Any:
            others = model.non_trainable_variables
            kept = [self.tf.identity(v.value) for v in others]
            seen = model(x, training=True)
            loss = model.compute_loss(x=x, y=y, y_pred=seen, training=True)
            for variable, value in zip(others, kept, strict=True):
                variable.assign(value)
            if not self.noisy:
                return loss, self.k.tree.flatten(seen), []
            outputs = model(x, training=False)
            return loss, self.k.tree.flatten(outputs), self.k.tree.flatten(seen)

        return self._traced(run, reduce_retracing=True)

    def steps(self, x: Any, y: Any, due: Any, rows: Any) -> tuple[list[float], list[float]]:
        """Losses of steps and of looks: see `Copy.steps`."""
        tree = self.k.tree
        data, rows = tree.map_structure(self.k.ops.convert_to_tensor, ((x, y), rows))
        self.prepare(rows[1])
        several = tree.map_structure(
            lambda t: self.tf.TensorSpec([None, *t.shape[1:]], t.dtype), data
        )
        alone = tree.map_structure(lambda t: self.tf.TensorSpec(t.shape, t.dtype), rows)
        specs = [several, self.tf.TensorSpec([None], "bool"), alone]
        # A loop that can look need not: to trace another takes longer than not to look.
        looks = bool(np.any(due)) or str((specs, True)) in self._loops
        key = str((specs, looks))
        if key not in self._loops:
            self._loops[key] = self._traced(partial(self._several, looks), input_signature=specs)
        losses, seen, done = map(np.asarray, self._loops[key](data, np.asarray(due), rows))
        return losses[:done].tolist(), seen[:done][np.asarray(due)[:done]].tolist()

    def _several(self, looks: bool, data: Any, due: Any, rows: Any) -> Any:
        """Losses of the steps, of the looks before them, and how many steps there were."""
        tf, tree, model = self.tf, self.k.tree, self.model
        optimizer, values = model.optimizer, [v.value for v in model.trainable_variables]

        def look() -> Any:
            return tf.cast(self.look(*rows)[0], tf.float32)

        def step(i: Any, losses: Any, seen: Any, _: Any) -> Any:
            if looks:
                seen = seen.write(i, tf.cond(due[i], look, lambda: 0.0))
            x, y = tree.map_structure(lambda a: a[i], data)
            with tf.GradientTape() as tape:
                # A layer that was made frozen has variables that are not watched of themselves.
                tape.watch(values)
                loss = model.compute_loss(x=x, y=y, y_pred=model(x, training=True), training=True)
                scaled = optimizer.scale_loss(loss)
            if values:
                self._apply(tape.gradient(scaled, values))
            losses = losses.write(i, tf.cast(loss, tf.float32))
            return i + 1, losses, seen, tf.math.is_finite(loss)

        count = tf.shape(due)[0]
        losses, seen = (tf.TensorArray(tf.float32, count, element_shape=()) for _ in range(2))
        done, losses, seen, _ = tf.while_loop(
            lambda i, losses, seen, finite: tf.logical_and(i < count, finite),
            step, (0, losses, seen, True), parallel_iterations=1,
        )  # fmt: skip
        return losses.stack(), seen.stack() if looks else tf.zeros(count), done

    def _apply(self, found: list[Any]) -> None:
        """Hand gradients to the optimizer; all in one vector, where that is the same."""
        tf, model = self.tf, self.model
        variables = model.trainable_variables
        if self._vector is None:
            model.optimizer.apply(found, variables)
            return
        values = [v.value for v in variables]
        dense = [tf.zeros_like(v) if g is None else g for v, g in zip(values, found, strict=True)]
        model.optimizer.apply([_flat(tf, dense)], [self._vector])
        parts = tf.split(self._vector.value, [int(np.prod(v.shape)) for v in values])
        for value, part in zip(values, parts, strict=True):
            value.assign(tf.reshape(part, value.shape))


def _flat(tf: Any, tensors: list[Any]) -> Any:
    return tf.concat([tf.reshape(t, [-1]) for t in tensors], 0)
