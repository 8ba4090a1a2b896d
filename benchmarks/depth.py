"""Time and peak memory for large Keras graphs, per model and by depth.

Each row is measured in a separate process: reading a model and comparing it with Keras, interval
arithmetic, and one pass of linear bounds (every layer by intervals, the outputs by
back-substitution). Models come from `keras.applications`, with random weights; the depth series
repeats the block of MobileNetV2.

    python benchmarks/depth.py
    python benchmarks/depth.py --models MobileNetV2 VGG16 --size 32 --depths 4 8 16
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np


def stack(depth: int, size: int):
    """Return a model of `depth` inverted residual blocks, as in MobileNetV2."""
    from keras import Input, Model, layers as L

    x = Input((size, size, 3))
    y = L.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    for _ in range(depth):
        z = L.Conv2D(96, 1, use_bias=False)(y)
        z = L.ReLU(6.0)(L.BatchNormalization()(z))
        z = L.DepthwiseConv2D(3, padding="same", use_bias=False)(z)
        z = L.ReLU(6.0)(L.BatchNormalization()(z))
        z = L.BatchNormalization()(L.Conv2D(16, 1, use_bias=False)(z))
        y = L.Add()([y, z])
    return Model(x, L.Dense(10)(L.GlobalAveragePooling2D()(y)))


def application(name: str, size: int):
    import keras

    kind = getattr(keras.applications, name)
    return kind(weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=None)


def measured(what: str, size: int) -> dict:
    """Return the measurements of a row.

    Args:
        what: Name of a model in `keras.applications`, or the depth of a stack.
        size: Height and width of the images.
    """
    from outrange.domains import bounds
    from outrange.domains.backward import BoxBatch
    from outrange.domains.crown import CrownPass, CrownPlan
    from outrange.frontends.load import load
    from outrange.graph.rewrites.rewrite import fold

    model = stack(int(what), size) if what.isdigit() else application(what, size)
    row: dict = {"what": what, "parameters": model.count_params()}
    start = time.process_time()
    graph = fold(load(model).graph)
    row |= {"load": time.process_time() - start, "values": sum(n.size for n in graph.nodes)}
    row["nodes"], row["load GB"] = len(graph.nodes), memory()
    center = np.random.default_rng(0).uniform(0, 1, (1, graph.size))
    lo, hi = center - 1e-3, center + 1e-3
    start = time.process_time()
    plain = bounds(graph, lo, hi, "intervals")[graph.output]
    row |= {"intervals": time.process_time() - start, "intervals GB": memory()}
    start = time.process_time()
    sweep = CrownPass(
        CrownPlan.of(graph), BoxBatch.of(lo, hi), extra=frozenset({graph.output}), effort=0.0
    )
    sweep.run()
    found = sweep.ends[graph.output]
    row |= {"linear": time.process_time() - start, "linear GB": memory()}
    seen = graph.run(center)
    if not ((found[0] <= seen).all() and (seen <= found[1]).all()):
        raise SystemExit(f"{what}: the bounds do not hold")
    row["tighter"] = float(((plain[1] - plain[0]) / (found[1] - found[0])).mean())
    return row


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


COLUMNS = ("parameters", "nodes", "values", "load", "load GB", "intervals", "intervals GB",
           "linear", "linear GB", "tighter")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=["MobileNetV2", "ResNet50", "VGG16"])
    parser.add_argument("--depths", nargs="*", default=["4", "8", "16", "32"])
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(asked.one, asked.size)))
        return
    print("times in seconds of CPU; peak memory so far")
    print(f"{'model':>12} " + " ".join(f"{c:>12}" for c in COLUMNS))
    rows = []
    for what in (*asked.models, *asked.depths):
        command = [sys.executable, __file__, "--one", what, "--size", str(asked.size)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{what:>12} failed: {done.stderr.strip().splitlines()[-1][:200]}")
            continue
        row = json.loads(done.stdout.strip().splitlines()[-1])
        rows.append(row)
        print(f"{what:>12} " + " ".join(f"{row[c]:>12.4g}" for c in COLUMNS), flush=True)
    deep = [row for row in rows if row["what"].isdigit()]
    for first, last in pairwise(deep):
        grows = int(last["what"]) / int(first["what"])
        ratios = {c: last[c] / max(first[c], 1e-9) for c in ("intervals", "linear", "linear GB")}
        shown = ", ".join(f"{c} x{r:.2f}" for c, r in ratios.items())
        print(f"depth x{grows:g}: {shown}")


if __name__ == "__main__":
    main()
