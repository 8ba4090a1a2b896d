"""Ranges of the recurrent classifiers in the PyPI package `sleepecg`.

    pip download --no-deps sleepecg -d /tmp/sleepecg
    python benchmarks/sleepecg.py /tmp/sleepecg/*.whl [--steps 4] [--width 0.1] [--time 30]

Each classifier is read from its `.keras` file and unrolled over `--steps` windows of features; the
reader compares the result with the original. Its class probabilities in the last window are bounded
for standardized features within `--width` of a random sequence. 100,000 samples must lie inside the
ranges.
"""

import argparse
import io
import tempfile
import zipfile
from pathlib import Path
from time import perf_counter

import keras
import numpy as np

from outrange.core import Box
from outrange.frontends.keras import load_keras
from outrange.search.solve import solve


def classifiers(wheel: str):
    """Yield the name and the Keras model of every classifier in the package."""
    with zipfile.ZipFile(wheel) as package, tempfile.TemporaryDirectory() as folder:
        for name in sorted(n for n in package.namelist() if n.endswith(".zip")):
            with zipfile.ZipFile(io.BytesIO(package.read(name))) as inner:
                path = Path(folder) / (Path(name).stem + ".keras")
                path.write_bytes(inner.read("classifier.keras"))
                yield path.stem, keras.models.load_model(path)


def main() -> None:
    """Print the proved ranges of each classifier."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--width", type=float, default=0.1)
    parser.add_argument("--time", type=float, default=30.0)
    args = parser.parse_args()
    for name, model in classifiers(args.wheel):
        features = model.input_shape[-1]
        x = keras.Input((args.steps, features), name="features")
        fixed = keras.Model(x, model(x))
        began = perf_counter()
        network = load_keras(fixed)
        read = perf_counter() - began
        norm = next(v for v in model.layers if isinstance(v, keras.layers.BatchNormalization))
        mean, spread = (
            np.asarray(v, float)
            for v in (norm.moving_mean, np.sqrt(norm.moving_variance + norm.epsilon))
        )
        drawn = np.random.default_rng(0).normal(size=(args.steps, features))
        center = (mean + spread * drawn).ravel()
        half = np.tile(0.5 * args.width * spread, args.steps)
        box = Box(center - half, center + half)
        classes = network.graph.outputs[0].shape[-1]
        outputs = network.graph.value_size(network.graph.output)
        rows = np.zeros((classes, outputs))
        rows[np.arange(classes), outputs - classes + np.arange(classes)] = 1.0
        rows = np.vstack([rows, -rows])
        began = perf_counter()
        found = solve(network.graph, box, rows, tol=1e-2, time_limit=args.time)
        taken = perf_counter() - began
        y = np.concatenate(
            [
                network.graph.run(box.sample(np.random.default_rng(k), 5000)) @ rows.T
                for k in range(20)
            ]
        )
        inside = bool((found.lower <= y.min(axis=0)).all())
        print(
            f"{name}: read and compared with the model in {read:.1f} s, "
            f"{len(network.graph.nodes)} nodes; ranges in {taken:.1f} s, "
            f"100,000 samples {'inside' if inside else 'OUTSIDE'}"
        )
        for k in range(classes):
            low, high = found.lower[k], -found.lower[classes + k]
            seen = y[:, k].min(), -y[:, classes + k].min()
            print(
                f"  class {k}: proved [{low:.4f}, {high:.4f}], seen [{seen[0]:.4f}, {seen[1]:.4f}]"
            )
        if not inside:
            raise SystemExit("a sample lies outside what was proved")


if __name__ == "__main__":
    main()
