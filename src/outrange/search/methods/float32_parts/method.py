"""The `Method` record of float32 parts: when it applies, and how it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...common.method import Method, Role


if TYPE_CHECKING:
    import numpy as np

    from ....domains.float32 import Float32Plan
    from .boxes import Float32Goal


def applies(plan: Float32Plan, *_: object) -> bool:
    """Return whether the kernel is available and supports the ops of a plan's graph."""
    from .parts import has_kernel_for

    return has_kernel_for(plan)


def begin(
    plan: Float32Plan, lo: np.ndarray, hi: np.ndarray, goal: Float32Goal, seconds: float
) -> tuple[np.ndarray, int]:
    """Return lower bounds of float32 objectives, and the number of boxes; see `float32_lower`."""
    from .parts import float32_lower

    return float32_lower(plan, lo, hi, goal, seconds)


METHOD = Method(
    name="float32 parts",
    reference="own",
    role=Role.AFTER,
    applies=applies,
    begin=begin,
    evidence="Ranges and verdicts of deployed float32 networks near their limits.",
)
