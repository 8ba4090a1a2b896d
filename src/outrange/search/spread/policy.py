"""Policy for the sizes of tasks, used by the search and by simulations of the scheduler.

Tasks go to nodes, whose cores share a sub-tree. The number of cores that can be kept busy is
limited by the one process that handles all reports, and a node of many cores reports no more often
than a node of one core.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


FEWEST = 8
"""Minimum number of boxes in a task, for any network."""

RAMP = 4
"""Maximum number of boxes of a task, as a multiple of the number of boxes bounded so far; an eighth
of the ordinary size for one core is always allowed. So the first tasks are short and leave boxes
for all nodes, and a small tree is finished without delay."""

GROWS = 16
"""Maximum factor by which the tasks of a large tree grow; longer tasks send fewer messages."""

SERVED = 32
"""Maximum number of nodes for which tasks of ordinary length suffice. With more nodes, tasks become
longer in proportion, because all reports pass through one process."""

FEW = 4
"""Maximum number of nodes for which reports are cheap. With at most this many nodes and a time
limit, tasks return as many boxes as it takes to raise all bounds together, since the answer is only
as good as its worst box. Closing a whole tree takes longer this way, because all of these boxes are
transferred."""

WIDE_PART = 2
"""Divisor of the size of tasks if the bounds of all boxes are raised together. Short tasks are
better then, since the next most urgent boxes may be on another node."""

PLENTY, SCARCE = 64, 4
"""Numbers of open boxes per node at or above which tasks may grow, and below which they shrink."""

ROOTS = 16
"""Initial and lowest value of the learned limit on a task's roots (the boxes at its start) per core
of its node. With a lower limit, the cores would wait for each other."""

WIDE_ROOTS = 4096
"""Lowest value of the limit on a task's roots per core if all bounds are raised together."""

LEAST_ROOTS, MOST_ROOTS = 32, 8192
"""Minimum number of a task's roots if there are many nodes, and maximum number in any case (two
megabytes)."""

OPEN, OPEN_WIDE, OPEN_DECISION = 1 << 16, 1 << 24, 1 << 19
"""Limits on the memory of open boxes, in bytes (see `open_bytes`). The first two are multiplied by
one plus the number of cores of the node: the first if boxes are closed one after another, and the
second if all bounds are raised together. The third is the total for a decision. A decision
primarily searches for points. These rarely lie in the nearly closed boxes, which are bounded first
only above the limit."""

WORTH = 0.08
"""Minimum fraction of a task's budget that the sub-trees of its roots should use up: about 40 ms,
four times the duration of a transfer."""

LEARNS = 0.25
"""Weight of the last task in the estimate of sub-tree sizes. Sub-trees shrink from millions of
boxes to a few within a second. The estimate is a mean of logarithms, since the first sub-trees
would dominate an ordinary mean."""

DEEPER, WIDER = 0.7, 1.5
"""Factors applied to the number of roots after a task that left many boxes, and after a task that
ended early.
"""


LONGEST = 30.0
"""Maximum duration of a task in seconds."""

PART, SHORTEST = 0.25, 0.1
"""Maximum duration of a task that raises all bounds, as a fraction of the time left, and the number
of seconds that is always allowed. A task that waits behind another task must also end in time."""

EARLY, EARLIER = 0.05, 0.004
"""Seconds before the time limit at which tasks end, and additional seconds per node, so that their
reports can be processed one after another."""


@dataclass(frozen=True)
class Standing:
    """Progress of a search tree, and the numbers of nodes and cores that work on it.

    Args:
        open: Number of open boxes that belong to no task.
        bounded: Number of boxes bounded so far.
        tasks: Number of tasks so far.
        cores: Number of cores of all nodes.
        decides: Whether the question is a decision, for which intermediate bounds are useless.
        rises: Whether all bounds should rise together: the search has a time limit, so the worst
            box determines the answer, and there is memory for the boxes that tasks return.
    """

    open: int
    bounded: int
    tasks: int
    nodes: int
    cores: int
    decides: bool = False
    rises: bool = False

    @property
    def is_wide(self) -> bool:
        """Whether tasks raise all bounds together, instead of closing boxes one after another."""
        return self.nodes <= FEW and self.rises and not self.decides


