"""Worker process for one backend: loads models whose layers use the backend's own functions.

KERAS_BACKEND=tensorflow python native_worker.py

Every load compares the graph with the model; this script also checks the expected operations.
"""

import importlib

import keras
import numpy as np
from keras import Sequential, layers as L

import outrange
from outrange.core import ModelError, UnsupportedError
from outrange.frontends.keras import load_keras
from outrange.ops import Curve


code = importlib.import_module(f"{keras.backend.backend()}_code")


def randomize(model):
    """Set random weights from NumPy."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.7, weight.shape))
    return model


def curves(network) -> list[Curve]:
    """Return the curves that the output depends on."""
    needed = {network.graph.output}
    for v in range(len(network.graph.nodes), 0, -1):
        if v in needed:
            needed.update(network.graph.nodes[v - 1].inputs)
    ops = (network.graph.nodes[v - 1].op for v in sorted(needed) if v)
    return [op for op in ops if isinstance(op, Curve)]


def encloses(network) -> None:
    """Check that the range of the outputs contains the model's own outputs."""
    answer = outrange.output_range(network, (-0.5, 0.5), time_limit=1)
    x = np.random.default_rng(1).uniform(-0.5, 0.5, (200, network.graph.size))
    y = network.predict(x.astype(np.float32))
    assert (y >= answer.lo.ravel() - 1e-4).all() and (y <= answer.hi.ravel() + 1e-4).all()


def channels() -> None:
    """Build an activation that is a sigmoid in one channel and a ReLU in the rest, three ways."""
    inside = keras.Input((5, 4, 5))
    for name, layer in {
        "a Lambda": L.Lambda(code.mix_activations),
        "an Activation": L.Activation(code.mix_activations),
        "an activation": L.Dense(5, activation=code.mix_activations),
    }.items():
        network = load_keras(randomize(keras.Model(inside, layer(inside))))
        assert sorted(c.name for c in curves(network)) in (["relu", "sigmoid"], ["clip", "sigmoid"])
        encloses(network)
        print("ok", name)


def gates() -> None:
    """Check that `x * sigmoid(2 x)` is one curve with one turn."""
    network = load_keras(randomize(Sequential([
        keras.Input((3,)), L.Dense(5, activation=code.gate), L.Dense(2),
    ])))  # fmt: skip
    (only,) = curves(network)
    assert len(only.turns) == 1 and only.bends == ("cap", "cup", "cap")
    assert abs(only.turns[0] + 1.2784645427610737 / 2) < 1e-12
    encloses(network)


def others() -> None:
    """Check every other piece of code in this backend's file."""
    for name, (shape, make) in code.LAYERS.items():
        network = load_keras(
            randomize(Sequential([keras.Input(shape), make(), L.Flatten(), L.Dense(2)]))
        )
        encloses(network)
        print("ok", name)


def refusals() -> None:
    """Check that unsupported code is named, with its layer."""
    model = Sequential([keras.Input((3,)), L.Lambda(code.unknown, name="odd"), L.Dense(1)])
    try:
        load_keras(model)
    except UnsupportedError as error:
        assert "`odd`" in str(error) and code.UNKNOWN in str(error), error
    else:
        raise AssertionError("an unknown operation was read")


def odd() -> None:
    """Check the errors about code that is not a function of its input, or has no value."""
    for name, (function, text) in code.ODD.items():
        model = Sequential([keras.Input((3,)), L.Lambda(function, output_shape=(3,), name="odd")])
        try:
            load_keras(model)
        except ModelError as error:
            assert text in str(error) and "bug in outrange" not in str(error), (name, error)
        else:
            raise AssertionError(f"{name} was read")
        print("ok", name)


if __name__ == "__main__":
    for check in (channels, gates, others, refusals, odd):
        check()
        print("ok", check.__name__)
