"""The cost and the gain of an executor, for many cores and many machines.

    python benchmarks/scale.py                    two cores; some ten minutes
    python benchmarks/scale.py --quick            smaller cases, to see that it runs
    python benchmarks/scale.py --only tree wide   some of the cases
    python benchmarks/scale.py --only hard        ranges that a time limit ends: how wide are they?
    python benchmarks/scheduler.py                1 to 1,024 cores, from what `tasks.py` recorded

One run compares the engine in this process on two cores (two worker processes for `verify_all`)
with a running `LocalCluster` of Dask with one and with two workers of one thread each. Each case is
repeated for `--seconds`, at least three times, and the least time counts, as in `timeit`, since the
first call imports modules and reads models on its workers. The script prints seconds, the ratio of
two workers to two cores of one process (the goal is at most 1.15) and to one worker (at most 0.6),
and how well both cores worked. `hard` prints widths instead: after the same `--seconds`, those of
two workers should be at most 1.1 times those of one process, by the mean of three runs each.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from distributed import Client, LocalCluster
from random_nets import layers, written

import outrange
from cases import data_folder, read_box
from outrange.executors.dispatcher import Dispatcher
from outrange.executors.payload import Payload
from outrange.executors.pool import as_pool


EMPTY = 500
"""Number of tasks that do nothing."""

LEAST_RUNS = 3
"""Smallest number of runs, regardless of their time."""


class Cores:
    """A context that measures how busy this machine's cores are, from /proc/stat every 50 ms."""

    def __enter__(self):
        self.both, self._over = [], threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    @property
    def share(self):
        """Fraction of the time in which all cores were at least 80 % busy."""
        return float(np.mean(self.both)) if self.both else float("nan")

    def _watch(self):
        count, before = os.cpu_count(), self._ticks()
        while not self._over.wait(0.2):
            now = self._ticks()
            spent = (now - before).reshape(count, -1)
            busy = 1 - spent[:, 3:5].sum(axis=1) / np.maximum(1, spent.sum(axis=1))
            self.both.append(bool((busy >= 0.8).all()))
            before = now

    def _ticks(self):
        lines = Path("/proc/stat").read_text().splitlines()
        cores = [line.split() for line in lines if line.startswith("cpu") and line[3] != " "]
        return np.concatenate([np.array(core[1:8], float) for core in cores])


def acas(quick):
    """Return the case of `verify_all` with 60 instances."""
    folder = data_folder() / "acasxu"
    nets = sorted((folder / "onnx").iterdir())
    pairs = [(net, folder / "vnnlib" / f"prop_{p}.vnnlib.gz") for net in nets for p in (3, 4)]
    pairs = pairs[: 8 if quick else 60]

    def ask(executor):
        with outrange.workers(executor):
            found = outrange.verify_all(pairs, each=60, jobs=2)
        return [one.verdict for one in found]

    return ask


def pictures(quick):
    """Return the case of robust accuracy on 60 images, those of MNIST properties and noisy ones."""
    folder = data_folder() / "mnist_fc"
    files = sorted((folder / "vnnlib").glob("*0.03*"))
    middle = np.array([np.mean(read_box(file), axis=0) for file in files])
    rng = np.random.default_rng(0)
    x = middle
    while len(x) < 60:
        x = np.concatenate([x, np.clip(middle + rng.uniform(-0.05, 0.05, middle.shape), 0, 1)])
    x = x[: 8 if quick else 60]
    network = outrange.load(sorted((folder / "onnx").glob("*256x2*"))[0])
    labels = network.graph.run(x).argmax(axis=1)
    shape = (len(x), *network.graph.inputs[0].shape)

    def ask(executor):
        with outrange.workers(executor):
            found = outrange.robust_accuracy(network, x.reshape(shape), labels, eps=0.02, each=5.0)
        return found.status.tolist()

    return ask


def tree(quick):
    """Return the case of one output of `mlp_10_64` (`mlp_8_64` if `quick`), to 5 %."""
    name = "mlp_8_64" if quick else "mlp_10_64"
    return _range(data_folder() / "mlp" / f"{name}.onnx", 5e-2)


def wide(quick):
    """Return the case of a random network with 12 inputs, to 20 %."""
    folder = tempfile.mkdtemp()
    parts = layers((12, 24 if quick else 48, 24 if quick else 48, 2), seed=0, bias=0.1)
    return _range(written(parts, Path(folder) / "wide.onnx"), 0.2)


def _range(path, tol):
    network = outrange.load(path)

    def ask(executor):
        with outrange.workers(executor):
            found = outrange.output_range(network, (0, 1), rows=[[1.0, 0.0]], tol=tol, solver=False)
        # Round to the tolerance, so that all runs agree.
        return [round(float(end[0]) / (4 * tol)) for end in (found.seen_lo, found.seen_hi)]

    return ask


HARD = (7, 100, 100, 3), (8, 80, 80, 2), (12, 48, 48, 2)
"""Layer sizes of random networks whose ranges over `[-1, 1]` stay open for minutes."""

WIDER = 1.1
"""Largest ratio of the width with two workers to that of one process."""


