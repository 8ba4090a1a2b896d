"""How large a task is: the one place that says so, which simulations of the scheduler use, too."""

from __future__ import annotations


FEWEST = 8
"""Boxes of a task at least, whatever the network."""

GROWS = 16
"""A task of a large tree bounds up to so many times as many boxes: less is sent to and fro."""

SERVED = 32
"""Workers that are served well by tasks of a second; with more of them tasks are longer, for all
reports pass through one process."""

PLENTY, SCARCE = 64, 4
"""Open boxes a worker from which on tasks may grow, and below which they shrink."""

ROOTS, LEAST_ROOTS = 256, 32
"""Open boxes that go to a worker at once, at most; and with many workers at least."""


def roots_of_task(open_: int, workers: int) -> int:
    """How many open boxes a worker gets: half of its share, so that some are left for others.

    With many workers it gets four times its share: near the end sub-trees are small, and each
    report costs the one process that serves all some milliseconds (`benchmarks/scheduler.py`).

    Args:
        open_: How many there are.
        workers: Likewise.
    """
    if workers <= SERVED:
        return max(1, min(ROOTS, open_ // (2 * workers)))
    most = 4 * ROOTS * (workers // SERVED)
    return max(LEAST_ROOTS, min(most, 4 * open_ // workers))


def tasks_ahead(open_: int, workers: int) -> int:
    """How many tasks wait at each worker, so that it need not wait for its next one.

    A report is some 10 ms on its way and back. What waits is not there for others, so that nothing
    does where little is open, or where there are many others.

    Args:
        open_: Open boxes.
        workers: How many there are.
    """
    return int(workers <= SERVED and open_ >= PLENTY * workers)


def size_of_task(budget: int, open_: int, workers: int, given: int) -> int:
    """How many boxes a worker bounds until it reports.

    Args:
        budget: Those that take about a second.
        open_: Open boxes.
        workers: How many there are.
        given: Tasks until now: a tree that has taken many is a large one.
    """
    each, least = open_ / workers, max(1, workers // SERVED)
    if each < SCARCE and (workers <= SERVED or given < 2 * workers):
        return max(FEWEST, budget // 8)
    if each < PLENTY:
        return budget * least
    return budget * min(GROWS, max(least, given // (4 * workers)))
