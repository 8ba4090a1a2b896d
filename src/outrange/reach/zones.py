"""Boxes of states that a specification mentions, for plots and warnings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..answers.loops import Pipe
from ..answers.loops.trajectory import LoopZone
from ..core import Formula
from ..core.formula import clauses, negate
from ..questions.expressions import Temporal, as_temporal
from .specification import Trajectory, condition_at, conjunction, times


FAR = 10.0
"""Distance from the pipe, in multiples of the pipe's width, beyond which a set may be a mistake."""

MOST_ZONES = 64
"""Number of zones above which no zones are returned."""


def zones(
    spec: Any, where: Trajectory, window: Callable[[Temporal], tuple[float, float]] | None = None
) -> tuple[LoopZone, ...]:
    """Return boxes of states that a specification asks the loop to avoid or to reach.

    Conditions that describe no box are skipped. The result is empty if there are more than
    `MOST_ZONES` boxes.

    Args:
        spec: The specification as the user wrote it.
        where: Layout of the trajectory.
        window: Function that returns the start and the end of a temporal condition in continuous
            time; None for a loop in discrete time.
    """
    boxes = [zone for part in _leaves(as_temporal(spec)) for zone in _zones(part, where, window)]
    return tuple(boxes) if len(boxes) <= MOST_ZONES else ()


def distant_zones(boxes: Sequence[LoopZone], names: Sequence[str], pipe: Pipe) -> list[str]:
    """Return a list with one warning if a set to avoid is far from the pipe, or an empty list.

    A set is far if its distance exceeds `FAR`. Such a distance may be due to a mistake in the
    specification.

    Args:
        boxes: The result of `zones`.
        names: Names of the states.
        pipe: Bounds on the states at every time.
    """
    warnings = []
    least, most = pipe.lo.min(axis=0), pipe.hi.max(axis=0)
    for zone in boxes:
        if not zone.bad or not (np.isfinite(zone.lo) & np.isfinite(zone.hi)).any():
            continue
        apart = np.maximum(zone.lo - most, least - zone.hi)
        far = apart - FAR * (most - least)
        i = int(np.argmax(far))
        if far[i] > 0:
            warnings.append(
                f"The loop never comes near the avoided set: {names[i]} stays in [{least[i]:.4g}, "
                f"{most[i]:.4g}], but in the set it lies in [{zone.lo[i]:.4g}, {zone.hi[i]:.4g}]."
            )
    return warnings[:1]


def _leaves(spec: Temporal) -> list[Temporal]:
    if spec.op in ("&", "|"):
        return [leaf for part in spec.parts for leaf in _leaves(part)]
    return [] if spec.op == "~" else [spec]


def _zones(
    spec: Temporal, where: Trajectory, window: Callable[[Temporal], tuple[float, float]] | None
) -> list[LoopZone]:
    k = 0
    if window is not None:
        start, stop = window(spec)
    else:
        steps = times(spec, where)
        if not len(steps):
            return []
        k = steps[0]
        start, stop = float(k), float(steps[-1])
    # A condition at a single step is a goal. A condition at all steps says to avoid its complement.
    bad = spec.op == "always" and start < stop
    formula = condition_at(spec.parts[0], where, k)
    boxes = []
    for clause in clauses(negate(formula) if bad else formula, MOST_ZONES):
        box = _box(list(clause), where, k)
        if box is not None:
            boxes.append(LoopZone(bad, *box, start, stop))
    return boxes


def _box(clause: list[Formula], where: Trajectory, k: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the box of states that a conjunction describes; None if it describes no box."""
    n = len(where.states)
    lo, hi = np.full(n, -np.inf), np.full(n, np.inf)
    places = {int(i): j for j, i in enumerate(where.state(k))}
    for atom in conjunction(clause):
        if len(atom.terms) != 1 or atom.terms[0][0] not in places:
            return None
        ((i, c),) = atom.terms
        j, end = places[i], -atom.offset / c
        if c > 0:
            hi[j] = min(hi[j], end)
        else:
            lo[j] = max(lo[j], end)
    return (lo, hi) if (lo <= hi).all() and len(clause) else None
