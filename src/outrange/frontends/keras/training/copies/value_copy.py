"""A trainable copy under JAX whose steps accept and return its values, without side effects."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from ..backends.jax_steps import JaxTraining
from .protocol import Look
from .replacements import Replacements


class ValueCopy:
    """The values of a model's variables under JAX, passed from one compiled step to the next."""

    def __init__(
        self, k: Any, jitted: JaxTraining, without: str, bent: Replacements, other: str
    ) -> None:
        self._k, self._jitted, self._step = k, jitted, jitted.step(without, bent, other)
        self._look = jitted.look(bent)
        self._state = jitted.start()

    def in_use(self) -> AbstractContextManager[None]:
        """Open a context for training the copy; nothing has to be restored afterward."""
        return nullcontext()

    def multiply_rate(self, factor: float) -> None:
        """Multiply the learning rate by `factor`.

        Raises:
            TypeError: The learning rate follows a schedule.
        """
        trainable, others, slots = self._state
        place = self._jitted.rate_slot
        slots = [s * np.float32(factor) if i == place else s for i, s in enumerate(slots)]
        self._state = trainable, others, slots

    def start_with(self, values: Mapping[int, np.ndarray | None]) -> None:
        """Replace the values of the trainable weights that `values` lists.

        Args:
            values: Map from the `id` of a trainable variable to its value in the copy. A weight
                that is absent or None stays unchanged.
        """
        trainable, others, slots = self._state
        variables = self._jitted.model.trainable_variables
        new = [values.get(id(v)) for v in variables]
        trainable = [
            old if n is None else n.astype(v.dtype)
            for v, old, n in zip(variables, trainable, new, strict=True)
        ]
        self._state = trainable, others, slots

    def steps(self, x: Any, y: Any, due: Any, rows: Any) -> tuple[list[float], list[float]]:
        """Take training steps, and stop early if a loss is not finite, as in `Copy.steps`."""
        losses: list[float] = []
        seen: list[float] = []
        for i, looks in enumerate(due):
            if looks:
                seen.append(self.look(*rows).loss)
            batch = self._k.tree.map_structure(lambda a, i=i: a[i], (x, y))
            loss, self._state = self._step(self._state, *batch)
            losses.append(float(loss))
            if not np.isfinite(losses[-1]):
                break
        return losses, seen

    def look(self, x: Any, y: Any) -> Look:
        """Compute the loss and the outputs with the current weights."""
        loss, *outputs = self._look(*self._state[:2], x, y)
        return Look(float(loss), *([np.asarray(t) for t in part] for part in outputs))

    def weights(self) -> list[np.ndarray]:
        """Return the current weights, in the model's order."""
        model = self._jitted.model
        values_by_id = {
            id(v): value
            for variables, values in (
                (model.trainable_variables, self._state[0]),
                (model.non_trainable_variables, self._state[1]),
            )
            for v, value in zip(variables, values, strict=True)
        }
        return [
            np.asarray(self._k.ops.convert_to_numpy(values_by_id[id(v)])) for v in model.weights
        ]
