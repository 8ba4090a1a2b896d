"""The `keras` module, the type of a shape, and a decorator that registers classes with Keras."""

from typing import Any

from ..frontends.keras.api import keras as import_keras


Shape = tuple[int | None, ...]
"""Shape of a tensor in a layer; None for a size that is not fixed."""

keras: Any = import_keras()
"""The `keras` module."""

registered = keras.saving.register_keras_serializable(package="outrange")
"""Class decorator that registers a class with Keras, so that saved models can be loaded."""
