"""Keras itself, through the one file that imports it, and how classes are registered with it."""

from typing import Any

from ..frontends.keras.api import keras as door


Shape = tuple[int | None, ...]
"""Of a tensor in a layer; None where a size is not fixed."""

keras: Any = door()
"""The module `keras`."""

registered = keras.saving.register_keras_serializable(package="outrange")
"""Class decorator: saved models find the class again by its name."""
