"""Loss, gradients and steps of training under TensorFlow, each traced once for all calls.

What `fit` does, in a graph too, but many steps of it in one call: a call costs more than a small
model's step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from ....tensorflow.api import tensorflow
from ...names import pack_targets
from ..randomness import given_losses, own_code, own_functions
from ..stepping import moves_entries_alone


EAGER = 4
"""Calls of a function that are made without tracing it, which takes as long as some ten of them."""


class TensorFlowTraining:
    """A compiled model's training as functions of data; steps change the model's variables.

    Args:
        model: A built, compiled model.
        noisy: Whether it computes something else in training.
    """

    def __init__(self, k: Any, model: Any, noisy: bool) -> None:
        self.k, self.model, self.noisy, self.tf = k, model, noisy, tensorflow()
        self._functions: dict[Any, Callable[..., Any]] = {}
        self._calls: dict[str, int] = {}
        self._eager: bool | None = None
        self._own_code = own_code(k, model) or own_functions(model)
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
        sparse = self._own_code or any(type(o).__name__ == "Embedding" for o in layers)
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

    def _specs(self, data: Any, first: tuple[int | None, ...]) -> Any:
        """Shapes and types of arrays, with other first sizes."""
        return self.k.tree.map_structure(
            lambda t: self.tf.TensorSpec([*first, *t.shape[len(first) :]], t.dtype), data
        )

    def _rows(self, data: Any) -> tuple[int | None]:
        """How many rows are looked at: left open, so that for fewer nothing is traced anew.

        Code of the user's own may want to know.
        """
        return (self.k.tree.flatten(data)[0].shape[0] if self._own_code else None,)

    def _function(
        self, key: Any, function: Callable[..., Any], specs: Sequence[Any]
    ) -> Callable[..., Any]:
        """A function traced for some shapes, made when it is first asked for."""
        if key not in self._functions:
            self._functions[key] = self._traced(function, input_signature=specs)
        return self._functions[key]

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
            compiled.build(pack_targets(self.k, targets, output), output)

    def outputs(self, x: Any) -> list[Any]:
        """The outputs at inference."""
        return self._once(self._outputs, x)

    def _outputs(self, x: Any) -> list[Any]:
        return self.k.tree.flatten(self.model(x, training=False))

    def measure(self, x: Any, y: Any) -> tuple[Any, list[Any], list[Any]]:
        """Loss, gradients and outputs, at inference; None where there is no path."""
        return self._once(self._measure, x, y)

    def _measure(self, x: Any, y: Any) -> tuple[Any, list[Any], list[Any]]:
        with self.tf.GradientTape() as tape:
            outputs = self.model(x, training=False)
            loss = self.model.compute_loss(x=x, y=y, y_pred=outputs, training=False)
        found = tape.gradient(loss, [v.value for v in self.model.trainable_variables])
        dense = [None if g is None else self.tf.convert_to_tensor(g) for g in found]
        return loss, dense, self.k.tree.flatten(outputs)

    def _once(self, function: Callable[..., Any], *given: Any) -> Any:
        """Call what is called a few times only; as a graph where that may make a difference."""
        name = function.__name__
        calls = self._calls[name] = self._calls.get(name, 0) + 1
        if calls <= EAGER and self._same_eagerly(given[0]):
            return function(*given)
        if name not in self._functions:
            self._functions[name] = self._traced(function, reduce_retracing=True)
        return self._functions[name](*given)

    def _same_eagerly(self, x: Any) -> bool:
        """Whether operations run one by one give what they give in the graph that `fit` makes.

        Code of the user's own may ask, and loops over steps take longer. A cross-entropy looks for
        the logits: in a graph it sees which operation made its input, else only what an activation
        of Keras left there.
        """
        if self._eager is None:
            k, model = self.k, self.model
            crossing = any("crossentropy" in _name_of(k, loss) for loss in given_losses(k, model))
            loops = any(isinstance(layer, k.layers.RNN) for layer in model._flatten_layers())
            self._eager = not (self._own_code or loops) and (not crossing or self._tells_logits(x))
        return self._eager

    def _tells_logits(self, x: Any) -> bool:
        """Whether outputs bear their logits, or are no activation of logits."""
        outputs, makers = self._outputs(x), _makers(self.k, self.model)
        return len(outputs) == len(makers) and all(
            hasattr(tensor, "_keras_logits") or type(layer) is self.k.layers.Dense
            for tensor, layer in zip(outputs, makers, strict=True)
        )

    def look(self, x: Any, y: Any) -> tuple[Any, list[Any], list[Any]]:
        """The loss in training and the outputs: see `Look`; nothing is changed."""
        specs = self._specs((x, y), self._rows(x))
        return self._function(("look", str(specs)), self._look, specs)(x, y)

    def _look(self, x: Any, y: Any) -> tuple[Any, list[Any], list[Any]]:
        model, flatten = self.model, self.k.tree.flatten
        others = model.non_trainable_variables
        kept = [self.tf.identity(v.value) for v in others]
        seen = model(x, training=True)
        loss = model.compute_loss(x=x, y=y, y_pred=seen, training=True)
        for variable, value in zip(others, kept, strict=True):
            variable.assign(value)
        if not self.noisy:
            return loss, flatten(seen), []
        return loss, flatten(model(x, training=False)), flatten(seen)

    def steps(self, x: Any, y: Any, due: Any, rows: Any) -> tuple[list[float], list[float]]:
        """Losses of steps and of looks: see `Copy.steps`."""
        tree = self.k.tree
        data, rows = tree.map_structure(self.k.ops.convert_to_tensor, ((x, y), rows))
        self.prepare(rows[1])
        batch = len(tree.flatten(data)[0][0])
        shapes = self._specs(data, (None, batch)), self._specs(rows, self._rows(rows))
        # A loop that can look need not: to trace another takes longer than not to look.
        looks = bool(np.any(due)) or ("steps", str(shapes), True) in self._functions
        specs = [shapes[0], self.tf.TensorSpec([None], "bool"), shapes[1]]
        run = self._function(("steps", str(shapes), looks), partial(self._several, looks), specs)
        losses, seen, done = map(np.asarray, run(data, np.asarray(due), rows))
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
        for value, part, gradient in zip(values, parts, found, strict=True):
            if gradient is not None:  # where there is none Keras does nothing, not even decay
                value.assign(tf.reshape(part, value.shape))


def _flat(tf: Any, tensors: list[Any]) -> Any:
    return tf.concat([tf.reshape(t, [-1]) for t in tensors], 0)


def _makers(k: Any, model: Any) -> list[Any]:
    """The layer that makes each output; None where that is not known."""
    symbols = k.tree.flatten(getattr(model, "output", None))
    return [getattr(getattr(t, "_keras_history", None), "operation", None) for t in symbols]


def _name_of(k: Any, loss: Any) -> str:
    """Of a loss as it was given; `"crossentropy"` of what Keras chooses by the targets' shape."""
    if loss is None:
        return ""
    try:
        found = k.losses.get(loss)
    except ValueError:
        return "crossentropy"
    found = getattr(found, "fn", found)
    return getattr(found, "__name__", type(found).__name__).lower()
