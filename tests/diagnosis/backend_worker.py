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
from diagnosis.programs import PROGRAMS, soft_index


def tried(build, epochs: int = 3) -> dict:
    """What the backend itself does in a few epochs: an error, or how far weights move."""
    model, x, y = build(keras)
    before = [np.array(w) for w in model.get_weights()]
    try:
        history = model.fit(x, y, epochs=epochs, batch_size=len(x), verbose=0)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {str(error).strip()[:200]}"}
    moved = [float(np.abs(a - b).max()) for a, b in zip(before, model.get_weights(), strict=True)]
    return {"moved": moved, "loss": history.history["loss"]}


def diagnosed(build) -> dict:
    """Codes and levels, and that the model is left as it was."""
    model, x, y = build(keras)
    before = [np.array(w) for w in model.get_weights()]
    answer = outrange.diagnose(model, x, y)
    same = all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    return {
        "found": [[f.code, f.level.name] for f in answer], "untouched": same,
        "text": str(answer), "details": answer.as_dict()["findings"],
    }  # fmt: skip


def main(target: Path) -> None:
    """Write what was found."""
    warnings.simplefilter("ignore")
    found = {}
    for name, (faulty, healthy, _, _) in PROGRAMS.items():
        found[name] = {
            "faulty": diagnosed(faulty),
            "healthy": diagnosed(healthy),
            "fit": tried(faulty),
        }
    found["soft index"] = {"fit": tried(soft_index, 60)}
    target.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
