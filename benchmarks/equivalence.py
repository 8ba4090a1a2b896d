"""Equivalence of networks and slightly changed copies: agreement to 0.05, and largest difference.

    python benchmarks/equivalence.py                     50 pairs of ACAS nets, 60 s each; an hour
    python benchmarks/equivalence.py pairs --count 5
    python benchmarks/equivalence.py rounded --time 20   networks and their copies in 8 bits
    python benchmarks/equivalence.py isomorphic monotonic     two families of VNN-COMP 2026

A pair consists of an ACAS Xu network and a copy whose weights differ by 1e-3 to 1e-2 of their size,
drawn with `--seed`. The question is whether all outputs agree to 0.05 on the whole input box, as in
the competition's isomorphic_acasxu. `rounded` prints the width of the difference, and by how much
the difference of the two separate ranges is wider.

`isomorphic` and `monotonic` rebuild two families of VNN-COMP 2026 on their box: a network and a
copy with noise of standard deviation 0.001 in every tensor agree to 0.05; and output 3 does not
fall if one input grows. Each question is asked as a VNN-LIB 2.0 query and in Python.
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

CORNER = [0.6, -0.5, -0.5, 0.45, -0.5], [0.679857769, 0.5, 0.5, 0.5, -0.45]
"""The box of isomorphic_acasxu_2026."""

APART = 0.05
SHAPES = ((5, 50, 50, 50, 5), (16, 64, 32, 32, 5), (10, 64, 64, 4), (4, 32, 32, 32, 3))


def query(folder, box=(LO, HI)):
    """Write a query whether outputs of two networks differ by `APART`; return its path."""
    lines = [
        "(vnnlib-version <2.0>)",
        "(declare-network f (declare-input X real [1,1,1,5]) (declare-output Y real [1,5]))",
        "(declare-network g (isomorphic-to f)"
        " (declare-input U real [1,1,1,5]) (declare-output V real [1,5]))",
    ]
    for i, (lo, hi) in enumerate(zip(*box, strict=True)):
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


def noisy_copies(folder, count, seed):
    """Yield ACAS Xu networks, each with a copy whose tensors have noise."""
    files = sorted((data_folder() / "acasxu" / "onnx").glob("*.gz"))
    rng = np.random.default_rng(seed)
    for k in range(count):
        model = onnx.load_from_string(gzip.decompress(files[k * 7 % len(files)].read_bytes()))
        first, second = Path(folder, f"f{k}.onnx"), Path(folder, f"g{k}.onnx")
        onnx.save(model, first)
        for tensor in model.graph.initializer:
            a = onnx.numpy_helper.to_array(tensor)
            noise = rng.normal(0, 0.001, a.shape).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(a + noise, tensor.name))
        onnx.save(model, second)
        yield first, second


def isomorphic(folder, options):
    """Decide whether networks and noisy copies agree, on the box of the competition."""
    asked = query(folder, CORNER)
    box = tuple(np.reshape(end, (1, 1, 5)) for end in CORNER)
    questions = []
    for first, second in noisy_copies(folder, options.count, options.seed):
        models = {"f": first, "g": second}
        questions.append((models, (asked,), {}))
        questions.append((models, (f"abs(f.y - g.y).max() <= {APART}", box), {}))
    _ask(questions, options)


def monotonic(folder, options):
    """Decide whether output 3 does not fall as one input grows, on the box of the competition."""
    box = tuple(np.reshape(end, (1, 1, 5)) for end in CORNER)
    rng = np.random.default_rng(options.seed)
    questions = []
    for first, _ in noisy_copies(folder, options.count, options.seed):
        k = int(rng.integers(5))
        entries = [(f"g.x[0, 0, {i}]", f"f.x[0, 0, {i}]", i) for i in range(5)]
        related = " and ".join(f"{g} {'<=' if i == k else '=='} {f}" for g, f, i in entries)
        models, boxes = {"f": first, "g": first}, {"f": box, "g": box}
        questions.append(({"f": first}, (_grows(folder, k),), {}))
        questions.append((models, ("f.y[3] >= g.y[3]", boxes), {"where": related}))
    _ask(questions, options)


def _grows(folder, k):
    lines = [
        "(vnnlib-version <2.0>)",
        "(declare-network f (declare-input X real [1,1,1,5]) (declare-output Y real [1,5]))",
        "(declare-network g (equal-to f)"
        " (declare-input U real [1,1,1,5]) (declare-output V real [1,5]))",
        "(assert (< Y[0,3] V[0,3]))",
    ]
    for i, (lo, hi) in enumerate(zip(*CORNER, strict=True)):
        x, u = (f"{name}[0,0,0,{i}]" for name in "XU")
        bounds = " ".join(f"(>= {v} {lo}) (<= {v} {hi})" for v in (x, u))
        lines.append(f"(assert (and {bounds} ({'<=' if i == k else '=='} {u} {x})))")
    path = Path(folder, f"grows{k}.vnnlib")
    path.write_text("\n".join(lines))
    return path


def _ask(questions, options):
    """Ask questions, alternately as a query and in Python; print verdicts and median times."""
    took = []
    for i, (models, arguments, named) in enumerate(questions):
        begin, cpu = time.perf_counter(), time.process_time()
        answer = outrange.verify(models, *arguments, **named, time_limit=options.time)
        took.append((time.perf_counter() - begin, time.process_time() - cpu))
        form = "Python" if i % 2 else "query"
        print(f"{i // 2:3} {form:6} {answer.status:9} {took[-1][0]:6.1f} s", flush=True)
    for i, form in enumerate(("query", "Python")):
        wall, cpu = np.median(took[i::2], axis=0)
        print(f"median, {form}: {wall:.2f} s, of which {cpu:.2f} s of processor time")


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


PARTS = {"pairs": pairs, "rounded": rounded, "isomorphic": isomorphic, "monotonic": monotonic}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", nargs="*", choices=list(PARTS))
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--time", type=float, default=60.0, help="seconds for each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for what, run in PARTS.items():
            if what in options.what or not options.what:
                run(folder, options)


if __name__ == "__main__":
    main()
