"""Proofs for all time, from a set of states to which the loop always returns.

Let every trajectory from the initial set be in a box `H` after `N` steps, and let every trajectory
from `H` be in `H` again after `m` steps. Then the loop is in `H` after `N`, `N + m`, `N + 2 m`, ...
steps forever; in between, it is among the states that trajectories from `H` visit within `m` steps.
Both assumptions are questions about finitely many steps. Their proofs account for every rounding
error, and the inclusion is a comparison of float64 numbers. Constants (parameters, a constant
disturbance) may take any value of their set in both questions.

Reference: F. Blanchini, *Set invariance in control*, Automatica 35 (1999).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from math import ceil
from typing import Any, TypeAlias

import numpy as np

from ...answers.answer import Cost
from ...answers.loops import Loop
from ...answers.loops.pipe import Invariant
from ...answers.verdict import HOLDS, UNKNOWN, VIOLATED
from ...core import Clock, InputError
from ...questions.expressions import Temporal, as_temporal
from ..arguments import load_network
from .control_loop import ControlLoop
from .parts import build_system, is_function


HORIZONS = 16, 64, 256
"""Numbers of steps after which a candidate set is built (`N` in the module docstring)."""

GROWN = 0.1, 0.5
"""Fractions of its width by which a candidate set is enlarged, so that it can contain its image."""

LEAST, SHARE = 5.0, 1.0
"""The time limit for one candidate set is the larger of `LEAST` seconds and `SHARE` times the time
spent so far."""

LOOSE = 0.5
"""Tolerance of a pipe that is computed only to decide whether a loop returns to a set."""

Ask: TypeAlias = Callable[[ControlLoop, int, Any, float | None, float], Loop]
"""Function `ask(loop, steps, spec, tol, seconds)` that answers a question about a loop."""


def forever(ask: Ask, loop: ControlLoop, spec: Any, tol: float | None, clock: Clock) -> Loop:
    """Return the answer about a closed loop for all time.

    Args:
        ask: Function that answers the question for a fixed number of steps.
        loop: The loop.
        spec: The specification; None for the invariant alone.
        tol: Tolerance of the bounds on the states.
        clock: Clock of the question.

    Raises:
        InputError: The loop has a delay, or the specification has no meaning for all time.
    """
    if loop.delay not in (0, None):
        raise InputError(
            "A loop with `delay=` needs a number of steps. For a proof for all time, store the "
            "delayed controls as states: `memory=lambda x, y: [x[3], y[0]]`. "
            f"Received: steps=None, delay={loop.delay!r}."
        )
    conditions = [] if spec is None else lasting_conditions(as_temporal(spec))
    first = 0 if spec is None else _last_step(as_temporal(spec), loop.dt)
    best: Loop | None = None
    boxes, interrupted = 0, False

    def run(loop: ControlLoop, steps: int, spec: Any, tol: float | None, seconds: float) -> Loop:
        nonlocal boxes, interrupted
        answer = ask(loop, steps, spec, tol, seconds)
        boxes += answer.cost.boxes
        interrupted = interrupted or answer.reason == "interrupted"
        return answer

    def with_cost(answer: Loop) -> Loop:
        return replace(answer, cost=Cost(clock.seconds, boxes))

    for steps in HORIZONS:
        if best is not None and (interrupted or clock.expired):
            break
        if steps < first and steps != HORIZONS[-1]:
            continue
        answer = run(loop, max(steps, first), spec, 1.0 if tol is None else tol, clock.left)
        if answer.status == VIOLATED:
            return with_cost(answer)
        # Keep an earlier proof if the question for more steps is not decided.
        best = best if best is not None and answer.status == UNKNOWN else answer
        if answer.status == UNKNOWN or not np.isfinite([answer.pipe.lo, answer.pipe.hi]).all():
            continue
        returning = _find_invariant(run, loop, answer, clock)
        if returning is None:
            continue
        invariant, inside, times = returning
        if not conditions:
            return with_cost(replace(answer, invariant=invariant))
        also = reduce(lambda a, b: a & b, conditions)
        within = run(inside, times, also, 1.0, _seconds(clock, 4.0))
        if within.status == HOLDS:
            margin = min(answer.margin, within.margin)
            return with_cost(replace(answer, invariant=invariant, margin=margin))
    assert best is not None
    return with_cost(_without_invariant(best))


def _without_invariant(answer: Loop) -> Loop:
    """Return an answer for finitely many steps as an undecided answer for all time."""
    helps = (
        "The search found no box of states to which the loop always returns after one or more "
        "steps. A loop that does not settle may have no such box. To prove the specification for a "
        "limited time, set `steps=`.",
    )
    if answer.status == HOLDS:
        return replace(
            answer, status=UNKNOWN, reason="forever", covered=0.0, margin=-np.inf, helps=helps
        )
    return replace(answer, helps=(*answer.helps, *helps))


def _seconds(clock: Clock, share: float = 1.0) -> float:
    return min(clock.left, share * max(LEAST, SHARE * clock.seconds))


def _find_invariant(
    ask: Ask, loop: ControlLoop, answer: Loop, clock: Clock
) -> tuple[Invariant, ControlLoop, int] | None:
    """Search for a box to which the loop provably always returns; return None if none is found.

    The result contains the invariant, the loop with the box as its initial states, and the number
    of steps until the loop returns.
    """
    steps = len(answer.pipe.control_lo)
    for lo, hi in _candidates(answer):
        inside = replace(loop, initial=(lo, hi))
        try:
            pipe = ask(inside, steps, None, LOOSE, _seconds(clock)).pipe
        except InputError:
            continue  # The plant is undefined on a part of the box.
        at = np.flatnonzero(pipe.start == pipe.stop)
        back = np.asarray((pipe.lo[at] >= lo).all(axis=1) & (pipe.hi[at] <= hi).all(axis=1))
        if back[1:].any():
            times = 1 + int(np.argmax(back[1:]))
            last = at[times]
            most = pipe.lo[: last + 1].min(axis=0), pipe.hi[: last + 1].max(axis=0)
            start = float(answer.pipe.stop.max())
            return Invariant(*most, start, float(pipe.stop[last])), inside, times
        if clock.expired:
            return None
    return None


def _candidates(answer: Loop) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield enlarged boxes around the late states of an answer's pipe.

    A state that approaches its limit from one side has not reached it yet. So the first boxes
    enclose the second half of the pipe, whose width includes the distance that the state moved
    in that half. The last box encloses only the final states. Dimensions of width 0 are not
    enlarged.
    """
    pipe = answer.pipe
    late = np.flatnonzero((pipe.start == pipe.stop) & (pipe.start >= 0.5 * pipe.stop.max()))
    for some, shares in ((late, GROWN), (late[-1:], GROWN[:1])):
        lo, hi = pipe.lo[some].min(axis=0), pipe.hi[some].max(axis=0)
        wide = hi - lo
        least = np.where(wide > 0, 1e-12 * (np.abs(lo) + np.abs(hi)), 0.0)
        for share in shares:
            yield lo - (share * wide + least), hi + (share * wide + least)


