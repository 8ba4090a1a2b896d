"""What is said where a question about a loop in continuous time stays open."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..flow import Cover
from .attack import Seen
from .system import FlowSystem


def helps(system: FlowSystem, cover: Cover | None, seen: Seen, asked: bool) -> tuple[str, ...]:
    """Why it is open, and what would help, in sentences.

    Args:
        system: The loop.
        cover: What was tried; None where nothing was.
        seen: Simulations.
        asked: Whether there is a specification; else the pipe has no bounds from some time on.
    """
    found: list[str] = []
    failures = [] if cover is None else cover.failures
    late = [failure for failure in failures if failure.cause != "time"]
    if cover is not None and cover.trouble is not None:
        late.append(cover.trouble)
    for failure in (late or failures)[:1]:
        ends = zip(system.states, failure.lo, failure.hi, strict=False)
        where = ", ".join(f"{name} in [{a:.4g}, {b:.4g}]" for name, a, b in ends)
        said = {
            "domain": f"the plant may not be defined there ({failure.text}); keep its argument "
            "away from there, or begin in a smaller set",
            "controller": f"the controller could not be bounded there ({failure.text.rstrip('.')})",
            "step": f"the flow could not be enclosed ({failure.text}); it may leave every "
            "bound there, or come near to where the plant is not defined: begin in a smaller "
            "set",
        }.get(failure.cause, failure.text)
        found.append(f"At t = {float(failure.time):.4g}, with {where}: {said}.")
        if failure.blame and max(failure.blame) > 0:
            i = failure.free[int(np.argmax(failure.blame))]
            name = "a parameter or the disturbance"
            name = f"the initial {system.states[i]}" if i < len(system.states) else name
            found.append(f"What is open depends most on {name}: narrow it first.")
        if len(failure.kinds) == 2 and max(failure.kinds) > max(failure.blame, default=0.0):
            which = ("the controller", "the flow")[int(np.argmax(failure.kinds))]
            found.append(f"Most of its width is what bounds of {which} add.")
    if asked and seen.far.size and seen.far[0] < 0:
        found.append("A simulated trajectory breaks it, but no enclosure of it proves that yet.")
    found.append(f"More time, or fewer steps, may {'decide' if asked else 'bound'} it.")
    return tuple(found)


def safe_until(cover: Cover | None, proved: bool, end: Fraction) -> float:
    """Return the last time up to which no piece is open, or -1 if one is from the start.

    Args:
        cover: What was tried; None where nothing was.
        proved: Whether the specification holds for the whole initial set.
        end: The last time of the loop.
    """
    if not proved and (cover is None or not len(cover.lo)):
        return -1.0
    first = None if proved or cover is None else cover.undecided
    if first is None:
        return float(end)
    return float(first) if first else -1.0
