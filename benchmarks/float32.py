"""Proved bounds of float32 networks, and a search for runs outside of them.

    python benchmarks/float32.py                        the widening on mlp and ACAS Xu
    python benchmarks/float32.py --rows acas --seconds 60
    python benchmarks/float32.py --runs 1e9             runs of 300 random networks, and of their
                                                        Keras and ONNX models where installed

The widening is how far float32 moves a bound outward, for sums in any order, relative to the range.
"at least" is the widening at the points that attain the real bounds, if every sum has the largest
error of the worst order; to first order, no way to split the box proves less. "attained" is the
widening of an actual run: products and additions rounded to nearest, in an order that is recorded
(`float32_attained.py`). So no tool can prove a widening below that.
"""

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from float32_attained import attained

import outrange
from cases import cases
from outrange.core import InputError, UnsupportedError
from outrange.domains.float32 import plan_of_rows
from outrange.search.methods.float32_parts.points import provable_limits


sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

NETWORKS, AT_ONCE = 300, 4096


def widening(rows: list[str], seconds: float) -> None:
    """Print a row for each network: the range in real arithmetic, and the widening by float32."""
    head = f"{'row':16} {'range':>10} {'widening':>10} {'of it':>9} {'at least':>9} {'attained':>9}"
    print(f"{head} {'seconds':>8} {'CPU':>7}  status")
    for case in cases():
        if rows and not any(case.name.startswith(row) for row in rows):
            continue
        network = outrange.load(case.path)
        shape = network.graph.inputs[0].shape
        box = (case.lo.reshape(shape), case.hi.reshape(shape))
        begin, used = time.perf_counter(), time.process_time()
        answer = outrange.output_range(network, box, arithmetic="float32", time_limit=seconds)
        took, used = time.perf_counter() - begin, time.process_time() - used
        width = np.ravel(answer.real_hi - answer.real_lo)
        share = np.ravel(answer.widening) / width
        worst = int(np.argmax(share))
        ends = Ends.of(network, answer, case)
        least = ends.least_share()
        reached = ends.attained_share(int(np.argmax(least)))
        print(
            f"{case.name:16} {width[worst]:10.4g} {np.ravel(answer.widening)[worst]:10.3g} "
            f"{share[worst]:9.2e} {least.max():9.2e} {reached:9.2e} {took:8.1f} "
            f"{used:7.1f}  {answer.status}", flush=True,
        )  # fmt: skip


