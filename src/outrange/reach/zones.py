"""The sets of states that a specification names, as boxes to draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..answers.loops import Pipe
from ..answers.loops.trajectory import LoopZone
from ..core import Formula
from ..core.formula import clauses, negate
from ..questions.expressions import Temporal, as_temporal
from .specification import Trajectory, conjunction, held_at, times


FAR = 10.0
"""Widths of the pipe between it and a set, from which on the set may be a slip."""

MOST_ZONES = 64
"""Of more none is drawn."""


def zones(
    spec: Any, where: Trajectory, window: Callable[[Temporal], tuple[float, float]] | None = None
) -> tuple[LoopZone, ...]:
    """What a specification wants avoided or reached, where that are boxes of states.

    Args:
        spec: As it was written.
        where: The trajectory.
        window: From when to when a condition counts, in continuous time; None in discrete time.
    """
    found = [zone for part in _leaves(as_temporal(spec)) for zone in _zones(part, where, window)]
    return tuple(found) if len(found) <= MOST_ZONES else ()


def unreached(found: Sequence[LoopZone], names: Sequence[str], pipe: Pipe) -> list[str]:
    """Sets to be avoided that the loop never comes near: a slip in the specification, maybe.

    Args:
        found: What `zones` found.
        names: Of the states.
        pipe: Where the loop can be.
    """
    told = []
    least, most = pipe.lo.min(axis=0), pipe.hi.max(axis=0)
    for zone in found:
        if not zone.bad or not (np.isfinite(zone.lo) & np.isfinite(zone.hi)).any():
            continue
        apart = np.maximum(zone.lo - most, least - zone.hi)
        far = apart - FAR * (most - least)
        i = int(np.argmax(far))
        if far[i] > 0:
            told.append(
                f"The set to be avoided is never near: {names[i]} stays in [{least[i]:.4g}, "
                f"{most[i]:.4g}], and the set has it in [{zone.lo[i]:.4g}, {zone.hi[i]:.4g}]."
            )
    return told[:1]


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
    # What holds at one step is a goal; what holds all the time keeps out of the rest.
    bad = spec.op == "always" and start < stop
    formula = held_at(spec.parts[0], where, k)
    found = []
    for clause in clauses(negate(formula) if bad else formula, MOST_ZONES):
        box = _box(list(clause), where, k)
        if box is not None:
            found.append(LoopZone(bad, *box, start, stop))
    return found


def _box(clause: list[Formula], where: Trajectory, k: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The box that a conjunction says, if it is one."""
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
