"""A table of the Keras layers and activations that are supported, and the errors for the others.

    python benchmarks/keras_layers.py [--only NAME ...] [--markdown]

Every public layer class of `keras.layers` and every activation of `keras.activations` is put into a
small model, read (the reader compares the graph with the model itself) and bounded: samples must
lie inside the bounds of a box. A class without a recipe here that cannot be built with default
arguments counts as refused.
"""

import argparse
import inspect
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable

import keras
import numpy as np
from keras import Input, layers as L

from outrange.core import OutrangeError
from outrange.domains import bounds
from outrange.frontends.keras import load_keras


IMAGE, SEQUENCE, VECTOR, VIDEO = (6, 6, 3), (4, 3), (4,), (2, 5, 5, 2)


def _of(layer, shape=VECTOR, dtype=None):
    x = Input(shape, dtype=dtype)
    return keras.Model(x, layer(x))


def _pair(layer, shape=VECTOR):
    x, y = Input(shape, name="a"), Input(shape, name="b")
    return keras.Model([x, y], layer([x, y]))


def _attended(layer):
    x, y = Input((3, 4), name="q"), Input((2, 4), name="v")
    return keras.Model([x, y], layer(x, y))


def _normalization():
    layer = L.Normalization()
    layer.adapt(np.random.default_rng(0).normal(size=(50, 4)))
    return _of(layer)


def _own_jax():
    def call(params, inputs):
        import jax

        return jax.nn.tanh(inputs @ params["w"]) + params["b"]

    rng = np.random.default_rng(1)
    params = {"w": rng.normal(size=(4, 3)).astype("float32"), "b": np.ones(3, "float32")}
    return _of(L.JaxLayer(call, params=params))


def _own_torch():
    import torch

    inner = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    return _of(L.TorchModuleWrapper(inner, output_shape=(None, 2)))


def _saved_tensorflow():
    import tensorflow as tf

    class Saved(tf.Module):
        def __init__(self):
            self.w = tf.Variable(tf.random.stateless_normal((4, 3), (1, 2)))

        @tf.function(input_signature=[tf.TensorSpec((None, 4))])
        def serve(self, x):
            return tf.nn.relu(x @ self.w) - 0.5

    module, folder = Saved(), tempfile.mkdtemp()
    tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
    return _of(L.TFSMLayer(folder, call_endpoint="serving_default"))


class _Plain(keras.Layer):
    def call(self, x):
        return 2.0 * x


def _cell(cell, states):
    x = Input(VECTOR)
    h = [L.Dense(3)(x) for _ in range(states)]
    return keras.Model(x, cell(x, h)[0])


