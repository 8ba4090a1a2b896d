"""A model's structure, read once; its weights, read again whenever asked."""

from dataclasses import replace
from typing import Any

import numpy as np

from ...frontends.keras.api import keras
from ...frontends.keras.load import load_keras
from ...frontends.keras.lower.lower import lower
from ...frontends.keras.signature import output_names, signature
from ...frontends.keras.trace.records import Trace
from ...frontends.keras.trace.trace import trace
from ...frontends.network import Network
from .seeds import arrays_of


class Structure:
    """A model that is being trained.

    Its operations are recorded once, and compared with the model itself once. Later the recorded
    operations are only filled with the weights of the moment. Layers that compute something from
    their weights before any input comes in (batch normalization casts its statistics) leave a
    number in the recording where the weight should be: such models are recorded anew each time.

    Args:
        model: A built Keras model.

    Raises:
        ModelError: It cannot be read; see `outrange.load`.
    """

    def __init__(self, model: Any) -> None:
        self.k = keras()
        self.model = model
        self.network = load_keras(model)
        self.signature = signature(model)
        self.recording = trace(model, self.signature.struct)
        self.fixed = not _holds_numbers(self.recording)

    def now(self) -> Network:
        """The network with the weights of this moment; nothing is compared again."""
        recording = self.recording if self.fixed else trace(self.model, self.signature.struct)
        names = output_names(self.model, recording.outputs)
        lowered = lower(recording, self.signature.slots, names)
        return replace(self.network, graph=lowered.graph, layers=lowered.layers, probe=None)

    def flat(self, x: Any) -> np.ndarray:
        """Data in the model's structure as rows `(n, inputs)` of the graph."""
        arrays = [np.asarray(a, np.float64) for a in keras().tree.flatten(arrays_of(x))]
        return np.concatenate([a.reshape(len(a), -1) for a in arrays], axis=1)


def _holds_numbers(recording: Trace) -> bool:
    """Whether a recorded operation reads a tensor of the backend that is no variable."""
    k = keras()
    read = [(record.args, record.kwargs) for record in recording.records]
    return any(
        k.ops.is_tensor(t) and not isinstance(t, k.KerasTensor | k.Variable)
        for t in k.tree.flatten([read, recording.outputs])
    )
