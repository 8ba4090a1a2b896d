"""Trains models one by one with `Model.train_on_batch`, on any backend."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...frontends.keras.api import keras
from ...frontends.keras.training.backends.gradients import gradients
from .plan import Group, Objective, OptimizerChoice, Options, TrainingData, check_shapes


ROWS = 4096
"""Maximum number of rows in one call of the model for predictions and for the reported loss."""


class Loops(Group):
    """The training runs of one activation, advanced in turn; see `Group`.

    There is one compiled model for each pair of a loss and an optimizer. The states of its training
    runs are loaded into it in turn. So all runs have trained for the same number of epochs when the
    time limit is reached.
    """

    engine = "one by one"

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
        self.k = keras()
        starts = [_arrays(m.trainable_variables + m.non_trainable_variables) for m in models]
        self.compiled: list[Any] = []
        self.carried: list[list[np.ndarray]] = []
        for optimizer in self.optimizers:
            for objective in self.objectives:
                model = rebuild()
                fresh = optimizer.fresh()
                model.compile(optimizer=fresh, loss=objective.keras_loss)
                fresh.build(model.trainable_variables)
                self.compiled.append(model)
                slots = _arrays(fresh.variables)
                self.carried += [[*start, *slots] for start in starts]

    # ---- one lane in its model --------------------------------------------------------------

    def _variables(self, model: Any) -> list[Any]:
        return [
            *model.trainable_variables,
            *model.non_trainable_variables,
            *model.optimizer.variables,
        ]

    def _enter(self, lane: int) -> Any:
        """Load the state of a training run into its compiled model, and return the model."""
        model = self.compiled[lane // len(self.models)]
        for variable, array in zip(self._variables(model), self.carried[lane], strict=True):
            variable.assign(array)
        return model

    def _predict(self, model: Any) -> Any:
        """Return the predictions of a model for all the data."""
        parts = []
        for start in range(0, self.data.rows, ROWS):
            rows = np.arange(start, min(start + ROWS, self.data.rows))
            parts.append(model(self._select_rows(rows), training=False))
        return self.k.ops.concatenate(parts, axis=0)

    def _loss_by_keras(self, model: Any, objective: Objective) -> float:
        """Return the loss over all the data as `evaluate` computes it.

        In a TensorFlow graph, but not outside one, Keras computes a cross-entropy from the logits
        before a softmax or sigmoid. The reported loss must be the one that is minimized.
        """
        model.reset_metrics()
        if self.data.rows <= ROWS:
            return float(model.test_on_batch(self.data.x, objective.targets))
        return float(model.evaluate(self.data.x, objective.targets, batch_size=ROWS, verbose=0))

    def _select_rows(self, rows: np.ndarray) -> Any:
        return self.k.tree.map_structure(lambda a: a[rows], self.data.x)

    def _loss(self, model: Any, objective: Objective) -> Any:
        predictions = model(self.data.x, training=True)
        return objective.value(objective.targets, predictions) + sum(model.losses)

    # ---- the protocol of a group -----------------------------------------------------------

    def advance(self, orders: np.ndarray) -> None:
        """Continue all training runs, as `Group.advance` specifies.

        An interrupted call leaves their states unchanged.
        """
        size, rows = self.options.batch_size, self.data.rows
        after = []
        for lane in range(self.lanes):
            model = self._enter(lane)
            y = self.objectives[self.place(lane)[1]].targets
            for order in orders:
                if size >= rows:
                    model.train_on_batch(self.data.x, y)
                    continue
                for start in range(0, rows, size):
                    batch = order[start : start + size]
                    model.train_on_batch(self._select_rows(batch), y[batch])
            after.append(_arrays(self._variables(model)))
        self.carried = after

    def evaluate(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the loss, metric and spread of each training run; see `Group.evaluate`.

        The loss is the one that Keras's `evaluate` computes.
        """
        results = []
        for lane in range(self.lanes):
            objective = self.objectives[self.place(lane)[1]]
            model = self._enter(lane)
            p, loss = self._predict(model), self._loss_by_keras(model, objective)
            metric = self.k.ops.convert_to_numpy(objective.metric(p))
            flat = self.k.ops.convert_to_numpy(p).reshape(self.data.rows, -1)
            spread = (flat.max(axis=0) - flat.min(axis=0)).max()
            results.append((loss, float(metric), float(spread)))
        losses, metrics, spreads = np.array(results).T
        return losses, metrics, spreads

    def steepness(self) -> np.ndarray:
        """Return the Euclidean norm of each training run's loss gradient over all the data.

        The backend's automatic differentiation computes the gradient.
        """
        norms = np.zeros(self.lanes)
        for lane in range(self.lanes):
            objective, model = self.objectives[self.place(lane)[1]], self._enter(lane)

            _, grads = gradients(self.k, model, partial(self._loss, model, objective))
            squares = [
                float(np.sum(np.square(g, dtype=np.float64))) for g in grads if g is not None
            ]
            norms[lane] = np.sqrt(sum(squares))
        return norms

    def predictions(self, lane: int) -> np.ndarray:
        return self.k.ops.convert_to_numpy(self._predict(self._enter(lane)))

    def weights(self, lane: int) -> list[np.ndarray]:
        return self.carried[lane][: len(self.models[0].trainable_variables)]

    def state(self) -> list[np.ndarray]:
        return [array for state in self.carried for array in state]

    def restore(self, arrays: Sequence[np.ndarray]) -> None:
        """Set the state of all training runs, as `Group.restore` specifies."""
        check_shapes(arrays, self.state())
        rest, states = list(arrays), []
        for state in self.carried:
            states.append(rest[: len(state)])
            rest = rest[len(state) :]
        self.carried = states


def _arrays(variables: Sequence[Any]) -> list[np.ndarray]:
    convert = keras().ops.convert_to_numpy
    return [np.array(convert(v)) for v in variables]