RECIPES: dict[str, Callable] = {
    "Activation": lambda: _of(L.Activation("tanh")),
    "Bidirectional": lambda: _of(L.Bidirectional(L.GRU(2)), SEQUENCE),
    "TimeDistributed": lambda: _of(L.TimeDistributed(L.Dense(2)), SEQUENCE),
    "RNN": lambda: _of(L.RNN(L.GRUCell(3)), SEQUENCE),
    "StackedRNNCells": lambda: _of(
        L.RNN(L.StackedRNNCells([L.GRUCell(2), L.LSTMCell(2)])), SEQUENCE
    ),
    "GRUCell": lambda: _cell(L.GRUCell(3), 1),
    "LSTMCell": lambda: _cell(L.LSTMCell(3), 2),
    "SimpleRNNCell": lambda: _cell(L.SimpleRNNCell(3), 1),
    "GRU": lambda: _of(L.GRU(3), SEQUENCE),
    "LSTM": lambda: _of(L.LSTM(3), SEQUENCE),
    "SimpleRNN": lambda: _of(L.SimpleRNN(3), SEQUENCE),
    "ConvLSTM1D": lambda: _of(L.ConvLSTM1D(2, 2), (2, 4, 2)),
    "ConvLSTM2D": lambda: _of(L.ConvLSTM2D(2, 2), (2, 4, 4, 1)),
    "ConvLSTM3D": lambda: _of(L.ConvLSTM3D(1, 2), (2, 3, 3, 3, 1)),
    "Attention": lambda: _pair(L.Attention(), SEQUENCE),
    "AdditiveAttention": lambda: _pair(L.AdditiveAttention(), SEQUENCE),
    "MultiHeadAttention": lambda: _attended(L.MultiHeadAttention(2, 3)),
    "GroupQueryAttention": lambda: _attended(L.GroupQueryAttention(3, 4, 2)),
    "Dot": lambda: _pair(L.Dot(axes=1)),
    "Embedding": lambda: _of(L.Embedding(5, 3), (4,), "int32"),
    "ReversibleEmbedding": lambda: _of(L.ReversibleEmbedding(5, 3), (4,), "int32"),
    "CategoryEncoding": lambda: _of(L.CategoryEncoding(5, output_mode="multi_hot"), (3,), "int32"),
    "IntegerLookup": lambda: _of(L.IntegerLookup(vocabulary=[3, 5, 7]), (3,), "int64"),
    "Discretization": lambda: _of(L.Discretization(bin_boundaries=[-0.5, 0.2])),
    "Hashing": lambda: _of(L.Hashing(5), (3,), "int64"),
    "HashedCrossing": lambda: _pair(L.HashedCrossing(5), ()),
    "StringLookup": lambda: _of(L.StringLookup(vocabulary=["a", "b"]), (3,), "string"),
    "TextVectorization": lambda: _of(L.TextVectorization(vocabulary=["a"]), (), "string"),
    "EinsumDense": lambda: _of(L.EinsumDense("abc,cd->abd", (None, 2), bias_axes="d"), SEQUENCE),
    "Normalization": _normalization,
    "Rescaling": lambda: _of(L.Rescaling(0.5, 1.0)),
    "Resizing": lambda: _of(L.Resizing(4, 4), IMAGE),
    "CenterCrop": lambda: _of(L.CenterCrop(4, 4), IMAGE),
    # In inference this layer is the identity, regardless of the size that Keras states for the
    # result.
    "RandomCrop": lambda: _of(L.RandomCrop(6, 6), IMAGE),
    "GroupNormalization": lambda: _of(L.GroupNormalization(2)),
    "SpectralNormalization": lambda: _of(L.SpectralNormalization(L.Dense(3))),
    "Lambda": lambda: _of(L.Lambda(lambda x: keras.ops.tanh(x) * 2.0)),
    "Layer": lambda: _of(_Plain()),
    "Wrapper": lambda: _of(L.TimeDistributed(L.Dense(2)), SEQUENCE),
    "Pipeline": lambda: _of(L.Pipeline([L.RandomFlip(), L.Rescaling(0.5)]), IMAGE),
    "InputLayer": lambda: keras.Sequential([L.InputLayer(shape=VECTOR), L.Dense(2)]),
    "Permute": lambda: _of(L.Permute((2, 1)), SEQUENCE),
    "Reshape": lambda: _of(L.Reshape((3, 4)), SEQUENCE),
    "RepeatVector": lambda: _of(L.RepeatVector(3)),
    "Masking": lambda: keras.Sequential([Input(SEQUENCE), L.Masking(), L.SimpleRNN(2)]),
    "PReLU": lambda: _of(L.PReLU(alpha_initializer="uniform")),
    "JaxLayer": _own_jax,
    "TorchModuleWrapper": _own_torch,
    "TFSMLayer": _saved_tensorflow,
    "MaxNumBoundingBoxes": lambda: _of(L.MaxNumBoundingBoxes(2), IMAGE),
    "MelSpectrogram": lambda: _of(
        L.MelSpectrogram(
            num_mel_bins=4, sequence_length=16, sequence_stride=8, fft_length=16, power_to_db=False
        ),  # In decibels it looks at the loudest row of the batch.
        (32,),
    ),
    "STFTSpectrogram": lambda: _of(
        L.STFTSpectrogram(frame_length=8, frame_step=4, fft_length=8), (32, 1)
    ),
    "AvgPool1D": lambda: _of(L.AveragePooling1D(2), (6, 3)),
    "AvgPool2D": lambda: _of(L.AveragePooling2D(2), IMAGE),
    "AvgPool3D": lambda: _of(L.AveragePooling3D(2), (4, 4, 4, 2)),
    "RandomTranslation": lambda: _of(L.RandomTranslation(0.1, 0.1), IMAGE),
    "RandomZoom": lambda: _of(L.RandomZoom(0.1), IMAGE),
    "Equalization": lambda: _of(L.Equalization(), IMAGE),
    "RandomColorJitter": lambda: _of(L.RandomColorJitter(), IMAGE),
    "RandomPosterization": lambda: _of(L.RandomPosterization(4), IMAGE),
}
"""Recipes for classes that need arguments or a special model; `_default` makes the others."""

ARGUMENTS = {
    "Conv": {"filters": 2, "kernel_size": 2}, "SeparableConv": {"filters": 2, "kernel_size": 2},
    "DepthwiseConv": {"kernel_size": 2}, "Adaptive": {"output_size": 2},
    "Random": {"factor": 0.2}, "GaussianNoise": {"stddev": 0.1},
    "GaussianDropout": {"rate": 0.1}, "AlphaDropout": {"rate": 0.1}, "Dropout": {"rate": 0.1},
    "SpatialDropout": {"rate": 0.1}, "Dense": {"units": 3},
}  # fmt: skip


def _shape(name: str) -> tuple[int, ...]:
    if "3D" in name:
        return (4, 4, 4, 2)
    if "1D" in name:
        return (6, 3)
    image = ("2D", "Random", "Aug", "Cut", "Mix", "Contrast", "Solar", "Equal", "Box")
    return IMAGE if any(word in name for word in image) else VECTOR


