"""The one file that imports Keras: picks a backend that is there, and checks the version."""

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
    """The module `keras`, on the backend the user chose, or else on one that is installed.

    Raises:
        ModelError: Keras or every backend is missing, or Keras is too old.
        InputError: Keras has no backend of the name that it is set to.
        InputError: Keras has no backend of the name that it is set to.
    """
    loaded = sys.modules.get("keras")
    if loaded is not None and hasattr(loaded, "__version__"):
        return _checked(loaded)
    if importlib.util.find_spec("keras") is None:
        raise ModelError(
            "Keras is needed to read a Keras model, and is not installed. "
            f"Run {pip_install('keras', 'h5py', 'jax')}; jax is the lightest backend."
        )
    choice = _choice()
    if choice is None:
        return _checked(_import_keras())
    os.environ["KERAS_BACKEND"] = choice
    try:
        return _checked(_import_keras())
    finally:
        del os.environ["KERAS_BACKEND"]


def _import_keras() -> Any:
    """Import Keras on the backend that it is set to."""
    named = os.environ.get("KERAS_BACKEND") or _settled()
    try:
        return importlib.import_module("keras")
    except (ValueError, ImportError) as error:
        if named in BACKENDS:
            raise
        raise InputError(
            "Keras has no such backend, or cannot import it. Set the environment variable "
            f"KERAS_BACKEND to one that is installed ({', '.join(_installed_backends())}). "
            f"Received: {named!r}.{did_you_mean(named, BACKENDS)}"
        ) from error


def _installed_backends() -> list[str]:
    return [name for name in BACKENDS if importlib.util.find_spec(name) is not None]


def is_keras_object(model: Any) -> bool:
    """Whether `model` is built by Keras, without importing it."""
    return any(kind.__module__.split(".")[0] == "keras" for kind in type(model).__mro__)


def _choice() -> str | None:
    """The backend to ask for; None leaves Keras to its own settings.

    Keras writes its default, TensorFlow, into its settings file by itself. So that entry is no
    decision of the user's where TensorFlow is missing.
    """
    named = os.environ.get("KERAS_BACKEND")
    installed = _installed_backends()
    if named:
        if named in BACKENDS and named not in installed:
            raise ModelError(
                f"KERAS_BACKEND names a backend that is not installed; {pip_install(named)}, or "
                f"set it to one that is ({', '.join(installed) or 'none is'}). "
                f"Received: {named!r}."
            )
        return None
    if not installed:
        raise ModelError(
            f"Keras needs a backend, and none is installed. {pip_install('jax')} is the lightest; "
            "tensorflow and torch do as well."
        )
    settled = _settled()
    if settled in installed or settled not in BACKENDS:
        return None
    return installed[0]


def _settled() -> str:
    """The backend in Keras's settings file, or Keras's own default."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        return str(json.loads((home / "keras.json").read_text("utf-8"))["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        # No file, or one that Keras itself would replace by its defaults.
        return "tensorflow"


def _checked(module: Any) -> Any:
    version = tuple(
        int("".join(filter(str.isdigit, part)) or 0) for part in module.__version__.split(".")[:2]
    )
    if version < OLDEST:
        raise ModelError(
            f"Keras {OLDEST[0]}.{OLDEST[1]} or later is needed to read a model. Run "
            f"{pip_install('--upgrade', 'keras')}. Received: keras {module.__version__}."
        )
    return module


def is_keras_class(kind: type) -> bool:
    """Whether a class is one of Keras's, not one derived from it."""
    return kind.__module__.startswith("keras.")
