"""The time to write and to check certificates, and their size.

    python benchmarks/certificates.py ranges           ACAS Xu and mlp, both ends of all outputs
    python benchmarks/certificates.py ranges --rows acas_1_1
    python benchmarks/certificates.py smooth           20 nets of tanh, sigmoid, gelu, to 1e-3
    python benchmarks/certificates.py verdicts acasxu rl_benchmarks reach_prob_density
    python benchmarks/certificates.py verdicts mnist_fc --most 40 --time 600

A row shows the seconds of the search (the same question without a certificate), of writing (with
the check that each certificate gets), and of checking once more in a separate process, the number
of bytes, and the checker's result. Rows are searched and written one after another, while checkers
run on all cores (`--jobs`). A refusal is printed in full.
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verify import packed

import outrange
from cases import cases, data_folder


@dataclass
class Row:
    """A row of the table, about one certificate."""

    name: str
    search: float
    write: float
    bytes: int
    check: Future | None
    note: str = ""


def checked(path: Path, model: Path, limit: float) -> tuple[float, str]:
    """Return the seconds of the check, and the last word of the checker's output."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "outrange_check", str(path), "--model", str(model)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return time.perf_counter() - began, "not in time"
    said = (run.stdout + run.stderr).strip().splitlines()
    word = "CERTIFIED" if run.returncode == 0 else " ".join(said[-1:])
    return time.perf_counter() - began, word


def ranges(only: str) -> Iterator[tuple[str, Path, Callable[..., Any]]]:
    """Yield the rows of `benchmarks/ranges.py`, except one that takes half a minute to search."""
    for case in cases():
        if case.name == "mlp_10_64" or not case.name.startswith(only):
            continue
        shape = outrange.load(case.path).graph.inputs[0].shape
        box = (case.lo.reshape(shape), case.hi.reshape(shape))

        def ask(path=case.path, box=box, **options):
            return outrange.output_range(path, box, tol=1e-6, **options)

        yield case.name, case.path, ask


def verdicts(folder: Path, most: int | None) -> Iterator[tuple[str, Path, Callable[..., Any]]]:
    """Yield the instances of a family whose expected verdict is that the property holds."""
    rows = list(csv.DictReader((folder / "expected.csv").open()))
    held = [row for row in rows if row["verdict"] == "unsat"]
    for row in held[:most]:
        model, file = packed(folder / row["onnx"]), packed(folder / row["vnnlib"])

        def ask(model=model, file=file, **options):
            return outrange.verify(str(model), str(file), **options)

        name = f"{Path(row['onnx']).stem.replace('ACASXU_run2a_', '')} {Path(row['vnnlib']).stem}"
        yield name, model, ask


def smooth(folder: Path) -> Iterator[tuple[str, Path, Callable[..., Any]]]:
    """Yield Keras models with two hidden layers and one to four inputs, over [-1, 1]^n."""
    import keras

    for i in range(20):
        curve, inputs, width = ("tanh", "sigmoid", "gelu")[i % 3], 1 + i % 4, (16, 32)[i // 10]
        keras.utils.set_random_seed(i)
        hidden = [keras.layers.Dense(width, curve, bias_initializer="normal") for _ in range(2)]
        model = keras.Sequential([keras.Input((inputs,)), *hidden, keras.layers.Dense(1)])
        path = folder / f"{curve}_{inputs}_{width}_{i}.keras"
        model.save(path)
        box = [-1.0] * inputs, [1.0] * inputs

        def ask(path=path, box=box, **options):
            return outrange.output_range(str(path), box, tol=1e-3, **options)

        yield path.stem, path, ask


def one(
    name: str,
    model: Path,
    ask: Callable[..., Any],
    folder: Path,
    pool: ThreadPoolExecutor,
    limit: float,
) -> Row:
    """Search, write a certificate, and submit it to a checker."""
    path = folder / f"{name.replace(' ', '_')}.proof"
    began = time.perf_counter()
    plain = ask(time_limit=limit)
    search = plain.cost.seconds
    began = time.perf_counter()
    try:
        # The search gets a fifth of the limit, so it has as much time as without a certificate.
        found = ask(time_limit=5 * limit, certificate=path)
    except outrange.OutrangeError as why:
        return Row(name, search, time.perf_counter() - began, 0, None, str(why)[:200])
    write = time.perf_counter() - began - found.cost.seconds
    if not path.exists():
        return Row(name, search, write, 0, None, f"none: {getattr(found, 'status', '')}")
    return Row(name, search, write, path.stat().st_size, pool.submit(checked, path, model, limit))


def questions(
    given: argparse.Namespace, folder: Path
) -> Iterator[tuple[str, Path, Callable[..., Any]]]:
    """Yield the questions that the options select."""
    if given.what == "ranges":
        yield from ranges(given.rows)
    elif given.what == "smooth":
        yield from smooth(folder)
    else:
        for family in given.families:
            yield from verdicts(data_folder() / family, given.most)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["ranges", "smooth", "verdicts"])
    parser.add_argument("families", nargs="*", default=["acasxu"])
    parser.add_argument("--rows", default="", help="only rows that begin like this")
    parser.add_argument("--most", type=int, help="at most so many of a family")
    parser.add_argument("--time", type=float, default=600.0, help="seconds for a search, a check")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="checkers at a time")
    parser.add_argument("--keep", type=Path, help="a folder that keeps the certificates")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(given.jobs) as pool:
        rows, folder = [], given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for row in questions(given, folder):
            rows.append(one(*row, folder, pool, given.time))
            print(f"{rows[-1].name}: {rows[-1].bytes} bytes", file=sys.stderr, flush=True)
        print(f"{'row':40}{'search':>9}{'write':>9}{'check':>9}{'kB':>9}  checker")
        good, checks = 0, 0.0
        for row in rows:
            seconds, word = (0.0, row.note) if row.check is None else row.check.result()
            good, checks = good + (word == "CERTIFIED"), checks + seconds
            print(
                f"{row.name:40}{row.search:8.2f}s{row.write:8.2f}s{seconds:8.1f}s"
                f"{row.bytes / 1e3:9.1f}  {word}",
                flush=True,
            )
    searched, written = sum(r.search for r in rows), sum(r.write for r in rows)
    sizes = [row.bytes for row in rows if row.bytes]
    median = statistics.median(sizes) / 1e6 if sizes else float("nan")
    print(
        f"{good} of {len(rows)} certified; search {searched:.1f} s, writing {written:.1f} s "
        f"({written / max(searched, 1e-9):.2f} of it), checking {checks:.0f} s of one core each, "
        f"median file {median:.2f} MB"
    )


if __name__ == "__main__":
    main()
