"""Suggestions after an incomplete answer: larger tolerances, or smaller input sets.

Smaller input sets are tried in a reserved part of the time limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from ...answers.render.text import clipped_name, number, short
from ...core import Box, Clock, OutOfTime, deadline
from ...domains import bounds
from ...graph import Graph


SHARE, MOST = 0.1, 3.0
"""Fraction of the time limit reserved for trials, and the maximum reserved time in seconds."""

LEAST_LIMIT = 2.0
"""Smallest time limit, in seconds, with which remedies are tried.

A trial takes a few tenths of a second.
"""

NARROWED, FIXED = 4, 4
"""Maximum number of trials with all inputs narrowed, and of trials with one or more inputs fixed.

The trials of each kind search for a small change of the set that suffices.
"""

SHORTEST = 0.2
"""Minimum duration of a trial in seconds; a shorter trial is not informative."""

MOST_FREE = 40
"""Trials that fix some of the inputs are run only if at most this many inputs vary.

Fixing some of an image's pixels would not be a useful remedy.
"""

MOST_NAMED = 6
"""Maximum number of inputs named in one sentence."""

HALVINGS = 10
"""Maximum number of times that the widths of all inputs are halved."""

Ask = Callable[[Box, float], bool]
"""Function `(box, seconds)` that returns whether the question is answered completely in time."""


def reserved_seconds(time_limit: float) -> float:
    """Return how many seconds of a time limit are reserved for trials."""
    return 0.0 if not LEAST_LIMIT <= time_limit < np.inf else min(SHARE * time_limit, MOST)


def cost_of_tolerance(reached: Sequence[tuple[float, float]], tol: float) -> tuple[str, ...]:
    """Return a sentence stating when the smallest tolerance above `tol` was reached.

    The result is a tuple, empty if no tolerance above `tol` was reached. `reached` contains pairs
    of a tolerance and the time in seconds at which it was reached.
    """
    coarser = [(mark, seconds) for mark, seconds in reached if mark > tol]
    if not coarser:
        return ()
    mark, seconds = min(coarser)
    finer = max(mark / 10, tol)
    return (f"`tol={mark:g}` was reached after {_seconds(seconds)}; {finer:g} was not reached.",)


def smaller_sets(
    ask: Ask,
    graph: Graph,
    box: Box,
    names: Sequence[str],
    clock: Clock,
    wording: tuple[str, str] = ("all is exact", "exact"),
    quickest: float = 0.0,
) -> tuple[str, ...]:
    """Try smaller input sets, and return sentences about the sets with a complete answer.

    If sets were tried and none has a complete answer, one sentence says so.

    Args:
        ask: The question, as a function of a box and a time limit.
        graph: The graph whose output bounds measure the influence of each input.
        box: The set of inputs.
        names: Labels of the flat inputs.
        clock: The question's clock, which limits the time for trials.
        wording: Two phrases for the sentences: a clause stating that an answer is complete, and an
            adjective for such an answer.
        quickest: Minimum duration of a trial in seconds.
    """
    least = max(quickest, SHORTEST)
    trials = _Trials(ask, clock, min(NARROWED + FIXED, int(clock.left / least)), least)
    remedies = []
    with suppress(OutOfTime), deadline(clock.left):
        remedies += _try_narrowed(trials, box)
        remedies += _try_fixed(trials, graph, box, names)
    remedies = [f"{where} {wording[0]}, in {_seconds(seconds)}." for where, seconds in remedies]
    if trials.count and not remedies:
        several = trials.count > 1
        sets = f"None of {trials.count} smaller input sets" if several else "One smaller input set"
        verb = "was" if several else "was not"
        remedies.append(
            f"{sets} (all inputs narrowed, some fixed) {verb} {wording[1]} within "
            f"{_seconds(trials.longest)}."
        )
    return tuple(remedies)


class _Trials:
    """Trials of the question on smaller boxes, which share the remaining time equally."""

    def __init__(self, ask: Ask, clock: Clock, most: int, least: float) -> None:
        self._ask, self._clock, self.most, self._least = ask, clock, most, least
        self.count, self.longest = 0, 0.0

    def __call__(self, lo: np.ndarray, hi: np.ndarray) -> float | None:
        """Run a trial; return its time in seconds if the answer is complete, or None.

        Raises:
            OutOfTime: The time left is shorter than the minimum duration of a trial.
        """
        began, left = self._clock.seconds, self._clock.left
        each = max(left / max(1, self.most - self.count), self._least)
        if each > left:
            raise OutOfTime
        closed = self._ask(Box(lo, hi), each)
        self.count, self.longest = self.count + 1, max(self.longest, each)
        return self._clock.seconds - began if closed else None


Remedy = list[tuple[str, float]]
"""At most one pair: a description of a set with a complete answer, and the seconds it took."""


def _try_narrowed(trials: _Trials, box: Box) -> Remedy:
    """Search for the fewest halvings of a box around its midpoint that give a complete answer."""
    middle = box.lo / 2 + box.hi / 2
    best: tuple[int, float] | None = None
    least, most, power = 1, HALVINGS, 2
    with suppress(OutOfTime):
        while least <= most and trials.count < (trials.most + 1) // 2:
            half = (box.hi / 2 - box.lo / 2) * 0.5**power
            seconds = trials(np.fmax(middle - half, box.lo), np.fmin(middle + half, box.hi))
            if seconds is None:
                least = power + 1
                power = 2 * power if best is None else (least + most) // 2
            else:
                best, most = (power, seconds), power - 1
                power = (least + most) // 2
            power = min(max(power, least), most)
    if best is None:
        return []
    return [(f"On the middle 1/{2 ** best[0]} of every input's width", best[1])]


def _try_fixed(trials: _Trials, graph: Graph, box: Box, names: Sequence[str]) -> Remedy:
    """Search for the fewest inputs that, fixed at their midpoints, give a complete answer."""
    free = np.flatnonzero(box.lo < box.hi)
    if not 2 <= free.size <= MOST_FREE:
        return []
    middle = box.lo / 2 + box.hi / 2
    order = free[np.argsort(_widths_without(graph, box, middle, free), kind="stable")]
    best: tuple[int, float] | None = None
    least, most, count = 1, free.size - 1, (free.size + 1) // 2
    with suppress(OutOfTime):
        for _ in range(FIXED):
            if least > most:
                break
            lo, hi = box.lo.copy(), box.hi.copy()
            lo[order[:count]] = hi[order[:count]] = middle[order[:count]]
            seconds = trials(lo, hi)
            if seconds is None:
                least = count + 1
            else:
                best, most = (count, seconds), count - 1
            count = (least + most + 1) // 2
    if best is None:
        return []
    count, seconds = best
    fixed, left = ([names[int(i)] for i in part] for part in (order[:count], order[count:]))
    if len(left) < len(fixed):
        return [(f"With all inputs but {_list_names(left)} fixed in the middle", seconds)]
    return [(f"With {_list_names(fixed)} fixed in the middle", seconds)]


def _list_names(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{clipped_name(name, 30)}`" for name in names[:MOST_NAMED])
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown


def _widths_without(graph: Graph, box: Box, middle: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return the relative output width with one input fixed, for each input in `free`, `(free,)`.

    The input is fixed at its midpoint. Each width is computed from linear bounds, divided by the
    width over the whole box, and averaged over the outputs.
    """
    lo, hi = np.tile(box.lo, (free.size, 1)), np.tile(box.hi, (free.size, 1))
    index = np.arange(free.size)
    lo[index, free] = hi[index, free] = middle[free]
    lo, hi = np.vstack([box.lo[None], lo]), np.vstack([box.hi[None], hi])
    low, high = bounds(graph, lo, hi)[graph.output]
    with np.errstate(all="ignore"):
        share = np.nan_to_num((high - low)[1:] / (high - low)[0], nan=1.0)
    return np.asarray(share.mean(axis=1))


def _seconds(value: float) -> str:
    return f"{number(short(max(value, 0.01), 2))} s"
