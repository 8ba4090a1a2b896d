"""Parts of an initial set, and what is known of the trajectories that begin there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..graph import Graph
from .zonotope_pass import Assumed, OpenCondition


MOST_ASSUMED = 200
"""Conditions that are assumed of a box at most; then it is cut."""

LOOSE_GUARD = 4.0
"""Where a condition hangs on anything but the initial variables by more than so many times what
they add, cuts come first."""

SMALL = 2.0**-8
"""Until a box is this share of the initial set."""


@dataclass(eq=False)
class TubeBox:
    """A part of the initial set, and what is known of its trajectories.

    Args:
        lo: `(d,)` of initial states, then of what stays the same.
        hi: `(d,)`.
        share: Of the whole initial set.
        states: `(2, steps + 1, n)` ends of the states; infinite where not known.
        controls: `(2, steps, m)` ends of the controls.
        gains: `(steps + 1, n, d)` how far each state moves as each variable crosses the box.
        reached: The last step up to which nothing was found open.
        margin: The distance that it keeps from breaking the specification.
        blame: `(d,)` how much each variable contributes to it.
        assumed: Levels of conditions that its trajectories have: by the step, its graph, the value
            and the entry.
        guard: The first condition that is open, with its step and graph; None without.
        empty: Whether no trajectory is as it is assumed to be.
    """

    lo: np.ndarray
    hi: np.ndarray
    share: float
    states: np.ndarray
    controls: np.ndarray
    gains: np.ndarray
    reached: int = -1
    margin: float = np.inf
    blame: np.ndarray = field(default_factory=lambda: np.zeros(0))
    assumed: Mapping[tuple[int, Graph, int, int], float] = field(default_factory=dict)
    guard: tuple[int, Graph, OpenCondition] | None = None
    empty: bool = False


def assumed_of(here: Sequence[TubeBox], k: int, graph: Graph) -> Assumed:
    """What is assumed of the conditions of a step, for some boxes."""
    values: dict[int, np.ndarray] = {}
    for row, box in enumerate(here):
        for (step, of, node, entry), level in box.assumed.items():
            if step == k and of is graph:
                size = graph.nodes[node - 1].size
                values.setdefault(node, np.full((len(here), size), np.nan))[row, entry] = level
    none = np.zeros(len(here), bool)
    return Assumed(values, here[0].lo.size, [None] * len(here), none)


def branches(box: TubeBox) -> list[TubeBox]:
    """Both ways that the first open condition of a box may turn out; none where cuts do more.

    Each trajectory is in one of them. A branch is shrunk to where its way is possible at all.
    """
    if box.guard is None or len(box.assumed) >= MOST_ASSUMED:
        return []
    k, graph, guard = box.guard
    if guard.rest > LOOSE_GUARD * np.abs(guard.rows).sum() and box.share > SMALL:
        return []
    left, right, at = guard.levels
    found = []
    for level in sorted({left, right, at}):
        # Below the jump, above it, or at it alone; where both sides are alike, anywhere.
        signs = {True: (1.0,), False: (-1.0,)}[level == left] if level in (left, right) else (1, -1)
        ends = _shrunk(box, guard, () if level == left == right else signs)
        if ends is None:
            continue
        own = {**box.assumed, (k, graph, guard.node, guard.entry): level}
        found.append(
            replace(
                box, lo=ends[0], hi=ends[1], share=box.share / 2, states=box.states.copy(),
                controls=box.controls.copy(), gains=box.gains.copy(), assumed=own, guard=None,
            )
        )  # fmt: skip
    for one in found:
        one.share = box.share / len(found)
    return found


def _shrunk(
    box: TubeBox, guard: OpenCondition, signs: Sequence[float]
) -> tuple[np.ndarray, np.ndarray] | None:
    """The part of a box where `sign * (argument - jump)` may be at most 0; None for nothing."""
    lo, hi, size = box.lo.copy(), box.hi.copy(), np.abs(guard.rows)
    # Far more than all roundings of what follows, and of the form itself.
    whole = size.sum() + guard.rest + abs(guard.center) + abs(guard.jump)
    for sign in signs:
        room = guard.rest + 1e-9 * whole + 1e-300 - sign * (guard.center - guard.jump)
        for i in np.flatnonzero(size > 1e-9 * whole):
            share = (room + size.sum() - size[i]) / size[i]
            if share < -1.0:
                return None
            if share < 1.0:
                middle, radius = 0.5 * box.lo[i] + 0.5 * box.hi[i], 0.5 * (box.hi[i] - box.lo[i])
                pad = 1e-9 * radius + 1e-14 * abs(middle)
                if sign * guard.rows[i] > 0:
                    hi[i] = min(hi[i], middle + share * radius + pad)
                else:
                    lo[i] = max(lo[i], middle - share * radius - pad)
    return lo, np.maximum(lo, hi)


def pieces(box: TubeBox, scores: np.ndarray, levels: int = 1) -> list[TubeBox]:
    """A box cut in two, again and again, across the variable with the largest score.

    Args:
        box: The box.
        scores: `(d,)`; of what was cut it is half as large.
        levels: How often; up to `2**levels` boxes.
    """
    found = [(box, np.where(np.isfinite(scores), scores, 0.0))]
    for _ in range(levels):
        found = [half for one, worth in found for half in _halves(one, worth)]
    return [one for one, _ in found]


def _halves(box: TubeBox, scores: np.ndarray) -> list[tuple[TubeBox, np.ndarray]]:
    width = box.hi - box.lo
    able = width > 1e-12 * np.maximum(np.abs(box.lo), np.abs(box.hi))
    if not able.any():
        return [(box, scores)]
    score = np.where(able, scores + 1e-9 * width * (scores.max() or 1.0), -1.0)
    i = int(np.argmax(score))
    middle = 0.5 * box.lo[i] + 0.5 * box.hi[i]
    left = scores * np.where(np.arange(scores.size) == i, 0.5, 1.0)
    found = []
    for end in ("lo", "hi"):
        lo, hi = box.lo.copy(), box.hi.copy()
        (hi if end == "lo" else lo)[i] = middle
        half = replace(
            box, lo=lo, hi=hi, share=box.share / 2, states=box.states.copy(),
            controls=box.controls.copy(), gains=0.5 * box.gains,
        )  # fmt: skip
        found.append((half, left))
    return found


def levels_for(count: int, wanted: int) -> int:
    """How often to halve so many boxes, so that a batch is worth its while."""
    return max(1, min(5, (wanted // max(count, 1)).bit_length() - 1))
