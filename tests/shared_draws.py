"""Initial weights made by few programs: the same values, for a fraction of the compiling.

JAX compiles its generator anew for every shape of weights, which takes longer than most tests. A
drawn entry depends on the key and on its place, not on the length of the draw. The beginning of a
longer draw is therefore the draw itself, and programs of a few lengths serve every shape.
Zeros and ones are arrays of NumPy: JAX would compile a program for every shape of a bias.
"""

import functools
import math
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np


DRAWS = ("uniform", "normal", "truncated_normal")
FILLED = {"zeros": np.zeros, "ones": np.ones}
INITIALIZERS = "keras.src.initializers.random_initializers"
CONSTANTS = "keras.src.initializers.constant_initializers"


def share() -> None:
    """Let the initializers of Keras, if it is imported and runs on JAX, share programs."""
    jax, initializers = sys.modules.get("jax"), sys.modules.get(INITIALIZERS)
    if jax is None or initializers is None or sys.modules["keras"].backend.backend() != "jax":
        return
    share_constants(sys.modules[CONSTANTS])
    source = getattr(initializers, "random", None)
    if not isinstance(source, types.ModuleType) or not jax.config.jax_threefry_partitionable:
        return
    draws = {name: share_draws(getattr(source, name)) for name in DRAWS}
    initializers.random = types.SimpleNamespace(**{**vars(source), **draws})  # type: ignore


def leave_tensorflow_out() -> None:
    """Let Keras on JAX seed and save without TensorFlow, whose import takes seconds."""
    modules = sys.modules.get("keras.src.utils.module_utils")
    if modules is None or "tensorflow" in sys.modules:
        return
    if sys.modules["keras"].backend.backend() == "jax":
        modules.tensorflow._available = False


def share_constants(initializers: types.ModuleType) -> None:
    """Let the initializers of constants compile nothing."""
    source = initializers.ops
    if isinstance(source, types.ModuleType):
        constants = {name: fill_by_numpy(make) for name, make in FILLED.items()}
        initializers.ops = types.SimpleNamespace(**{**vars(source), **constants})  # type: ignore


def fill_by_numpy(make: Callable) -> Callable:
    """Return an initializer op that calls `make(shape, dtype)` of NumPy."""

    def full(shape: Any, dtype: Any = None) -> Any:
        kind = sys.modules["keras"].backend.standardize_dtype(dtype)
        return sys.modules["jax"].device_put(make(tuple(shape), kind))

    return full


def share_draws(draw: Callable) -> Callable:
    """Return `draw`, computed as the beginning of a draw of 16, 64, 256, ... entries."""

    @functools.wraps(draw)
    def drawn(shape: Any, *args: Any, **options: Any) -> Any:
        jax, shape = sys.modules["jax"], tuple(shape)
        size, length = math.prod(shape), 16
        while length < size:
            length *= 4
        flat = draw((length,), *args, **options)
        if isinstance(flat, jax.core.Tracer):
            return flat[:size].reshape(shape)
        # `asarray` would compile a program for the shape.
        return jax.device_put(np.asarray(flat)[:size].reshape(shape))

    return drawn