def hard_ranges(client, seconds):
    """Print widths of ranges that a time limit ends; return whether workers' ranges are too wide.

    Args:
        client: Client with two workers of one thread each.
        seconds: The time limit.
    """
    bad = False
    print(f"{'hard range':14} {'alone':>18} {'2 workers':>18} {'ratio':>6}   after {seconds:g} s")
    for sizes in HARD:
        path = Path(tempfile.mkdtemp()) / "hard.onnx"
        network = outrange.load(written(layers(sizes, seed=0, bias=0.1), path))
        widths = [[], []]
        for _ in range(LEAST_RUNS):  # In turns: the machine may have other work.
            for runs, executor in zip(widths, (None, client), strict=True):
                with outrange.workers(executor):
                    found = outrange.output_range(network, (-1, 1), time_limit=seconds)
                runs.append((found.hi - found.lo).sum())
        ratio = np.mean(widths[1]) / np.mean(widths[0])
        bad |= bool(ratio > WIDER)
        shown = (f"{np.mean(runs):9.4f} ± {np.std(runs):6.4f}" for runs in widths)
        name = "-".join(map(str, sizes))
        print(f"{name:14} {' '.join(shown)} {ratio:6.2f}{'  TOO WIDE' if ratio > WIDER else ''}")
    return bad


CASES = {"acas": acas, "pictures": pictures, "tree": tree, "wide": wide}


def nothing(_kept):
    return None


def overhead(client):
    """Return milliseconds per empty task: alone, in a stream, and of this process's CPU time."""
    dispatcher, payload = Dispatcher(as_pool(client)), Payload.of(None)
    dispatcher.submit("first", "nothing", payload, nothing)
    dispatcher.wait(60.0)
    begin = time.perf_counter()
    for k in range(EMPTY // 5):
        dispatcher.submit(k, "nothing", payload, nothing)
        dispatcher.wait(60.0)
    apart = (time.perf_counter() - begin) / (EMPTY // 5)
    begin, used, given, ended = time.perf_counter(), time.process_time(), 0, 0
    while ended < EMPTY:
        while given < EMPTY and len(dispatcher) < 8:
            dispatcher.submit(given, "nothing", payload, nothing)
            given += 1
        ended += len(dispatcher.wait(60.0))
    took, used = time.perf_counter() - begin, time.process_time() - used
    return 1e3 * apart, 1e3 * took / EMPTY, 1e3 * used / EMPTY


def first_instance():
    """Return the name and the bytes of an ACAS Xu model, and the bytes of a property."""
    folder = data_folder() / "acasxu"
    net = sorted((folder / "onnx").iterdir())[0]
    return net.name, net.read_bytes(), (folder / "vnnlib" / "prop_3.vnnlib.gz").read_bytes()


def start(name, model, content):
    """Decide something on a worker, so that it imports the modules, which takes half a second."""
    import outrange.search.spread.subtree  # noqa: F401
    from outrange.api.batch.spread import Folder

    Folder(model).decide(name, "prop_3.vnnlib.gz", content, 10.0, 0)


def timed(ask, executor, seconds):
    """Return the fastest run: seconds, its answer, and how long both cores worked."""
    runs, end = [], time.perf_counter() + seconds
    while len(runs) < LEAST_RUNS or time.perf_counter() < end:
        begin = time.perf_counter()
        with Cores() as cores:
            said = ask(executor)
        runs.append((time.perf_counter() - begin, said, cores.share))
    return min(runs, key=lambda run: run[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=[*CASES, "hard"], default=[*CASES, "hard"])
    parser.add_argument("--seconds", type=float, default=15.0, help="for each case and executor")
    options = parser.parse_args()
    asked = {name: CASES[name](options.quick) for name in options.only if name != "hard"}
    wider = False
    rows = {name: {"alone": timed(ask, None, options.seconds)} for name, ask in asked.items()}
    for workers in (1, 2):
        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
        with cluster, Client(cluster) as client:
            client.run(start, *first_instance())
            apart, stream, used = overhead(client)
            print(
                f"{workers} workers: {apart:.1f} ms a task alone, {stream:.1f} ms in a stream, "
                f"{used:.1f} ms of them processor time of this process"
            )
            for name, ask in asked.items():
                rows[name][workers] = timed(ask, client, options.seconds)
            if workers == 2 and "hard" in options.only:
                wider = hard_ranges(client, 2.0 if options.quick else options.seconds)
    return (show(rows) if rows else False) or wider


def show(rows):
    """Print the table; return whether answers differ."""
    head = f"{'case':10} {'alone':>9} {'1 worker':>9} {'2 workers':>9}"
    print(f"{head} {'2 / alone':>9} {'2 / 1':>7}   both cores busy")
    bad = False
    for name, row in rows.items():
        (alone, said, share), (one, first, _), (two, second, shared) = row.values()
        same = said == first == second
        bad |= not same
        print(
            f"{name:10} {alone:8.1f}s {one:8.1f}s {two:8.1f}s {two / alone:9.2f} {two / one:7.2f}"
            f"   {share:.0%} alone, {shared:.0%} on two workers{'' if same else '  ANSWERS DIFFER'}"
        )
    return bad


if __name__ == "__main__":
    sys.exit(main())