@dataclass(frozen=True)
class Ends:
    """Bounds in real arithmetic, as least values of signed outputs, lower bounds first."""

    network: Any
    case: Any
    rows: np.ndarray
    real: np.ndarray
    points: np.ndarray
    width: np.ndarray

    @classmethod
    def of(cls, network: Any, answer: Any, case: Any) -> "Ends":
        """Build from an answer."""
        k = answer.lo.size
        rows = np.concatenate([np.eye(k), -np.eye(k)])
        real = np.concatenate([np.ravel(answer.real_lo), -np.ravel(answer.real_hi)])
        points = np.concatenate([np.reshape(at, (k, -1)) for at in (answer.at_lo, answer.at_hi)])
        width = np.tile(np.ravel(answer.real_hi - answer.real_lo), 2)
        return cls(network, case, rows, real, np.clip(points, case.lo, case.hi), width)

    def least_share(self) -> np.ndarray:
        """Return the widening of each bound at the point that attains it, relative to the range.

        Every operation has its largest possible error. To first order, no way to split the box
        proves a smaller widening.
        """
        plan = plan_of_rows(self.network.written, np.eye(len(self.rows) // 2))
        reached = provable_limits(plan, self.rows, self.points, (self.case.lo, self.case.hi))
        return (self.real - reached) / self.width

    def attained_share(self, end: int) -> float:
        """Return how far a run was found beyond a bound, relative to the range."""
        box = self.case.lo, self.case.hi
        found = attained(self.network.written, self.rows[end], self.points[end], box)
        return float((self.real[end] - found) / self.width[end])


def runs(total: int, only: range, salt: int) -> int:
    """Run random networks with every order of sums; return how many values lie outside."""
    from float32_nets import graphs
    from float32_orders import Tally, run_orders

    tally, count, begin = Tally(), 0, time.process_time()
    for number, (seed, graph) in enumerate(graphs(NETWORKS)):
        if number not in only:
            continue
        before = tally.outside
        run_orders(graph, [seed, salt], max(1, total // NETWORKS), tally)
        count += 1
        if tally.outside > before:
            print(f"graph {seed}: {tally.outside - before} outside", flush=True)
    print(
        f"own evaluator: {tally.evaluations:,} evaluations of {count} networks, "
        f"{tally.values:,} values ({tally.unbounded / max(1, tally.values):.1%} of which nothing "
        f"is said), largest share of a bound {tally.share:.6f}: {tally.outside} outside; "
        f"{time.process_time() - begin:.0f} s of one core", flush=True,
    )  # fmt: skip
    return tally.outside


def model_runs(total: int) -> int:
    """Do the same with the models of `tests/zoo.py`, and their ONNX files if Keras exports them."""
    import keras

    import zoo

    outside = done = refused = 0
    names = sorted(zoo.MODELS)
    for seed, name in enumerate(names):
        model = zoo.build(name)
        try:
            network = outrange.load(model)
            rng = np.random.default_rng(seed)
            size = network.graph.size
            lo = np.float32(rng.normal(0.0, 0.5, size)).astype(np.float64)
            hi = np.float32(lo + rng.choice([0.0, 2.0**-6, 1.0], size)).astype(np.float64)
            answer = outrange.output_range(network, _box(network, lo, hi), arithmetic="float32",
                                           time_limit=2)  # fmt: skip
        except (UnsupportedError, InputError):
            refused += 1
            continue
        low, high = np.ravel(answer.lo), np.ravel(answer.hi)
        runners = [network.predict, *_onnx(keras, model, network)]
        left = max(1, total // len(names))
        while left > 0:
            x = rng.uniform(lo, hi, (min(left, AT_ONCE), size)).astype(np.float32)
            x = np.clip(x, lo.astype(np.float32), hi.astype(np.float32))
            for run in runners:
                y = np.asarray(run(x), np.float64)
                outside += int((~((low <= y) & (y <= high))).sum())
                done += len(x)
            left -= len(x)
    backend = keras.backend.backend()
    print(f"{len(names) - refused} Keras models on {backend}, {done:,} runs: {outside} outside")
    return outside


def _box(network: Any, lo: np.ndarray, hi: np.ndarray) -> dict:
    parts, start = {}, 0
    for slot in network.graph.inputs:
        part = slice(start, start + slot.size)
        parts[slot.name] = (lo[part].reshape(slot.shape), hi[part].reshape(slot.shape))
        start += slot.size
    return parts


def _onnx(keras: Any, model: Any, network: Any) -> list:
    """Return a list with the model as run by onnxruntime; [] if Keras cannot export it."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.onnx")
            model.export(path, format="onnx", verbose=False)
            found = outrange.load(path)
    except Exception:  # whatever exporting needs is missing, or it does not know the model
        return []
    return [found.predict] if found.graph.size == network.graph.size else []


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="*", default=[])
    parser.add_argument("--seconds", type=float, default=60.0, help="a row")
    parser.add_argument("--runs", type=float, default=0.0, help="runs of random networks")
    parser.add_argument("--networks", default=f"0:{NETWORKS}", help="which of the random ones")
    parser.add_argument("--seed", type=int, default=0, help="of points and orders")
    parser.add_argument("--models", type=float, default=0.0, help="runs of Keras models")
    args = parser.parse_args()
    if not (args.runs or args.models):
        widening(args.rows, args.seconds)
    only = range(*map(int, args.networks.split(":")))
    bad = runs(int(args.runs), only, args.seed) if args.runs else 0
    bad += model_runs(int(args.models)) if args.models else 0
    sys.exit(int(bad > 0))


if __name__ == "__main__":
    main()
