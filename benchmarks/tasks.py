"""Recording of the costs of tasks of one tree on nodes of 1 to 64 cores, for `scheduler.py`.

    python benchmarks/tasks.py              some two minutes, on a quiet machine
    python benchmarks/tasks.py --seconds 5  less, to see that it runs

The tree has 12 inputs and is far too large to finish. A node uses the task sizes, boxes per call
and boxes per report of its nominal number of cores. This machine has fewer cores, so the script
records processor time: of the kernel, which all cores share, and of the work between its calls,
which one core does. The cost of a report for the serving process is measured with workers that
report immediately.
"""

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
from distributed import Client, LocalCluster
from random_nets import layers, written
from scale import overhead
from scheduler import RECORD

import outrange
from outrange.search.spread import search as spread
from outrange.search.spread.boxes import Boxes
from outrange.search.spread.subtree import Machine, explore


NODES = (1, 4, 16, 64)

OPENED, DEEP = 5000, 300_000
"""Number of open boxes when samples are taken, and largest number of boxes bounded below each
sample."""

MOST = 400_000
"""Largest number of boxes of a task. Two cores need 15 s for the boxes that 64 cores bound in half
a second."""

ROWS = (100, 4000)
"""Two numbers of open boxes in a report; a line through their costs gives the cost per box."""


def watch_tasks():
    """On a worker, make reports contain processor time, single-threaded time, and waits.

    At the end of a call of the kernel, most cores wait for its last boxes. A wait counts as half of
    the time that one box of the call takes, in boxes.
    """
    from dataclasses import replace

    from outrange.search.input_split import kernel_call
    from outrange.search.spread import subtree

    explore, run, inside, waits = subtree.explore, kernel_call.KernelCall.run, {}, []

    def timed_run(call):
        import threading

        begin, one = time.thread_time(), threading.get_ident()
        run(call)
        inside[one] = inside.get(one, 0.0) + time.thread_time() - begin
        waits.append(call.bounded / max(1, call.taken) / 2)

    def timed(*task):
        import threading

        one = threading.get_ident()
        inside[one] = 0.0
        waits.clear()
        whole, own = time.process_time(), time.thread_time()
        report = explore(*task)
        whole, own = time.process_time() - whole, time.thread_time() - own
        between = own - inside[one]
        return replace(report, seconds=(whole - between, between, sum(waits)))

    kernel_call.KernelCall.run, subtree.explore = timed_run, timed


def report_at_once(rows):
    """On a worker, return reports with this many boxes without any work."""
    import numpy as np

    from outrange.search.spread import subtree
    from outrange.search.spread.boxes import Boxes, SubtreeReport

    def canned(machine, boxes, known, budget, *_):
        names = ("lo", "hi", "lb", "status", "open", "priority")
        taken = np.arange(rows) % len(boxes)
        left = Boxes(**{name: getattr(boxes, name)[taken] for name in names})
        closed = np.full(boxes.lb.shape[1], np.inf)
        return SubtreeReport(left, closed, known.best, known.at, budget, 0.0)

    subtree.explore = canned


class Recorder:
    """A context that records the reports of tasks, and the time that this process spent on them."""

    def __enter__(self):
        self.reports, self.roots, self.spent = [], [], []
        self._enter, self._lift = spread.SpreadSearch._enter, spread.SpreadSearch._lift

        def enter(search, report):
            self._enter(search, report)
            self.reports.append((report.seconds, report.bounded, len(report.boxes)))
            self.spent.append(time.process_time())
            self.budget = search._budget

        def lift(search, count):
            boxes = self._lift(search, count)
            self.roots.append(len(boxes))
            return boxes

        spread.SpreadSearch._enter, spread.SpreadSearch._lift = enter, lift
        return self

    def __exit__(self, *_):
        spread.SpreadSearch._enter, spread.SpreadSearch._lift = self._enter, self._lift


def asked(network, client, seconds):
    with outrange.workers(client):
        outrange.output_range(
            network, (0, 1), rows=[[1.0, 0.0]], tol=1e-2, solver=False, time_limit=seconds
        )


def cluster(cores):
    return LocalCluster(n_workers=1, threads_per_worker=cores, dashboard_address=None)


