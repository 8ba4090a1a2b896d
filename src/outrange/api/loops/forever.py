"""What holds for ever: a set of states that the loop comes back to, and what it does in between.

Let every trajectory from the initial set be in a box `H` after `N` steps, and every trajectory from
`H` be in `H` again after `m` steps. Then the loop is in `H` after `N`, `N + m`, `N + 2 m`, ...
steps for ever, and in between where trajectories from `H` are within `m` steps. Both are finite
questions, whose answers are proved with every rounding; the inclusion compares float64 numbers.
What stays the same (parameters, a constant disturbance) may be anything of its set in both.

Reference: F. Blanchini, *Set invariance in control*, Automatica 35 (1999).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from math import ceil
from typing import Any

import numpy as np

from ...answers.answer import Cost
from ...answers.loops import Loop
from ...answers.loops.pipe import Invariant
from ...answers.verdict import HOLDS, UNKNOWN, VIOLATED
from ...core import Clock, InputError
from ...questions.expressions import Temporal, as_temporal
from ..arguments import loaded
from .parts import is_function, read_loop


HORIZONS = 16, 64, 256
"""Steps until the set that is tried."""

GROWN = 0.1, 0.5
"""By these shares of its width the set is made larger: it must be more than what it comes from."""

LEAST, SHARE = 5.0, 1.0
"""Seconds for a set that is tried: at least, and as a share of those until then."""

LOOSE = 0.5
"""A pipe that shows whether a set comes back need not be tighter."""

Ask = Callable[..., Loop]
"""`ask(seconds, initial=..., steps=..., spec=..., where=..., tol=...)`."""


def forever(ask: Ask, loop: Mapping[str, Any], spec: Any, tol: float | None, clock: Clock) -> Loop:
    """Answer a question about all time.

    Args:
        ask: The same question about some steps.
        loop: The arguments of the question.
        spec: What shall hold; None for the invariant alone.
        tol: Of the pipe.
        clock: Of the question.

    Raises:
        InputError: The loop is not the same at every step, or the specification cannot be asked of
            all time.
    """
    if loop["delay"] not in (0, None):
        raise InputError(
            "A loop with `delay=` is asked about a number of steps: for all time, write the "
            "controls that are under way as states, `memory=lambda x, y: [x[3], y[0]]`. "
            f"Received: steps=None, delay={loop['delay']!r}."
        )
    kept = [] if spec is None else lasting(as_temporal(spec))
    first = 0 if spec is None else _named(as_temporal(spec), loop["dt"])
    best: Loop | None = None
    boxes, interrupted = 0, False

    def tried(seconds: float, **more: Any) -> Loop:
        nonlocal boxes, interrupted
        answer = ask(seconds, **more)
        boxes += answer.cost.boxes
        interrupted = interrupted or answer.reason == "interrupted"
        return answer

    def told(answer: Loop) -> Loop:
        return replace(answer, cost=Cost(clock.seconds, boxes))

    for steps in HORIZONS:
        if best is not None and (interrupted or clock.expired):
            break
        if steps < first and steps != HORIZONS[-1]:
            continue
        found = tried(
            clock.left, steps=max(steps, first), spec=spec, tol=1.0 if tol is None else tol
        )
        if found.status == VIOLATED:
            return told(found)
        # What is proved of some steps stays known, though more are too many.
        best = best if best is not None and found.status == UNKNOWN else found
        if found.status == UNKNOWN or not np.isfinite([found.pipe.lo, found.pipe.hi]).all():
            continue
        kind = _returning(tried, found, clock)
        if kind is None:
            continue
        invariant, (lo, hi), times = kind
        if not kept:
            return told(replace(found, invariant=invariant))
        also = reduce(lambda a, b: a & b, kept)
        within = tried(
            _seconds(clock, 4.0), initial=(lo, hi), steps=times, spec=also, where=None, tol=1.0
        )
        if within.status == HOLDS:
            margin = min(found.margin, within.margin)
            return told(replace(found, invariant=invariant, margin=margin))
    assert best is not None
    return told(_open(best))


def _open(found: Loop) -> Loop:
    """What is known where no set was found: what holds for some steps."""
    helps = (
        "No box of states was found that the loop, once in it, is always in again after some "
        "steps. It may not settle; or name a number of `steps=`.",
    )
    if found.status == HOLDS:
        return replace(
            found, status=UNKNOWN, reason="forever", covered=0.0, margin=-np.inf, helps=helps
        )
    return replace(found, helps=(*found.helps, *helps))


def _seconds(clock: Clock, share: float = 1.0) -> float:
    return min(clock.left, share * max(LEAST, SHARE * clock.seconds))


def _returning(
    ask: Ask, found: Loop, clock: Clock
) -> tuple[Invariant, tuple[np.ndarray, np.ndarray], int] | None:
    """A box about where the loop ends up that it comes back to; when, and where it is till then."""
    for lo, hi in _candidates(found):
        try:
            pipe = ask(
                _seconds(clock), initial=(lo, hi), steps=len(found.pipe.control_lo), spec=None,
                where=None, tol=LOOSE,
            ).pipe  # fmt: skip
        except InputError:
            continue  # The plant is not defined on all of it.
        at = np.flatnonzero(pipe.start == pipe.stop)
        back = np.asarray((pipe.lo[at] >= lo).all(axis=1) & (pipe.hi[at] <= hi).all(axis=1))
        if back[1:].any():
            times = 1 + int(np.argmax(back[1:]))
            last = at[times]
            most = pipe.lo[: last + 1].min(axis=0), pipe.hi[: last + 1].max(axis=0)
            start = float(found.pipe.stop.max())
            return Invariant(*most, start, float(pipe.stop[last])), (lo, hi), times
        if clock.expired:
            return None
    return None


def _candidates(found: Loop) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Boxes that hold the last one, made larger where it is no single number.

    What settles from one side is not yet where it settles: so the second half of the pipe is a set
    to try first, which is as much wider as there was left to go.
    """
    pipe = found.pipe
    late = np.flatnonzero((pipe.start == pipe.stop) & (pipe.start >= 0.5 * pipe.stop.max()))
    for some, shares in ((late, GROWN), (late[-1:], GROWN[:1])):
        lo, hi = pipe.lo[some].min(axis=0), pipe.hi[some].max(axis=0)
        wide = hi - lo
        least = np.where(wide > 0, 1e-12 * (np.abs(lo) + np.abs(hi)), 0.0)
        for share in shares:
            yield lo - (share * wide + least), hi + (share * wide + least)


