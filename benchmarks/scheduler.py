"""The scheduler of one tree, simulated: events of 1 to 1,024 workers on a heap of times.

    python benchmarks/scheduler.py                          recorded task times in results/
    python benchmarks/scheduler.py --boxes 6.2e7 --seconds-a-box 1e-4 --lives 3600

The policy is the library's own (`search/spread/policy.py`); what a task takes was recorded by
`scale.py`. A tree is a number of boxes below each open one. A task takes the most urgent of them,
bounds as many boxes as the policy says, and leaves the rest as open boxes whose sub-trees are
unequal: half of the boxes that a task leaves hold nearly nothing, a few hold most of it. Where the
policy says so, the next task waits at the worker. One process serves all workers, one report after
the other. Workers die, and come back; what a dead one had in hand is open again after `--noticed`
seconds.

Efficiency is the time that one core needs for the tree over what all workers together were there.
"""

import argparse
import heapq
import json
from collections import deque
from pathlib import Path

import numpy as np

from outrange.search.spread.policy import roots_of_task, size_of_task, tasks_ahead


RECORD = Path(__file__).parent / "results" / "tasks.json"

SKEW = 1.5
"""Of the sizes of sub-trees: the deviation of their logarithm. Recorded reports have about this."""


class Tree:
    """Sizes of the sub-trees of open boxes, the urgent ones in front."""

    def __init__(self, boxes, rng, left):
        self.open, self.rng, self.left = deque([float(boxes)]), rng, left

    def take(self, count):
        return [self.open.popleft() for _ in range(min(count, len(self.open)))]

    def leave(self, rest):
        """What a task has not bounded, as open boxes."""
        if rest < 1:
            return
        count = max(1, int(min(rest, self.rng.choice(self.left))))
        share = self.rng.lognormal(0.0, SKEW, count)
        parts = (rest * share / share.sum()).tolist()
        # Best first: which sub-tree is large, nobody knows.
        self.open.extendleft(parts[: count // 2])
        self.open.extend(parts[count // 2 :])


def simulate(workers, tree, budget, seconds_a_box, noise, costs, lives, rng):
    """Seconds until the tree is closed, and tasks given.

    Args:
        workers: How many.
        tree: What there is to do.
        budget: Boxes of a task of a second.
        seconds_a_box: On a core.
        noise: Recorded factors of it.
        costs: Seconds that a report occupies the one process that serves, a task's way there and
            back, a worker's start, and until its death is noticed.
        lives: Seconds that a worker lives on average.
        rng: For the noise and the deaths.
    """
    served, latency, start, noticed = costs
    events = [(0.0, w, "free", None, 0.0) for w in range(workers)]
    heapq.heapify(events)
    # What waits at each worker; who has nothing, and with whom nothing waits (in order).
    waiting, idle, hungry = [deque() for _ in range(workers)], {}, {}
    desk, given, in_hand, end = 0.0, 0, 0, 0.0

    def begin(now, worker, roots, size):
        """A worker begins with a task: it reports, or dies."""
        did = min(float(size), sum(roots))
        takes = did * seconds_a_box * rng.choice(noise)
        dies = rng.exponential(lives)
        idle.pop(worker, None)
        if dies < takes:
            lost = [roots, *(other for other, _, _ in waiting[worker])]
            waiting[worker].clear()
            hungry.pop(worker, None)
            heapq.heappush(events, (now + dies + noticed, worker, "reopen", lost, 0.0))
            heapq.heappush(events, (now + dies + start, worker, "free", None, 0.0))
        else:
            heapq.heappush(events, (now + takes, worker, "report", roots, did))
            if not waiting[worker]:
                hungry[worker] = None

    while events:
        now, worker, what, roots, did = heapq.heappop(events)
        if what == "reopen":
            for some in roots:
                tree.open.extendleft(some)
            in_hand -= len(roots)
        else:
            hungry.pop(worker, None)
            idle[worker] = None
            if waiting[worker]:
                other, size, there = waiting[worker].popleft()
                begin(max(now, there), worker, other, size)
            if what == "report":
                # Half of the way to the process that serves, which may be busy.
                desk = max(desk, now + latency / 2) + served
                end = desk
                tree.leave(sum(roots) - did)
                in_hand -= 1
        while tree.open and (idle or (hungry and tasks_ahead(len(tree.open), workers))):
            one = next(iter(idle or hungry))
            size = size_of_task(budget, len(tree.open), workers, given)
            roots = tree.take(roots_of_task(len(tree.open), workers))
            given, in_hand = given + 1, in_hand + 1
            there = max(desk, now) + latency / 2
            if one in idle:
                begin(there, one, roots, size)
            else:
                hungry.pop(one)
                waiting[one].append((roots, size, there))
        if not tree.open and not in_hand:
            break
    return end, given


def recorded(path):
    """Recorded tasks: seconds a box, their noise, boxes left by a report, the cost of a report."""
    found = json.loads(path.read_text())
    tasks = np.array(found["tasks"])  # seconds, bounded, open
    large = tasks[tasks[:, 1] >= 0.5 * np.median(tasks[:, 1])]
    each = large[:, 0] / large[:, 1]
    mean = large[:, 0].sum() / large[:, 1].sum()
    left = large[large[:, 2] > 0, 2]
    return {
        "seconds_a_box": float(mean),
        "noise": each / each.mean(),
        "left": left if len(left) else np.array([64.0]),
        "served": float(found["served"]),
        "latency": float(found["latency"]),
        "budget": int(found["budget"]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--boxes", type=float, default=62e6, help="Of the tree.")
    parser.add_argument("--seconds-a-box", type=float, help="In place of the recorded.")
    parser.add_argument("--served", type=float, help="Seconds a report, in place of the recorded.")
    parser.add_argument("--lives", type=float, default=3600.0, help="Seconds a worker lives.")
    parser.add_argument("--start", type=float, default=30.0, help="Seconds until it is back.")
    parser.add_argument("--noticed", type=float, default=5.0, help="Seconds until it is missed.")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    show(options)


def show(options):
    """Print the table."""
    known = recorded(options.record)
    each = options.seconds_a_box or known["seconds_a_box"]
    known["served"] = options.served or known["served"]
    print(
        f"{options.boxes:,.0f} boxes of {1e6 * each:.0f} us, tasks of {known['budget']:,} boxes "
        f"and more; {1e3 * known['served']:.1f} ms a report, {1e3 * known['latency']:.1f} ms there "
        f"and back; a worker lives {options.lives:g} s"
    )
    print(f"{'workers':>8} {'seconds':>10} {'tasks':>8} {'efficiency':>11} {'with losses':>12}")
    for workers in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        found = []
        for lives in (np.inf, options.lives):
            shares = []
            for seed in range(options.seeds):
                rng = np.random.default_rng(seed)
                tree = Tree(options.boxes, rng, known["left"])
                costs = (known["served"], known["latency"], options.start, options.noticed)
                seconds, given = simulate(
                    workers, tree, known["budget"], each, known["noise"], costs, lives, rng
                )
                shares.append(options.boxes * each / (workers * seconds))
            found += [seconds, given, float(np.mean(shares))]
        print(
            f"{workers:8d} {found[0]:10.1f} {found[1]:8d} {found[2]:10.1%} {found[5]:11.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
