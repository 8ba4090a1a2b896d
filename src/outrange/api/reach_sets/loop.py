"""The public function `loop_reach_sets`, for the reachable states after every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...core import Clock, UnsupportedError, Warrant
from ...questions.common.arguments import check_hooks, check_limits
from ...questions.common.provenance import model_sources
from ..decorators import question
from ..loops.control_loop import ControlLoop
from ..loops.former_calls import refuse_former_calls
from ..loops.parts import build_system


if TYPE_CHECKING:
    from ...answers.reach_sets import LoopReachSets

METHODS = (
    "the loop unrolled, its linear regions as star sets, cut without rounding (Tran et al. 2019)",
)


@refuse_former_calls
@question("Reach sets of a loop", reports=False)
def loop_reach_sets(
    loop: ControlLoop,
    steps: int,
    *,
    time_limit: float | None = None,
    budget: float | None = None,
    most_pieces: int = 10_000,
    seed: int = 0,
    progress: bool | None = None,
) -> LoopReachSets:
    """Compute the exact set of states that a closed loop can reach after every step, as polytopes.

    The controller and the plant must be piecewise linear (`relu`, `abs`, `clip`, `interp`,
    matrices), in discrete time. `outrange.closed_loop` proves a box for each step and decides
    specifications; this function returns the set itself. It cuts the initial set, step by step,
    along the hyperplanes at which units change their linear pieces, until the loop is affine on
    each piece. The number of pieces grows with the number of steps; if the time or `most_pieces` is
    exhausted, the later sets only enclose the reachable states.

    Args:
        loop: The controller, the plant and the initial states, which must be a box, a polytope, or
            a union of these. A disturbance adds inputs for every step. The sets are closed: in
            `Union(box) & (x[0] > 0)`, they also contain limits of reachable states.
        steps: Number of steps.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        most_pieces: Maximum number of pieces after a step; if it is exceeded, the later sets are
            enclosures.
        seed: Seed of the simulated trajectories in figures.
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        A `LoopReachSets`: `at(k)` is the set after step `k`, and `plot()` draws all sets.

    Raises:
        InputError: An argument is invalid, or more than eight inputs of the unrolled loop vary.
            These inputs are the initial states and, for every step, the disturbances.
        ModelError: The controller cannot be read.
        UnsupportedError: The controller or the plant is curved or discontinuous, or the loop has
            `dt`, choices or several controllers.

    Example:
        >>> import numpy as np
        >>> from outrange import ControlLoop, linear_plant
        >>> def controller(x):
        ...     return [np.clip(-0.5 * x[0] - x[1], -1, 1)]
        >>> plant = linear_plant([[1, 1], [0, 1]], [0.5, 1])
        >>> reached = loop_reach_sets(ControlLoop(controller, plant, ([1, -1], [2, 1])), steps=4)
        >>> reached.exact_until, reached.at(4).contains([-0.07, 0.0])
        (4, True)

    Sound: for the real-valued controller with the stored weights and the plant as written, with its
    constants rounded to float64. Every float64 rounding error is accounted for.
    Complete: given enough time and pieces.
    Cost: proportional to the number of pieces, which is exponential in inputs and steps in the
    worst case.

    Reference: Tran et al., *Safety verification of cyber-physical systems with reinforcement
    learning control*, EMSOFT 2019.
    """
    from ...answers.answer import Cost
    from ...answers.reach_sets import LoopReachSets
    from ...questions.reach_set import check_most
    from ...reach.simulation import KEPT
    from ...reach.stars.loop_sets import exact_sets
    from ...reach.system import LoopSystem

    check_limits(None, time_limit)
    check_hooks(None, seed)
    check_most(most_pieces)
    clock = Clock(time_limit)
    unsupported = {
        "dt": loop.dt is not None,
        "unknown['c']": "c" in (loop.unknown or {}),
        "several controllers": isinstance(loop.controller, Mapping),
    }
    for name, has in unsupported.items():
        if has:
            raise UnsupportedError(
                "Exact reach sets need a loop in discrete time, with one controller and without "
                "choices; `outrange.closed_loop` bounds the states of other loops with boxes. "
                f"Received: a loop with `{name}`."
            )
    system, networks, over = build_system(loop, steps)
    assert isinstance(system, LoopSystem)
    result = exact_sets(system, clock, int(most_pieces), seed)
    trajectories = result.states
    if len(trajectories):
        trajectories = trajectories[np.linspace(0, len(trajectories) - 1, KEPT).astype(int)]
    sources = tuple(dict.fromkeys(s for network in networks for s in model_sources(network)))
    return LoopReachSets(
        model=system.name,
        states=result.sets[0].names,
        sets=result.sets,
        trajectories=trajectories,
        status=result.reason,
        warrant=Warrant.FLOAT64_ROUNDED,
        cost=Cost(clock.seconds, sum(map(len, result.sets))),
        methods=METHODS,
        sources=sources,
        over=over,
    )
