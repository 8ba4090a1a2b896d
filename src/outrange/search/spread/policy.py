"""Sizes of tasks; simulations of the scheduler use the same functions.

Tasks go to nodes, whose cores share a sub-tree. The number of cores that can be kept busy is
limited by the one process that handles all reports, and a node of many cores reports as often as
one core.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


FEWEST = 8
"""Minimum number of boxes of a task, for any network."""

RAMP = 4
"""Maximum number of boxes of a task, as a multiple of the boxes bounded so far. So the first tasks
are short and leave boxes for all nodes, and a tree that ends early delays nothing."""

GROWS = 16
"""Maximum growth factor of the tasks of a large tree; longer tasks send fewer messages."""

SERVED = 32
"""Number of nodes for which tasks of one second suffice; with more nodes, tasks are longer, because
all reports pass through one process."""

FEW = 4
"""Maximum number of nodes for which reports cost little. If time may end the search, their tasks
return as many boxes as necessary to raise all bounds together, since the answer is only as good as
its worst box. Closing a whole tree takes longer in this way, because all these boxes are
transferred."""

WIDE_PART = 2
"""Divisor of the size of tasks if all boxes are raised together: the next most urgent boxes may be
on another node."""

PLENTY, SCARCE = 64, 4
"""Open boxes per node at or above which tasks may grow, and below which they shrink."""

ROOTS = 16
"""Initial and minimum number of open boxes per core of a node: cores that share fewer wait for each
other."""

WIDE_ROOTS = 4096
"""Minimum number of open boxes per core of a node if all boxes are raised together."""

LEAST_ROOTS, MOST_ROOTS = 32, 8192
"""Minimum number of roots with many nodes, and maximum number in any case: two megabytes."""

OPEN, OPEN_WIDE, OPEN_DECISION = 1 << 16, 1 << 24, 1 << 19
"""Limits on the bytes of open boxes: per core of a node (plus one), per core if all boxes are
raised together, and in total for a decision; see `open_bytes`. A decision primarily searches for
points, which lie elsewhere than in nearly closed boxes."""

WORTH = 0.08
"""Fraction of a task's budget that the sub-trees of its roots should at least use up: some 40 ms,
four times the duration of a transfer."""

LEARNS = 0.25
"""Weight of the last task in the estimate of sub-tree sizes. Sub-trees shrink from millions of
boxes to a few within a second. So the estimate is a mean of logarithms: otherwise the first
sub-trees would dominate."""

DEEPER, WIDER = 0.7, 1.5
"""Factors of the number of roots after a task that left many boxes, and after one that ended early.
"""


LONGEST = 30.0
"""Maximum duration of a task in seconds."""

PART, SHORTEST = 0.25, 0.1
"""Maximum fraction of the time left for a task that raises all bounds, and seconds that are always
allowed. A task that waits behind another task must also end in time."""

EARLY, EARLIER = 0.05, 0.004
"""Seconds before the time limit at which tasks end, and additional seconds per node, so that their
reports can be processed one after another."""


@dataclass(frozen=True)
class Standing:
    """Progress of a tree, and the nodes that work on it.

    Args:
        open: Number of open boxes that belong to no task.
        bounded: Number of boxes bounded so far.
        tasks: Number of tasks so far.
        cores: Number of cores of all nodes.
        decides: Whether the question is a decision, for which intermediate bounds are useless.
        rises: Whether all bounds should rise together: time may end the search, so the worst box
            determines the answer, and there is memory for the boxes that come back.
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
        """Whether all boxes are raised together, rather than some of them closed."""
        return self.nodes <= FEW and self.rises and not self.decides


class Roots:
    """Adaptive number of open boxes for a node: about as many as it can close with their sub-trees.

    Boxes that the node cannot close come back as many more boxes, each of which has to be
    transferred. If the node closes all of them early, its report was worth little. The first boxes
    of a tree have millions of boxes below them, and the last boxes have a few. So the number is
    learned from reports.
    """

    def __init__(self) -> None:
        self._each = float(ROOTS)
        self._below = np.inf

    def of_task(self, now: Standing, cores: int, budget: int) -> int:
        """Return the number of boxes for the next task, at most half the node's share of all boxes.

        With many nodes, a task gets four times its share. Near the end sub-trees are small, and
        each report costs the one serving process some milliseconds (`benchmarks/scheduler.py`).

        Args:
            now: Progress of the tree.
            cores: Number of cores of the node.
            budget: Number of boxes that take one core half a second.
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
        """Adjust the number of roots after a finished task.

        Args:
            size: Maximum number of boxes of the task.
            roots: Number of boxes at its start.
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
    """Return how many tasks are queued at each node, so that it need not wait for its next task.

    A report takes some 10 ms there and back. Queued boxes are not available to other nodes. So
    nothing is queued if few boxes are open, or if there are many nodes.

    Args:
        open_: Number of open boxes.
    """
    return int(nodes <= SERVED and open_ >= PLENTY * nodes)


def size_of_task(now: Standing, cores: int, budget: int) -> int:
    """Return how many boxes a node bounds before it reports.

    Args:
        now: Progress of the tree.
        cores: Number of cores of the node, to which the size is proportional.
        budget: Number of boxes that take one core half a second.
    """
    most = max(budget // 8, RAMP * now.bounded)
    return max(FEWEST, min(most, _size(now, budget * cores)))


def _size(now: Standing, budget: int) -> int:
    """Return the size of a task for this progress of the tree."""
    if now.is_wide:
        return budget // WIDE_PART
    each, least = now.open / now.nodes, max(1, now.nodes // SERVED)
    if each < SCARCE and (now.nodes <= SERVED or now.tasks < 2 * now.nodes):
        return budget // 8
    if each < PLENTY:
        return budget * least
    return budget * min(GROWS, max(least, now.tasks // (4 * now.nodes)))


def open_bytes(now: Standing, cores: int) -> int:
    """Return the bytes of open boxes above which a task bounds nearly closed boxes first.

    So few boxes come back. Below this limit, a task bounds the worst boxes first. The limit is
    higher if all bounds should rise.

    Args:
        now: Progress of the tree.
        cores: Number of cores of the node.
    """
    if now.decides:
        return OPEN_DECISION
    return (OPEN_WIDE if now.is_wide else OPEN) * (1 + cores)


def seconds_of_task(left: float, nodes: int, rises: bool = False) -> float:
    """Return the time limit of a task, in seconds.

    A task that reports after the end of the search is lost. Without a limit on its fraction of the
    time, a queued task would get the seconds that were left when it was sent, not when it starts.

    Args:
        left: Seconds left for the whole search.
        nodes: Number of nodes that report at its end; 0 for this process.
        rises: Whether all bounds should rise together, see `Standing`.
    """
    usable = max(0.0, left - (EARLY + EARLIER * nodes) * (nodes > 0))
    if rises and nodes:
        return min(LONGEST, usable, max(SHORTEST, PART * usable))
    return min(LONGEST, usable)
