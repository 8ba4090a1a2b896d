"""A simulation of the scheduler of one search tree on 1 to 1,024 cores in nodes.

    python benchmarks/scheduler.py                          recorded task times in results/
    python benchmarks/scheduler.py --cores 256 --nodes 16   a row of the table
    python benchmarks/scheduler.py --boxes 6.2e7 --lives 600

The policy is the library's own (`search/spread/policy.py`), and the costs of tasks were recorded by
`tasks.py`. A tree is described by the number of boxes below each open box. A task takes the most
urgent open boxes, bounds as many boxes as the policy says, and leaves the rest as open boxes with
unequal subtrees. The recording also states how unequal they are, and how well urgency predicts the
size of a subtree. Depending on the policy, the next task already waits at the node. One process
serves the reports of all nodes one after another, in a time that depends on their boxes. The tree
begins with one box on one core.

The cores of a node share the time of the kernel, and at the end of each call all but one of them
wait. Meanwhile one core does the work between calls, so a box takes the longer of the two times.
`cores.py` measures how well two cores share a tree; for more cores the same is assumed. Nodes die
as a whole, and come back. The boxes of a dead node are open again after `--noticed` seconds.

Efficiency is the time that one core needs for the tree, divided by the total time of all cores.
"""

import argparse
import heapq
import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from outrange.search.spread.policy import Roots, Standing, size_of_task, tasks_ahead
from outrange.search.spread.search import ALONE


CORES = (1, 4, 16, 64, 128, 256, 512, 1024)

RECORD = Path(__file__).parent / "results" / "tasks.json"


@dataclass(frozen=True, eq=False)
class Kind:
    """The recorded behavior of nodes with a given number of cores.

    Args:
        cores: Number of cores of each node.
        box: Seconds per box.
        noise: Recorded factors of that time.
        left: Recorded numbers of open boxes in reports.
    """

    cores: int
    box: float
    noise: np.ndarray
    left: np.ndarray


@dataclass(frozen=True, eq=False)
class Costs:
    """Costs other than those of boxes, in seconds.

    Args:
        served: Seconds for which a report occupies the serving process.
        a_row: Seconds for each box in the report and in the next task.
        latency: Seconds for a task's way to the node and back.
        start: Seconds until a dead node is back.
        noticed: Seconds until a death is noticed.
        lives: Average lifetime of a node in seconds.
    """

    served: float
    a_row: float
    latency: float
    start: float
    noticed: float
    lives: float


class Tree:
    """The sizes of the subtrees of open boxes, by urgency.

    Args:
        boxes: Number of boxes of the whole tree.
        rng: Random generator for the sizes.
        left: Recorded numbers of open boxes in reports.
        below: Recorded sizes of subtrees, which are scaled.
        known: Correlation between the logarithms of sizes and the urgency of boxes.
    """

    def __init__(self, boxes, rng, left, below, known):
        self.open, self.rng, self.left = [(0.0, float(boxes))], rng, left
        self.below = np.array(below, float)
        self.blur = np.log(self.below).std() * np.sqrt(1 / known**2 - 1)

    def take(self, count):
        return [heapq.heappop(self.open)[1] for _ in range(min(count, len(self.open)))]

    def put(self, sizes):
        """Add open boxes with subtrees of these sizes."""
        sizes = np.asarray(sizes, float)
        urgent = np.log(sizes) + self.rng.normal(0.0, self.blur, len(sizes))
        for one in zip((-urgent).tolist(), sizes.tolist(), strict=True):
            heapq.heappush(self.open, one)

    def leave(self, rest, most=np.inf):
        """Add open boxes for the part of a subtree that a task left; return their number."""
        if rest < 1:
            return 0
        count = max(1, int(min(rest, most, self.rng.choice(self.left))))
        share = self.rng.choice(self.below, count)
        # Each subtree contains at least its own box.
        self.put(1 + (rest - count) * share / share.sum())
        return count


