"""Models with known starts, without a trace in the user's own random numbers."""

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core import InputError
from ...frontends.keras.api import keras


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Python's and NumPy's generators start at `seed` inside, and go on as before afterwards.

    An initializer of Keras that was given no seed draws one from Python's generator when it is
    made: inside, it is the same every time.
    """
    python, numpy = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def built(build: Callable[[Any], Any], activation: Any, seed: int) -> Any:
    """`build(activation)` with the weights that belong to `seed`.

    Raises:
        InputError: It returns no built Keras model of one output.
    """
    k = keras()
    with seeded(seed):
        model = build(activation)
    if not isinstance(model, k.Model):
        raise InputError(
            "`build` is a function of an activation that returns a new Keras model. "
            f"Received: {type(model).__module__}.{type(model).__qualname__} from it."
        )
    if not model.built or not getattr(model, "outputs", None):
        raise InputError(
            "`build` returns a model that knows its input shape: start it with `keras.Input`. "
            f"Received: `{model.name}`, which is not built."
        )
    if len(model.outputs) != 1:
        raise InputError(
            f"A comparison is of models of one output. Received: {len(model.outputs)} outputs."
        )
    if not model.trainable_variables:
        raise InputError(
            f"There must be a weight to train. Received: `{model.name}`, which has none."
        )
    return model


def arrays_of(x: Any) -> Any:
    """Data with NumPy arrays at its leaves; a list of plain numbers is one array, not many."""
    if isinstance(x, list | tuple) and not all(hasattr(part, "shape") for part in x):
        return np.asarray(x)
    return keras().tree.map_structure(np.asarray, x)


def weights_of(model: Any) -> list[np.ndarray]:
    """The trainable weights of a model."""
    return [np.array(keras().ops.convert_to_numpy(v)) for v in model.trainable_variables]
