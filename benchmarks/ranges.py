"""The exact range of every output, compared with other methods.

    python benchmarks/ranges.py                      every row, every rival (60 s a row each)
    python benchmarks/ranges.py --rows mlp --no-rivals
    python benchmarks/ranges.py --rows acas_1_1_p3 --cap 20
    python benchmarks/ranges.py --made 12 64 --no-rivals     a random net of 12 inputs, 2 x 64

Seconds are wall time of the question alone; the time to read the model does not count for any
method. A factor is the ratio of the rival's time to ours, with `>` if the rival did not finish.
Marabou only has to reach 1 %.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from random_nets import layers, written
from rivals import capped, highs, marabou, samples

import outrange
from cases import Case, cases


TOLERANCE = 1e-6
RIVALS = {"HiGHS": highs, "Marabou": marabou}


def made(inputs: int, width: int, folder: str) -> Case:
    """Return a random network with two ReLU layers and two outputs, over the box [0, 1]."""
    name = f"mlp_{inputs}_{width}"
    parts = layers((inputs, width, width, 2), seed=0, bias=0.1)
    path = written(parts, Path(folder) / f"{name}.onnx")
    return Case(name, path, np.zeros(inputs), np.ones(inputs))


def ours(case, limit):
    """Return our own answer and its time."""
    network = outrange.load(case.path)
    shape = network.graph.inputs[0].shape
    box = (case.lo.reshape(shape), case.hi.reshape(shape))
    begin = time.perf_counter()
    answer = outrange.output_range(network, box, tol=TOLERANCE, time_limit=limit)
    seconds = time.perf_counter() - begin
    lo, hi = answer.lo.ravel(), answer.hi.ravel()
    seen_lo, seen_hi = answer.seen_lo.ravel(), answer.seen_hi.ravel()
    width = np.maximum(seen_hi - seen_lo, np.finfo(float).tiny)
    gaps = np.stack([seen_lo - lo, hi - seen_hi]) / width
    return {
        "row": case.name, "ends": int(gaps.size), "closed": int((gaps <= TOLERANCE).sum()),
        "seconds": seconds, "worst_gap": float(gaps.max()), "boxes": answer.cost.boxes,
        "status": answer.status, "lo": lo.tolist(), "hi": hi.tolist(),
        "seen_lo": seen_lo.tolist(), "seen_hi": seen_hi.tolist(),
    }  # fmt: skip


def against(name, case, own, cap):
    """Run a rival; return its time, the factor, and whether its answers contradict ours."""
    run = capped(RIVALS[name], case, len(own["lo"]), cap)
    apart = 0.0
    for output, sign, bound, value in run.ends:
        # A rival's proved bound must not exclude values we attained, nor ours those that it
        # attained.
        width = own["hi"][output] - own["lo"][output]
        seen = own["seen_lo" if sign > 0 else "seen_hi"][output]
        claim = own["lo" if sign > 0 else "hi"][output]
        apart = max(apart, sign * (bound - seen) / width, sign * (claim - value) / width)
    return {
        "seconds": run.seconds, "finished": run.finished, "ends": len(run.ends),
        "factor": run.seconds / own["seconds"], "apart": apart, "note": run.note,
    }  # fmt: skip


def sampled(case, own, count):
    """Return the least fraction, over all outputs, of the exact width that random inputs attain."""
    lo, hi, seconds = samples(case, len(own["lo"]), count)
    exact = np.array(own["hi"]) - np.array(own["lo"])
    share = np.min((hi - lo) / np.where(exact > 0, exact, 1.0)) if (exact > 0).any() else 1.0
    return {"share": float(share), "seconds": seconds}


def line(row) -> str:
    """Return a row of the table as text."""
    parts = [
        f"{row['row']:12s} {row['closed']:3d}/{row['ends']:<3d} {row['seconds']:8.2f} s "
        f"gap {row['worst_gap']:.0e} {row['boxes']:9d} boxes"
    ]
    for name in RIVALS:
        if name in row:
            r = row[name]
            mark, bar = (" ", "") if r["finished"] else (">", f" ({r['ends']}/{row['ends']})")
            parts.append(f"{name} {mark}{r['seconds']:6.2f} s {mark}{r['factor']:7.1f}x{bar:8s}")
    if "samples" in row:
        parts.append(f"samples {row['samples']['share']:6.1%} {row['samples']['seconds']:5.1f} s")
    return " | ".join(parts)


def closing(rows):
    """Print the figures of the whole run."""
    for family in ("mlp", "acas"):
        own = [row for row in rows if row["row"].startswith(family)]
        if not own:
            continue
        seconds = [row["seconds"] for row in own]
        closed, ends = sum(r["closed"] for r in own), sum(r["ends"] for r in own)
        under = sum(s < 10 and r["closed"] == r["ends"] for s, r in zip(seconds, own, strict=True))
        print(
            f"{family}: {closed} of {ends} ends closed to {TOLERANCE:g} of the range seen; seconds "
            f"a row: median {statistics.median(seconds):.2f}, worst {max(seconds):.2f}; "
            f"{under} of {len(own)} rows closed in under 10 s"
        )
    for name in RIVALS:
        tried = [row for row in rows if name in row]
        done = [row[name]["factor"] for row in tried if row[name]["finished"]]
        slower = [row["row"] for row in tried if row[name]["finished"] and row[name]["factor"] < 1]
        apart = max((row[name]["apart"] for row in tried), default=0.0)
        if tried:
            print(
                f"{name}: finished {len(done)} of {len(tried)} rows"
                + (f", {min(done):.1f}x to {max(done):.1f}x our time there" if done else "")
                + f"; rows where it was faster: {', '.join(slower) or 'none'}"
                + f"; largest contradiction {max(apart, 0.0):.1e} of the range"
            )


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="*", default=[""], help="rows whose name starts with this")
    parser.add_argument("--skip", nargs="*", default=[], help="rows to leave out")
    parser.add_argument(
        "--made",
        nargs=2,
        type=int,
        metavar=("INPUTS", "WIDTH"),
        help="one random network of this size, instead of the rows",
    )
    parser.add_argument("--no-rivals", action="store_true", help="only our own time")
    parser.add_argument("--rivals", nargs="*", default=list(RIVALS), choices=list(RIVALS))
    parser.add_argument("--cap", type=float, default=60.0, help="seconds a rival gets a row")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds we get a row")
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=1, help="ask ours so often, take the median")
    parser.add_argument("--json", help="also write every figure to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(options, folder)
    return 0


def measure(options, folder: str) -> None:
    """Run the rows; print them and a summary."""
    if options.made:
        chosen = [made(*options.made, folder)]
    else:
        chosen = [
            case
            for case in cases()
            if case.name.startswith(tuple(options.rows)) and case.name not in options.skip
        ]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; outrange {outrange.__version__}")
    rows = []
    for case in chosen:
        runs = [ours(case, options.limit) for _ in range(options.repeat)]
        row = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
        if not options.no_rivals:
            for name in options.rivals:
                row[name] = against(name, case, row, options.cap)
            row["samples"] = sampled(case, row, options.samples)
        rows.append(row)
        print(line(row), flush=True)
        for name in RIVALS:
            if row.get(name, {}).get("note"):
                print(f"    {name}: {row[name]['note']}")
    closing(rows)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    sys.exit(main())