def _default(name: str):
    kind = getattr(L, name)
    merging = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
    if name in merging:
        return _pair(kind())
    wanted = inspect.signature(kind.__init__).parameters
    given: dict = {}
    for prefix, arguments in ARGUMENTS.items():
        if name.startswith(prefix):
            given |= {k: v for k, v in arguments.items() if k in wanted}
    return _of(kind(**given), _shape(name))


def layers() -> list[str]:
    """Return one name for every public layer class, the shortest if there are several."""
    names: dict[type, str] = {}
    for name in sorted(dir(L), key=len):
        kind = getattr(L, name)
        if inspect.isclass(kind) and issubclass(kind, keras.Layer):
            names.setdefault(kind, name)
    return sorted(names.values())


def activations() -> list[str]:
    """Return one name for every activation function."""
    names: dict[int, str] = {}
    for name in dir(keras.activations):
        function = getattr(keras.activations, name)
        if callable(function) and name not in ("get", "serialize", "deserialize", *names.values()):
            names.setdefault(id(function), name)
    return sorted(names.values())


def activation_model(name: str):
    """Return a model that applies an activation to four inputs."""
    given = {"threshold": (0.5, -1.0)}.get(name, ())
    function = getattr(keras.activations, name)
    return _of(L.Lambda(lambda x: function(x, *given)), (4,))


def examine(build: Callable) -> str:
    """Return "" if a model is supported and its bounds hold at samples, or else the reason."""
    try:
        model = build()
    except Exception as error:
        return f"not built here: {type(error).__name__}: {_first(error)}"
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if keras.backend.is_float_dtype(weight.dtype) and "seed" not in weight.path:
            value = rng.uniform(0.2, 0.8, tuple(weight.shape)) * rng.choice([-1, 1], weight.shape)
            weight.assign(np.abs(value) if "variance" in weight.path else value)
    try:
        network = load_keras(model)
        graph = network.graph
        lo, hi = network_box(network)
        least, most = (end[0] for end in bounds(graph, lo, hi)[graph.output])
        x = rng.uniform(lo, hi, (2000, graph.size))
        y = graph.run(np.where((lo == 0.0) & (hi == 2.0), np.rint(x), x))
    except OutrangeError as error:
        return _first(error)
    slack = 1e-9 * (1 + np.abs(y))
    return "" if (least <= y + slack).all() and (y - slack <= most).all() else "A SAMPLE IS OUTSIDE"


def network_box(network):
    """Return a box around 0.3, with the bounds 0 and 2 for integer inputs."""
    n = network.graph.size
    lo, hi = -0.2 * np.ones(n), 0.8 * np.ones(n)
    whole = np.concatenate([np.full(slot.size, slot.whole) for slot in network.graph.inputs])
    return np.where(whole, 0.0, lo), np.where(whole, 2.0, hi)


def _first(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:160] if lines else type(error).__name__


ELSEWHERE = {"TorchModuleWrapper": "torch", "TFSMLayer": "tensorflow"}
"""Layers that need a certain backend, which are examined there in a separate process."""


def examine_elsewhere(name: str) -> str:
    """Return the result of `examine` on the backend that a layer needs."""
    backend = ELSEWHERE[name]
    if keras.backend.backend() == backend:
        return examine(RECIPES[name])
    ran = subprocess.run(
        [sys.executable, __file__, "--only", name],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    line = next((row for row in ran.stdout.splitlines() if f" {name} " in row), ran.stderr[-160:])
    return "" if line.endswith(" read") else line.split("refused: ")[-1]


def table(only=()) -> list[tuple[str, str, str]]:
    """Return `(kind, name, reason)` of every layer and activation; "" means supported."""
    found = []
    for name in layers():
        if not only or name in only:
            if name in ELSEWHERE:
                found.append(("layer", name, examine_elsewhere(name)))
                continue
            found.append(("layer", name, examine(RECIPES.get(name, lambda n=name: _default(n)))))
    for name in activations():
        if not only or name in only:
            build = (
                (lambda: _of(L.Dense(4, "softmax")))
                if name == "softmax"
                else (lambda n=name: activation_model(n))
            )
            found.append(("activation", name, examine(build)))
    return found


def main() -> None:
    """Print the table, and the fraction that is supported."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=())
    parser.add_argument("--markdown", action="store_true")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    rows = table(args.only)
    bar = "| " if args.markdown else ""
    for kind, name, why in rows:
        print(f"{bar}{kind:10} {bar}{name:42} {bar}{'read' if not why else 'refused: ' + why}")
    read = sum(not why for *_, why in rows)
    print(
        f"\n{read} of {len(rows)} read ({read / len(rows):.1%}), Keras {keras.__version__} on "
        f"{keras.backend.backend()}"
    )


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    main()
