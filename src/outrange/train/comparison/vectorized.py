"""Trains many models side by side in one compiled JAX program, with one lane per training run.

All combinations of loss, optimizer and start share a model's forward and backward pass. Their
weights are stacked, and `Model.stateless_call` is mapped over them. Each loss reads the predictions
of its lanes, and each optimizer updates its lanes with `Optimizer.stateless_apply`. Up to rounding,
a lane computes the same numbers as Keras does for a single training run.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...frontends.keras.training.backends.gradients import jax_module
from .plan import Group, Objective, OptimizerChoice, Options, TrainingData, check_shapes


jax = jax_module()


Array = Any
"""A JAX array, or a tracer while JAX traces a function."""

Carried = tuple[list[Array], list[Array], list[list[Array]]]
"""Trainable weights, other variables, and the state of each optimizer, with one row per lane.

The state of an optimizer has one row for each lane that this optimizer trains.
"""


class Lanes(Group):
    """The training runs of one activation, computed side by side; see `Group`."""

    engine = "lanes"

    def __init__(
        self,
        models: Sequence[Any],
        rebuild: Callable[[], Any],
        objectives: Sequence[Objective],
        optimizers: Sequence[OptimizerChoice],
        data: TrainingData,
        options: Options,
    ) -> None:
        super().__init__(models, rebuild, objectives, optimizers, data, options)
        model = models[0]
        self.model = model
        self.built = []
        for optimizer in self.optimizers:
            fresh = optimizer.fresh()
            fresh.build(model.trainable_variables)
            self.built.append(fresh)
        lanes = len(self.objectives) * len(models)
        starts = [
            [np.stack([np.asarray(v.value) for v in group]) for group in zip(*kind, strict=True)]
            for kind in (
                [m.trainable_variables for m in models],
                [m.non_trainable_variables for m in models],
            )
        ]
        count = len(self.optimizers) * len(self.objectives)
        weights, rest = ([np.concatenate([a] * count) for a in arrays] for arrays in starts)
        states = [
            [np.stack([np.asarray(v.value)] * lanes) for v in built.variables]
            for built in self.built
        ]
        self.carried = jax.tree.map(jax.numpy.asarray, (weights, rest, states))
        self.inputs = jax.tree.map(jax.numpy.asarray, data.x)
        self.targets = [jax.numpy.asarray(o.targets) for o in self.objectives]
        self._advance = jax.jit(self._epochs)
        self._evaluate = jax.jit(self._measures)
        self._steepness = jax.jit(self._norms)

    # ---- compiled functions ---------------------------------------------------------------

    def _forward(
        self, weights: list[Array], rest: list[Array], x: Array, training: bool
    ) -> tuple[Array, list[Array], Array]:
        outputs, rest, losses = self.model.stateless_call(
            weights, rest, x, training=training, return_losses=True
        )
        return outputs, rest, sum(jax.numpy.sum(part) for part in losses)

    def _losses(
        self, weights: list[Array], rest: list[Array], rows: Array | None, training: bool
    ) -> tuple[Array, tuple[Array, list[Array]]]:
        """Return the loss with penalties, outputs and updated variables of every training run.

        Args:
            weights: Trainable weights, one row per training run.
            rest: Other variables, one row per training run.
            rows: Indices of the batch; None for all rows.
            training: Whether the layers run in training mode.

        Returns:
            `(losses, (outputs, rest))`. The first axis of each array has one entry for each
            of the `optimizers * losses * starts` training runs.
        """
        x = self.inputs if rows is None else jax.tree.map(lambda a: a[rows], self.inputs)
        forward = jax.vmap(lambda w, r: self._forward(w, r, x, training))
        outputs, rest, extra = forward(weights, rest)
        per_loss = outputs.reshape(
            len(self.optimizers), len(self.objectives), -1, *outputs.shape[1:]
        )
        per_objective = []
        for i, objective in enumerate(self.objectives):
            y = self.targets[i] if rows is None else self.targets[i][rows]
            of_loss = jax.vmap(jax.vmap(lambda p, y=y, o=objective: o.value(y, p)))
            per_objective.append(of_loss(per_loss[:, i]))
        losses = jax.numpy.stack(per_objective, axis=1).reshape(-1)
        return losses + extra, (outputs, rest)

    def _step(self, carried: Carried, rows: Array | None) -> Carried:
        weights, rest, states = carried

        def total(weights: list[Array]) -> tuple[Array, list[Array]]:
            losses, (_, after) = self._losses(weights, rest, rows, True)
            return jax.numpy.sum(losses), after  # Lanes are independent, so gradients stay apart.

        grads, rest = jax.grad(total, has_aux=True)(weights)
        lanes = len(self.objectives) * len(self.models)
        moved, after = [], []
        for i, (optimizer, state) in enumerate(zip(self.built, states, strict=True)):

            def part(a: Array, i: int = i) -> Array:
                return a[i * lanes : (i + 1) * lanes]

            new, state = jax.vmap(optimizer.stateless_apply)(
                state, [part(g) for g in grads], [part(w) for w in weights]
            )
            moved.append(new)
            after.append(state)
        weights = [jax.numpy.concatenate(parts) for parts in zip(*moved, strict=True)]
        return weights, rest, after

    def _epochs(self, carried: Carried, orders: Array, count: Array) -> Carried:
        """Continue all training runs by `count` epochs; each row of `orders` permutes the data."""
        size, rows = self.options.batch_size, self.data.rows
        whole, left = divmod(rows, size)

        def epoch(i: Array, carried: Carried) -> Carried:
            if size >= rows:
                return self._step(carried, None)
            batches = orders[i, : whole * size].reshape(whole, size)
            carried, _ = jax.lax.scan(lambda c, b: (self._step(c, b), None), carried, batches)
            return self._step(carried, orders[i, whole * size :]) if left else carried

        return jax.lax.fori_loop(0, count, epoch, carried)

    def _measures(self, carried: Carried) -> tuple[Array, Array, Array]:
        weights, rest, _ = carried
        losses, (outputs, _) = self._losses(weights, rest, None, False)
        shape = (len(self.optimizers), len(self.objectives), -1)
        grouped = outputs.reshape(*shape, *outputs.shape[1:])
        metrics = [
            jax.vmap(jax.vmap(objective.metric))(grouped[:, i])
            for i, objective in enumerate(self.objectives)
        ]
        flat = outputs.reshape(outputs.shape[0], outputs.shape[1], -1)
        spread = (flat.max(axis=1) - flat.min(axis=1)).max(axis=1)
        return losses, jax.numpy.stack(metrics, axis=1).reshape(-1), spread

    def _norms(self, carried: Carried) -> Array:
        weights, rest, _ = carried
        grads = jax.grad(lambda w: jax.numpy.sum(self._losses(w, rest, None, True)[0]))(weights)
        squares = [jax.numpy.sum(g**2, axis=tuple(range(1, g.ndim))) for g in grads]
        return jax.numpy.sqrt(sum(squares))

    # ---- the protocol of a group -----------------------------------------------------------

    def advance(self, orders: np.ndarray) -> None:
        """Continue all training runs, as `Group.advance` specifies."""
        self.carried = self._advance(self.carried, jax.numpy.asarray(orders), len(orders))

    def evaluate(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the loss, metric and spread of each training run; see `Group.evaluate`."""
        losses, metrics, spreads = self._evaluate(self.carried)
        return _double(losses), _double(metrics), _double(spreads)

    def steepness(self) -> np.ndarray:
        return _double(self._steepness(self.carried))

    def weights(self, lane: int) -> list[np.ndarray]:
        return [np.asarray(w[lane]) for w in self.carried[0]]

    def state(self) -> list[np.ndarray]:
        return [np.asarray(leaf) for leaf in jax.tree.leaves(self.carried)]

    def predictions(self, lane: int) -> np.ndarray:
        """Return the predictions of a training run's model for the data."""
        weights, rest, _ = jax.tree.map(lambda a: a[lane], (*self.carried[:2], []))
        return np.asarray(self.model.stateless_call(weights, rest, self.inputs)[0])

    def restore(self, arrays: Sequence[Any]) -> None:
        """Set the state of all training runs, as `Group.restore` specifies."""
        check_shapes(arrays, jax.tree.leaves(self.carried))
        tree = jax.tree.structure(self.carried)
        self.carried = jax.tree.unflatten(tree, [jax.numpy.asarray(a) for a in arrays])


def _double(array: Any) -> np.ndarray:
    return np.asarray(array, np.float64)