class Run:
    """A simulated run of one tree on several nodes.

    Args:
        nodes: Number of nodes.
        kind: Behavior of the nodes.
        tree: The tree.
        budget: Number of boxes that one core bounds in half a second.
        costs: Costs of reports and deaths.
        rng: Random generator for the noise and the deaths.
    """

    def __init__(self, nodes, kind, tree, budget, costs, rng):
        self.nodes, self.kind, self.tree, self.budget = nodes, kind, tree, budget
        self.costs, self.rng = costs, rng
        self.desk, self.end, self.given, self.in_hand = 0.0, 0.0, 0, 0
        self.bounded, self.roots = 0.0, Roots()
        self.events = []
        # The tasks that wait at each node; then the idle nodes, and the nodes without waiting
        # tasks.
        self.waiting = [deque() for _ in range(nodes)]
        self.idle, self.hungry = {}, {}

    def seconds(self, alone):
        """Return the seconds until the tree is closed.

        Args:
            alone: Seconds per box on the machine that bounds the first boxes.
        """
        (whole,) = self.tree.take(1)
        first = min(float(ALONE), whole)
        # A box is split in two, so only few boxes are open at first, whatever later reports leave.
        self.tree.leave(whole - first, first / 2)
        self.bounded, self.desk, self.end = first, first * alone, first * alone
        self.events = [(self.desk, w, "free", None, 0.0, 0) for w in range(self.nodes)]
        while self.events:
            self._event(*heapq.heappop(self.events))
            if not self.tree.open and not self.in_hand:
                break
        return self.end

    def _event(self, now, node, what, roots, did, size):
        if what == "reopen":
            for some in roots:
                self.tree.put(some)
            self.in_hand -= len(roots)
        else:
            self.hungry.pop(node, None)
            self.idle[node] = None
            if self.waiting[node]:
                other, next_size, there = self.waiting[node].popleft()
                self._begin(max(now, there), node, other, next_size)
            if what == "report":
                left = self.tree.leave(sum(roots) - did, len(roots) + did)
                # The report takes half of the latency to reach the serving process, which may be
                # busy.
                took = self.costs.served + self.costs.a_row * left
                self.desk = self.end = max(self.desk, now + self.costs.latency / 2) + took
                self.bounded += did
                self.roots.learn(size, len(roots), did, left)
                self.in_hand -= 1
        self._give(now)

    def _give(self, now):
        tree, nodes, cores = self.tree, self.nodes, self.kind.cores
        while tree.open and (self.idle or (self.hungry and tasks_ahead(len(tree.open), nodes))):
            one = next(iter(self.idle or self.hungry))
            standing = Standing(len(tree.open), int(self.bounded), self.given, nodes, nodes * cores)
            size = size_of_task(standing, cores, self.budget)
            roots = tree.take(self.roots.of_task(standing, cores, self.budget))
            self.given, self.in_hand = self.given + 1, self.in_hand + 1
            self.desk = max(self.desk, now) + self.costs.a_row * len(roots)
            there = self.desk + self.costs.latency / 2
            if one in self.idle:
                self._begin(there, one, roots, size)
            else:
                self.hungry.pop(one)
                self.waiting[one].append((roots, size, there))

    def _begin(self, now, node, roots, size):
        """Begin a task on a node, and schedule its report or its death."""
        did = min(float(size), sum(roots))
        takes = did * self.kind.box * self.rng.choice(self.kind.noise)
        dies = self.rng.exponential(self.costs.lives)
        self.idle.pop(node, None)
        if dies < takes:
            lost = [roots, *(other for other, _, _ in self.waiting[node])]
            self.waiting[node].clear()
            self.hungry.pop(node, None)
            back, missed = now + dies + self.costs.start, now + dies + self.costs.noticed
            heapq.heappush(self.events, (missed, node, "reopen", lost, 0.0, 0))
            heapq.heappush(self.events, (back, node, "free", None, 0.0, 0))
        else:
            heapq.heappush(self.events, (now + takes, node, "report", roots, did, size))
            if not self.waiting[node]:
                self.hungry[node] = None


