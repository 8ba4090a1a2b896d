"""Law: the search and an independent mixed-integer program find the same least and largest output.

The tests take the smallest nets; `python tests/laws/test_against_milp.py` takes all 200 and prints
a table. If HiGHS runs out of time, its bounds and ours must overlap.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import independent_milp
from cases import cases
from outrange.core import Box
from outrange.graph import Builder, Graph, Slot
from outrange.search.solve import solve


NETS = 200
QUICK = 20
TOLERANCE = 1e-6
"""Of the range seen."""

FUNCTIONS = {
    # form: (knots, slopes, height at the first knot, our curve, its attributes)
    "relu": ((0.0,), (0.0, 1.0), 0.0, "relu", {}),
    "leaky_relu": ((0.0,), (0.1, 1.0), 0.0, "leaky_relu", {"negative_slope": 0.1}),
    "abs": ((0.0,), (-1.0, 1.0), 0.0, "abs", {}),
    "relu6": ((0.0, 6.0), (0.0, 1.0, 0.0), 0.0, "clip", {"least": 0.0, "most": 6.0}),
    "hard_tanh": ((-1.0, 1.0), (0.0, 1.0, 0.0), -1.0, "clip", {"least": -1.0, "most": 1.0}),
    "hard_sigmoid": ((-3.0, 3.0), (0.0, 1 / 6, 0.0), 0.0, "hard_sigmoid", {}),
    "soft_shrink": ((-0.5, 0.5), (1.0, 0.0, 1.0), 0.0, "soft_shrink", {"threshold": 0.5}),
    "capped_relu": (
        (0.0, 2.0), (0.25, 1.0, 0.0), 0.0,
        "relu_general", {"negative_slope": 0.25, "max_value": 2.0, "threshold": 0.0},
    ),
}  # fmt: skip


def sizes(i: int, rng) -> tuple[int, list[int]]:
    """Return inputs and widths of net `i`, which HiGHS closes in up to a minute."""
    if i < QUICK:
        return int(rng.integers(1, 4)), [int(n) for n in rng.integers(4, 9, rng.integers(1, 3))]
    inputs, depth = int(rng.integers(1, 9)), int(rng.integers(1, 5))
    most = 100 / np.sqrt(inputs * depth) + 4 * depth
    units = np.exp(rng.uniform(np.log(4 * depth), np.log(most)))
    return inputs, [int(np.clip(units / depth, 4, 64))] * depth


def net(i: int):
    """Return random net `i` and its box: `(layers, lo, hi)`.

    Layers as in `independent_milp`, named.
    """
    rng = np.random.default_rng((7, i))
    inputs, widths = sizes(i, rng)
    kinds = [*FUNCTIONS, "prelu", "pool", "residual", "minimum"]
    layers, n = [], inputs
    for depth, width in enumerate(widths):
        layers.append(("dense", _weights(rng, n, width), rng.normal(size=width) * 0.3))
        n = width
        kind = kinds[(i + 3 * depth) % len(kinds)]
        if kind == "pool" and n % 2 == 0:
            layers.append(("pool", 2))
            n //= 2
        elif kind == "minimum" and n % 2 == 0:
            layers.append(("minimum",))
            n //= 2
        elif kind == "residual":
            branch = [("dense", _weights(rng, n, n), rng.normal(size=n) * 0.3), ("relu",)]
            layers.append(("residual", branch))
        elif kind == "prelu":
            layers.append(("prelu", rng.uniform(-0.5, 1.5, n)))
        else:
            layers.append((kind if kind in FUNCTIONS else "relu",))
    layers.append(("dense", _weights(rng, n, 1), rng.normal(size=1)))
    center, radius = rng.normal(size=inputs) * 0.5, rng.uniform(0.2, 1.5, inputs)
    return layers, center - radius, center + radius


def _weights(rng, rows, columns):
    return rng.normal(size=(rows, columns)) * np.sqrt(2.0 / rows)


def plain(layers):
    """Return the layers in the four forms of `independent_milp`."""
    out = []
    for layer in layers:
        match layer[0]:
            case "dense" | "pool":
                out.append(layer)
            case "residual":
                out.append(("residual", plain(layer[1])))
            case "prelu":
                out.append(("pieces", (0.0,), (layer[1], 1.0), 0.0))
            case "minimum":
                size = next(e for e in reversed(out) if e[0] == "dense")[1].shape[1]
                flip = np.eye(size)
                out += [("dense", -flip, np.zeros(size)), ("pool", 2)]
                out += [("dense", -np.eye(size // 2), np.zeros(size // 2))]
            case name:
                out.append(("pieces", *FUNCTIONS[name][:3]))
    return out


def graph(layers, inputs: int) -> Graph:
    """Return the net as a graph."""
    builder = Builder([Slot("x", (inputs,))])
    (x,) = builder.input_values()
    return builder.finish([_build_graph(builder, layers, x)], ["y"])


def _build_graph(b: Builder, layers, x):
    for layer in layers:
        match layer[0]:
            case "dense":
                x = b.dense(x, layer[1], layer[2])
            case "pool":
                x = b.reduce("max", b.reshape(x, (1, -1, layer[1])), axes=(2,))
            case "minimum":
                x = b.reduce("min", b.reshape(x, (1, -1, 2)), axes=(2,))
            case "residual":
                x = b.add(x, _build_graph(b, layer[1], x))
            case "prelu":
                x = b.prelu(x, layer[1])
            case name:
                x = b.curve(FUNCTIONS[name][3], x, **FUNCTIONS[name][4])
    return x


def compare(i: int, time_limit: float) -> dict:
    """Return both answers for net `i`, and their difference in units of the seen range."""
    layers, lo, hi = net(i)
    model, reference = graph(layers, lo.size), plain(layers)
    start = time.perf_counter()
    rows = np.array([[1.0], [-1.0]])
    ours = solve(model, Box(lo, hi), rows, tol=TOLERANCE / 10, time_limit=time_limit)
    middle = time.perf_counter()
    ends = independent_milp.output_range(reference, lo, hi, time_limit=time_limit)
    seconds = middle - start, time.perf_counter() - middle
    scale = max(-ours.seen[1] - ours.seen[0], 1e-9)
    closed = ends[0].closed and ends[1].closed
    apart, overlap = 0.0, True
    for k, (sign, end) in enumerate(zip((1, -1), ends, strict=True)):
        bound, value = sign * end.bound, sign * end.value
        overlap &= ours.lower[k] <= value + TOLERANCE * scale
        overlap &= bound <= ours.seen[k] + TOLERANCE * scale
        if closed:
            apart = max(apart, abs(ours.lower[k] - bound), abs(ours.seen[k] - value))
    return {
        "net": i, "inputs": lo.size, "forms": " ".join(_form(layer) for layer in layers[:-1]),
        "status": ours.status, "closed": closed, "apart": apart / scale, "overlap": overlap,
        "seconds": seconds, "range": (ours.lower[0], -ours.lower[1]),
    }  # fmt: skip


def _form(layer) -> str:
    return str(layer[1].shape[1]) if layer[0] == "dense" else layer[0]


def agrees(row: dict) -> bool:
    """Return whether a comparison upholds the law."""
    both = row["closed"] and row["status"] == "exact"
    return row["overlap"] and (not both or row["apart"] <= TOLERANCE)


@pytest.mark.parametrize("i", range(cases(6, QUICK)))
def test_same_range_as_an_independent_program(i):
    row = compare(i, time_limit=20.0)
    assert row["closed"] and row["status"] == "exact", row
    assert agrees(row), row


def test_both_programs_run_the_same_nets(rng):
    for i in range(cases(12, NETS)):
        layers, lo, hi = net(i)
        x = rng.uniform(lo, hi, (20, lo.size))
        ours, theirs = graph(layers, lo.size).run(x), independent_milp.run(plain(layers), x)
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10, err_msg=f"net {i}")


def main():
    """Compare all nets and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", type=int, default=NETS)
    parser.add_argument("--time", type=float, default=60.0, help="HiGHS an end, ours a net")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    count = options.nets
    rows = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for row in pool.map(compare, range(count), [options.time] * count):
            rows.append(row)
            verdict = "same" if row["closed"] else "overlap" if row["overlap"] else "APART"
            verdict = verdict if agrees(row) else "APART"
            print(
                f"{row['net']:4d} {row['inputs']} in  {verdict:8s} {row['status']:9s} "
                f"apart {row['apart']:.1e}  ours {row['seconds'][0]:6.2f} s  "
                f"HiGHS {row['seconds'][1]:6.2f} s  {row['forms']}",
                flush=True,
            )
    failed = [row["net"] for row in rows if not agrees(row)]
    closed = sum(row["closed"] for row in rows)
    ours = sum(row["status"] == "exact" for row in rows)
    both = [row for row in rows if row["closed"] and row["status"] == "exact"]
    worst = max((row["apart"] for row in both), default=0.0)
    print(
        f"{count} nets: HiGHS closed {closed}, we closed {ours}; largest difference on the "
        f"{len(both)} where both did {worst:.1e} of the range seen; "
        f"{len(failed)} break the law {failed or ''}"
    )
    return 1 if failed or ours < count else 0


if __name__ == "__main__":
    sys.exit(main())
