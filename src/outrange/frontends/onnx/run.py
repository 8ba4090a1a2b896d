"""Evaluation of an ONNX file on flat points, by `onnxruntime` or the reference evaluator."""

import numpy as np

from ...core import ModelError, check_deadline
from .lower import Feeds, OnnxGraph
from .records import OnnxModel
from .runtime import has_runtime, session


class Runner:
    """Evaluator of an ONNX file, one point at a time.

    It starts `onnxruntime` or the reference evaluator of `onnx` on demand.

    Args:
        model: The records of the file.
        lowered: The graph read from the file, for `probe`.
    """

    def __init__(self, model: OnnxModel, lowered: OnnxGraph) -> None:
        self._model, self._lowered = model, lowered
        self._feeds = Feeds(model)
        self._outputs = [info.name for info in model.outputs]
        self._session = self._reference = None
        self._kind = "auto"

    @property
    def uses_runtime(self) -> bool:
        """Whether `onnxruntime` evaluates points, instead of the reference evaluator of `onnx`.

        False until `choose` or `predict` starts one of them.
        """
        return self._session is not None

    def choose(self, kind: str) -> None:
        """Choose the evaluator for `predict`.

        Args:
            kind: `"runtime"` for `onnxruntime`, `"reference"` for the reference evaluator, or
                `"auto"` for `onnxruntime` if it is installed and accepts the file, and otherwise
                for the reference evaluator.

        Raises:
            InputError: `kind` is `"runtime"`, and `onnxruntime` is not installed.
            ModelError: `kind` is `"runtime"`, and `onnxruntime` does not accept the file.
        """
        self._kind = kind
        self._session = None
        if kind == "runtime":
            self._session = session(self._model)
        elif kind == "auto" and has_runtime():
            try:
                self._session = session(self._model)
            except ModelError:
                self._kind = "reference"  # the runtime is older than the file
        else:
            self._kind = "reference"

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Compute the flat outputs `(batch, outputs)` of flat inputs `(batch, inputs)`."""
        if self._session is None and self._kind == "auto":
            self.choose("auto")
        rows = [self._row(row) for row in np.asarray(x)]
        return np.array(rows).reshape(len(rows), -1)

    def _row(self, row: np.ndarray) -> np.ndarray:
        check_deadline()
        if self._session is not None:
            parts = self._session(self._feeds(row))
        else:
            tensors = self._inner(row)
            parts = [tensors[name] for name in self._outputs]
        return np.concatenate([np.ravel(part) for part in parts])

    def probe(self, x: np.ndarray) -> dict[int, np.ndarray]:
        """Compute the model's inner values at a point `(1, inputs)` with the reference evaluator.

        The result maps the index of a graph value (as in `OnnxGraph.values`) to the flat array of
        the tensor with this value.
        """
        graph_values = self._lowered.values
        tensors = self._inner(x[0])
        return {
            graph_values[name]: np.ravel(v) for name, v in tensors.items() if name in graph_values
        }

    def _inner(self, row: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the tensors of the file by name, with the reference evaluator."""
        try:
            if self._reference is None:
                self._reference = self._model.reference()
            return self._reference(self._feeds(row))
        except Exception as error:  # the evaluator lets any error of NumPy through
            raise ModelError(
                "The reference evaluator of the package `onnx` cannot run "
                f"`{self._model.name}`. Install `onnxruntime`, which may be able to run it. "
                f"Received: {type(error).__name__}: {error}."
            ) from error
