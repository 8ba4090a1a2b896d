"""The module `keras` and the registration of classes with it."""

from typing import Any

from ..frontends.keras.api import keras as import_keras


Shape = tuple[int | None, ...]
"""Shape of a tensor in a layer; None for a size that is not fixed."""

keras: Any = import_keras()
"""The module `keras`."""

registered = keras.saving.register_keras_serializable(package="outrange")
"""Class decorator with which saved models find the class by its name."""
