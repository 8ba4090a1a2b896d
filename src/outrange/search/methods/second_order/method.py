"""The `Method` record of second-order forms: when it applies, and how it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...common.method import Method, Role


if TYPE_CHECKING:
    from ....domains.crown import CrownPlan
    from .refinement import SecondOrderRefinement


def applies(plan: CrownPlan, objectives: int, steps: int) -> bool:
    """Return whether a graph has products or smooth curves, but few of them and few inputs.

    See `tangents.affords_tangents` for the limits.
    """
    from .tangents import affords_tangents

    return affords_tangents(plan)


def begin(plan: CrownPlan, objectives: int, steps: int) -> SecondOrderRefinement:
    """Create the refinement of an array engine.

    Args:
        plan: The plan of the engine's graph.
        objectives: The number of rows that the engine bounds.
        steps: The number of ascent steps on a row.
    """
    from .refinement import SecondOrderRefinement

    return SecondOrderRefinement(plan, objectives, steps)


METHOD = Method(
    name="second-order forms",
    reference="Adjiman et al. 1998; Berz, Hoffstaetter 1998",
    role=Role.INSIDE,
    applies=applies,
    begin=begin,
    evidence="Lyapunov functions of closed loops, whose products cancel (lsnc).",
)
