"""The public question `closed_loop`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...core import Clock, InputError, OutOfTime, PropertySource, Provenance, deadline, text_digest
from ...executors.working import working
from ...live import heard
from ...questions.common.arguments import check_hooks, check_limits
from ...questions.common.stamp import model_sources
from ...questions.expressions import as_temporal
from ..recorded import question
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
    """Prove what a controller and a plant do together, step after step.

    In discrete time two searches take turns: zonotopes in the initial variables with splits of the
    initial set, and the loop unrolled as one network, which is exact for piecewise-linear
    controllers of linear plants. In continuous time (`dt`) the flow is enclosed by Taylor models
    whose remainders are verified, from pieces of the initial set. `HOLDS` is a proof for every
    initial state, every disturbance and every choice; `VIOLATED` comes with a trajectory that
    breaks the specification in real arithmetic and was run with the model itself; `UNKNOWN` says
    until which step or time it is proved, and of what share.

    Args:
        controller: A model as `outrange.output_range` takes it, or a function of the state; a
            dict from modes to those, with `mode`.
        plant: The next state, with `dt` the derivative of the state: a function of `(x, u)`,
            `(t, x, u)` or `(t, x, u, w)`, or of any of `t` (the number of the step; with `dt` the
            time), `x` (the state), `u` (the control), `w` (the disturbance), `p` (the parameters)
            and `c` (the choice) by these names, written with NumPy, `keras.ops`, JAX or PyTorch;
            `outrange.linear_plant(A, B)`; a model of state and control; or a list of
            formulas, one a state: `["x1 + 0.1*x2", "x2 + 0.1*u1"]`.
        initial: The initial states: `(lo, hi)`, or any set as in `outrange.output_range`.
        steps: How many steps, with `dt` how many periods, the loop runs; None for ever: then a set
            of states is looked for that the loop, once in it, comes back to.
        spec: What shall hold: a condition on the states `outrange.x` and the controls `outrange.u`
            with a time, `(x[0] <= 1).always()`, `.eventually()`, `.at(10)`, `.during(10, 20)`,
            joined by `&`, `|`, `~`; without a time it means always. Boxes: `outrange.avoid(lo, hi)`
            and `outrange.within(lo, hi).eventually()`. Or text, `"during 10 20: x[0] <= 1"`.
            None: only the pipe.
        dt: The period of a plant in continuous time, which is then a function that returns the
            derivative of the state; each control is held for one period, and all times are in this
            unit: `(x[0] <= 1).during(0.5, 1)`. It is the decimal as written; `Fraction(1, 3)` is a
            third. None: the plant returns its next state.
        observe: What the controller sees of the state: a function of `x`, or of `(t, x)` with the
            number of the step (with `dt`: the time, as a float64 number).
        actuate: From what the controller returns to the control: a function.
        parameters: `(lo, hi)` of what the plant calls `p`: unknown, and the same at every step.
        disturbance: `(lo, hi)` of what the plant calls `w`.
        varying: Whether the disturbance may be another one at every step; to be said with it.
        choice: In discrete time, the values that the plant's `c` may take at every step:
            `[-1, 0, 1]`; a list of such lists for several.
        mode: The state whose value says which of several controllers acts, its name or place; the
            plant returns its next value, with `dt` the function `memory` does.
        memory: What the controller remembers until it is asked again: a function of what it returns
            `y`, of `(x, y)` or `(t, x, y)` to the next values of the last states, about which the
            plant then says nothing.
        delay: How many steps (with `dt`: periods) a control takes to reach the plant, which
            receives 0 before the first one does; `(2, -10.0)`: 2 steps, and -10 before.
        states: Names of the states, for `x["angle"]` and for pictures.
        controls: Names of the controls.
        where: A condition on `outrange.x`: only initial states that satisfy it count.
        tol: The gap of the pipe to reach, relative to what was seen. None: as near as it gets in
            8 s, or half the time that the verdict took.
        time_limit: Stop after this many seconds; None for no limit.
        budget: Stop after so many units of counted work instead, about a second of one core each:
            the same question then has the same answer on every machine (docs/reproducible.md).
        effort: How long to go on without a limit: `"quick"` ends after 5 s, `"normal"` after 45 s,
            `"exact"` when all is proved. The default is `"normal"`, or what the environment
            variable `OUTRANGE_EFFORT` says.
        seed: Of the simulated trajectories; no proof depends on it.
        executor: Who bounds the pieces of the initial set, and searches the tree of the loop
            unrolled: a `concurrent.futures.Executor`, a `dask.distributed` client, or the address
            of its scheduler (docs/scale.md). None: the cores of this process. Pieces and pipes are
            the same, bit for bit on any number of cores.
        progress: As in `outrange.verify`.

    Returns:
        A `Loop`; it is true only where the specification is proved.

    Raises:
        InputError: An argument breaks a rule; the message says which.
        ModelError: The controller cannot be read.
        UnsupportedError: The plant computes what is not described; with `dt`, the loop has
            choices, or a mode that `memory` does not update.

    Example:
        >>> from outrange import closed_loop, linear_plant, x
        >>> plant = linear_plant([[1, 1], [0, 1]], [0.5, 1])
        >>> answer = closed_loop(
        ...     lambda x: [-0.5 * x[0] - x[1]], plant, ([1, -0.1], [2, 0.1]), steps=5,
        ...     spec=(abs(x[0]) <= 0.5).at(5),
        ... )
        >>> answer.status
        'HOLDS'

    Sound: about the real-valued controller with the stored weights and the plant as written, its
    constants rounded to float64; every float64 rounding of the proof is paid.
    Complete: for piecewise-linear controllers and plants, up to float64 resolution and given time;
    otherwise convergent.
    Cost: exponential in the number of varying initial states at worst.

    Reference: C. Huang et al., *POLAR: A polynomial arithmetic framework for verifying
    neural-network controlled systems*, ATVA 2022; S. Dutta et al., *Reachability analysis for
    neural feedback systems using regressive polynomial rule inference*, HSCC 2019.
    """
    check_limits(tol, time_limit)
    check_hooks(heard(progress), seed)
    clock, hear = Clock(time_limit), heard(progress)
    loop = {
        "controller": controller, "plant": plant, "initial": initial, "steps": steps, "dt": dt,
        "observe": observe, "actuate": actuate, "parameters": parameters, "where": where,
        "disturbance": disturbance, "varying": varying, "choice": choice, "states": states,
        "controls": controls, "mode": mode, "memory": memory, "delay": delay,
    }  # fmt: skip
    spec = read_spec(spec)
    with working(executor, None):
        if steps is not None:
            return _asked(loop, spec, tol, clock, seed, hear)
        loop["controller"] = read_once(controller)
        check_timeless(loop)

        def ask(seconds: float, *, spec: Any, tol: float | None, **more: Any) -> Loop:
            return _asked(loop | more, spec, tol, Clock(seconds), seed, hear)

        return replace(forever(ask, loop, spec, tol, clock), provenance=_provenance(spec))


def _provenance(spec: Any) -> Provenance:
    text = "" if spec is None else repr(as_temporal(spec))
    return Provenance(property=PropertySource(text, text_digest(text), "text"))


def _asked(
    loop: Mapping[str, Any],
    spec: Any,
    tol: float | None,
    clock: Clock,
    seed: int,
    hear: Callable[[VerifyProgress], None] | None,
) -> Loop:
    """The answer about a number of steps."""
    from ...reach.ask import LoopSearch
    from ...reach.continuous.ask import FlowSearch
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
            "The time limit was over before the loop was written down; give it more. "
            f"Received: time_limit={clock.limit:g}."
        ) from None
    found = search.run(tol)
    sources = tuple(dict.fromkeys(s for network in networks for s in model_sources(network)))
    return replace(found, sources=sources, over=over, provenance=_provenance(spec))