def tasks_of(network, cores, seconds):
    """Return rows about a node's tasks: seconds in and between calls, waits, boxes, open, roots."""
    size = spread.size_of_task
    with cluster(cores) as local, Client(local) as client, Recorder() as record:
        client.run(watch_tasks)
        spread.size_of_task = lambda *now: min(MOST, size(*now))
        asked(network, client, seconds)
        spread.size_of_task = size
    told = [
        (*seconds, bounded, left, roots)
        for (seconds, bounded, left), roots in zip(record.reports, record.roots, strict=False)
        if isinstance(seconds, tuple)  # the first pieces were done here
    ]
    return told, record.budget


def opened(network):
    """Return the bounding machine, open boxes early in the tree, and the known bounds there."""
    kept, give = [], spread.SpreadSearch._give

    def watched(search, heard=()):
        if len(search.frontier) < OPENED:
            give(search, heard)
        elif not kept:
            state = Boxes.all_of(search.frontier), search._known()
            kept.append((Machine.of(search._problem, search._program), *state))
            raise KeyboardInterrupt

    spread.SpreadSearch._give = watched
    try:
        with ThreadPoolExecutor(1) as one:
            asked(network, one, 60.0)
    finally:
        spread.SpreadSearch._give = give
    return kept[0]


def unequal(network, seconds):
    """Return the subtree sizes of boxes early in the tree, and how well urgency predicts these."""
    machine, boxes, known = opened(network)
    rng, sizes, urgent = np.random.default_rng(0), [], []
    end = time.perf_counter() + seconds
    for row in rng.permutation(len(boxes)):
        one = Boxes(**{f.name: getattr(boxes, f.name)[[row]] for f in fields(Boxes)})
        report = explore(machine, one, known, DEEP, 60.0, [0, int(row)])
        # A deeper subtree counts as if it ended at the limit.
        sizes.append(max(1, report.bounded))
        urgent.append(boxes.priority[row])
        if time.perf_counter() > end:
            break
    rank = np.argsort(np.argsort(urgent))
    return sizes, float(np.corrcoef(rank, np.log(sizes))[0, 1])


def served(network, rows, seconds):
    """Return this process's seconds per report with `rows` boxes, and the roots of its task."""
    with cluster(1) as local, Client(local) as client, Recorder() as record:
        client.run(report_at_once, rows)
        asked(network, client, seconds)
    half = len(record.spent) // 2
    each = (record.spent[-1] - record.spent[half]) / (len(record.spent) - 1 - half)
    return each, sum(record.roots[half:]) / len(record.roots[half:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=25.0, help="Of each size of a node.")
    parser.add_argument("--out", type=Path, default=RECORD)
    options = parser.parse_args()
    parts = layers((12, 64, 64, 2), seed=0, bias=0.1)
    network = outrange.load(written(parts, Path(tempfile.mkdtemp()) / "mlp_12_64.onnx"))
    nodes = {}
    for cores in NODES:
        nodes[cores], budget = tasks_of(network, cores, options.seconds)
        kernel, between, waits, bounded, left, _ = map(sum, zip(*nodes[cores], strict=True))
        print(
            f"nodes of {cores:2d}: {len(nodes[cores])} tasks of {bounded / len(nodes[cores]):,.0f} "
            f"boxes, {1e6 * kernel / bounded:.2f} us of the kernel a box and "
            f"{1e6 * between / bounded:.2f} us between, waits of {waits / bounded:.2%}, "
            f"{left / len(nodes[cores]):,.0f} left open",
            flush=True,
        )
    below, known = unequal(network, options.seconds)
    print(
        f"{len(below)} sub-trees: median of {np.median(below):,.0f} boxes, mean of "
        f"{np.mean(below):,.0f}, largest {max(below):,.0f}; correlation of the logarithm with the "
        f"priority {known:.2f}",
        flush=True,
    )
    (few, sent), (many, _) = (served(network, rows, options.seconds / 4) for rows in ROWS)
    a_row = max(0.0, (many - few) / (ROWS[1] - ROWS[0]))
    base = max(0.0, few - a_row * (ROWS[0] + sent))
    with cluster(1) as local, Client(local) as client:
        client.run(lambda: __import__("outrange.search.spread.subtree"))
        latency = overhead(client)[0] / 1e3
    print(
        f"a report: {1e3 * base:.2f} ms, and {1e6 * a_row:.2f} us for each box there and back; "
        f"{1e3 * latency:.1f} ms on its way"
    )
    record = {
        "nodes": nodes, "served": base, "a_row": a_row, "latency": latency, "budget": budget,
        "below": below, "known": known,
    }  # fmt: skip
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(record))


if __name__ == "__main__":
    sys.exit(main())