def lasting(spec: Temporal) -> list[Temporal]:
    """The conditions that a specification wants for ever.

    Raises:
        InputError: It wants one of several for ever.
    """
    if spec.op == "~":
        (part,) = spec.parts
        if part.op == "~":
            return lasting(part.parts[0])
        if part.op in ("&", "|"):
            each = tuple(~one for one in part.parts)
            return lasting(Temporal("|" if part.op == "&" else "&", each))
        other = "eventually" if part.op == "always" else "always"
        return lasting(Temporal(other, (~part.parts[0],), part.start, part.stop))
    if spec.op == "&":
        return [one for part in spec.parts for one in lasting(part)]
    if spec.op == "|":
        if any(lasting(part) for part in spec.parts):
            raise InputError(
                "Of all time, one condition holds always: write `(a | b).always()` for one of two "
                f"at every time, or ask about a number of steps. Received: {spec!r}."
            )
        return []
    if spec.op == "always" and spec.stop is None:
        return [spec.parts[0].always()]
    return []


def _named(spec: Temporal, dt: Fraction | float | None) -> int:
    """The step of the last time that a specification names."""
    if spec.op in ("&", "|", "~"):
        return max(_named(part, dt) for part in spec.parts)
    last = max(0.0 if end is None else float(end) for end in (spec.start, spec.stop))
    if not np.isfinite(last):
        raise InputError(f"Times of a specification are finite. Received: {spec!r}.")
    return ceil(last if dt is None else last / float(dt)) + 1 if last else 0


def read_once(controller: Any) -> Any:
    """A controller that is read by now, for several questions."""
    if isinstance(controller, Mapping):
        return {mode: read_once(one) for mode, one in controller.items()}
    return controller if is_function(controller) else loaded(controller)


def check_timeless(loop: Mapping[str, Any]) -> None:
    """Refuse a loop that is another one at another time.

    Raises:
        InputError: Something asks for the time.
    """
    system, _, _ = read_loop(**{**loop, "steps": 2})
    graphs = getattr(system, "steps", ())
    asked = [getattr(system, name) for name in ("plant", "controller") if not graphs]
    if len(graphs) > 1 or any(slot.name == "t" for graph in asked for slot in graph.inputs):
        raise InputError(
            "What is asked of all time (`steps=None`) is a loop that is the same at every step: a "
            "plant or an `observe=` with `t` is asked about a number of steps. "
            "Received: steps=None, and a function of `t`."
        )
