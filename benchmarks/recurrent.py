"""Ranges of random recurrent networks and their gaps, compared with auto_LiRPA.

    python benchmarks/recurrent.py [--lirpa PYTHON SOURCES] [--time 20] [--nets 1] [--widths 0.1]

`PYTHON` is an interpreter with PyTorch, and `SOURCES` is a checkout of auto_LiRPA. Every network is
also evaluated at 100,000 samples, which must lie inside the range. `looser by` compares the widths
of the proved ranges.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
from recurrent_nets import KINDS, box, graph, weights

from outrange.core import Box
from outrange.domains import bounds
from outrange.search.solve import solve


SHAPES = ((3, 4, 1), (5, 8, 2), (10, 8, 2))
"""Numbers of steps, units and features of each network."""
SAMPLES = 100_000


def cases(nets: int, widths):
    """Yield the name, kind, weights and input bounds of every question."""
    for steps, units, features in SHAPES:
        for kind in KINDS:
            for seed in range(nets):
                w = weights(kind, steps, units, features, seed)
                for width in widths:
                    name = f"{kind}-{steps}x{units}-{seed}-{width:g}"
                    yield name, kind, w, *box(w, width)


def ask_lirpa(python: str, sources: str, method: str, asked) -> dict[str, dict]:
    """Return the answers of auto_LiRPA, by name of the question."""
    arrays: dict = {"names": json.dumps([name for name, *_ in asked])}
    for name, _, w, lo, hi in asked:
        arrays |= {f"{name}/{key}": value for key, value in (w | {"lo": lo, "hi": hi}).items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nets.npz"
        np.savez(path, **arrays)
        worker = Path(__file__).with_name("recurrent_lirpa.py")
        command = [python, str(worker), str(path), sources, method]
        done = subprocess.run(command, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(done.stderr[-2000:])
    return {line["name"]: line for line in lines}


def kept(path: Path | None, method: str, asked, lirpa) -> dict[str, dict]:
    """Return the rival's answers; those missing in the file are computed and added to it."""
    known = json.loads(path.read_text()) if path and path.exists() else {}
    mine = known.setdefault(method, {})
    if missing := [case for case in asked if case[0] not in mine]:
        mine |= ask_lirpa(*lirpa, method, missing)
        if path:
            path.write_text(json.dumps(known))
    return mine


def one(kind: str, w, lo, hi, seconds: float):
    """Compute linear bounds, search, and evaluate samples; return widths, gap and seconds."""
    net = graph(kind, w)
    began = perf_counter()
    least, most = (end[0] for end in bounds(net, lo[None], hi[None])[net.output])
    linear, first = most - least, perf_counter() - began
    rows = np.vstack([np.eye(2), -np.eye(2)])
    began = perf_counter()
    found = solve(net, Box(lo, hi), rows, tol=1e-4, time_limit=seconds)
    taken = perf_counter() - began
    rng = np.random.default_rng(0)
    seen = np.full(4, np.inf)
    for _ in range(10):
        y = net.run(Box(lo, hi).sample(rng, SAMPLES // 10)) @ rows.T
        seen = np.minimum(seen, y.min(axis=0))
    if not (found.lower <= seen).all() or not (least <= seen[:2]).all():
        raise SystemExit(f"A sample lies outside: {found.lower} {seen}")
    best = np.minimum(seen, found.seen)
    return linear, first, -(found.lower[:2] + found.lower[2:]), -(best[:2] + best[2:]), taken


def main() -> None:
    """Print one row per network and width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lirpa", nargs=2, metavar=("PYTHON", "SOURCES"))
    parser.add_argument(
        "--time",
        type=float,
        default=20.0,
        help="seconds for ours; as many as a rival's where that was tighter",
    )
    parser.add_argument("--nets", type=int, default=1)
    parser.add_argument("--widths", type=float, nargs="+", default=[0.01, 0.1, 1.0])
    parser.add_argument("--only", default="")
    parser.add_argument(
        "--answers", type=Path, help="keeps the rival's answers; what is in it is not asked again"
    )
    args = parser.parse_args()
    asked = [case for case in cases(args.nets, args.widths) if args.only in case[0]]
    rivals = {}
    if args.lirpa:
        for method in ("CROWN", "CROWN-Optimized"):
            rivals[method] = kept(args.answers, method, asked, args.lirpa)
    head = ("network", "reached", "linear", "s", "proved", "gap", "s")
    print("{:20} {:>9} {:>8} {:>6} {:>8} {:>8} {:>6}".format(*head), end="")
    print("".join(f" {method:>16} {'s':>6}" for method in rivals), "(widths over reached)")
    worst = 0.0
    for name, kind, w, lo, hi in asked:
        linear, first, proved, reached, taken = one(kind, w, lo, hi, args.time)
        answers = [a[name] for a in rivals.values() if "lo" in a.get(name, {})]
        widths = [np.array(a["hi"]) - np.array(a["lo"]) for a in answers]
        longest = max((a["seconds"] for a in answers), default=0.0)
        if longest > args.time and any((proved > width).any() for width in widths):
            # If our range is looser than that of a slower rival, search again with the rival's
            # time.
            linear, first, proved, reached, taken = one(kind, w, lo, hi, longest)
        base = reached.max()
        row = f"{name:20} {base:9.4g} {(linear / reached).max():8.4f} {first:6.2f} "
        gap = ((proved - reached) / reached).max()
        row += f"{(proved / reached).max():8.4f} {gap:8.2e} {taken:6.1f}"
        for answers in rivals.values():
            found = answers.get(name, {"error": "nothing", "seconds": 0.0})
            if "error" in found:
                row += f" {found['error'][:16]:>16} {found['seconds']:6.1f}"
                continue
            width = np.array(found["hi"]) - np.array(found["lo"])
            worst = max(worst, float((proved / width).max()))
            row += f" {(width / reached).max():16.4f} {found['seconds']:6.1f}"
        print(row, flush=True)
    if rivals:
        print(f"largest ratio of a proved width to a rival's: {worst:.4f} (1 or less: no looser)")


if __name__ == "__main__":
    sys.exit(main())
