"""How large a task is: the one place that says so, which simulations of the scheduler use, too.

Tasks go to nodes, whose cores share a sub-tree: what limits how many cores can be kept busy is the
one process that all reports pass through, and a node of many cores reports as often as one core.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


FEWEST = 8
"""Boxes of a task at least, whatever the network."""

RAMP = 4
"""A task bounds up to so many times as many boxes as all before it: the first ones are short, and
what they leave is enough for all nodes; a tree that ends early keeps nobody."""

GROWS = 16
"""A task of a large tree bounds up to so many times as many boxes: less is sent to and fro."""

SERVED = 32
"""Nodes that are served well by tasks of a second; with more of them tasks are longer, for all
reports pass through one process."""

FEW = 4
"""Nodes up to which reports cost little: where time may end the search, they bring as many boxes as
it takes for bounds that rise everywhere at once. An answer is as good then as its worst box; to the
end of a tree it takes longer, for all these boxes are sent to and fro."""

WIDE_PART = 2
"""Tasks are this many times smaller where all boxes are raised together: the next most urgent boxes
may be on another node."""

PLENTY, SCARCE = 64, 4
"""Open boxes a node from which on tasks may grow, and below which they shrink."""

ROOTS = 16
"""Open boxes that go to each core of a node at first, and at least if there are: cores that share
few of them wait for each other."""

WIDE_ROOTS = 4096
"""The same where all boxes are raised together."""

LEAST_ROOTS, MOST_ROOTS = 32, 8192
"""With many nodes at least; and whatever is learned, at most: two megabytes."""

OPEN, OPEN_WIDE, OPEN_DECISION = 1 << 16, 1 << 24, 1 << 19
"""Bytes of open boxes for each core of a node, and one; see `open_bytes`. A decision looks for
points first: they are elsewhere."""

WORTH = 0.08
"""Of the budget of a task, that one should have below it: some 40 ms, four times its way."""

LEARNS = 0.25
"""Weight of the last task in what is known of sub-trees. They shrink from millions of boxes to some
within a second, so it is a mean of logarithms: the first ones would outweigh all others."""

DEEPER, WIDER = 0.7, 1.5
"""Factors of the roots of later tasks, where a task left much or ended early."""


LONGEST = 30.0
"""Seconds of a task at most."""

PART, SHORTEST = 0.25, 0.1
"""Share of the time left that a task may take at most where bounds rise everywhere, and seconds
that it may take anyway: a task that waits behind another one must end in time, too."""

EARLY, EARLIER = 0.05, 0.004
"""Seconds before the end of all time at which tasks end, and as many more for each node: what they
have found is to be heard, one report after the other."""


@dataclass(frozen=True)
class Standing:
    """How far a tree is, and who works on it.

    Args:
        open: Boxes that nobody has.
        bounded: Boxes bounded until now.
        given: Tasks given until now.
        nodes: Who can have a task.
        decides: Whether the question is one of yes or no, where bounds on the way are nothing.
        rises: Whether bounds are to rise everywhere: time may end the search, so that its worst box
            counts, and there is room for the boxes that come back.
    """

    open: int
    bounded: int
    given: int
    nodes: int
    cores: int
    decides: bool = False
    rises: bool = False

    @property
    def is_wide(self) -> bool:
        """Whether all boxes are raised together, rather than some of them closed."""
        return self.nodes <= FEW and self.rises and not self.decides


class Roots:
    """How many open boxes a node gets: about those whose sub-trees it can close.

    What it cannot close comes back as many more boxes, each of which has to be sent; and where it
    has closed all long before its time, a report was spent on little. The first boxes of a tree
    have millions below them, the last ones a few, so the number is learned as reports come.
    """

    def __init__(self) -> None:
        self._each = float(ROOTS)
        self._below = np.inf

    def of_task(self, now: Standing, cores: int, budget: int) -> int:
        """For the next task: at most half of the node's share, so that some are left for others.

        With many nodes it gets four times its share: near the end sub-trees are small, and each
        report costs the one process that serves all some milliseconds (`benchmarks/scheduler.py`).

        Args:
            now: How far the tree is.
            budget: Boxes that take one core half a second.
        """
        share = now.open * cores // (2 * now.cores)
        each = max(self._each, WIDE_ROOTS) if now.is_wide else self._each
        most = min(MOST_ROOTS, int(each * cores))
        # At the end of a tree a share may be less than is worth a report.
        worth = min(most, int(WORTH * budget * cores / self._below))
        if now.nodes <= SERVED:
            return max(1, worth, min(most, share))
        return max(LEAST_ROOTS, worth, min(most, 4 * now.open * cores // now.cores))

    def learn(self, size: int, roots: int, bounded: int, left: int) -> None:
        """Hear of a task that was done.

        Args:
            size: Boxes that it might have bounded.
            roots: Boxes that it got.
            bounded: Boxes that it has bounded.
            left: Boxes that it returned.
        """
        below = max(1.0, bounded / max(1, roots - left))
        known = below if self._below == np.inf else self._below
        self._below = known * (below / known) ** LEARNS
        if left > roots:
            self._each = max(ROOTS, self._each * DEEPER)
        elif bounded < size / 2:
            self._each = min(MOST_ROOTS, self._each * WIDER)


def tasks_ahead(open_: int, nodes: int) -> int:
    """How many tasks wait at each node, so that it need not wait for its next one.

    A report is some 10 ms on its way and back. What waits is not there for others, so that nothing
    does where little is open, or where there are many others.

    Args:
        nodes: How many there are.
    """
    return int(nodes <= SERVED and open_ >= PLENTY * nodes)


def size_of_task(now: Standing, cores: int, budget: int) -> int:
    """How many boxes a node bounds until it reports.

    Args:
        now: How far the tree is.
        cores: Of the node: twice as many do twice as much.
        budget: Boxes that take one core half a second.
    """
    most = max(budget // 8, RAMP * now.bounded)
    return max(FEWEST, min(most, _size(now, budget * cores)))


def _size(now: Standing, budget: int) -> int:
    if now.is_wide:
        return budget // WIDE_PART
    each, least = now.open / now.nodes, max(1, now.nodes // SERVED)
    if each < SCARCE and (now.nodes <= SERVED or now.given < 2 * now.nodes):
        return budget // 8
    if each < PLENTY:
        return budget * least
    return budget * min(GROWS, max(least, now.given // (4 * now.nodes)))


def open_bytes(now: Standing, cores: int) -> int:
    """Bytes of open boxes beyond which a task takes those that are closest to being closed.

    So little comes back. Before, and where bounds are to rise everywhere, it takes the worst ones.

    Args:
        now: How far the tree is.
    """
    if now.decides:
        return OPEN_DECISION
    return (OPEN_WIDE if now.is_wide else OPEN) * (1 + cores)


def seconds_of_task(left: float, nodes: int, rises: bool = False) -> float:
    """Return the time limit of a task, in seconds.

    A task that reports after the end of the search is lost. Without a limit on its share, a task
    behind another one would have the seconds that were left when it was sent, not when it starts.

    Args:
        left: Seconds of the whole search that are left.
        nodes: Nodes that report at its end; 0 for this process.
        rises: Whether bounds are to rise everywhere, see `Standing`.
    """
    usable = max(0.0, left - (EARLY + EARLIER * nodes) * (nodes > 0))
    if rises and nodes:
        return min(LONGEST, usable, max(SHORTEST, PART * usable))
    return min(LONGEST, usable)
