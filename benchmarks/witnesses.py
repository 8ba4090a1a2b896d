"""Replay of the counterexamples that `outrange verify-all` wrote, without outrange.

    outrange verify-all instances.csv --file results.csv
    python benchmarks/witnesses.py instances.csv results.jsonl

onnxruntime runs each `sat` input in float32. Then the assertions of the VNN-LIB 1.0 file are
evaluated at the input and at the output of onnxruntime. The script prints how many counterexamples
satisfy all assertions exactly, and the largest violation of an assertion (VNN-COMP tolerates 1e-4).
Bounds that no float32 number meets, such as 0.1 to 0.1, are violated by at least half an ulp.
"""

import argparse
import gzip
import json
import operator
import re
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime


TOLERANCE = 1e-4
SIGN = {
    "<=": (1, operator.le),
    ">=": (-1, operator.ge),
    "<": (1, operator.lt),
    ">": (-1, operator.gt),
}


def read(path: Path) -> bytes:
    """Return the bytes of a file, or of its gzipped form, unpacked."""
    if not path.exists():
        path = path.with_name(path.name + ".gz")
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


@cache
def session(path: Path) -> onnxruntime.InferenceSession:
    """Return a session that runs a model."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(read(path), options, ["CPUExecutionProvider"])


def output(path: Path, x: np.ndarray) -> np.ndarray:
    """Return the flat output of a model, computed in float32."""
    model = session(path)
    (wanted,) = model.get_inputs()
    shape = [n if isinstance(n, int) else 1 for n in wanted.shape]
    x = x.astype(np.float32).reshape(shape)
    return np.ravel(model.run(None, {wanted.name: x})[0]).astype(np.float64)


def expressions(text: str) -> list:
    """Parse S-expressions to nested lists."""
    stack: list[list] = [[]]
    for token in re.findall(r"[()]|[^\s()]+", re.sub(r";.*", "", text)):
        if token == "(":
            stack.append([])
        elif token == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(token)
    return stack[0]


def excess(e: list, at: dict[str, float]) -> float:
    """Return by how much an assertion is violated; 0 if it is satisfied."""
    head, *rest = e
    if head in ("and", "or"):
        return (max if head == "and" else min)(excess(part, at) for part in rest)
    sign, compare = SIGN[head]
    a, b = (number(part, at) for part in rest)
    return 0.0 if compare(a, b) else max(sign * (a - b), np.nextafter(0.0, 1.0))


def number(e, at: dict[str, float]) -> float:
    """Return the value of an arithmetic expression."""
    if isinstance(e, str):
        return at[e] if e in at else float(e)
    parts = [number(part, at) for part in e[1:]]
    if e[0] == "-" and len(parts) == 1:
        return -parts[0]
    total = parts[0]
    for part in parts[1:]:
        total = {"+": operator.add, "-": operator.sub, "*": operator.mul}[e[0]](total, part)
    return total


def main() -> int:
    """Check each counterexample; print how many are exact, tolerated or wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("instances", type=Path)
    parser.add_argument("results", type=Path, help="the .jsonl file")
    options = parser.parse_args()
    latest = {}
    for line in options.results.read_text().splitlines():
        row = json.loads(line)
        latest[row["onnx"], row["vnnlib"]] = row
    worst, exact, wrong = 0.0, 0, []
    sat = {key: row for key, row in latest.items() if row["verdict"] == "sat"}
    for (onnx, vnnlib), row in sat.items():
        folder = options.instances.parent
        x = np.asarray(row["x"], np.float64)
        y = output(folder / onnx, x)
        # The model gets float32 numbers, so the assertions are evaluated for these.
        at = {f"X_{i}": float(v) for i, v in enumerate(x.astype(np.float32))}
        at |= {f"Y_{i}": float(v) for i, v in enumerate(y)}
        text = read(folder / vnnlib).decode()
        asserted = [e[1] for e in expressions(text) if e[0] == "assert"]
        off = max(excess(e, at) for e in asserted)
        off_y = float(np.max(np.abs(y - np.asarray(row["y"])) / np.maximum(1.0, np.abs(y))))
        worst, exact = max(worst, off, off_y), exact + (off == 0.0)
        if off > TOLERANCE or off_y > TOLERANCE:
            wrong.append((onnx, vnnlib, off, off_y))
    print(
        f"{len(sat)} counterexamples: {exact} satisfy every assertion exactly, {len(wrong)} are "
        f"off by more than {TOLERANCE:g}; the largest error met is {worst:.2g}."
    )
    for onnx, vnnlib, off, off_y in wrong:
        print(f"  {onnx} {vnnlib}: assertion off by {off:.3g}, output off by {off_y:.3g}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
