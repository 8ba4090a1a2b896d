"""Dispatch of models, files and modules to the front-ends."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..core import InputError, ModelError, ModelSource, UnsupportedError
from ..graph import Graph
from .network import Network
from .source import file_source, torch_source, weights_source


_KERAS_FILES = (".keras", ".h5", ".hdf5")
_ONNX_FILES = (".onnx", ".onnx.gz")

_TORCH_FILES = (".pt2",)

_ACCEPTED = (
    "A model must be a Keras model or layer, a fitted scikit-learn estimator, a PyTorch module, a "
    "file ending in "
    f"{', '.join(_KERAS_FILES + _ONNX_FILES + _TORCH_FILES)}, or a `Network` or `Graph` of "
    "outrange."
)


def load(
    model: Any,
    *,
    custom_objects: Any = None,
    safe_mode: bool = True,
    input_shape: Sequence[int] | None = None,
    hidden: Mapping[str, str] | None = None,
    kernel: str | None = None,
) -> Network:
    """Read a model into a graph, and check that the graph computes what the model computes.

    Only the framework that the model needs is imported. A `Network` is returned unchanged. A
    `Graph` becomes a network without a model to compare it with.

    Args:
        model: A Keras model or layer; a fitted scikit-learn estimator; a PyTorch module or
            exported program; a path ending in `.keras`, `.h5`, `.hdf5`, `.onnx`, `.onnx.gz` or
            `.pt2`; a `Network` or a `Graph`.
        custom_objects: As in `keras.models.load_model`; Keras files only.
        safe_mode: As in `keras.models.load_model`; Keras and PyTorch files only.
        input_shape: Shape of one input without the batch axis; PyTorch modules only.
        hidden: Dict from the names of inner tensors, which become additional outputs, to their
            element types (`"real"` stands for any type); ONNX files only.
        kernel: Name of the kernels of quantized operators; ONNX files only. None stands for
            `"any"`.

    Returns:
        The network.

    Raises:
        InputError: `model` has none of these types, the file does not exist, or `kernel` is passed
            with a model that is not an ONNX file.
        ModelError: The file is damaged, or the graph does not compute what the model computes.
        UnsupportedError: The model contains an unsupported operation, or `hidden` is passed with a
            model that is not an ONNX file.

    Example:
        >>> load("controller.txt")
        Traceback (most recent call last):
            ...
        outrange.core.errors.InputError: A model must be a Keras model or layer, ...
        ... Received: `controller.txt`.
    """
    if hidden and not is_onnx_file(model):
        raise UnsupportedError(
            "A property may refer to values inside a network only if the network is an ONNX file: "
            f"pass the path of an ONNX file. Received: {_qualified_type(model)}."
        )
    if kernel is not None and not is_onnx_file(model):
        raise InputError(
            "`kernel` selects how a quantized ONNX file is run: pass the path of the file. "
            f"Received: kernel={kernel!r} with {_qualified_type(model)}."
        )
    if isinstance(model, Network):
        return model
    if isinstance(model, Graph):
        return Network(graph=model, predict=None, name="graph", origin="graph")
    network = _load_model(model, custom_objects, safe_mode, input_shape, hidden, kernel or "any")
    file = os.path.abspath(os.fspath(model)) if isinstance(model, str | os.PathLike) else None
    return replace(network, source=source_of(model, network.name), file=file)


def is_onnx_file(model: Any) -> bool:
    """Return whether a model is a path with a suffix of ONNX files."""
    return isinstance(model, str | os.PathLike) and os.fsdecode(os.fspath(model)).lower().endswith(
        _ONNX_FILES
    )


def _load_model(
    model: Any,
    custom_objects: Any,
    safe_mode: bool,
    input_shape: Sequence[int] | None,
    hidden: Mapping[str, str] | None,
    kernel: str,
) -> Network:
    """Load a framework's model object, or a model file."""
    options = {"custom_objects": custom_objects, "safe_mode": safe_mode}
    if is_keras(model):
        from .keras import load_keras

        return load_keras(model, **options)
    if is_sklearn(model):
        from .sklearn import load_sklearn

        return load_sklearn(model)
    if is_torch(model):
        from .torch import load_torch

        return load_torch(model, input_shape=input_shape)
    if not isinstance(model, str | os.PathLike):
        from .keras.api import keras_2_advice

        advice = keras_2_advice(model)
        raise InputError(f"{_ACCEPTED}{advice} Received: {_qualified_type(model)}.")
    name = os.fsdecode(os.fspath(model))
    if is_onnx_file(name):
        from .onnx import load_onnx

        return load_onnx(require_file(name), hidden=hidden, kernel=kernel)
    if name.lower().endswith(_KERAS_FILES):
        path = require_file(name)
        from .keras import load_keras

        return load_keras(path, **options)
    if name.lower().endswith(_TORCH_FILES):
        path = require_file(name)
        from .torch import load_torch

        return load_torch(path, safe_mode=safe_mode)
    raise InputError(f"{_ACCEPTED}{_hint(name) or _suggest_file(name)} Received: `{name}`.")


