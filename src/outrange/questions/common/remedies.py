"""What would close a gap that is open: found by trying it, in time kept back from the search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from ...answers.render.text import clipped_name, number, short
from ...core import Box, Clock, OutOfTime, deadline
from ...domains import bounds
from ...graph import Graph


SHARE, MOST = 0.1, 3.0
"""Of the time limit, and seconds at most, for trials if the search does not end in time."""

LEAST_LIMIT = 2.0
"""Seconds: whoever gives less is not told; a trial takes some tenths of a second."""

NARROWED, FIXED = 4, 4
"""Trials at most, each in its share of the time: bisections of what is tried."""

SHORTEST = 0.2
"""Seconds that a trial gets at least: what it cannot do in less says little."""

MOST_FREE = 40
"""Free inputs up to which single ones are fixed; of a picture nobody fixes pixels."""

MOST_NAMED = 6
"""Inputs named in one sentence."""

HALVINGS = 10
"""All inputs are narrowed to a half of their widths, or less, this often at most."""

Ask = Callable[[Box, float], bool]
"""Whether the question has its whole answer on a box, within so many seconds."""


def kept_back(time_limit: float) -> float:
    """Seconds of a limit that are kept for trials."""
    return 0.0 if not LEAST_LIMIT <= time_limit < np.inf else min(SHARE * time_limit, MOST)


def cost_of_tolerance(reached: Sequence[tuple[float, float]], tol: float) -> tuple[str, ...]:
    """What a larger tolerance would have cost, as it was measured; empty if nothing was."""
    coarser = [(mark, seconds) for mark, seconds in reached if mark > tol]
    if not coarser:
        return ()
    mark, seconds = min(coarser)
    finer = max(mark / 10, tol)
    return (f"`tol={mark:g}` was reached after {_seconds(seconds)}, {finer:g} was not.",)


def smaller_sets(
    ask: Ask,
    graph: Graph,
    box: Box,
    names: Sequence[str],
    clock: Clock,
    known: tuple[str, str] = ("all is exact", "was exact"),
    quickest: float = 0.0,
) -> tuple[str, ...]:
    """Try smaller input sets: all inputs narrowed, and the most influential ones fixed.

    Args:
        ask: The question.
        graph: Its outputs say how influential an input is.
        box: The input set.
        names: Of the inputs, flat.
        clock: Of the question; trials end with it.
        known: What is then said of the answer, and what none of them did otherwise.
        quickest: Seconds that a trial takes at least.
    """
    least = max(quickest, SHORTEST)
    trials = _Trials(ask, clock, min(NARROWED + FIXED, int(clock.left / least)), least)
    found = []
    with suppress(OutOfTime), deadline(clock.left):
        found += _narrowed(trials, box)
        found += _fixed(trials, graph, box, names)
    found = [f"{where} {known[0]}, in {_seconds(seconds)}." for where, seconds in found]
    if trials.made and not found:
        sets = "one smaller input set" if trials.made == 1 else f"{trials.made} smaller input sets"
        found.append(
            f"Of {sets} (all inputs narrowed, some fixed) none {known[1]} within "
            f"{_seconds(trials.longest)}."
        )
    return tuple(found)


class _Trials:
    """The question on smaller boxes; what is left of the time is shared evenly."""

    def __init__(self, ask: Ask, clock: Clock, most: int, least: float) -> None:
        self._ask, self._clock, self.most, self._least = ask, clock, most, least
        self.made, self.longest = 0, 0.0

    def __call__(self, lo: np.ndarray, hi: np.ndarray) -> float | None:
        """Seconds to the whole answer; None without one."""
        began, left = self._clock.seconds, self._clock.left
        each = max(left / max(1, self.most - self.made), self._least)
        if each > left:
            raise OutOfTime
        closed = self._ask(Box(lo, hi), each)
        self.made, self.longest = self.made + 1, max(self.longest, each)
        return self._clock.seconds - began if closed else None


Found = list[tuple[str, float]]
"""Where there is a whole answer, in words, and the seconds it took: one or none."""


def _narrowed(trials: _Trials, box: Box) -> Found:
    """The largest part of all widths, about the middle, that has a whole answer."""
    middle = box.lo / 2 + box.hi / 2
    best: tuple[int, float] | None = None
    least, most, power = 1, HALVINGS, 2
    with suppress(OutOfTime):
        while least <= most and trials.made < (trials.most + 1) // 2:
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


def _fixed(trials: _Trials, graph: Graph, box: Box, names: Sequence[str]) -> Found:
    """The fewest inputs, fixed in their middles, that leave a question with a whole answer."""
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
        return [(f"With all inputs but {_listed(left)} fixed in their middles", seconds)]
    return [(f"With {_listed(fixed)} fixed in the middle", seconds)]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{clipped_name(name, 30)}`" for name in names[:MOST_NAMED])
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown


def _widths_without(graph: Graph, box: Box, middle: np.ndarray, free: np.ndarray) -> np.ndarray:
    """`(free,)` how wide one pass of linear bounds leaves the outputs, with each input fixed."""
    lo, hi = np.tile(box.lo, (free.size, 1)), np.tile(box.hi, (free.size, 1))
    own = np.arange(free.size)
    lo[own, free] = hi[own, free] = middle[free]
    lo, hi = np.vstack([box.lo[None], lo]), np.vstack([box.hi[None], hi])
    low, high = bounds(graph, lo, hi)[graph.output]
    with np.errstate(all="ignore"):
        share = np.nan_to_num((high - low)[1:] / (high - low)[0], nan=1.0)
    return np.asarray(share.mean(axis=1))


def _seconds(value: float) -> str:
    return f"{number(short(max(value, 0.01), 2))} s"
