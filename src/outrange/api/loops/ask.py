"""The public function `closed_loop`, which verifies a controller and a plant together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...core import Clock, InputError, OutOfTime, PropertySource, Provenance, deadline, text_digest
from ...executors.workers import divide_searches
from ...live import progress_listener
from ...questions.common.arguments import check_hooks, check_limits
from ...questions.common.provenance import model_sources
from ...questions.expressions import as_temporal
from ..decorators import question
from .control_loop import ControlLoop
from .forever import check_timeless, forever, read_once
from .former_calls import refuse_former_calls
from .parts import build_system
from .specs import read_spec


if TYPE_CHECKING:
    from ...answers.loops import Loop
    from ...answers.progress import VerifyProgress


@refuse_former_calls
@question("Closed loop")
def closed_loop(
    loop: ControlLoop,
    steps: int | None,
    spec: Any = None,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    seed: int = 0,
    progress: bool | Callable[[VerifyProgress], None] | None = None,
) -> Loop:
    """Prove how a controller and a plant behave together, step after step.

    In discrete time, two searches alternate. One propagates zonotopes in the initial variables and
    splits the initial set; the other unrolls the loop into one network, which is exact for
    piecewise-linear controllers of linear plants. In continuous time (`dt`), Taylor models with
    verified remainders enclose the flow from pieces of the initial set.

    `HOLDS` is a proof for every initial state, disturbance and choice. `VIOLATED` comes with a
    trajectory that violates the specification in real arithmetic and was run with the model itself.
    `UNKNOWN` says up to which step or time the specification is proved, and for which fraction of
    the initial set.

    Inside `outrange.workers`, workers bound pieces of the initial set and search the unrolled loop.
    The pieces and bounds are bit-identical for any number of cores.

    Args:
        loop: The controller, the plant and the initial states.
        steps: Number of steps, or with `dt` the number of periods. None means all time: the search
            then looks for a set of states to which the loop always returns.
        spec: The specification: a condition on the states `outrange.x` and the controls
            `outrange.u` with a time, `(x[0] <= 1).always()`, `.eventually()`, `.at(10)`,
            `.during(10, 20)`, combined by `&`, `|`, `~`. A condition without a time must always
            hold. For boxes, use `outrange.avoid(lo, hi)` or `outrange.within(lo, hi).eventually()`.
            Text is also accepted, such as `"during 10 20: x[0] <= 1"`. None computes
            only the reachable states.
        tol: Stop when the bounds on the states are this close to the simulated range, relative to
            its width. None means as close as possible in a limited time: the larger of 8 s and half
            of the time that the verdict took (with `dt`: of 1 s and 1.25 times that time), or less
            if the specification is violated.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        seed: Seed of the simulated trajectories; no proof depends on it.
        progress: As in `outrange.verify`.

    Returns:
        A `Loop`; it is true only if the specification is proved.

    Raises:
        InputError: An argument is invalid; the message says which one and why.
        ModelError: The controller cannot be read.
        UnsupportedError: The plant uses an unsupported operation; with `dt`, the loop has a mode
            that `memory` does not update.

    Example:
        >>> from outrange import ControlLoop, closed_loop, linear_plant, x
        >>> plant = linear_plant([[1, 1], [0, 1]], [0.5, 1])
        >>> loop = ControlLoop(lambda x: [-0.5 * x[0] - x[1]], plant, ([1, -0.1], [2, 0.1]))
        >>> closed_loop(loop, steps=5, spec=(abs(x[0]) <= 0.5).at(5)).status
        'HOLDS'

    Sound: for the real-valued controller with the stored weights and the plant as written, with its
    constants rounded to float64. Every float64 rounding error of the proof is accounted for.
    Complete: for piecewise-linear controllers and plants, up to float64 resolution, given enough
    time; otherwise convergent.
    Cost: exponential in the number of varying initial states in the worst case.

    Reference: C. Huang et al., *POLAR: A polynomial arithmetic framework for verifying
    neural-network controlled systems*, ATVA 2022; S. Dutta et al., *Reachability analysis for
    neural feedback systems using regressive polynomial rule inference*, HSCC 2019.
    """
    check_limits(tol, time_limit)
    check_hooks(progress_listener(progress), seed)
    clock, hear = Clock(time_limit), progress_listener(progress)
    spec = read_spec(spec)
    with divide_searches(saves=False):
        if steps is not None:
            return _run_question(loop, steps, spec, tol, clock, seed, hear)
        loop = replace(loop, controller=read_once(loop.controller))
        check_timeless(loop)

        def ask(
            loop: ControlLoop, steps: int, spec: Any, tol: float | None, seconds: float
        ) -> Loop:
            return _run_question(loop, steps, spec, tol, Clock(seconds), seed, hear)

        return replace(forever(ask, loop, spec, tol, clock), provenance=_provenance(spec))


def _provenance(spec: Any) -> Provenance:
    text = "" if spec is None else repr(as_temporal(spec))
    return Provenance(property=PropertySource(text, text_digest(text), "text"))


def _run_question(
    loop: ControlLoop,
    steps: int,
    spec: Any,
    tol: float | None,
    clock: Clock,
    seed: int,
    hear: Callable[[VerifyProgress], None] | None,
) -> Loop:
    """Return the answer about a closed loop for a fixed number of steps."""
    from ...reach.continuous.flow_search import FlowSearch
    from ...reach.loop_search import LoopSearch
    from ...reach.system import LoopSystem

    try:
        with deadline(max(1.0, clock.left)):
            system, networks, over = build_system(loop, steps)
            text = "" if spec is None else repr(as_temporal(spec))
            search = (
                LoopSearch(system, spec, text, clock, seed, hear)
                if isinstance(system, LoopSystem)
                else FlowSearch(system, spec, text, clock, seed, hear)
            )
    except OutOfTime:
        raise InputError(
            "The time limit expired before the loop was built; increase the limit. "
            f"Received: time_limit={clock.limit:g}."
        ) from None
    answer = search.run(tol)
    sources = tuple(dict.fromkeys(s for network in networks for s in model_sources(network)))
    return replace(answer, sources=sources, over=over, provenance=_provenance(spec))
