"""Import of Keras with an installed backend, and a version check."""

import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from ...core import InputError, ModelError, pip_install
from ...core.messages import did_you_mean


BACKENDS = ("tensorflow", "jax", "torch")
OLDEST = (3, 12)


def keras() -> Any:
    """Import and return `keras`, with the backend that the user chose or an installed one.

    Raises:
        ModelError: Keras is missing or too old, no backend is installed, or the environment
            variable KERAS_BACKEND names one that is not installed.
        InputError: Keras is configured to use a backend that is not in `BACKENDS` and that it
            cannot import.
    """
    loaded = sys.modules.get("keras")
    if loaded is not None and hasattr(loaded, "__version__"):
        return _check_version(loaded)
    if importlib.util.find_spec("keras") is None:
        raise ModelError(
            "Reading a Keras model needs Keras, which is not installed. "
            f"Run {pip_install('keras', 'h5py', 'jax')}; jax is the lightest backend."
        )
    choice = _backend_to_set()
    if choice is None:
        return _check_version(_import_keras())
    os.environ["KERAS_BACKEND"] = choice
    try:
        return _check_version(_import_keras())
    finally:
        del os.environ["KERAS_BACKEND"]


def _import_keras() -> Any:
    """Import Keras with the backend that it is configured to use."""
    configured = os.environ.get("KERAS_BACKEND") or _configured_backend()
    try:
        return importlib.import_module("keras")
    except (ValueError, ImportError) as error:
        if configured in BACKENDS:
            raise
        raise InputError(
            "The backend must be one that Keras supports and can import. Set the environment "
            f"variable KERAS_BACKEND to an installed one ({', '.join(_installed_backends())}). "
            f"Received: {configured!r}.{did_you_mean(configured, BACKENDS)}"
        ) from error


def _installed_backends() -> list[str]:
    return [name for name in BACKENDS if importlib.util.find_spec(name) is not None]


def is_keras_object(model: Any) -> bool:
    """Return whether `model` is a Keras object, without importing Keras."""
    return any(kind.__module__.split(".")[0] == "keras" for kind in type(model).__mro__)


def keras_2_advice(model: Any) -> str:
    """Return a sentence for models of the package `tf_keras`, or an empty string."""
    if not any(kind.__module__.split(".")[0] == "tf_keras" for kind in type(model).__mro__):
        return ""
    return (
        " A model of the package `tf_keras` (Keras 2) is not a Keras 3 model: save it with "
        "`model.save('model.h5')`, and pass this file."
    )


def _backend_to_set() -> str | None:
    """Return the backend to select, or None to keep Keras's own settings.

    Keras itself writes its default, TensorFlow, into its settings file. If TensorFlow is not
    installed, that entry is therefore not the user's decision.

    Raises:
        ModelError: No backend is installed, or KERAS_BACKEND names one that is not installed.
    """
    named = os.environ.get("KERAS_BACKEND")
    installed = _installed_backends()
    if named:
        if named in BACKENDS and named not in installed:
            raise ModelError(
                f"KERAS_BACKEND names a backend that is not installed. Run {pip_install(named)}, "
                "or set KERAS_BACKEND to an installed one "
                f"({', '.join(installed) or 'none is installed'}). Received: {named!r}."
            )
        return None
    if not installed:
        raise ModelError(
            f"Keras needs a backend, and none is installed. Run {pip_install('jax')}; jax is the "
            "lightest backend, and tensorflow and torch work as well."
        )
    configured = _configured_backend()
    if configured in installed or configured not in BACKENDS:
        return None
    return installed[0]


def _configured_backend() -> str:
    """Return the backend in Keras's settings file, or Keras's own default."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        return str(json.loads((home / "keras.json").read_text("utf-8"))["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        # No file, or one that Keras itself would replace by its defaults.
        return "tensorflow"


def _check_version(module: Any) -> Any:
    version = tuple(
        int("".join(filter(str.isdigit, part)) or 0) for part in module.__version__.split(".")[:2]
    )
    if version < OLDEST:
        raise ModelError(
            f"Reading a Keras model needs Keras {OLDEST[0]}.{OLDEST[1]} or later. Run "
            f"{pip_install('--upgrade', 'keras')}. Received: keras {module.__version__}."
        )
    return module


def is_keras_class(kind: type) -> bool:
    """Return whether a class is defined by Keras itself, not by a user or another library."""
    return kind.__module__.startswith("keras.")
