"""Copies of Keras models, made by saving and loading them with their compile state."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from ..core import ModelError, UnsupportedError
from ..frontends.keras.api import is_keras_object, keras
from ..frontends.keras.files import read
from ..frontends.load import require_file


def keras_model(model: Any, safe_mode: bool = True) -> Any:
    """Return the Keras model that the user passed, read from its file if it is a path.

    Args:
        model: A Keras model, or the path of a `.keras`, `.h5` or `.hdf5` file.
        safe_mode: Whether to refuse code stored in the file.

    Raises:
        InputError: The file does not exist.
        UnsupportedError: The model is neither a Keras model nor a path with such an ending.
    """
    is_path = isinstance(model, str | os.PathLike)
    if is_path and os.fspath(model).lower().endswith((".keras", ".h5", ".hdf5")):
        return read(require_file(os.fspath(model)), None, safe_mode, compiled=True)
    if is_keras_object(model) and isinstance(model, keras().Model):
        return model
    received = f"the file `{model}`" if is_path else type(model).__name__
    raise UnsupportedError(
        "`repair` changes Keras models: pass a `keras.Model`, or the path of a `.keras` or `.h5` "
        f"file. Received: {received}."
    )


def reload_model(model: Any) -> Any:
    """Save a Keras model to a temporary file, and return the model that the file contains.

    Raises:
        UnsupportedError: The model cannot be saved, or not be loaded again, for example because a
            class is not registered.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{model.name}.keras"
        try:
            model.save(path)
        except Exception as error:
            raise UnsupportedError(
                "`repair` proves properties of a saved copy of the model, so Keras must be "
                f"able to save the model. Received: {model.name!r}, whose `save` fails "
                f"({type(error).__name__}: {str(error)[:200]})."
            ) from error
        # The file was just written from the user's model, so it contains no foreign code.
        try:
            return read(path, None, False, compiled=True)
        except ModelError as error:
            raise UnsupportedError(
                "`repair` proves properties of a saved copy of the model, so Keras must be "
                "able to load this copy. Decorate the model's own classes and functions with "
                f"`@keras.saving.register_keras_serializable()`. Received: {model.name!r}, "
                f"whose copy cannot be loaded ({_first_sentence(error)})."
            ) from error


def _first_sentence(error: ModelError) -> str:
    return str(error).partition(". ")[0]
