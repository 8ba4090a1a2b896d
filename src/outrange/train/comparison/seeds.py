"""Models with reproducible initial weights, without side effects on the user's generators."""

import contextlib
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core import InputError
from ...frontends.keras.api import keras


@contextlib.contextmanager
def seed_generators(seed: int) -> Iterator[None]:
    """Seed Python's and NumPy's generators inside the context, and restore them afterwards.

    A Keras initializer without a seed draws one from Python's generator when it is created. So the
    initializers of a model that is built inside the context create the same weights every time.
    """
    python, numpy = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def build_model(build: Callable[[Any], Any], activation: Any, seed: int) -> Any:
    """Call `build(activation)` with the random generators seeded, and check the model.

    Raises:
        InputError: `build` raises an exception, or does not return a built Keras model with one
            output and trainable weights.
    """
    k = keras()
    if isinstance(build, k.Model):
        raise InputError(
            "`build` must be a function of an activation that returns a new Keras model, such as "
            "`lambda activation: keras.Sequential([..., keras.layers.Dense(1, activation)])`. "
            f"Received: the model `{build.name}` itself."
        )
    try:
        with seed_generators(seed):
            model = build(activation)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            "`build` must be a function of an activation that returns a new Keras model. "
            f"Received: `build({activation!r})` raises {_short_message(error)}"
        ) from error
    if not isinstance(model, k.Model):
        raise InputError(
            "`build` must be a function of an activation that returns a new Keras model. "
            "Received: a function that returns "
            f"{type(model).__module__}.{type(model).__qualname__}."
        )
    if not model.built or not getattr(model, "outputs", None):
        raise InputError(
            "`build` must return a model with a known input shape. "
            f"Received: `{model.name}`, which is not built. Start the model with `keras.Input`."
        )
    if len(model.outputs) != 1:
        raise InputError(
            f"`build` must return a model with one output. Received: {len(model.outputs)} outputs."
        )
    if not model.trainable_variables:
        raise InputError(
            "`build` must return a model with trainable weights. "
            f"Received: `{model.name}`, which has none."
        )
    return model


def check_takes(model: Any, x: Any) -> None:
    """Check a model by running it on the first row of the data.

    Raises:
        InputError: The model does not accept the row.
    """
    tree = keras().tree
    try:
        model(tree.map_structure(lambda part: part[:1], x), training=False)
    except Exception as error:
        shapes = [tuple(np.shape(part)) for part in tree.flatten(x)]
        wanted = [tuple(tensor.shape) for tensor in model.inputs]
        raise InputError(
            "`build` must return a model that accepts the rows of `x`. Received: data of shape "
            f"{', '.join(map(str, shapes))}, and `{model.name}` of input shape "
            f"{', '.join(map(str, wanted))}: {_short_message(error)}"
        ) from error


def _short_message(error: Exception) -> str:
    """Format an exception of Keras or of user code in one line, without colors."""
    lines = re.sub(r"\x1b\[[\d;]*m", "", str(error)).splitlines()
    # Keras names the layer in the first line and the error in the next.
    messages = [line.strip() for line in lines if line.strip()]
    messages = (
        messages[1:]
        if len(messages) > 1 and messages[0].startswith("Exception encountered")
        else messages
    )
    return f"{type(error).__name__}: {messages[0] if messages else 'without a message'}"


def arrays_of(x: Any) -> Any:
    """Convert the leaves of a nested structure to NumPy arrays; a list of numbers is one array."""
    if isinstance(x, list | tuple) and not all(hasattr(part, "shape") for part in x):
        return np.asarray(x)
    return keras().tree.map_structure(np.asarray, x)


def weights_of(model: Any) -> list[np.ndarray]:
    """Return the trainable weights of a model as NumPy arrays."""
    return [np.array(keras().ops.convert_to_numpy(v)) for v in model.trainable_variables]
