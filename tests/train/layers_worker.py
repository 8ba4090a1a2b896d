"""Run in a process of its own per backend: trains, saves, reads back, and writes what it found.

KERAS_BACKEND=torch python layers_worker.py train FOLDER
KERAS_BACKEND=jax python layers_worker.py read FOLDER
"""

import sys
from pathlib import Path

import keras
import numpy as np
from keras import Input, Model, layers as L

import outrange
from outrange.layers import (
    Bounded,
    BoxGuard,
    ChannelActivation,
    GroupedSoftmax,
    Halfspaces,
    MaskedDense,
    MonotoneIndexHead,
    Ordered,
    wire,
)
from outrange.losses import GroupedCrossentropy, MonotoneIndexPenalty


MASK = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1]])


def masked() -> Model:
    x = Input((3,), name="x")
    h = MaskedDense(4, MASK, kernel_constraint="max_norm", name="masked")(x)
    h = ChannelActivation([(0, "sigmoid"), (slice(1, 3), "relu")], others="tanh")(h)
    return Model(x, [L.Dense(6)(h)], name="masked")


def grouped() -> Model:
    x = Input((3,), name="x")
    return Model(x, GroupedSoftmax(2)(L.Dense(6)(L.Dense(4, "relu")(x))), name="grouped")


def head() -> Model:
    x = Input((3,), name="x")
    return Model(x, MonotoneIndexHead(2, 3)(x), name="head")


def loop() -> Model:
    return wire({
        "nodes": [{"name": "A", "units": 3, "input": True},
                  {"name": "B", "units": 4, "activation": "relu"}, {"name": "C", "units": 6}],
        "edges": [("A", "B"), ("B", "C"), {"from": "C", "to": "B", "feedback": True}],
        "outputs": "C", "passes": 3,
    }, name="loop")  # fmt: skip


def ruled() -> Model:
    x = Input((3,), name="x")
    y = Bounded(-3, [2] * 6, smooth=True)(L.Dense(6)(L.Dense(8, "relu")(x)))
    y = L.Concatenate()([Ordered(smooth=True)(y[:, :3]), y[:, 3:]])
    return Model(
        x, BoxGuard(Halfspaces([1, 0, 0, 0.5, 0, 1], 0.5), (0, 1), 9)([y, x]), name="ruled"
    )


LOSSES = {
    "masked": "mse",
    "grouped": MonotoneIndexPenalty(2, loss=GroupedCrossentropy(2), weight=2.0, margin=0.1),
    "head": MonotoneIndexPenalty(2, loss="mse", by="cumulative"),
    "loop": "mse",
    "ruled": "mse",
}


def train(folder: Path) -> None:
    """Fit every model, and save it with its loss."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (64, 3)).astype("float32")
    y = np.eye(3, dtype="float32")[rng.integers(0, 3, (64, 2))].reshape(64, 6)
    for build in (masked, grouped, head, loop, ruled):
        model = build()
        model.compile(keras.optimizers.AdamW(0.05, weight_decay=0.05), LOSSES[model.name])
        before = model.evaluate(x, y, verbose=0)
        model.fit(x, y, epochs=4, verbose=0)
        assert model.evaluate(x, y, verbose=0) < before, model.name
        model.save(folder / f"{model.name}.keras")
    kernel = keras.models.load_model(folder / "masked.keras").get_layer("masked").kernel
    assert (keras.ops.convert_to_numpy(kernel)[MASK == 0] == 0).all()


def read(folder: Path) -> None:
    """Load every model, with its loss and without; write values, and answers about it."""
    found = {}
    x = np.random.default_rng(1).uniform(-1, 1, (50, 3))
    for name in LOSSES:
        path = folder / f"{name}.keras"
        model = keras.models.load_model(path)
        assert model.evaluate(x, np.zeros((50, 6)), verbose=0) is not None
        network = outrange.load(path)
        returned = keras.ops.convert_to_numpy(model(x.astype("float32")))
        np.testing.assert_allclose(network.graph.run(x), returned, atol=1e-5)
        found[name] = network.graph.run(x)
    order = outrange.monotone(folder / "head.keras", (-1, 1), groups=2, time_limit=60)
    found["order"] = np.array(order.status)
    np.savez(folder / f"{keras.backend.backend()}.npz", **found)


if __name__ == "__main__":
    {"train": train, "read": read}[sys.argv[1]](Path(sys.argv[2]))
