"""Convolutions with random options: the graph equals the framework's layer, to float32 rounding."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from cases import cases


pytest.importorskip("keras")

import keras
from keras import Input, Sequential, layers as L

import zoo
from outrange.frontends.keras.lower.lower import lower
from outrange.frontends.keras.signature import output_names, signature
from outrange.frontends.keras.trace.trace import trace
from outrange.frontends.tolerance import tolerance
from outrange.graph.float32 import run_with_error_bounds


KINDS = ("Conv", "DepthwiseConv", "SeparableConv", "Transpose", "MaxPooling", "AveragePooling")


def layer(rng, kind: str, rank: int, data_format: str, channels: int):
    """Build a random layer that Keras accepts on every backend."""
    kernel = tuple(int(k) for k in rng.integers(1, 4, rank))
    dilated = rng.random() < 0.3
    stride = 1 if dilated else int(rng.integers(1, 4))
    options = {
        "strides": stride,
        "padding": str(rng.choice(["valid", "same"])),
        "data_format": data_format,
    }
    if "Pooling" in kind:
        return getattr(L, f"{kind}{rank}D")(kernel, **options)
    options["dilation_rate"] = int(rng.integers(2, 4)) if dilated else 1
    options["use_bias"] = bool(rng.integers(2))
    if kind == "DepthwiseConv":
        return getattr(L, f"{kind}{rank}D")(
            kernel[:1] * rank, depth_multiplier=int(rng.integers(1, 3)), **options
        )
    filters = int(rng.integers(1, 4))
    if kind == "SeparableConv":
        return getattr(L, f"{kind}{rank}D")(filters, kernel[:1] * rank, **options)
    if kind == "Transpose":
        if stride > 1 and rng.random() < 0.5:
            options["output_padding"] = int(rng.integers(0, stride))
        return getattr(L, f"Conv{rank}DTranspose")(filters, kernel, **options)
    if rng.random() < 0.3 and data_format == "channels_last":
        return getattr(L, f"Conv{rank}D")(2 * channels, kernel, groups=channels, **options)
    return getattr(L, f"Conv{rank}D")(filters, kernel, **options)


@pytest.mark.parametrize("seed", range(cases(2, 9)))
@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_is_the_layer(kind, seed):
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    rank = 1 + seed % (2 if kind in ("DepthwiseConv", "SeparableConv") else 3)
    first = seed % 2 == 1 and keras.backend.backend() != "tensorflow"
    spatial = [int(n) for n in rng.integers(7, 10, rank)]
    channels = int(rng.integers(1, 4))
    shape = (channels, *spatial) if first else (*spatial, channels)
    tested = layer(rng, kind, rank, "channels_first" if first else "channels_last", channels)
    model = zoo.randomize(Sequential([Input(shape), tested]), seed)
    inputs = signature(model)
    recording = trace(model, inputs.struct)
    graph = lower(recording, inputs.slots, output_names(model, recording.outputs)).graph
    x = rng.normal(size=(4, graph.size)).astype("float32")
    expected = keras.ops.convert_to_numpy(model(x.reshape(4, *shape), training=False))
    values = graph.run(x.astype(np.float64))
    allowed = tolerance(graph, run_with_error_bounds(graph, x.astype(np.float64)))
    assert (np.abs(values - expected.reshape(4, -1)) <= allowed).all()


@pytest.mark.backends
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_on_other_backends(backend):
    if find_spec(backend) is None:
        pytest.fail(f"{backend} is not installed; run `make backends`")
    tests = Path(__file__).parents[2]
    paths = [str(tests), str(tests.parent / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(paths)}
    environment["OUTRANGE_CASES"] = "full"
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not backends", __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tests)
    assert done.returncode == 0, done.stdout[-3000:]
