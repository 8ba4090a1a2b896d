"""Tighter ranges of the units before the search: ascent on the slopes of every open unit's rows.

Layer by layer, each open unit's two rows get slopes of their own. With a cutoff, the rows also get
a multiple `gamma >= 0` of the objective: only points whose objective lies below the cutoff are of
interest, and `z + gamma (objective - cutoff)` is at most `z` there.

Reference: K. Xu et al. (alpha-CROWN), ICLR 2021; S. Kotha et al., *Provably Bounding Neural
Network Preimages* (INVPROP), NeurIPS 2023, for bounds under output constraints.
"""

from __future__ import annotations

import numpy as np

from .bends import Kink
from .phase_ascent import Climb, climb
from .phase_net import Cuts, PhaseNet


CHUNK = 64


def tighten(net: PhaseNet, bend: Kink, steps: int, enough: float = 0.0) -> int:
    """Better ends of the open units that `bend` reads; returns how many were settled by it."""
    lo, hi = net.lo[bend.place], net.hi[bend.place]
    rows = np.flatnonzero(~bend.settled(lo, hi))
    if not rows.size or bend.source == 0:
        return 0
    unit = np.repeat(rows, 2)
    sign = np.tile([1.0, -1.0], rows.size)
    found = np.full(unit.size, -np.inf)
    theta0 = net.start()[:net.before(bend.source)]
    size = net.ends[bend.source][0].size
    for first in range(0, unit.size, CHUNK):
        part = slice(first, first + CHUNK)
        count = unit[part].size
        start = np.zeros((count, size))
        start[np.arange(count), unit[part]] = sign[part]
        task = Climb.of({bend.source: start}, Cuts.none(count, theta0.size),
                        np.tile(theta0, (count, 1)), None)
        climb(net, task, steps, np.zeros(count))
        found[part] = net.proof(task.start, task.theta, None, task.cuts).least
    lo[rows] = np.maximum(lo[rows], found[0::2])
    hi[rows] = np.minimum(hi[rows], -found[1::2])
    return rows.size - int((~bend.settled(lo, hi)).sum())
