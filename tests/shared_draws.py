"""Initial weights drawn by few programs: the same values, for a fraction of the compiling.

JAX compiles its generator anew for every shape of weights, which takes longer than most tests. An
entry of what it draws depends on the key and on its place, not on how many are drawn, so that the
beginning of a longer draw is the draw itself, and programs of a few lengths serve every shape.
"""

import functools
import math
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np


DRAWS = ("uniform", "normal", "truncated_normal")
INITIALIZERS = "keras.src.initializers.random_initializers"


def share() -> None:
    """Let the initializers of Keras, if it is imported and runs on JAX, share programs."""
    jax, initializers = sys.modules.get("jax"), sys.modules.get(INITIALIZERS)
    if jax is None or initializers is None or sys.modules["keras"].backend.backend() != "jax":
        return
    source = getattr(initializers, "random", None)
    if not isinstance(source, types.ModuleType) or not jax.config.jax_threefry_partitionable:
        return
    draws = {name: shared(getattr(source, name)) for name in DRAWS}
    initializers.random = types.SimpleNamespace(**{**vars(source), **draws})  # type: ignore


def shared(draw: Callable) -> Callable:
    """`draw(shape, ...)`, as the beginning of a draw of 16, 64, 256, ... entries."""

    @functools.wraps(draw)
    def drawn(shape: Any, *args: Any, **options: Any) -> Any:
        jax, shape = sys.modules["jax"], tuple(shape)
        size, length = math.prod(shape), 16
        while length < size:
            length *= 4
        flat = draw((length,), *args, **options)
        if isinstance(flat, jax.core.Tracer):
            return flat[:size].reshape(shape)
        return jax.numpy.asarray(np.asarray(flat)[:size].reshape(shape))

    return drawn
