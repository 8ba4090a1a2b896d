"""Reading of `.keras` and `.h5` files, with helpful errors."""

import contextlib
import importlib
import math
import re
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...core import InputError, ModelError
from .api import keras
from .declared_sizes import check_archive, check_datasets, count_weights, writing_version


SUFFIXES = (".keras", ".h5", ".hdf5")

REGISTERING_MODULES = ("outrange.layers", "outrange.losses")
"""Modules that register the layers and losses of this library with Keras when imported."""


def read(
    path: Path, custom_objects: dict[str, Any] | None, safe_mode: bool, *, compiled: bool = False
) -> Any:
    """Read a model from a file, including its loss and optimizer if `compiled`.

    Raises:
        InputError: The file does not exist, or its suffix is not supported.
        ModelError: The file cannot be read; the message explains why.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"A Keras file must end in {', '.join(SUFFIXES)}. Received: `{path}`.")
    if not path.is_file():
        raise InputError(f"The model file does not exist; check its path. Received: `{path}`.")
    stored = _check_kind(path)
    k = keras()
    for module in REGISTERING_MODULES:
        importlib.import_module(module)
    with count_weights(k, stored) as sums:
        try:
            with contextlib.nullcontext() if safe_mode else _names_for_lambdas(k):
                return k.models.load_model(
                    path, custom_objects=custom_objects, compile=compiled, safe_mode=safe_mode
                )
        except Exception as error:
            refusal = next((s.refusal for s in sums if s.refusal is not None), None)
            raise refusal or _explain(error, path, safe_mode) from error


@contextlib.contextmanager
def _names_for_lambdas(k: Any) -> Iterator[None]:
    """Provide commonly used names to lambdas that are read in this context.

    A lambda from a file does not have the globals of the module in which it was written.
    """
    kind, names = k.layers.Lambda, {
        "keras": k, "ops": k.ops, "np": np, "numpy": np, "math": math, "layers": k.layers,
    }  # fmt: skip
    old = vars(kind)["from_config"]

    def from_config(cls: type, *args: Any, **kwargs: Any) -> Any:
        layer = old.__func__(cls, *args, **kwargs)
        f = layer.function
        if isinstance(f, types.FunctionType) and f.__globals__["__name__"].startswith("keras.src"):
            scope = {**f.__globals__, **names}
            layer.function = types.FunctionType(
                f.__code__, scope, f.__name__, f.__defaults__, f.__closure__
            )
        return layer

    kind.from_config = classmethod(from_config)
    try:
        yield
    finally:
        kind.from_config = old


def _check_kind(path: Path) -> int | None:
    """Raise `ModelError` if a file's content does not match its suffix, or is too large.

    Return the number of entries that the file stores as weights, or None if it is unknown.
    """
    if path.suffix.lower() == ".keras":
        good = zipfile.is_zipfile(path) and "config.json" in zipfile.ZipFile(path).namelist()
        kind = "a zip archive with a `config.json` (the format that `model.save(...)` writes)"
    else:
        with path.open("rb") as file:
            good = file.read(8) == b"\x89HDF\r\n\x1a\n"
        kind = "an HDF5 file"
    if not good:
        raise ModelError(
            f"A file named `*{path.suffix}` must be {kind}. Received: `{path}`, whose content is "
            "different; the file may be damaged, or its name may have the wrong ending."
        )
    if path.suffix.lower() == ".keras":
        return check_archive(path)
    return check_datasets(path, path)


def _explain(error: Exception, path: Path, safe_mode: bool) -> ModelError:
    text = str(error).replace("\x1b[1m", "").replace("\x1b[0m", "")
    where = f"Received: `{path}`."
    if safe_mode and ("safe_mode" in text or "unsafe" in text.lower()):
        return ModelError(
            "The file contains a Lambda layer, that is, Python code that would run on this "
            "machine. If you trust its author, call `outrange.load(file, safe_mode=False)` and "
            f"pass the result (on the command line, `--no-safe-mode`). {where}"
        )
    missing = re.search(r"Could not locate (?:class|function) '([^']+)'", text) or re.search(
        r"Unknown (?:layer|object|activation function)[^']*'([^']+)'", text
    )
    if missing:
        name = missing.group(1)
        return ModelError(
            f"The file uses `{name}`, which is not part of Keras. Import it and pass "
            f"`custom_objects={{{name!r}: {name}}}`. {where}"
        )
    unknown = re.search(r"name '(\w+)' is not defined", text)
    if unknown:
        return ModelError(
            f"A Lambda layer in the file uses the name `{unknown.group(1)}`, which a file does not "
            "store. Rewrite it as a registered layer or function, save again, and pass "
            f"`custom_objects`. {where}"
        )
    if "No model config found" in text or path.name.endswith(".weights.h5"):
        return ModelError(
            "The file contains weights, but no model. Save the model (`model.save('m.keras')`), or "
            f"build it in Python, call `model.load_weights(path)`, and pass the model. {where}"
        )
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    version = writing_version(path)
    if version.partition(".")[0] in ("1", "2"):
        return ModelError(
            f"The file was written by Keras {version}, and Keras {keras().__version__} cannot read "
            "its layers. Build the model in Python, call `model.load_weights(path)`, and pass the "
            f"model. Keras reports: {type(error).__name__}: {first[:100]} {where}"
        )
    return ModelError(
        f"Keras could not read the file: {type(error).__name__}: {first[:300]} {where}"
    )
