"""First bounds of a decision about many inputs: one pass over all units, then slopes that ascend.

Where products feed each other, bounds of the units are most of the work, and slopes of the few
objectives cost little beside it: a step of theirs is one back-substitution of as many rows.

Reference: see `alpha_crown`.
"""

from __future__ import annotations

import numpy as np

from ...core import OutOfTime, down
from ...domains.backward import BoxBatch, RelaxedGraph
from ...domains.crown import CrownPass, CrownPlan
from ..common.incumbent import Incumbent
from ..common.parallel import parallel_batches, single_blas_thread
from ..common.problem import Problem
from .alpha_crown import AlphaAscent
from .array_engine import ArrayEngine


STEPS = 20
"""Of ascent on the slopes of an objective."""

ROOM = 1 << 23
"""Rows times entries of all values that ascend together: some arrays of that length."""

MOST_FORMS = 1 << 28
"""Inputs times entries of all values up to which forward forms are tried before: as many numbers
take a second or two, beside a pass that takes several."""


def first_bounds(problem: Problem, machine: ArrayEngine, incumbent: Incumbent) -> None:
    """Prove what one pass over the hull of the boxes shows; the engine starts from its bounds.

    Args:
        incumbent: It learns the bounds.
    """
    if problem.free * problem.small.entries <= MOST_FORMS:
        incumbent.prove(problem.by_linear_bounds("forward"))
    if incumbent.decided:
        return
    hull, plan, cutoff = problem.domain.hull, CrownPlan.of(problem.small), incumbent.cutoff()
    cells, output = BoxBatch.of(hull.lo[None], hull.hi[None]), plan.graph.output
    with single_blas_thread():
        sweep = CrownPass(plan, cells, extra=frozenset({output}), each=parallel_batches)
        net = sweep.run()
        lower = problem.by_outputs(*sweep.ends[output])[0]
        open_ = np.flatnonzero(lower < cutoff)
        if not sweep.late:
            target = (cutoff - problem.offset)[open_]
            found = ascended(sweep, net, problem.rows, open_, target)
            lower[open_] = np.fmax(lower[open_], down(found + problem.offset[open_]))
    incumbent.prove(lower)
    if machine.graph is problem.small:
        machine.first = sweep


def ascended(
    sweep: CrownPass, net: RelaxedGraph, rows: np.ndarray, which: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """Bounds `(k,)` of some rows, each with slopes of its own; what was found in time.

    Args:
        rows: Array of shape `(m, outputs)`.
        which: Array of shape `(k,)`.
        target: `(k,)` bounds at or above it are good enough.
    """
    together = max(1, ROOM // max(1, sweep.plan.graph.entries))
    found = np.full(which.size, -np.inf)
    for start in range(0, which.size, together):
        part = slice(start, start + together)
        box = np.zeros(which[part].size, np.int64)
        ascent = AlphaAscent(sweep, net, rows, box, which[part], optimize_smooth=True)
        try:
            ascent.run(target[part], STEPS)
        except (OutOfTime, MemoryError):
            return found
        finally:
            found[part] = ascent.least
    return found
