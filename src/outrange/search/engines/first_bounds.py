"""First bounds of a decision about many inputs: one pass over all units, then slope ascent.

If factors of products depend on other products, most of the work is bounding the units. Optimizing
the slopes of the few objectives is cheap: each step substitutes back one row per objective.

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
"""Maximum number of ascent steps on the slopes of an objective."""

ROOM = 1 << 23
"""Limit on the number of rows whose slopes are optimized together, times the number of entries of
all values of the graph; more rows are optimized in several batches."""

FEW_ENTRIES = 4096
"""Maximum number of entries of a graph for which forward forms are the only first bounds: the
engine's own first pass takes about as long there as the pass here, and proves tighter bounds."""

MOST_FORMS = 1 << 28
"""Maximum product of the number of free inputs and the number of entries of all values for which
forward forms are tried first. They take a second or two, whereas a pass takes several seconds."""


def first_bounds(problem: Problem, machine: ArrayEngine, incumbent: Incumbent) -> None:
    """Prove bounds of a decision by one pass over the hull of the boxes, then by slope ascent.

    If forward forms decide all objectives first, or the graph is small, there is no pass.

    Args:
        problem: Objectives and their boxes.
        machine: Engine that reuses the pass as its first bounds, if it bounds the same graph.
        incumbent: Receives the bounds of the objectives.
    """
    if problem.free * problem.small.entries <= MOST_FORMS:
        incumbent.prove(problem.by_linear_bounds("forward"))
    if incumbent.decided or problem.small.entries <= FEW_ENTRIES:
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
            improved = ascend_slopes(sweep, net, problem.rows, open_, target)
            lower[open_] = np.fmax(lower[open_], down(improved + problem.offset[open_]))
    incumbent.prove(lower)
    if machine.graph is problem.small:
        machine.first = sweep


def ascend_slopes(
    sweep: CrownPass, net: RelaxedGraph, rows: np.ndarray, which: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """Return lower bounds `(k,)` of the rows `which`, computed by slope ascent.

    The ascent stops early if time or memory runs out; rows that it has not reached get `-inf`.

    Args:
        rows: Array of shape `(m, outputs)`.
        which: Indices of the rows, shape `(k,)`.
        target: `(k,)` bounds at or above which the ascent of a row stops.
    """
    together = max(1, ROOM // max(1, sweep.plan.graph.entries))
    lower = np.full(which.size, -np.inf)
    for start in range(0, which.size, together):
        part = slice(start, start + together)
        box = np.zeros(which[part].size, np.int64)
        ascent = AlphaAscent(sweep, net, rows, box, which[part], optimize_smooth=True)
        try:
            ascent.run(target[part], STEPS)
        except (OutOfTime, MemoryError):
            return lower
        finally:
            lower[part] = ascent.least
    return lower
