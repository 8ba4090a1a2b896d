"""The public function `closed_loop`, which verifies a controller and a plant together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...core import Clock, InputError, OutOfTime, PropertySource, Provenance, deadline, text_digest
from ...executors.executor_argument import use_executor
from ...live import progress_listener
from ...questions.common.arguments import check_hooks, check_limits
from ...questions.common.provenance import model_sources
from ...questions.expressions import as_temporal
from ..decorators import question
from .forever import check_timeless, forever, read_once
from .parts import read_loop
from .specs import read_spec


if TYPE_CHECKING:
    from ...answers.loops import Loop
    from ...answers.progress import VerifyProgress


@question("Closed loop")
def closed_loop(
    controller: Any,
    plant: Any,
    initial: Any,
    *,
    steps: int | None,
    spec: Any = None,
    dt: float | Fraction | None = None,
    observe: Callable | None = None,
    actuate: Callable | None = None,
    parameters: Any = None,
    disturbance: Any = None,
    varying: bool | None = None,
    choice: Any = None,
    mode: str | int | None = None,
    memory: Callable | None = None,
    delay: int | tuple[int, Any] = 0,
    states: Sequence[str] | None = None,
    controls: Sequence[str] | None = None,
    where: Any = None,
    tol: float | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    effort: str | None = None,
    seed: int = 0,
    executor: Any = None,
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

    Args:
        controller: A model as for `outrange.output_range`, or a function of the state; with `mode`,
            a dict from mode values to these.
        plant: The plant, which returns the next state, or with `dt` the derivative of the state: a
            function of `(x, u)`, `(t, x, u)`, `(t, x, u, w)`, or of any of these names: `t` (the
            step number, or with `dt` the time), `x` (the state), `u` (the control), `w` (the
            disturbance), `p` (the parameters) and `c` (the choice), written with NumPy,
            `keras.ops`, JAX or PyTorch. Or `outrange.linear_plant(A, B)`; a model of state and
            control; or a list of formulas, one per state: `["x1 + 0.1*x2", "x2 + 0.1*u1"]`.
        initial: The initial states: `(lo, hi)`, or any set as in `outrange.output_range`.
        steps: Number of steps, or with `dt` the number of periods. None means all time: the search
            then looks for a set of states to which the loop always returns.
        spec: The specification: a condition on the states `outrange.x` and the controls
            `outrange.u` with a time, `(x[0] <= 1).always()`, `.eventually()`, `.at(10)`,
            `.during(10, 20)`, combined by `&`, `|`, `~`. A condition without a time must always
            hold. For boxes, `outrange.avoid(lo, hi)` and `outrange.within(lo, hi).eventually()`. Or
            text such as `"during 10 20: x[0] <= 1"`. None computes only the reachable states.
        dt: The period of a plant in continuous time, which returns the derivative of the state.
            Each control is held for one period, and specifications use the same unit of time:
            `(x[0] <= 1).during(0.5, 1)`. A float means its decimal value; `Fraction(1, 3)` is
            exact. None means discrete time: the plant returns its next state.
        observe: The controller's input, as a function of `x`, or of `(t, x)` with the step number
            (with `dt`: the time, as a float64 number). None for the whole state.
        actuate: The control, as a function of the controller's output. None for the output itself.
        parameters: Bounds `(lo, hi)` on the unknown constants that the plant calls `p`.
        disturbance: Bounds `(lo, hi)` on the disturbance that the plant calls `w`.
        varying: True if the disturbance may change at every step, False if it is constant. Required
            with `disturbance`.
        choice: In discrete time, the values that the plant's `c` may take at every step, such as
            `[-1, 0, 1]`; for several choices, a list of such lists.
        mode: Name or index of the state whose value selects one of several controllers. The plant
            returns the next mode; with `dt`, the function `memory` does.
        memory: Update of the controller's memory: a function of the controller's output `y`, of
            `(x, y)` or `(t, x, y)`, that returns the next values of the last states. The plant
            then returns only the other states.
        delay: Number of steps (with `dt`: periods) before a control reaches the plant, which
            receives 0 until then; `(2, -10.0)` means 2 steps, and -10 until then.
        states: Names of the states, for `x["angle"]` and for figures.
        controls: Names of the controls.
        where: A condition on `outrange.x`; initial states that do not satisfy it are ignored.
        tol: Stop when the bounds on the states are this close to the simulated range, relative to
            its width. None means as close as possible in a limited time: the larger of 8 s and half
            of the time that the verdict took (with `dt`: of 1 s and 1.25 times that time), or less
            if the specification is violated.
        time_limit: Stop after this many seconds; None leaves the limit to `effort`.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        effort: Limit if neither `time_limit` nor `budget` is set: `"quick"` is 5 s, `"normal"`
            45 s, `"exact"` none. The default is the value of the environment variable
            `OUTRANGE_EFFORT`, or `"normal"` if that is not set.
        seed: Seed of the simulated trajectories; no proof depends on it.
        executor: Workers that bound pieces of the initial set and search the unrolled loop: a
            `concurrent.futures.Executor`, a `dask.distributed` client, or the address of its
            scheduler (docs/scale.md). None for the cores of this process. The pieces and bounds are
            bit-identical for any number of cores.
        progress: As in `outrange.verify`.

    Returns:
        A `Loop`; it is true only if the specification is proved.

    Raises:
        InputError: An argument is invalid; the message says which one and why.
        ModelError: The controller cannot be read.
        UnsupportedError: The plant uses an unsupported operation; with `dt`, the loop has choices,
            or a mode that `memory` does not update.

    Example:
        >>> from outrange import closed_loop, linear_plant, x
        >>> plant = linear_plant([[1, 1], [0, 1]], [0.5, 1])
        >>> answer = closed_loop(
        ...     lambda x: [-0.5 * x[0] - x[1]], plant, ([1, -0.1], [2, 0.1]), steps=5,
        ...     spec=(abs(x[0]) <= 0.5).at(5),
        ... )
        >>> answer.status
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
    loop = {
        "controller": controller, "plant": plant, "initial": initial, "steps": steps, "dt": dt,
        "observe": observe, "actuate": actuate, "parameters": parameters, "where": where,
        "disturbance": disturbance, "varying": varying, "choice": choice, "states": states,
        "controls": controls, "mode": mode, "memory": memory, "delay": delay,
    }  # fmt: skip
    spec = read_spec(spec)
    with use_executor(executor, None):
        if steps is not None:
            return _run_question(loop, spec, tol, clock, seed, hear)
        loop["controller"] = read_once(controller)
        check_timeless(loop)

        def ask(seconds: float, *, spec: Any, tol: float | None, **more: Any) -> Loop:
            return _run_question(loop | more, spec, tol, Clock(seconds), seed, hear)

        return replace(forever(ask, loop, spec, tol, clock), provenance=_provenance(spec))


def _provenance(spec: Any) -> Provenance:
    text = "" if spec is None else repr(as_temporal(spec))
    return Provenance(property=PropertySource(text, text_digest(text), "text"))


def _run_question(
    loop: Mapping[str, Any],
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
            system, networks, over = read_loop(**loop)
            text = "" if spec is None else repr(as_temporal(spec))
            search = (
                LoopSearch(system, spec, text, clock, seed, hear)
                if isinstance(system, LoopSystem)
                else FlowSearch(system, spec, text, clock, seed, hear)
            )
    except OutOfTime:
        raise InputError(
            "The time limit passed before the loop was built; increase it. "
            f"Received: time_limit={clock.limit:g}."
        ) from None
    answer = search.run(tol)
    sources = tuple(dict.fromkeys(s for network in networks for s in model_sources(network)))
    return replace(answer, sources=sources, over=over, provenance=_provenance(spec))
