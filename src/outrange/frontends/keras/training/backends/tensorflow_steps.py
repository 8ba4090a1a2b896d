"""Loss, gradients and training steps under TensorFlow, usually as traced functions.

Steps run in a graph if they do so in `fit`. One call can take many steps, because a call costs more
than one step of a small model.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from ....tensorflow.api import tensorflow
from ...names import pack_targets
from ..randomness import compiled_losses, has_user_code, has_user_functions
from ..stepping import moves_entries_alone


EAGER = 4
"""Maximum number of eager calls before a function is traced; tracing costs about ten calls."""


class TensorFlowTraining:
    """The training of a compiled model, as functions of data.

    Steps change the model's variables.

    Args:
        model: A built, compiled model.
        noisy: Whether the model behaves differently in training mode.
    """

    def __init__(self, k: Any, model: Any, noisy: bool) -> None:
        self.k, self.model, self.noisy, self.tf = k, model, noisy, tensorflow()
        self._functions: dict[Any, Callable[..., Any]] = {}
        self._calls: dict[str, int] = {}
        self._eager: bool | None = None
        self._own_code = has_user_code(k, model) or has_user_functions(model)
        self._vector: Any = None

    def build(self, one_by_one: bool) -> list[Any]:
        """Build the optimizer, and return its variables.

        An optimizer runs about twenty operations per weight array. If they can run on one vector of
        all trainable weights instead, tracing and running take a fifth as long.

        Args:
            one_by_one: Whether the optimizer must update the weights one by one.
        """
        optimizer, variables = self.model.optimizer, self.model.trainable_variables
        layers = self.model._flatten_layers()
        # The gradient of an embedding is sparse, and optimizers apply it in another way.
        sparse = self._own_code or any(type(o).__name__ == "Embedding" for o in layers)
        if one_by_one or sparse or not moves_entries_alone(self.k, self.model):
            optimizer.build(variables)
            return list(optimizer.variables)
        size = sum(int(np.prod(v.shape)) for v in variables)
        self._vector = self.k.Variable(np.zeros(size, "float32"), name="weights")
        optimizer.build([self._vector])
        return list(optimizer.variables)

    def load(self) -> None:
        """Copy the trainable weights to the vector that `build` created, if it created one."""
        if self._vector is not None:
            values = [v.value for v in self.model.trainable_variables]
            self._vector.assign(_concat_flat(self.tf, values))

    def _trace(self, function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        # As in `fit`, user code is not rewritten, and runs eagerly if the model requires it.
        if self.model.run_eagerly:
            return function
        traced = self.tf.function(function, autograph=False, **options)

        def run(*arguments: Any) -> Any:
            with self._without_graph_optimizer():
                return traced(*arguments)

        return run

    @contextlib.contextmanager
    def _without_graph_optimizer(self) -> Iterator[None]:
        """Run graphs unoptimized in this context: optimizing one takes longer than many runs."""
        options, name = self.tf.config.optimizer, "disable_meta_optimizer"
        before = options.get_experimental_options().get(name, False)
        options.set_experimental_options({name: True})
        try:
            yield
        finally:
            options.set_experimental_options({name: before})

    def _specs(self, data: Any, first: tuple[int | None, ...]) -> Any:
        """Return the shapes and dtypes of arrays, with the leading sizes replaced by `first`."""
        return self.k.tree.map_structure(
            lambda t: self.tf.TensorSpec([*first, *t.shape[len(first) :]], t.dtype), data
        )

    def _rows(self, data: Any) -> tuple[int | None]:
        """Return `(rows,)` if there is user code, otherwise `(None,)` to avoid retracing.

        User code may depend on the number of rows, so it is traced again for each number of rows.
        """
        return (self.k.tree.flatten(data)[0].shape[0] if self._own_code else None,)

    def _function(
        self, key: Any, function: Callable[..., Any], specs: Sequence[Any]
    ) -> Callable[..., Any]:
        """Return a function that is traced for these shapes at its first call, and then reused."""
        if key not in self._functions:
            self._functions[key] = self._trace(function, input_signature=specs)
        return self._functions[key]

    def prepare(self, y: Any) -> None:
        """Create the variables that track the losses of multiple outputs.

        A function that creates variables while it is traced would be traced twice.

        Args:
            y: Targets, with any number of rows.
        """
        tree, symbol, dtype = self.k.tree, self.k.KerasTensor, self.k.backend.standardize_dtype
        compiled, output = self.model._compile_loss, getattr(self.model, "output", None)
        if compiled is None or compiled.built or not tree.is_nested(output):
            return
        targets = tree.map_structure(lambda t: symbol((None, *t.shape[1:]), dtype(t.dtype)), y)
        with contextlib.suppress(Exception):  # the call itself raises the real error
            compiled.build(pack_targets(self.k, targets, output), output)

    def outputs(self, x: Any) -> list[Any]:
        """Compute the model's outputs at inference."""
        return self._call_few_times(self._outputs, x)

    def _outputs(self, x: Any) -> list[Any]:
        return self.k.tree.flatten(self.model(x, training=False))

    def measure(self, x: Any, y: Any) -> tuple[Any, list[Any], list[Any]]:
        """Compute loss, gradients (None for an unused weight) and outputs at inference."""
        return self._call_few_times(self._measure, x, y)

    def _measure(self, x: Any, y: Any) -> tuple[Any, list[Any], list[Any]]:
        with self.tf.GradientTape() as tape:
            outputs = self.model(x, training=False)
            loss = self.model.compute_loss(x=x, y=y, y_pred=outputs, training=False)
        grads = tape.gradient(loss, [v.value for v in self.model.trainable_variables])
        dense = [None if g is None else self.tf.convert_to_tensor(g) for g in grads]
        return loss, dense, self.k.tree.flatten(outputs)

    def _call_few_times(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function eagerly in its first `EAGER` calls if that is safe, otherwise as a graph.

        Eager calls are safe if `_same_eagerly` is true for the first argument.
        """
        name = function.__name__
        calls = self._calls[name] = self._calls.get(name, 0) + 1
        if calls <= EAGER and self._same_eagerly(arguments[0]):
            return function(*arguments)
        if name not in self._functions:
            self._functions[name] = self._trace(function, reduce_retracing=True)
        return self._functions[name](*arguments)

    def _same_eagerly(self, x: Any) -> bool:
        """Return whether eager execution surely gives the results of `fit`'s graph and is not slow.

        User code may check whether it runs in a graph, and loops over steps are slow in eager mode.
        A cross-entropy searches for the logits from which its input was computed. In a graph, it
        finds them through the operation that computed the input. In eager mode, it finds only
        logits that a Keras activation attached to the input.
        """
        if self._eager is None:
            k, model = self.k, self.model
            crossing = any(
                "crossentropy" in _name_of(k, loss) for loss in compiled_losses(k, model)
            )
            loops = any(isinstance(layer, k.layers.RNN) for layer in model._flatten_layers())
            self._eager = not (self._own_code or loops) and (not crossing or self._tells_logits(x))
        return self._eager

    def _tells_logits(self, x: Any) -> bool:
        """Return whether every output has its logits attached, or is computed by a dense layer."""
        outputs, makers = self._outputs(x), _output_layers(self.k, self.model)
        return len(outputs) == len(makers) and all(
            hasattr(tensor, "_keras_logits") or type(layer) is self.k.layers.Dense
            for tensor, layer in zip(outputs, makers, strict=True)
        )

    def look(self, x: Any, y: Any) -> tuple[Any, list[Any], list[Any]]:
        """Compute the training loss and outputs, as in `Look`; leave model variables unchanged."""
        specs = self._specs((x, y), self._rows(x))
        return self._function(("look", str(specs)), self._look, specs)(x, y)

    def _look(self, x: Any, y: Any) -> tuple[Any, list[Any], list[Any]]:
        model, flatten = self.model, self.k.tree.flatten
        others = model.non_trainable_variables
        saved = [self.tf.identity(v.value) for v in others]
        predictions = model(x, training=True)
        loss = model.compute_loss(x=x, y=y, y_pred=predictions, training=True)
        for variable, value in zip(others, saved, strict=True):
            variable.assign(value)
        if not self.noisy:
            return loss, flatten(predictions), []
        return loss, flatten(model(x, training=False)), flatten(predictions)

    def steps(self, x: Any, y: Any, due: Any, rows: Any) -> tuple[list[float], list[float]]:
        """Take training steps; return their losses and the losses on `rows`, as in `Copy.steps`."""
        tree = self.k.tree
        data, rows = tree.map_structure(self.k.ops.convert_to_tensor, ((x, y), rows))
        self.prepare(rows[1])
        batch = len(tree.flatten(data)[0][0])
        shapes = self._specs(data, (None, batch)), self._specs(rows, self._rows(rows))
        # A loop that can look need not do so; tracing another one takes longer than the branch.
        looks = bool(np.any(due)) or ("steps", str(shapes), True) in self._functions
        specs = [shapes[0], self.tf.TensorSpec([None], "bool"), shapes[1]]
        run = self._function(("steps", str(shapes), looks), partial(self._several, looks), specs)
        losses, seen, done = map(np.asarray, run(data, np.asarray(due), rows))
        return losses[:done].tolist(), seen[:done][np.asarray(due)[:done]].tolist()

    def _several(self, looks: bool, data: Any, due: Any, rows: Any) -> Any:
        """Take steps in one loop; return their losses, the losses on `rows`, and the step count."""
        tf, tree, model = self.tf, self.k.tree, self.model
        optimizer, values = model.optimizer, [v.value for v in model.trainable_variables]

        def look() -> Any:
            return tf.cast(self.look(*rows)[0], tf.float32)

        def step(i: Any, losses: Any, seen: Any, _: Any) -> Any:
            if looks:
                seen = seen.write(i, tf.cond(due[i], look, lambda: 0.0))
            x, y = tree.map_structure(lambda a: a[i], data)
            with tf.GradientTape() as tape:
                # Variables of a frozen layer are not watched automatically.
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

    def _apply(self, grads: list[Any]) -> None:
        """Apply gradients with the optimizer, as one vector if that is equivalent."""
        tf, model = self.tf, self.model
        variables = model.trainable_variables
        if self._vector is None:
            model.optimizer.apply(grads, variables)
            return
        values = [v.value for v in variables]
        dense = [tf.zeros_like(v) if g is None else g for v, g in zip(values, grads, strict=True)]
        model.optimizer.apply([_concat_flat(tf, dense)], [self._vector])
        parts = tf.split(self._vector.value, [int(np.prod(v.shape)) for v in values])
        for value, part, gradient in zip(values, parts, grads, strict=True):
            if gradient is not None:  # without a gradient Keras does nothing, not even decay
                value.assign(tf.reshape(part, value.shape))


def _concat_flat(tf: Any, tensors: list[Any]) -> Any:
    return tf.concat([tf.reshape(t, [-1]) for t in tensors], 0)


def _output_layers(k: Any, model: Any) -> list[Any]:
    """Return, for each output, the layer that computes it, or None if it is unknown."""
    symbols = k.tree.flatten(getattr(model, "output", None))
    return [getattr(getattr(t, "_keras_history", None), "operation", None) for t in symbols]


def _name_of(k: Any, loss: Any) -> str:
    """Return the lower-case name of a loss, or `"crossentropy"` if Keras chooses the loss itself.

    Return `""` for an output without a loss.
    """
    if loss is None:
        return ""
    try:
        function = k.losses.get(loss)
    except ValueError:
        return "crossentropy"
    function = getattr(function, "fn", function)
    return getattr(function, "__name__", type(function).__name__).lower()
