"""Boxes of initial states, with bounds on the trajectories that begin in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..graph import Graph
from .zonotope_pass import Assumed, OpenCondition


MOST_ASSUMED = 200
"""Largest number of assumed conditions; a box with this many is cut instead of being split into
branches."""

LOOSE_GUARD = 4.0
"""Cut the box before branching on a condition if, in the condition's argument, the other symbols
contribute more than this multiple of the initial variables' contribution."""

SMALL = 2.0**-8
"""Fraction of the initial set at or below which a box is no longer cut because of `LOOSE_GUARD`."""


@dataclass(eq=False)
class TubeBox:
    """A part of the initial set, and bounds on its trajectories.

    Args:
        lo: `(d,)`: least values of the initial states, then of the constant inputs.
        hi: `(d,)`: largest values in the same order.
        share: Fraction of the whole initial set. When a box is split, its fraction is divided
            equally.
        states: `(2, steps + 1, n)`: lower and upper bounds on the states; infinite where unknown.
        controls: `(2, steps, m)`: lower and upper bounds on the controls.
        gains: `(steps + 1, n, d)`: contribution of each variable to the radius of each state.
        reached: The last step up to which no violation is possible.
        margin: Proved distance of the box's trajectories from a violation.
        blame: `(d,)`: contribution of each variable to the inequality with this margin.
        assumed: Values that conditions (step functions with two levels) are assumed to have. The
            key is the step of the loop, its graph, the index of the condition's value, and its
            entry.
        guard: The first undecided condition, with its step and graph; None if there is none.
        empty: Whether no trajectory satisfies the assumptions.
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


def assumptions_at(batch: Sequence[TubeBox], k: int, graph: Graph) -> Assumed:
    """Collect the assumptions that boxes make about the conditions of one step."""
    values: dict[int, np.ndarray] = {}
    for row, box in enumerate(batch):
        for (step, of, node, entry), level in box.assumed.items():
            if step == k and of is graph:
                size = graph.nodes[node - 1].size
                values.setdefault(node, np.full((len(batch), size), np.nan))[row, entry] = level
    none = np.zeros(len(batch), bool)
    return Assumed(values, batch[0].lo.size, [None] * len(batch), none)


def branches(box: TubeBox) -> list[TubeBox]:
    """Split a box on its first undecided condition, `box.guard`.

    Return [] if there is none, or if cutting the box is better.

    Each trajectory belongs to one of the branches. A branch is shrunk to the part of the box in
    which its outcome is possible.
    """
    if box.guard is None or len(box.assumed) >= MOST_ASSUMED:
        return []
    k, graph, guard = box.guard
    if guard.rest > LOOSE_GUARD * np.abs(guard.rows).sum() and box.share > SMALL:
        return []
    left, right, at = guard.levels
    parts = []
    for level in sorted({left, right, at}):
        # Arguments below the jump, above it, or only at it; anywhere if both sides have this level.
        signs = {True: (1.0,), False: (-1.0,)}[level == left] if level in (left, right) else (1, -1)
        ends = _shrink(box, guard, () if level == left == right else signs)
        if ends is None:
            continue
        assumed = {**box.assumed, (k, graph, guard.node, guard.entry): level}
        parts.append(
            replace(
                box, lo=ends[0], hi=ends[1], share=box.share / 2, states=box.states.copy(),
                controls=box.controls.copy(), gains=box.gains.copy(), assumed=assumed, guard=None,
            )
        )  # fmt: skip
    for part in parts:
        part.share = box.share / len(parts)
    return parts


def _shrink(
    box: TubeBox, guard: OpenCondition, signs: Sequence[float]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Shrink a box, keeping all points where `sign * (argument - jump) <= 0` for each sign.

    Return None if there is no such point.
    """
    lo, hi, size = box.lo.copy(), box.hi.copy(), np.abs(guard.rows)
    # 1e-9 of this is far more than all rounding errors below and in the form itself.
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


def cut_box(box: TubeBox, scores: np.ndarray, levels: int = 1) -> list[TubeBox]:
    """Bisect a box repeatedly across the variable with the largest score.

    Sides of a relative width of at most 1e-12 are not bisected.

    Args:
        box: The box to cut.
        scores: `(d,)`: scores of the variables. A variable's score is halved when it is cut.
        levels: Number of bisections in a row, which produce up to `2**levels` boxes.
    """
    parts = [(box, np.where(np.isfinite(scores), scores, 0.0))]
    for _ in range(levels):
        parts = [half for part, part_scores in parts for half in _bisect(part, part_scores)]
    return [part for part, _ in parts]


def _bisect(box: TubeBox, scores: np.ndarray) -> list[tuple[TubeBox, np.ndarray]]:
    width = box.hi - box.lo
    able = width > 1e-12 * np.maximum(np.abs(box.lo), np.abs(box.hi))
    if not able.any():
        return [(box, scores)]
    score = np.where(able, scores + 1e-9 * width * (scores.max() or 1.0), -1.0)
    i = int(np.argmax(score))
    middle = 0.5 * box.lo[i] + 0.5 * box.hi[i]
    left = scores * np.where(np.arange(scores.size) == i, 0.5, 1.0)
    halves = []
    for end in ("lo", "hi"):
        lo, hi = box.lo.copy(), box.hi.copy()
        (hi if end == "lo" else lo)[i] = middle
        half = replace(
            box, lo=lo, hi=hi, share=box.share / 2, states=box.states.copy(),
            controls=box.controls.copy(), gains=0.5 * box.gains,
        )  # fmt: skip
        halves.append((half, left))
    return halves


def levels_for(count: int, wanted: int) -> int:
    """Return how many bisections per box, 1 to 5, turn `count` boxes into up to `wanted` boxes."""
    return max(1, min(5, (wanted // max(count, 1)).bit_length() - 1))
