"""The public question `loop_reach_sets`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import Clock, Warrant
from ...questions.common.arguments import check_hooks, check_limits
from ...questions.common.stamp import model_sources
from ..loops.parts import read_loop
from ..recorded import question


if TYPE_CHECKING:
    from ...answers.reach_sets import LoopReachSets

METHODS = (
    "the loop unrolled, its linear regions as star sets, cut without rounding (Tran et al. 2019)",
)


@question("Reach sets of a loop", hears=False)
def loop_reach_sets(
    controller: Any,
    plant: Any,
    initial: Any,
    *,
    steps: int,
    observe: Callable | None = None,
    actuate: Callable | None = None,
    parameters: Any = None,
    disturbance: Any = None,
    varying: bool | None = None,
    memory: Callable | None = None,
    delay: int | tuple[int, Any] = 0,
    states: Sequence[str] | None = None,
    controls: Sequence[str] | None = None,
    where: Any = None,
    time_limit: float | None = None,
    budget: float | None = None,
    effort: str | None = None,
    most_pieces: int = 10_000,
    seed: int = 0,
    progress: bool | None = None,
) -> LoopReachSets:
    """Compute the exact set that a closed loop can be in after every step, as polytopes.

    For controllers and plants of straight pieces (`relu`, `abs`, `clip`, `interp`, matrices) in
    discrete time. Where `outrange.closed_loop` proves a box a step and decides specifications, this
    is the set itself: the initial set is cut along the zero planes of units, step after step, until
    the loop is affine on each piece. Pieces grow in number with the steps; from the step on at
    which time or pieces run out, the sets are covers of what can be reached.

    Args:
        controller: As for `outrange.closed_loop`.
        plant: As for `outrange.closed_loop`, in discrete time.
        initial: The initial states: a box, a polytope, or a union of such.
        steps: How many steps the loop runs.
        observe: As for `outrange.closed_loop`.
        actuate: As for `outrange.closed_loop`.
        parameters: As for `outrange.closed_loop`.
        disturbance: As for `outrange.closed_loop`. If it varies, every step has inputs of its own.
        varying: As for `outrange.closed_loop`.
        memory: As for `outrange.closed_loop`.
        delay: As for `outrange.closed_loop`.
        states: Names of the states.
        controls: Names of the controls.
        where: A condition on `outrange.x`: only initial states that satisfy it count. The sets are
            closed: of `x[0] > 0` limits of states belong to them.
        time_limit: Stop after this many seconds; None for no limit.
        budget: Stop after so many units of counted work instead, about a second of one core each:
            the same question then has the same answer on every machine (docs/reproducible.md).
        effort: How long to go on without a limit: `"quick"` ends after 5 s, `"normal"` after 45 s,
            `"exact"` when all is proved. The default is `"normal"`, or what the environment
            variable `OUTRANGE_EFFORT` says.
        most_pieces: Pieces of a step: of more the sets are covers from then on.
        seed: Of the simulated trajectories, to be drawn.
        progress: True to show what is under way, False for nothing. None shows it in a terminal or
            a notebook once the call takes 2 s.

    Returns:
        `LoopReachSets`: `at(k)` is the set after step `k`, `plot()` draws all of them.

    Raises:
        InputError: An argument breaks a rule, or more than eight numbers vary.
        ModelError: The controller cannot be read.
        UnsupportedError: The controller or the plant bends or jumps.

    Example:
        >>> import numpy as np
        >>> from outrange import linear_plant
        >>> plant = linear_plant([[1, 1], [0, 1]], [0.5, 1])
        >>> found = loop_reach_sets(
        ...     lambda x: [np.clip(-0.5 * x[0] - x[1], -1, 1)], plant, ([1, -1], [2, 1]), steps=4
        ... )
        >>> found.exact_until, found.at(4).contains([-0.07, 0.0])
        (4, True)

    Sound: about the real-valued controller with the stored weights and the plant as written, its
    constants rounded to float64; every float64 rounding is paid.
    Complete: given time and pieces.
    Cost: the number of pieces, at worst exponential in inputs and steps.

    Reference: Tran et al., *Safety verification of cyber-physical systems with reinforcement
    learning control*, EMSOFT 2019.
    """
    from ...answers.answer import Cost
    from ...answers.reach_sets import LoopReachSets
    from ...questions.reach_set import check_most
    from ...reach.seen import KEPT
    from ...reach.stars.loop_sets import exact_sets
    from ...reach.system import LoopSystem

    check_limits(None, time_limit)
    check_hooks(None, seed)
    check_most(most_pieces)
    clock = Clock(time_limit)
    system, networks, over = read_loop(
        controller, plant, initial, steps=steps, dt=None, observe=observe, actuate=actuate,
        parameters=parameters, disturbance=disturbance, varying=varying, choice=None,
        states=states, controls=controls, where=where, memory=memory, delay=delay,
    )  # fmt: skip
    assert isinstance(system, LoopSystem)
    found = exact_sets(system, clock, int(most_pieces), seed)
    kept = found.states
    if len(kept):
        kept = kept[np.linspace(0, len(kept) - 1, KEPT).astype(int)]
    sources = tuple(dict.fromkeys(s for network in networks for s in model_sources(network)))
    return LoopReachSets(
        model=system.name,
        states=found.sets[0].names,
        sets=found.sets,
        trajectories=kept,
        status=found.reason,
        warrant=Warrant.FLOAT64_ROUNDED,
        cost=Cost(clock.seconds, sum(map(len, found.sets))),
        methods=METHODS,
        sources=sources,
        over=over,
    )
