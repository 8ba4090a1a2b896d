"""Models with known starts, without a trace in the user's own random numbers."""

import contextlib
import random
import re
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
        InputError: It raises, or returns no built Keras model of one output.
    """
    k = keras()
    try:
        with seeded(seed):
            model = build(activation)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            "`build` is a function of an activation that returns a new Keras model. "
            f"Received: `build({activation!r})` raises {_in_short(error)}"
        ) from error
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


def check_takes(model: Any, x: Any) -> None:
    """Run a model on the first row of the data.

    Raises:
        InputError: It does not take it.
    """
    tree = keras().tree
    try:
        model(tree.map_structure(lambda part: part[:1], x), training=False)
    except Exception as error:
        shapes = [tuple(np.shape(part)) for part in tree.flatten(x)]
        wanted = [tuple(one.shape) for one in model.inputs]
        raise InputError(
            "`build` returns a model that takes the rows of `x`. Received: data of shape "
            f"{', '.join(map(str, shapes))}, and `{model.name}` of input shape "
            f"{', '.join(map(str, wanted))}: {_in_short(error)}"
        ) from error


def _in_short(error: Exception) -> str:
    """An error of Keras or of the user in one line, without its colors."""
    lines = re.sub(r"\x1b\[[\d;]*m", "", str(error)).splitlines()
    # Keras says first where it was, and then what is wrong.
    told = [line.strip() for line in lines if line.strip()]
    told = told[1:] if len(told) > 1 and told[0].startswith("Exception encountered") else told
    return f"{type(error).__name__}: {told[0] if told else 'without a message'}"


def arrays_of(x: Any) -> Any:
    """Data with NumPy arrays at its leaves; a list of plain numbers is one array, not many."""
    if isinstance(x, list | tuple) and not all(hasattr(part, "shape") for part in x):
        return np.asarray(x)
    return keras().tree.map_structure(np.asarray, x)


def weights_of(model: Any) -> list[np.ndarray]:
    """The trainable weights of a model."""
    return [np.array(keras().ops.convert_to_numpy(v)) for v in model.trainable_variables]
