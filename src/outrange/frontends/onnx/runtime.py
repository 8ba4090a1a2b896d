"""Session of `onnxruntime` for a model; the only module that imports the package, if installed."""

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import InputError, ModelError, pip_install
from .records import OnnxModel


def has_runtime() -> bool:
    """Return whether `onnxruntime` is installed, without importing it."""
    return importlib.util.find_spec("onnxruntime") is not None


def api() -> Any:
    """Import the `onnxruntime` package on the first call, and return it.

    Raises:
        InputError: `onnxruntime` is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            "Running an ONNX model in its runtime needs `onnxruntime`: "
            f"{pip_install('onnxruntime')}. "
            f"Received: {error}."
        ) from error
    return onnxruntime


def session(model: OnnxModel) -> Callable[[dict[str, np.ndarray]], list[np.ndarray]]:
    """Return a function that runs the model with `onnxruntime` on one CPU thread.

    It maps arrays by input name to the list of outputs, in the model's order. It raises a
    `ModelError` if a node fails.

    Raises:
        InputError: `onnxruntime` is not installed.
        ModelError: `onnxruntime` does not accept the model.
    """
    onnxruntime = api()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        inference = onnxruntime.InferenceSession(
            model.content(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its error classes are in a private module
        raise ModelError(
            f"`onnxruntime` must be able to load `{model.name}`; correct the model, or export "
            f"it for the installed version. Received: {type(error).__name__}: {error}."
        ) from error

    def run(feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        try:
            return [np.asarray(v) for v in inference.run(None, feeds)]
        except Exception as error:  # its error classes are in a private module
            raise ModelError(
                f"`onnxruntime` must be able to run `{model.name}`; correct the model, or "
                f"export it again. Received: {type(error).__name__}: {error}."
            ) from error

    return run
