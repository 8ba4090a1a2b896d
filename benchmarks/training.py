"""The time of comparing and of monitoring training, relative to plain Keras in the same run.

    python benchmarks/training.py compare [--plain 24] [--epochs 500]
    python benchmarks/training.py monitor [--rows 20000] [--epochs 10]

`compare` uses AND, OR, XOR and a set of three classes, with 6 activations x 4 losses x 3 optimizers
x 5 starts each. A plain Keras loop repeats `--plain` of the training runs of each: the final losses
are compared, and its time is extrapolated. `monitor` measures the time of an epoch of an MLP with
and without `RangeMonitor` in turns. Times depend on the machine, so compare the ratios.
"""

import argparse
import math
import random
import time
import warnings

import keras
import numpy as np

import outrange
from outrange.callbacks import RangeMonitor


ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softplus", "softmax")
OPTIMIZERS = {
    "sgd": keras.optimizers.SGD(0.3), "adam": keras.optimizers.Adam(0.02),
    "rmsprop": keras.optimizers.RMSprop(0.01),
}  # fmt: skip
BINARY = ("mse", "mae", "binary_crossentropy", "hinge")
CLASSES = ("mse", "mae", "categorical_crossentropy", "categorical_hinge")


CLOSE = 1e-4
"""Largest relative difference of the losses of two programs that only round differently."""


def _apart(a: float, b: float) -> float:
    return abs(a - b) / max(abs(b), 1e-3)


def data():
    """Return the data sets by name: inputs, targets, number of outputs, losses."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    gates = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "XOR": [0, 1, 1, 0]}
    found = {name: (x, np.array(y), 1, BINARY) for name, y in gates.items()}
    rng = np.random.default_rng(0)
    centers = np.array([[0, 0], [2, 0], [0, 2]])
    points = (centers[:, None] + 0.4 * rng.normal(size=(3, 20, 2))).reshape(-1, 2)
    found["3 classes"] = points.astype(np.float32), np.repeat(np.arange(3), 20), 3, CLASSES
    return found


def builder(outputs):
    """Return a builder of models with one hidden layer, whose last activation is its argument."""

    def build(activation):
        return keras.Sequential(
            [
                keras.Input((2,)),
                keras.layers.Dense(4, activation="tanh"),
                keras.layers.Dense(outputs, activation=activation),
            ]
        )

    return build


def plain(build, activation, loss, optimizer, x, y, start, epochs):
    """Train once with Keras alone; return the final loss."""
    random.seed(start)
    model = build(activation)
    fresh = OPTIMIZERS[optimizer]
    model.compile(type(fresh).from_config(fresh.get_config()), loss)
    model.fit(x, y, batch_size=len(x), epochs=epochs, shuffle=False, verbose=0)
    return model.evaluate(x, y, batch_size=len(x), verbose=0)


def compare(count: int, epochs: int) -> None:
    """Print a line for each data set."""
    total = processor = 0.0
    for name, (x, y, outputs, losses) in data().items():
        build, begin, cpu = builder(outputs), time.perf_counter(), time.process_time()
        study = outrange.compare(
            build,
            x,
            y,
            candidates={"activation": ACTIVATIONS, "loss": losses, "optimizer": OPTIMIZERS},
            training={"starts": 5, "epochs": epochs, "batch_size": 64},
            time_limit=math.inf,
        )
        seconds, used = time.perf_counter() - begin, time.process_time() - cpu
        total, processor = total + seconds, processor + used
        silent = sum(not trial.why for _, trial in study.failures)
        print(
            f"{name}: {len(study)} combinations x 5 starts in {seconds:.1f} s ({used:.1f} s of "
            f"processor) on {study.backend}; best pair {study.best_pair}, best {study.best.name}; "
            f"{len(study.failures)} failures, {silent} unexplained"
        )
        dense = y[:, None].astype(np.float32) if outputs == 1 else np.eye(3, dtype=np.float32)[y]
        rng, apart, own, spent = np.random.default_rng(0), [], [], 0.0
        for pick in rng.choice(len(study) * 5, size=count, replace=False):
            c, start = study.combinations[pick // 5], int(pick % 5)
            begin = time.perf_counter()
            loss = plain(build, c.activation, c.loss, c.optimizer, x, dense, start, epochs)
            spent += time.perf_counter() - begin
            mine = c.trials[start].loss
            apart.append((_apart(mine, loss), c.name, mine, loss))
            if apart[-1][0] > CLOSE:
                # With a full batch, the order of the rows affects only the rounding.
                again = plain(
                    build, c.activation, c.loss, c.optimizer, x[::-1], dense[::-1], start, epochs
                )
                own.append(f"{apart[-1][0]:.0e} ({_apart(again, loss):.0e})")
        if apart:
            worst = max(apart)
            close = sum(a[0] <= CLOSE for a in apart)
            loop = spent / count * len(study) * 5
            print(
                f"  beside plain Keras: {close} of {count} final losses within 1e-4, the worst "
                f"{worst[1]}: {worst[2]:.6g} and {worst[3]:.6g}; the loop would take {loop:.0f} s, "
                f"{loop / seconds:.0f} times as long"
            )
        if own:
            print(
                "  the others differ by (and Keras from itself, its rows in another order): "
                + ", ".join(own)
            )
    print(f"all: {total:.1f} s ({processor:.1f} s of processor)")


def monitor(rows: int, epochs: int) -> None:
    """Print the time of an epoch with and without the monitor."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 20)).astype(np.float32)
    y = np.sin(x[:, :3].sum(axis=1, keepdims=True))
    times: dict[bool, list[float]] = {False: [], True: []}

    class Clock(keras.callbacks.Callback):
        """A clock from the end of one epoch to the end of the next, including all callbacks."""

        def __init__(self, found):
            super().__init__()
            self.found = found

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 0:
                self.last = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            keras.ops.convert_to_numpy(self.model.trainable_variables[-1])
            now = time.perf_counter()
            self.found.append(now - self.last)
            self.last = now

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    model.fit(x, y, epochs=1, verbose=0)
    watch = RangeMonitor(x, y)
    shares, looks = [], []
    for _ in range(3):
        for on in (False, True):
            callbacks = ([watch] if on else []) + [Clock(times[on])]
            history = model.fit(x, y, epochs=epochs, verbose=0, callbacks=callbacks).history
            if on:
                shares.append(watch.spent / sum(times[True][-epochs:]))
                looks.append(len(set(history["ranges/epoch"])))
    without, with_it = (np.mean(times[on]) for on in (False, True))
    print(
        f"{keras.backend.backend()}: an epoch takes {1e3 * without:.0f} ms without and "
        f"{1e3 * with_it:.0f} ms with the monitor (means of {len(times[True])} epochs, in "
        f"turns); by its own clock it took {', '.join(f'{100 * s:.1f} %' for s in shares)} of the "
        f"time, looking after {', '.join(map(str, looks))} of {epochs} epochs"
    )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("compare", "monitor"))
    parser.add_argument("--plain", type=int, default=24)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=int)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    if asked.what == "compare":
        compare(asked.plain, asked.epochs or 500)
    else:
        monitor(asked.rows, asked.epochs or 10)


if __name__ == "__main__":
    main()