class Roots:
    """Adaptive number of boxes to send to a node: about as many as the node can close.

    Boxes that the node cannot close come back as many more boxes, each of which has to be
    transferred. If the node closes all of its boxes early, its report is worth little. The
    sub-trees of the first boxes contain millions of boxes, and those of the last boxes contain only
    a few. So the number is adapted to the reports.
    """

    def __init__(self) -> None:
        self._each = float(ROOTS)
        self._below = np.inf

    def of_task(self, now: Standing, cores: int, budget: int) -> int:
        """Return the number of boxes with which the next task starts.

        A task gets at most half of its node's fair share of all open boxes. If there are many
        nodes, it may get four times that fair share. It gets more if a report would not be
        worthwhile otherwise: near the end, sub-trees are small, and each report costs the one
        serving process a few milliseconds (`benchmarks/scheduler.py`).

        Args:
            now: Progress of the tree.
            cores: Number of cores of the node.
            budget: Number of boxes that one core bounds in half a second.
        """
        share = now.open * cores // (2 * now.cores)
        each = max(self._each, WIDE_ROOTS) if now.is_wide else self._each
        most = min(MOST_ROOTS, int(each * cores))
        # Near the end of a tree, a share may be too little for a report.
        worth = min(most, int(WORTH * budget * cores / self._below))
        if now.nodes <= SERVED:
            return max(1, worth, min(most, share))
        return max(LEAST_ROOTS, worth, min(most, 4 * now.open * cores // now.cores))

    def learn(self, size: int, roots: int, bounded: int, left: int) -> None:
        """Adjust the number of boxes per task to the report of a finished task.

        Args:
            size: Maximum number of boxes of the task.
            roots: Number of boxes at the start of the task.
            bounded: Number of boxes bounded.
            left: Number of boxes returned.
        """
        below = max(1.0, bounded / max(1, roots - left))
        estimate = below if self._below == np.inf else self._below
        self._below = estimate * (below / estimate) ** LEARNS
        if left > roots:
            self._each = max(ROOTS, self._each * DEEPER)
        elif bounded < size / 2:
            self._each = min(MOST_ROOTS, self._each * WIDER)


def tasks_ahead(open_: int, nodes: int) -> int:
    """Return how many tasks to queue at each node, so that no node has to wait for a task.

    A report and its reply take about 10 ms. Queued boxes are not available to other nodes. So
    nothing is queued if few boxes are open, or if there are many nodes.

    Args:
        open_: Number of open boxes.
    """
    return int(nodes <= SERVED and open_ >= PLENTY * nodes)


def size_of_task(now: Standing, cores: int, budget: int) -> int:
    """Return how many boxes a node bounds before it reports.

    Args:
        now: Progress of the tree.
        cores: Number of cores of the node; unless `RAMP` limits the size, it is proportional to
            them.
        budget: Number of boxes that one core bounds in half a second.
    """
    most = max(budget // 8, RAMP * now.bounded)
    return max(FEWEST, min(most, _size(now, budget * cores)))


def _size(now: Standing, budget: int) -> int:
    """Return how many boxes a task should bound at this stage of the tree.

    Args:
        budget: Number of boxes that the node bounds in half a second.
    """
    if now.is_wide:
        return budget // WIDE_PART
    each, least = now.open / now.nodes, max(1, now.nodes // SERVED)
    if each < SCARCE and (now.nodes <= SERVED or now.tasks < 2 * now.nodes):
        return budget // 8
    if each < PLENTY:
        return budget * least
    return budget * min(GROWS, max(least, now.tasks // (4 * now.nodes)))


def open_bytes(now: Standing, cores: int) -> int:
    """Return how many bytes of open boxes a task may store before it changes the search order.

    Below this limit, a task bounds the worst boxes first. Above it, the task bounds nearly closed
    boxes first, so that it returns few boxes. The limit is higher if all bounds should rise
    together.

    Args:
        now: Progress of the tree.
        cores: Number of cores of the node.
    """
    if now.decides:
        return OPEN_DECISION
    return (OPEN_WIDE if now.is_wide else OPEN) * (1 + cores)


def seconds_of_task(left: float, nodes: int, rises: bool = False) -> float:
    """Return the time limit of a task, in seconds.

    A task that reports after the end of the search is lost. If a task were not limited to a
    fraction of the time, a queued task would get the seconds left when it was sent, although it
    starts later.

    Args:
        left: Seconds left for the whole search.
        nodes: Number of nodes that report at the end of the search; 0 for a task in this process.
        rises: Whether all bounds should rise together, see `Standing`.
    """
    usable = max(0.0, left - (EARLY + EARLIER * nodes) * (nodes > 0))
    if rises and nodes:
        return min(LONGEST, usable, max(SHORTEST, PART * usable))
    return min(LONGEST, usable)
