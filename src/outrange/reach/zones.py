"""The sets of states that a specification names, as boxes to draw."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..answers.loops.trajectory import LoopZone
from ..core import Formula
from ..core.formula import clauses, negate
from ..questions.expressions import Temporal, as_temporal
from .specification import Trajectory, conjunction, held_at, times


MOST_ZONES = 64
"""Of more none is drawn."""


def zones(spec: Any, where: Trajectory) -> tuple[LoopZone, ...]:
    """What a specification wants avoided or reached, where that are boxes of states.

    Args:
        spec: As it was written.
        where: The trajectory.
    """
    found = [zone for part in _leaves(as_temporal(spec)) for zone in _zones(part, where)]
    return tuple(found) if len(found) <= MOST_ZONES else ()


def _leaves(spec: Temporal) -> list[Temporal]:
    if spec.op in ("&", "|"):
        return [leaf for part in spec.parts for leaf in _leaves(part)]
    return [] if spec.op == "~" else [spec]


def _zones(spec: Temporal, where: Trajectory) -> list[LoopZone]:
    steps = times(spec, where)
    if not len(steps):
        return []
    k = steps[0]
    # What holds at one step is a goal; what holds all the time keeps out of the rest.
    bad = spec.op == "always" and len(steps) > 1
    formula = held_at(spec.parts[0], where, k)
    found = []
    for clause in clauses(negate(formula) if bad else formula, MOST_ZONES):
        box = _box(list(clause), where, k)
        if box is not None:
            found.append(LoopZone(bad, *box, float(steps[0]), float(steps[-1])))
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
