"""Run in a process of its own per backend: saves the zoo, or loads it and writes what it found.

    KERAS_BACKEND=jax python backend_worker.py save FOLDER
    KERAS_BACKEND=torch python backend_worker.py read FOLDER
"""

import sys
from pathlib import Path

import keras
import numpy as np

import zoo
from outrange.frontends.keras import load_keras
from outrange.ops import Affine


def save(folder: Path) -> None:
    """Write every model of the zoo."""
    for name in zoo.MODELS:
        zoo.build(name).save(folder / f"{name}.keras")


def read(folder: Path) -> None:
    """Load every model, and write the values and the weights of each graph."""
    found = {}
    for path in sorted(folder.glob("*.keras")):
        graph = load_keras(path).graph
        x = np.random.default_rng(0).normal(size=(20, graph.size))
        found[f"{path.stem} values"] = graph.run(x)
        sizes = [node.size for node in graph.nodes]
        found[f"{path.stem} sizes"] = np.array(sizes)
        biases = [node.op.bias for node in graph.nodes if isinstance(node.op, Affine)]
        found[f"{path.stem} biases"] = np.concatenate(biases or [np.zeros(0)])
    np.savez(folder / f"{keras.backend.backend()}.npz", **found)


if __name__ == "__main__":
    {"save": save, "read": read}[sys.argv[1]](Path(sys.argv[2]))
