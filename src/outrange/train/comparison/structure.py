"""A model's recorded structure, into which its current weights can be inserted."""

from dataclasses import replace
from typing import Any

import numpy as np

from ...core import Box, InputError
from ...frontends.keras.api import keras
from ...frontends.keras.load import (
    build_network,
    check_batches,
    check_repeatable,
    compare,
    record_model,
    report_lack_of_memory,
)
from ...frontends.keras.lower.lower import lower
from ...frontends.keras.names import named_inputs
from ...frontends.keras.predict import prober
from ...frontends.keras.signature import adjust_shape, output_names, signature
from ...frontends.keras.trace.records import Trace
from ...frontends.keras.trace.trace import trace
from ...frontends.network import Network
from ...questions.inputs.parse_box import input_box


class Structure:
    """The recorded operations of a model in training.

    The operations are recorded at construction. They are compared with the model at construction or
    when `compare` is called. Later, the current weights are inserted into the recording. Some
    layers compute values from their weights alone; for example, batch normalization casts its
    statistics. Their recording contains numbers in place of weights, so a model with such layers is
    recorded again by each call to `now`.

    Args:
        model: A built Keras model.
        x: Data as `fit` accepts them, in arrays; they determine sizes that the model leaves open.
        compared: Whether to compare the recording with the model at construction.

    Raises:
        InputError: The data do not fit the model.
        ModelError: The model cannot be read; see `outrange.load`.
    """

    def __init__(self, model: Any, x: Any = None, *, compared: bool = True) -> None:
        self.k = keras()
        self.model = model
        x = None if x is None else named_inputs(model, x)
        self.signature = signature(model, x)
        self.inputs = None if x is None else self._fitting(x)
        with report_lack_of_memory(model):
            self.recording = record_model(model, self.signature, record_zeros=True)
            if compared:
                self._does_the_same_again()
            self.network = build_network(model, self.signature, self.recording)
            if compared:
                check_batches(
                    self.network, model, self.signature, self.recording, record_zeros=True
                )
                compare(self.network, model, self.signature)
        self.fixed = not _holds_numbers(self.recording)
        self.compared = compared

    def compare(self, network: Network) -> None:
        """Check that the recording agrees with the model at its current weights.

        Args:
            network: The network returned by `now`, with the current weights.

        Raises:
            ModelError: The recording and the model differ; see `outrange.load`.
        """
        model, expected = self.model, self.signature
        with report_lack_of_memory(model):
            self._does_the_same_again()
            compare(network, model, expected)
        self.compared = True

    def now(self, *, fused: bool = True) -> Network:
        """Return the network with the current weights, without comparing it with the model.

        Args:
            fused: Whether to fuse elementwise subgraphs into single curves. Fusing tightens bounds,
                but takes longer than the evaluation of a few rows.
        """
        if not self.fixed:
            self.recording = trace(self.model, self.signature.struct, record_zeros=True)
        names = output_names(self.model, self.recording.outputs)
        lowered = lower(self.recording, self.signature.slots, names, fused=fused)
        probe = prober(self.recording, lowered, self.signature)
        return replace(
            self.network, graph=lowered.graph, layers=lowered.layers, probe=probe,
            plain=lowered.plain, places=lowered.places, bypassed=lowered.bypassed,
        )  # fmt: skip

    @property
    def arrays(self) -> list[np.ndarray]:
        """The data of each input, in the order of the graph's inputs."""
        return self.k.tree.flatten(self.inputs)

    def rows(self, which: Any = slice(None)) -> np.ndarray:
        """Return the data rows that `which` selects, as graph inputs `(n, inputs)` in float64."""
        parts = [np.asarray(a[which], np.float64) for a in self.arrays]
        return np.concatenate([a.reshape(len(a), -1) for a in parts], axis=1)

    def finite_rows(self) -> np.ndarray:
        """Return the indices of the data rows whose entries are all finite."""
        finite = [np.isfinite(a.reshape(len(a), -1)).all(axis=1) for a in self.arrays]
        return np.flatnonzero(np.logical_and.reduce(finite))

    def data_box(self, which: np.ndarray) -> Box:
        """Return the smallest box that contains the data rows with the given indices."""
        parts = [a if len(which) == len(a) else a[which] for a in self.arrays]
        lo, hi = (
            np.concatenate([np.ravel(end(a, axis=0)) for a in parts]) for end in (np.min, np.max)
        )
        return input_box(self.network.graph.inputs, Box(lo, hi))

    def is_finite(self) -> bool:
        """Return whether all current weights are finite, as `now` requires."""
        return all(
            np.isfinite(np.asarray(self.k.ops.convert_to_numpy(v), np.float64)).all()
            for v in self.model.weights
            if self.k.backend.is_float_dtype(v.dtype)
        )

    def _does_the_same_again(self) -> None:
        check_repeatable(self.model, self.signature, self.recording, record_zeros=True)

    def _fitting(self, x: Any) -> Any:
        """Reshape data to the model's input shapes, and pack them as the model expects."""
        arrays = []
        for slot, array in zip(self.signature.slots, self.k.tree.flatten(x), strict=True):
            shape = adjust_shape(np.shape(array), (None, *slot.shape))
            if shape[1:] != slot.shape:
                raise InputError(
                    f"Each row of data for input `{slot.name}` must have the model's input shape "
                    f"{slot.shape}. Received: an array of shape {np.shape(array)}."
                )
            arrays.append(np.reshape(array, shape))
        return self.signature.pack(arrays)


def _holds_numbers(recording: Trace) -> bool:
    """Return whether a recording contains fixed numbers, which may depend on the weights.

    They are backend tensors, other than variables, that an operation reads or the model returns.
    """
    k = keras()
    read = [(record.args, record.kwargs) for record in recording.records]
    return any(
        k.ops.is_tensor(t) and not isinstance(t, k.KerasTensor | k.Variable)
        for t in k.tree.flatten([read, recording.outputs])
    )
