"""Exact minimal margins of random 784-256-256-10 networks, compared with HiGHS.

    python benchmarks/margins.py
    python benchmarks/margins.py --eps 0.01 0.02 --nets 2 --cap 120

A network has He-normal weights, and a random image with the class that the network decides. The
question is, for every other class, the least value of decided output minus other output over all
images within `eps` and [0, 1]. Both solvers get the limit for all nine margins; HiGHS gets its
big-M constants from our linear bounds. If both finish, the largest difference is printed, and the
ratio of the times.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from random_nets import layers, written
from rivals import capped

import outrange
from cases import Case


WIDTHS = (784, 256, 256, 10)
BIAS = 0.05
TOLERANCE = 1e-6


def rows(decision: int) -> np.ndarray:
    """Return the rows of decided output minus other output, for every other class."""
    identity = np.eye(WIDTHS[-1])
    return identity[decision] - np.delete(identity, decision, axis=0)


def highs(case, outputs: int):
    """Return HiGHS on each margin, as a rival for `rivals.capped`."""
    from outrange.core import Box
    from outrange.domains import bounds
    from outrange.search.milp.encoding import Encoding

    graph = outrange.load(case.path).graph
    decision = int(np.argmax(graph.run(((case.lo + case.hi) / 2)[None])))

    def ask(left):
        ends = [(lo[0], hi[0]) for lo, hi in bounds(graph, case.lo[None], case.hi[None])]
        encoding = Encoding(graph, Box(case.lo, case.hi), ends)
        for number, row in enumerate(rows(decision)):
            found = encoding.minimize(row, time_limit=max(left(), 0.01))
            if not found.optimal:
                return
            yield number, 1, found.lower, float(graph.run(found.at[None])[0] @ row)

    return ask


def one(seed: int, eps: float, cap: float, folder: Path) -> tuple[bool, bool, float]:
    """Print a line; return whether we and HiGHS finished, and the ratio of HiGHS's time to ours."""
    image = np.random.default_rng(1000 + seed).random(WIDTHS[0])
    lo, hi = np.clip(image - eps, 0.0, 1.0), np.clip(image + eps, 0.0, 1.0)
    path = written(layers(WIDTHS, seed, BIAS), folder / f"{seed}.onnx")
    case = Case(path.stem, path, lo, hi)
    network = outrange.load(path)
    decision = int(np.argmax(network.graph.run(((lo + hi) / 2)[None])))
    wanted = rows(decision)
    begin = time.perf_counter()
    low, seen = least(network, lo, hi, wanted, cap)
    seconds = time.perf_counter() - begin
    ours = bool((seen - low <= TOLERANCE).all())
    run = capped(highs, case, len(wanted), cap, ends=len(wanted))
    theirs = len(run.ends) == len(wanted)
    taken = run.seconds if theirs else cap
    apart = max((max(b - seen[j], low[j] - v, 0.0) for j, _, b, v in run.ends), default=0.0)
    both = [abs(v - seen[j]) for j, _, b, v in run.ends if seen[j] - low[j] <= TOLERANCE]
    print(
        f"net {seed} eps {eps:g}: ours {int((seen - low <= TOLERANCE).sum())}/{len(wanted)} in "
        f"{seconds:.2f} s, least margin in [{low.min():.7f}, {seen.min():.7f}]; HiGHS "
        f"{len(run.ends)}/{len(wanted)} in {'' if theirs else '>'}{taken:.2f} s"
        f" ({'' if theirs else '>'}{taken / seconds:.1f}x); where both finish they differ by "
        f"{max(both, default=0.0):.1e} at most, contradiction {apart:.1e} {run.note}",
        flush=True,
    )
    return ours, theirs, taken / seconds


def least(network, lo, hi, wanted, cap):
    """Return the proved and the attained minimum of each row."""
    from outrange.core import Box
    from outrange.search.solve import solve

    found = solve(network.graph, Box(lo, hi), wanted, tol=TOLERANCE, time_limit=cap)
    return found.lower, found.seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--eps", type=float, nargs="+", default=[0.01, 0.02, 0.03])
    parser.add_argument("--nets", type=int, default=2)
    parser.add_argument("--cap", type=float, default=60.0, help="seconds for all margins of a net")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for eps in asked.eps:
            for seed in range(asked.nets):
                one(seed, eps, asked.cap, Path(folder))


if __name__ == "__main__":
    main()
