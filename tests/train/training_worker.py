"""Run in a process of its own per backend: compares, monitors and expects; writes what it found.

KERAS_BACKEND=torch python training_worker.py FOLDER
"""

import csv
import json
import math
import random
import sys
import warnings
from pathlib import Path

import keras
import numpy as np

import outrange
from outrange.callbacks import RangeMonitor, RangeWarning


X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR = np.array([0, 1, 1, 0])


def build(activation):
    """Weights by NumPy, so that every backend starts from the same."""
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(3, "tanh"),
            keras.layers.Dense(1, activation),
        ]
    )
    model.set_weights([np.random.normal(size=w.shape) for w in model.get_weights()])
    return model


def compare_losses() -> dict:
    """Final losses of a small comparison, and those of plain Keras on this backend."""
    study = outrange.compare(
        build,
        X,
        XOR,
        candidates={
            "activation": ["sigmoid", "softmax"],
            "loss": ["mse", "binary_crossentropy"],
            "optimizer": {"adam": keras.optimizers.Adam(0.05)},
        },
        training={"starts": 2, "epochs": 15},
        time_limit=math.inf,
    )
    found, plain = {}, {}
    for c in study.combinations:
        for trial in c.trials:
            name = f"{c.name}, {trial.start}"
            found[name] = trial.loss
            random.seed(trial.start)
            np.random.seed(trial.start)
            model = build(c.activation)
            model.compile(keras.optimizers.Adam(0.05), c.loss)
            y = XOR[:, None].astype(np.float32)
            model.fit(X, y, batch_size=4, epochs=15, shuffle=False, verbose=0)
            plain[name] = float(model.evaluate(X, y, verbose=0))
    explained = all(t.why for _, t in study.failures)
    return {"found": found, "plain": plain, "explained": explained, "backend": study.backend}


def monitor_training(folder: Path) -> dict:
    """Return the logs of `CSVLogger` and `History`, and the warnings."""
    x = np.arange(1.0, 8.0, dtype=np.float32)[:, None]
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(4, "relu", name="hidden"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1, "tanh", name="last"),
        ]
    )
    model.compile("sgd", "mse")
    file = folder / f"{keras.backend.backend()}.csv"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(
            x,
            2 * x + 1,
            epochs=3,
            verbose=0,
            batch_size=2,
            callbacks=[RangeMonitor(x, 2 * x + 1, share=1.0), keras.callbacks.CSVLogger(file)],
        )
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    hidden_model = keras.Model(model.inputs, model.get_layer("hidden").output)
    seen = np.asarray(keras.ops.convert_to_numpy(hidden_model(x)))
    return {
        "keys": sorted(history.history),
        "columns": sorted(rows[0]),
        "rows": len(rows),
        "epochs": [float(row["ranges/epoch"]) for row in rows],
        "idle": history.history["ranges/hidden/idle"][-1],
        "zero": float((seen == 0).all(axis=0).mean()),
        "unreachable": history.history["ranges/unreachable"],
        "warned": [str(w.message) for w in caught if issubclass(w.category, RangeWarning)],
    }


def main(folder: Path) -> None:
    """Everything, as one JSON file."""
    chance = outrange.training.dead_start(
        keras.layers.Dense(8, "relu"), np.ones((3, 2)), trials=200
    )
    near = outrange.training.dead_start(build("relu"), X, trials=50)
    results = {
        "compared": compare_losses(),
        "monitored": monitor_training(folder),
        "exact": chance.layers[0].chance,
        "sampled": vars(near.layers[0]),
    }
    (folder / f"{keras.backend.backend()}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
