"""The proved lower bound of the loss and the least loss of training, for programs with few epochs.

    python benchmarks/step_budget.py
    python benchmarks/step_budget.py --only prices sine --seeds 2

Each of twenty programs is trained from its start for the planned number of epochs: with ten seeds
of shuffled rows, with the rows sorted by their targets in both directions, and with gradients that
are scaled up from step to step, which pushes Adam farthest. The last two kinds are adversarial for
the bound and not meant as useful training. After every epoch the loss over all rows is evaluated,
and it must never be below the bound. The second to last column is the ratio of the bound to the
least loss of ordinary training, and the median of these ratios is printed.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

import outrange


layers, optimizers = keras.layers, keras.optimizers


@dataclass(frozen=True)
class Planned:
    """A program and its planned training; `make` returns the model, `x` and `y`."""

    make: Callable
    epochs: int
    batch: int = 32


def net(size, hidden, last, optimizer, loss):
    parts = [layers.Dense(n, act) for n, act in hidden]
    model = keras.Sequential([keras.Input((size,)), *parts, layers.Dense(*last)])
    model.compile(optimizer, loss)
    return model


def table(rows=320, columns=8, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)).astype("float32")
    return x, (x @ rng.normal(size=(columns, 1)) + 0.3 * x[:, :1] * x[:, 1:2]).astype("float32")


def regression(scale, offset, hidden=((16, "relu"),), optimizer="adam", loss="mse", **of):
    """Return a program that fits a smooth function of eight columns in some unit."""

    def make():
        x, y = table(**of)
        return net(8, hidden, (1,), make_optimizer(optimizer), loss), x, scale * y + offset

    return make


def make_optimizer(given):
    return given() if callable(given) else given


def line():
    x = np.linspace(0, 1, 128)[:, None].astype("float32")
    return net(1, (), (1,), optimizers.Adam(0.001), "mse"), x, 40 * x + 10


def fahrenheit():
    x = np.linspace(-40, 100, 64)[:, None].astype("float32")
    return net(1, (), (1,), optimizers.Adam(0.01), "mse"), x / 100, 1.8 * x + 32


def sine():
    x = np.linspace(-3, 3, 256)[:, None].astype("float32")
    model = net(1, ((16, "tanh"), (16, "tanh")), (1,), optimizers.Adam(1e-4), "mse")
    return model, x, 10 * np.sin(x) + 20


def classes(count, rate, hidden=(16, "relu"), spread=0.2):
    def make():
        x, _ = table()
        y = np.argmax(x[:, :count] + spread * np.random.default_rng(1).normal(size=(320, count)), 1)
        model = net(
            8, (hidden,), (count, "softmax"), optimizers.Adam(rate),
            "sparse_categorical_crossentropy",
        )  # fmt: skip
        return model, x, y

    return make


def binary(rate, from_logits=False):
    def make():
        x, y = table()
        loss = keras.losses.BinaryCrossentropy(from_logits=from_logits)
        last = (1,) if from_logits else (1, "sigmoid")
        return net(8, ((16, "relu"),), last, optimizers.Adam(rate), loss), x, y > 0

    return make


def images():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(160, 8, 8, 1)).astype("float32")
    model = keras.Sequential([
        keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(),
        layers.Flatten(), layers.Dense(8, "relu"), layers.Dense(1),
    ])  # fmt: skip
    model.compile("adam", "mse")
    return model, x, 100 * x.mean(axis=(1, 2)) + 50


def sequence():
    t = np.arange(200)[:, None] + np.arange(6)[None]
    x = np.sin(0.3 * t)[..., None].astype("float32")
    model = keras.Sequential([keras.Input((6, 1)), layers.LSTM(6), layers.Dense(1)])
    model.compile("adam", "mse")
    return model, x, 300 + 50 * np.sin(0.3 * (t[:, -1:] + 1)).astype("float32")


def scheduled():
    return optimizers.Adam(optimizers.schedules.ExponentialDecay(1e-2, 10, 0.7))


PROGRAMS = {
    "line": Planned(line, 20),
    "fahrenheit": Planned(fahrenheit, 50),
    "sine": Planned(sine, 10),
    "prices": Planned(regression(5e4, 2e5), 20),
    "temperature": Planned(regression(5, 60), 5),
    "percent": Planned(regression(10, 50, ((32, "relu"), (16, "relu"))), 3),
    "age": Planned(regression(12, 40, ((16, "tanh"),)), 10),
    "wide": Planned(regression(1, 12, ((64, "relu"),)), 2),
    "near": Planned(regression(1, 4), 3),
    "absolute": Planned(regression(10, 50, loss="mae"), 10),
    "rmsprop": Planned(regression(5, 60, optimizer=lambda: optimizers.RMSprop(0.001)), 5),
    "adamax": Planned(regression(5, 60, optimizer=lambda: optimizers.Adamax(0.002)), 5),
    "nadam": Planned(regression(5, 60, optimizer=lambda: optimizers.Nadam(0.001)), 5),
    "decayed": Planned(regression(5, 60, optimizer=scheduled), 20),
    "adamw": Planned(regression(5, 60, optimizer=lambda: optimizers.AdamW(0.001)), 5),
    "clipped": Planned(
        regression(5, 60, optimizer=lambda: optimizers.SGD(0.001, clipvalue=1.0)), 10
    ),
    "four classes": Planned(classes(4, 1e-4), 2),
    "two classes": Planned(binary(1e-5), 10),
    "images": Planned(images, 4),
    "sequence": Planned(sequence, 5),
}


def trainings(planned: Planned, seeds: int):
    """Return the least loss of ordinary training runs, and of adversarial ones."""
    model, x, y = planned.make()
    start = model.get_weights()
    rows = np.arange(len(x))
    up = np.argsort(np.ravel(y).astype(float)[:: max(1, y.size // len(x))])

    def run(order, shuffle, growth=1.0):
        model.set_weights(start)
        model.compile(type(model.optimizer).from_config(model.optimizer.get_config()), model.loss)
        least, grown = np.inf, 1.0
        weights = np.ones(len(x), "float32")
        for _ in range(planned.epochs):
            if growth > 1:
                weights = grown * growth ** (np.arange(len(x)) // planned.batch)
                grown = min(weights[-1] * growth, 1e9)
            model.fit(
                x[order], y[order], batch_size=planned.batch, epochs=1, verbose=0, shuffle=shuffle,
                sample_weight=np.minimum(weights, 1e9) if growth > 1 else None,
            )  # fmt: skip
            least = min(least, float(model.evaluate(x, y, batch_size=512, verbose=0)))
        return least

    ordinary = []
    for seed in range(seeds):
        keras.utils.set_random_seed(seed)
        ordinary.append(run(rows, True))
    hostile = [run(up, False), run(up[::-1], False), run(rows, False, 1.11)]
    return min(ordinary), min(hostile)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=list(PROGRAMS))
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    print(f"{'program':14} {'steps':>5} {'start':>10} {'floor':>10} {'reached':>10} {'hostile':>10}"
          f" {'share':>6} {'s':>5}")  # fmt: skip
    shares, beaten = [], []
    for name in given.only:
        planned = PROGRAMS[name]
        keras.utils.set_random_seed(0)
        model, x, y = planned.make()
        began = time.perf_counter()
        found = outrange.diagnose(
            model, x, y, epochs=planned.epochs, batch_size=planned.batch, train=0
        )
        spent = time.perf_counter() - began
        cost = next((f.cost for f in found if f.code == "OR030"), {})
        floor, begin = cost.get("loss_floor", 0.0), cost.get("loss", np.nan)
        keras.utils.set_random_seed(0)
        ordinary, hostile = trainings(planned, given.seeds)
        if min(ordinary, hostile) < floor:
            beaten.append(name)
        shares.append(floor / ordinary)
        print(f"{name:14} {cost.get('steps', 0):5} {begin:10.4g} {floor:10.4g} {ordinary:10.4g} "
              f"{hostile:10.4g} {floor / ordinary:6.2f} {spent:5.1f}", flush=True)  # fmt: skip
    print(f"\n{len(shares)} programs, {sum(s > 0 for s in shares)} with a floor; trainings below "
          f"it: {len(beaten)} {beaten}; median share {np.median(shares):.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