def lasting_conditions(spec: Temporal) -> list[Temporal]:
    """Return the conditions that a specification requires for all time.

    Raises:
        InputError: The specification requires one of several conditions for all time.
    """
    if spec.op == "~":
        (part,) = spec.parts
        if part.op == "~":
            return lasting_conditions(part.parts[0])
        if part.op in ("&", "|"):
            negated = tuple(~inner for inner in part.parts)
            return lasting_conditions(Temporal("|" if part.op == "&" else "&", negated))
        other = "eventually" if part.op == "always" else "always"
        return lasting_conditions(Temporal(other, (~part.parts[0],), part.start, part.stop))
    if spec.op == "&":
        return [condition for part in spec.parts for condition in lasting_conditions(part)]
    if spec.op == "|":
        if any(lasting_conditions(part) for part in spec.parts):
            raise InputError(
                "With `steps=None`, a specification must not join temporal conditions with "
                "`|`: write `(a | b).always()` if one of them must hold at every time, or "
                "set `steps=` to a number. "
                f"Received: {spec!r}."
            )
        return []
    if spec.op == "always" and spec.stop is None:
        return [spec.parts[0].always()]
    return []


def _last_step(spec: Temporal, dt: Fraction | float | None) -> int:
    """Return a number of steps that includes the last time in a specification; 0 if it has none."""
    if spec.op in ("&", "|", "~"):
        return max(_last_step(part, dt) for part in spec.parts)
    last = max(0.0 if end is None else float(end) for end in (spec.start, spec.stop))
    if not np.isfinite(last):
        raise InputError(f"The times in a specification must be finite. Received: {spec!r}.")
    return ceil(last if dt is None else last / float(dt)) + 1 if last else 0


def read_once(controller: Any) -> Any:
    """Return the controller with its models loaded, so that several questions can use them."""
    if isinstance(controller, Mapping):
        return {mode: read_once(model) for mode, model in controller.items()}
    return controller if is_function(controller) else load_network(controller)


def check_timeless(loop: ControlLoop) -> None:
    """Check that a loop does not depend on time.

    Raises:
        InputError: The plant or the observation uses the time.
    """
    system, _, _ = build_system(loop, 2)
    graphs = getattr(system, "steps", ())
    parts = [getattr(system, name) for name in ("plant", "controller") if not graphs]
    if len(graphs) > 1 or any(slot.name == "t" for graph in parts for slot in graph.inputs):
        raise InputError(
            "`steps=None` needs a time-invariant loop. Pass `steps=` if the plant or `observe=` "
            "uses `t`. Received: steps=None, and a function of `t`."
        )
