"""Equivalence of networks and slightly changed copies: agreement to 0.05, and largest difference.

    python benchmarks/equivalence.py                     50 pairs of ACAS nets, 60 s each; an hour
    python benchmarks/equivalence.py pairs --count 5
    python benchmarks/equivalence.py rounded --time 20   networks and their copies in 8 bits

A pair consists of an ACAS Xu network and a copy whose weights differ by 1e-3 to 1e-2 of their size,
drawn with `--seed`. The question is whether all outputs agree to 0.05 on the whole input box, as in
the competition's isomorphic_acasxu. `rounded` prints the width of the difference, and by how much
the difference of the two separate ranges is wider.
"""

import argparse
import gzip
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from random_nets import layers, written

import outrange
from cases import data_folder


LO = [-0.303531156, -0.5, -0.5, -0.5, -0.5]
HI = [0.679857769, 0.5, 0.5, 0.5, 0.5]
"""Upper bounds of the normalized inputs for which the networks were trained."""

APART = 0.05
SHAPES = ((5, 50, 50, 50, 5), (16, 64, 32, 32, 5), (10, 64, 64, 4), (4, 32, 32, 32, 3))


def query(folder):
    """Write a query whether outputs of two networks differ by `APART`; return its path."""
    lines = [
        "(vnnlib-version <2.0>)",
        "(declare-network f (declare-input X real [1,1,1,5]) (declare-output Y real [1,5]))",
        "(declare-network g (isomorphic-to f)"
        " (declare-input U real [1,1,1,5]) (declare-output V real [1,5]))",
    ]
    for i, (lo, hi) in enumerate(zip(LO, HI, strict=True)):
        x, u = (f"{name}[0,0,0,{i}]" for name in "XU")
        lines.append(f"(assert (and (>= {x} {lo}) (<= {x} {hi}) (== {x} {u})))")
    sides = (((">=", APART), ("<=", -APART)) for _ in range(5))
    cases = [f"({op} (- Y[0,{k}] V[0,{k}]) {at})" for k, two in enumerate(sides) for op, at in two]
    lines.append(f"(assert (or {' '.join(cases)}))")
    path = Path(folder, "same.vnnlib")
    path.write_text("\n".join(lines))
    return path


def copies(folder, count, seed):
    """Yield ACAS Xu networks, each with a slightly changed copy."""
    files = sorted((data_folder() / "acasxu" / "onnx").glob("*.gz"))
    rng = np.random.default_rng(seed)
    for k in range(count):
        source = files[k * 7 % len(files)]
        model = onnx.load_from_string(gzip.decompress(source.read_bytes()))
        rel = 10.0 ** rng.uniform(-3, -2)
        first, second = Path(folder, f"f{k}.onnx"), Path(folder, f"g{k}.onnx")
        onnx.save(model, first)
        for tensor in model.graph.initializer:
            a = onnx.numpy_helper.to_array(tensor)
            if a.dtype == np.float32 and a.size > 1:
                near = (a * (1 + rel * rng.uniform(-1, 1, a.shape))).astype(np.float32)
                tensor.CopyFrom(onnx.numpy_helper.from_array(near, tensor.name))
        onnx.save(model, second)
        yield source.name[:18], rel, first, second


def pairs(folder, options):
    """Decide the equivalence of `--count` pairs."""
    asked, done = query(folder), 0
    for name, rel, first, second in copies(folder, options.count, options.seed):
        begin = time.perf_counter()
        answer = outrange.verify({"f": first, "g": second}, asked, time_limit=options.time)
        word = {True: "the same", False: "not the same", None: "open"}[answer.holds]
        done += answer.holds is not None
        took = time.perf_counter() - begin
        print(f"{name} off by {rel:.1e} {word:13} {took:6.1f} s", flush=True)
    print(f"{done} of {options.count} decided")


def rounded(folder, options):
    """Print how far networks differ from their 8-bit copies."""
    for seed, widths in enumerate(SHAPES):
        exact = layers(widths, seed, 0.1)
        coarse = [tuple(_in_8_bits(part) for part in layer) for layer in exact]
        one, two = (
            written(net, Path(folder, f"{n}.onnx")) for n, net in enumerate((exact, coarse))
        )
        found = outrange.difference_range(one, two, (-1, 1), time_limit=options.time)
        each = [outrange.output_range(net, (-1, 1), time_limit=options.time) for net in (one, two)]
        apart, ranges = np.ravel(found.hi - found.lo), sum(np.ravel(r.hi - r.lo) for r in each)
        seen = np.ravel(found.seen_hi - found.seen_lo)
        least, most = np.min(ranges / apart), np.max(ranges / apart)
        print(
            f"{'-'.join(map(str, widths)):16} apart {apart.max():9.4g} (seen {seen.max():9.4g}); "
            f"the ranges are {least:.1f} to {most:.1f} times as wide", flush=True,
        )  # fmt: skip


def _in_8_bits(weights):
    step = np.abs(weights).max() / 127
    return (np.round(weights / step) * step).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", nargs="*", choices=["pairs", "rounded"])
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--time", type=float, default=60.0, help="seconds for each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for what, run in (("pairs", pairs), ("rounded", rounded)):
            if what in options.what or not options.what:
                run(folder, options)


if __name__ == "__main__":
    main()
