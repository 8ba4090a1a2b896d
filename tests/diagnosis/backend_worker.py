"""Run in a process of its own per backend: diagnoses every program, and tries what `fit` does.

KERAS_BACKEND=jax python backend_worker.py FILE.json
"""

import json
import sys
import warnings
from pathlib import Path

import keras
import numpy as np

import outrange
from diagnosis.programs import PROGRAMS, programs_on, soft_index


def train_briefly(build, epochs: int = 3) -> dict:
    """Train for a few epochs; return the error, or the movement of the weights."""
    model, x, y = build(keras)
    before = [np.array(w) for w in model.get_weights()]
    try:
        history = model.fit(x, y, epochs=epochs, batch_size=len(x), verbose=0)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {str(error).strip()[:200]}"}
    moved = [float(np.abs(a - b).max()) for a, b in zip(before, model.get_weights(), strict=True)]
    return {"moved": moved, "loss": history.history["loss"]}


def diagnose_untouched(build) -> dict:
    """Codes and levels, and that the model is left as it was."""
    model, x, y = build(keras)
    before = [np.array(w) for w in model.get_weights()]
    answer = outrange.diagnose(model, x, y)
    same = all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    return {
        "found": [[f.code, f.level.name] for f in answer], "untouched": same,
        "text": str(answer), "details": answer.as_dict()["findings"],
    }  # fmt: skip


def budget(kind: str, loss: str) -> dict:
    """Return the finding about three epochs, and the losses after each of them in two trainings."""
    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype("float32")
    hidden = keras.layers.Dense(6, "tanh")
    last = keras.layers.Dense(1, None if loss == "mse" else "sigmoid", kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dropout(0.1), last])
    rate = 0.01 if loss == "mse" else 1e-4
    model.compile(getattr(keras.optimizers, kind)(rate), loss)
    y = 50 + x[:, :1] if loss == "mse" else (x[:, :1] > 0).astype("float32")
    answer = outrange.diagnose(model, x, y, epochs=3, batch_size=8)
    start, seen = model.get_weights(), []
    for order in (np.arange(40), np.argsort(x[:, 0])):
        model.set_weights(start)
        model.compile(getattr(keras.optimizers, kind)(rate), loss)
        for _ in range(3):
            model.fit(x[order], y[order], batch_size=8, shuffle=False, verbose=0)
            seen.append(float(model.evaluate(x, y, verbose=0)))
    return {
        "found": [
            {"level": f.level.name, "floor": f.cost.get("loss_floor"), "steps": f.cost["steps"]}
            for f in answer if f.code == "OR030"
        ],
        "losses": seen,
    }  # fmt: skip


def too_few() -> list:
    """Findings of one epoch in which copies do not arrive, and of forty."""
    found = []
    for epochs in (1, 40):
        keras.utils.set_random_seed(1)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(192, 4)).astype("float32")
        y = np.tanh(x[:, :1] - x[:, 1:2])
        last = keras.layers.Dense(1, kernel_initializer="zeros")
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(16, "tanh"), last])
        model.compile(keras.optimizers.SGD(0.005, momentum=0.9), "mse")
        answer = outrange.diagnose(model, x, y, epochs=epochs, batch_size=64)
        found.append([[f.code, f.level.name] for f in answer])
    return found


def main(target: Path) -> None:
    """Write what was found."""
    warnings.simplefilter("ignore")
    results = {}
    for name in programs_on(keras.backend.backend()):
        faulty, healthy, _, _ = PROGRAMS[name]
        results[name] = {
            "faulty": diagnose_untouched(faulty),
            "healthy": diagnose_untouched(healthy),
            "fit": train_briefly(faulty),
        }
    results["soft index"] = {"fit": train_briefly(soft_index, 60)}
    results["step budget"] = {
        f"{kind}, {loss}": budget(kind, loss)
        for kind, loss in (
            ("Adam", "mse"), ("RMSprop", "mse"), ("AdamW", "binary_crossentropy"),
        )
    }  # fmt: skip
    results["too few"] = too_few()
    target.write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
