"""Worker process for one backend: saves the zoo, or loads it and writes graphs and ranges.

KERAS_BACKEND=jax python backend_worker.py save FOLDER
KERAS_BACKEND=torch python backend_worker.py read FOLDER
"""

import sys
from pathlib import Path

import keras
import numpy as np

import outrange
import zoo
from outrange.frontends.keras import load_keras
from outrange.ops import Affine


def flat(values) -> np.ndarray:
    """Concatenate the bounds of all outputs; multiple outputs are a dict."""
    parts = values.values() if isinstance(values, dict) else [values]
    return np.concatenate([np.ravel(part) for part in parts])


def save(folder: Path) -> None:
    """Write every model of the zoo that a file can represent."""
    for name in zoo.MODELS:
        if name not in zoo.zoo_kinds.UNSAVED:
            zoo.build(name).save(folder / f"{name}.keras")


def read(folder: Path) -> None:
    """Load every model; write the values and the weights of its graph, and its output range."""
    results = {}
    for path in sorted(folder.glob("*.keras")):
        network = load_keras(path)
        graph = network.graph
        x = np.random.default_rng(0).normal(size=(20, graph.size))
        results[f"{path.stem} values"] = graph.run(x)
        sizes = [node.size for node in graph.nodes]
        results[f"{path.stem} sizes"] = np.array(sizes)
        biases = [node.op.bias for node in graph.nodes if isinstance(node.op, Affine)]
        results[f"{path.stem} biases"] = np.concatenate(biases or [np.zeros(0)])
        answer = outrange.output_range(network, (0.4, 0.6), tol=1e-6, time_limit=1)
        results[f"{path.stem} range"] = np.array([flat(answer.lo), flat(answer.hi)])
        results[f"{path.stem} closed"] = np.array(answer.status == "exact")
    np.savez(folder / f"{keras.backend.backend()}.npz", **results)


if __name__ == "__main__":
    {"save": save, "read": read}[sys.argv[1]](Path(sys.argv[2]))
