"""Ranges of all hidden units of ReLU networks with 10 to 60 inputs over wide boxes.

    python benchmarks/all_units.py                          every net and layer; 1, 10, 30, 60 s
    python benchmarks/all_units.py --nets random_16-64-32-32-5 --seconds 30 --layers 2 3
    python benchmarks/all_units.py --lirpa PYTHON SOURCES   beside auto_LiRPA's optimized bounds

The box is [-4, 4] for every input. For each layer, the script prints the geometric mean over its
units of the ratio between the proved magnitude `max(-lo, hi)` and the attained one, the same for
interval arithmetic, and the CPU seconds of this process. The attained magnitude is the largest
found in any of the runs. `PYTHON` is an interpreter with PyTorch, and `SOURCES` is a checkout of
auto_LiRPA.
"""

import argparse
import json
import subprocess
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from outrange.core import Box
from outrange.domains import bounds
from outrange.graph import Builder, Graph, Slot
from outrange.search.attack.momentum import attack
from outrange.search.common.problem import with_rows
from outrange.search.solve import solve


WORKER = Path(__file__).with_name("all_units_lirpa.py")
REACH = 4.0
"""Bound of the absolute value of every input."""

NETS = {
    "random_16-64-32-32-5": (16, 64, 32, 32, 5),
    "trained_16-64-32-32-5": (16, 64, 32, 32, 5),
    "random_12-64-64": (12, 64, 64),
    "trained_12-64-64": (12, 64, 64),
    "random_24-48-48-24": (24, 48, 48, 24),
    "random_40-32-32": (40, 32, 32),
}

Layers = list[tuple[np.ndarray, np.ndarray]]
"""Weights `(inputs, outputs)` and biases `(outputs,)` of each layer."""


def random_layers(sizes: tuple[int, ...], seed: int) -> Layers:
    """Return layers with weights from He initialization and small random biases."""
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(size=(n, m)) * np.sqrt(2.0 / n), 0.1 * rng.normal(size=m))
        for n, m in pairwise(sizes)
    ]


def trained_layers(sizes: tuple[int, ...], seed: int, steps: int = 1500) -> Layers:
    """Return the layers of a classifier of points around centers, trained with Adam in NumPy."""
    rng = np.random.default_rng(seed)
    layers = [(w.copy(), b.copy()) for w, b in random_layers(sizes, seed)]
    parts = [part for layer in layers for part in layer]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in parts]
    classes = sizes[-1]
    centers = rng.normal(size=(4 * classes, sizes[0]))
    for step in range(1, steps + 1):
        which = rng.integers(len(centers), size=128)
        values = [centers[which] + 0.7 * rng.normal(size=(128, sizes[0]))]
        for i, (w, b) in enumerate(layers):
            z = values[-1] @ w + b
            values.append(np.maximum(z, 0.0) if i < len(layers) - 1 else z)
        share = np.exp(values[-1] - values[-1].max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        share[np.arange(128), which % classes] -= 1.0
        back, slopes = share / 128, []
        for i in range(len(layers) - 1, -1, -1):
            slopes = [values[i].T @ back, back.sum(axis=0), *slopes]
            back = (back @ layers[i][0].T) * (values[i] > 0)
        for part, slope, (first, second) in zip(parts, slopes, moments, strict=True):
            first += 0.1 * (slope - first)
            second += 0.01 * (slope * slope - second)
            mean, spread = first / (1 - 0.9**step), second / (1 - 0.99**step)
            part -= 2e-3 * mean / (np.sqrt(spread) + 1e-8)
    return layers


def graph_of(layers: Layers) -> Graph:
    """Return a graph whose output is the pre-activation values of the last layer."""
    b = Builder([Slot("x", (len(layers[0][0]),))])
    (x,) = b.input_values()
    for i, (weight, bias) in enumerate(layers):
        x = b.dense(x, weight, bias)
        if i < len(layers) - 1:
            x = b.curve("relu", x)
    return b.finish([x], ["z"])


def attained(graph: Graph, box: Box, starts: int = 128) -> np.ndarray:
    """Return the largest `-z` and `z` that descents find for each unit `z`, `(2, units)`."""
    n = graph.value_size(graph.output)
    both = with_rows(graph, np.concatenate([np.eye(n), -np.eye(n)]), np.zeros(2 * n))
    found = attack(both, box, np.arange(2 * n), starts, np.random.default_rng(0))[0]
    return -found.reshape(2, n)


def theirs(layers: Layers, seconds: list[float], options) -> dict[float, np.ndarray]:
    """Return the magnitudes that auto_LiRPA proves within each of the times."""
    with tempfile.TemporaryDirectory() as name:
        asked = Path(name) / "asked.npz"
        np.savez(asked, *[part for layer in layers for part in layer])
        python, sources = options.lirpa
        command = [python, WORKER, asked, sources, REACH, options.threads, *seconds]
        done = subprocess.run([str(p) for p in command], capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(done.stderr[-2000:])
    found = json.loads(lines[-1])
    return {s: np.array(found[str(float(s))]) for s in seconds}


def mean_ratio(proved: np.ndarray, seen: np.ndarray) -> float:
    """Return the geometric mean of the ratio between proved and attained magnitudes."""
    return float(np.exp(np.log(proved / seen).mean()))


def row(layers: Layers, seconds: list[float], options) -> str:
    """Return the row of the table for the last of some layers."""
    graph = graph_of(layers)
    n, inputs = graph.value_size(graph.output), graph.size
    box = Box(np.full(inputs, -REACH), np.full(inputs, REACH))
    rows = np.concatenate([np.eye(n), -np.eye(n)])
    seen = attained(graph, box).max(axis=0)
    (lo, hi) = bounds(graph, box.lo, box.hi, "intervals")[graph.output]
    proved = {}
    for limit in seconds:
        began = time.process_time()
        found = solve(graph, box, rows, time_limit=limit, solver=False)
        seen = np.maximum(seen, (-found.seen).reshape(2, n).max(axis=0))
        proved[limit] = (-found.lower).reshape(2, n).max(axis=0), time.process_time() - began
    rivals = theirs(layers, seconds, options) if options.lirpa else {}
    text = f"intervals {mean_ratio(np.maximum(-lo, hi).ravel(), seen):7.2f} |"
    for limit, (ours, cpu) in proved.items():
        text += f" {limit:g} s: {mean_ratio(ours, seen):6.3f} ({cpu:.1f} cpu)"
        if limit in rivals:
            text += f" auto_LiRPA {mean_ratio(rivals[limit], seen):6.3f}"
    return text


def main() -> None:
    """Print a row for each layer."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nets", nargs="+", default=list(NETS), choices=list(NETS))
    parser.add_argument("--layers", nargs="+", type=int, help="from 2; all of them by default")
    parser.add_argument("--seconds", nargs="+", type=float, default=[1.0, 10.0, 30.0, 60.0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="of auto_LiRPA")
    parser.add_argument("--lirpa", nargs=2, metavar=("PYTHON", "SOURCES"))
    options = parser.parse_args()
    for name in options.nets:
        make = trained_layers if name.startswith("trained") else random_layers
        layers = make(NETS[name], options.seed)
        for layer in options.layers or range(2, len(layers) + 1):
            if layer <= len(layers):
                found = row(layers[:layer], options.seconds, options)
                print(f"{name:22s} layer {layer}: {found}", flush=True)


if __name__ == "__main__":
    main()