def recorded(found, cores):
    """Return the behavior of nodes with a given number of cores.

    Args:
        found: The record that `tasks.py` wrote.
        cores: Number of cores of each node.
    """
    # Columns: kernel, between, waits, bounded, open, roots. The kernel is the same for all nodes.
    every = np.concatenate([np.array(tasks) for tasks in found["nodes"].values()])
    kernel = every[:, 0].sum() / every[:, 3].sum()
    tasks = np.array(found["nodes"][str(cores)])
    large = tasks[tasks[:, 3] >= 0.5 * np.median(tasks[:, 3])]
    between, waits = large[:, 1:3].sum(axis=0) / large[:, 3].sum()
    each = (large[:, 0] + large[:, 1]) / large[:, 3]
    box = kernel + between if cores == 1 else max(kernel / cores + kernel * waits, between)
    left = large[large[:, 4] > 0, 4]
    return Kind(cores, box, each / each.mean(), left if len(left) else np.array([64.0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--boxes", type=float, default=62e6, help="Of the tree.")
    parser.add_argument(
        "--cores", type=int, nargs="+", default=[4**k for k in range(6)] + [128, 512]
    )
    parser.add_argument("--nodes", type=int, nargs="+", help="Cores of a node; all recorded.")
    parser.add_argument("--served", type=float, help="Seconds a report, in place of the recorded.")
    parser.add_argument("--lives", type=float, default=3600.0, help="Seconds a node lives.")
    parser.add_argument("--start", type=float, default=30.0, help="Seconds until it is back.")
    parser.add_argument("--noticed", type=float, default=5.0, help="Seconds until it is missed.")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    show(options)


def show(options):
    """Print the table."""
    found = json.loads(options.record.read_text())
    kinds = [recorded(found, int(cores)) for cores in found["nodes"]]
    kinds = [kind for kind in kinds if not options.nodes or kind.cores in options.nodes]
    alone = recorded(found, 1).box
    served = found["served"] if options.served is None else options.served
    print(
        f"{options.boxes:,.0f} boxes of {1e6 * alone:.1f} us, {options.boxes * alone:,.0f} s of a "
        f"core; {1e3 * served:.1f} ms a report and {1e6 * found['a_row']:.1f} us a box of it, "
        f"{1e3 * found['latency']:.1f} ms there and back; a node lives {options.lives:g} s"
    )
    print(
        f"{'cores':>6} {'nodes':>12} {'seconds':>9} {'reports':>8} {'efficiency':>11} {'losses':>8}"
    )
    for cores in sorted(options.cores):
        for kind in kinds:
            if kind.cores <= cores:
                row(cores, kind, found, alone, served, options)


def row(cores, kind, found, alone, served, options):
    """Return a line with the means over several seeds, without and with deaths of nodes."""
    nodes, means = cores // kind.cores, []
    for lives in (np.inf, options.lives):
        runs = []
        for seed in range(options.seeds):
            rng = np.random.default_rng(seed)
            tree = Tree(options.boxes, rng, kind.left, found["below"], found["known"])
            times = (found["latency"], options.start, options.noticed, lives)
            costs = Costs(served, found["a_row"], *times)
            one = Run(nodes, kind, tree, found["budget"], costs, rng)
            seconds = one.seconds(alone)
            runs.append((seconds, one.given, options.boxes * alone / (cores * seconds)))
        means.append(np.mean(runs, axis=0))
    (seconds, given, share), lossy = means[0], means[1][2]
    told = f"{nodes} of {kind.cores}"
    print(
        f"{cores:6d} {told:>12} {seconds:9.2f} {given:8.0f} {share:11.1%} {lossy:8.1%}", flush=True
    )


if __name__ == "__main__":
    main()