def source_of(model: Any, name: str) -> ModelSource | None:
    """Hash a model file, or the weights of a model object; return None for other types."""
    if isinstance(model, str | os.PathLike):
        return file_source(os.fsdecode(os.fspath(model)))
    if is_keras(model):
        return weights_source(name, model.get_weights())
    if is_sklearn(model):
        from .sklearn.load import arrays

        return weights_source(name, arrays(model), "parameters")
    return torch_source(name, model) if is_torch(model) else None


def warm_up(model: str) -> None:
    """Import the modules that are needed to read an ONNX or a Keras file.

    For other files, do nothing. A missing package is ignored here, and reported when the file is
    read.
    """
    with suppress(InputError, ModelError):
        if model.lower().endswith(_ONNX_FILES):
            from .onnx.load import warm_up as import_onnx

            import_onnx()
        elif model.lower().endswith(_KERAS_FILES):
            from .keras.api import keras

            keras()


def is_keras(model: Any) -> bool:
    """Return whether `model` is a Keras object, judged by its base classes."""
    if "keras" not in sys.modules:
        return False
    return any(kind.__module__.split(".")[0] == "keras" for kind in type(model).__mro__)


def is_sklearn(model: Any) -> bool:
    """Return whether `model` is a scikit-learn estimator, judged by its base classes."""
    is_estimator = any(kind.__module__.split(".")[0] == "sklearn" for kind in type(model).__mro__)
    return is_estimator and hasattr(model, "get_params")


def is_torch(model: Any) -> bool:
    """Return whether `model` is a PyTorch module or exported program, by its base classes."""
    names = {f"{kind.__module__}.{kind.__name__}" for kind in type(model).__mro__}
    return bool(
        names & {"torch.nn.modules.module.Module", "torch.export.exported_program.ExportedProgram"}
    )


def _suggest_file(name: str) -> str:
    """Return a sentence that suggests the file name with the most similar supported suffix.

    Return `""` if no supported suffix is similar.
    """
    stem, suffix = os.path.splitext(name)
    suffixes = _KERAS_FILES + _ONNX_FILES + _TORCH_FILES
    close = get_close_matches(suffix.lower(), suffixes, 1) if suffix else []
    return f" Did you mean `{stem}{close[0]}`?" if close else ""


def require_file(name: str) -> Path:
    """Return the path of an existing model file.

    Raises:
        InputError: The path does not exist, or it is a folder.
    """
    path = Path(name)
    if path.is_dir():
        raise InputError(
            f"The path of a model must be a file, not a folder. Received: the folder `{name}`."
        )
    if not path.exists():
        folder = path.absolute().parent
        where = "its folder does not exist either" if not folder.exists() else f"looked in {folder}"
        raise InputError(
            f"The model file does not exist; check its path ({where}). Received: `{name}`."
        )
    return path


def _hint(name: str) -> str:
    """Suggest what to do with a folder or a file of a common unsupported format.

    Return `""` for a file name with any other suffix.
    """
    if os.path.isdir(name):
        return (
            " Folders (such as a SavedModel) are not supported. Save the model as `.keras` with "
            "Keras 3, or as `.h5` with Keras 2 (`tf_keras`), and pass this file."
        )
    if name.lower().endswith((".pt", ".pth")):
        return (
            " Such a file contains weights without code (a state dict), or pickled code, which is "
            "not run: build the module, call `module.load_state_dict(torch.load(path))`, and pass "
            "the module; or save it with `torch.export.save` as `.pt2`."
        )
    if name.lower().endswith((".csv", ".npy", ".npz", ".parquet")):
        return " This looks like a data file: pass it as the input set, next to the model."
    if name.lower().endswith((".pb", ".tflite", ".json")):
        return " Save the model as `.keras`, or convert it to `.onnx`."
    return ""


def _qualified_type(model: Any) -> str:
    kind = type(model)
    return f"{kind.__module__}.{kind.__qualname__}"
