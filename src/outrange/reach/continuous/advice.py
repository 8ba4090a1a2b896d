"""Partial results for a loop in continuous time: why it is undecided, and how far it is proved."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..flow import Cover
from .attack import Simulations
from .system import FlowSystem


def explain_undecided(
    system: FlowSystem, cover: Cover | None, simulations: Simulations, has_spec: bool
) -> tuple[str, ...]:
    """Return sentences that explain why a question is undecided and suggest remedies.

    Args:
        cover: The pieces of the initial set that were tried; None if none were.
        has_spec: Whether there is a specification.
    """
    sentences: list[str] = []
    failures = [] if cover is None else cover.failures
    late = [failure for failure in failures if failure.cause != "time"]
    if cover is not None and cover.trouble is not None:
        late.append(cover.trouble)
    for failure in (late or failures)[:1]:
        ends = zip(system.states, failure.lo, failure.hi, strict=False)
        where = ", ".join(f"{name} in [{a:.4g}, {b:.4g}]" for name, a, b in ends)
        explanation = {
            "domain": f"the plant may be undefined ({failure.text}); keep its argument inside "
            "its domain, or begin in a smaller set",
            "controller": f"the controller could not be bounded ({failure.text.rstrip('.')})",
            "step": f"the flow could not be enclosed ({failure.text}); it may leave every "
            "bound, or approach a point where the plant is undefined: begin in a smaller set",
        }.get(failure.cause, failure.text)
        sentences.append(f"At t = {float(failure.time):.4g}, with {where}: {explanation}.")
        if failure.blame and max(failure.blame) > 0:
            i = failure.free[int(np.argmax(failure.blame))]
            name = "a parameter or the disturbance"
            name = f"the initial {system.states[i]}" if i < len(system.states) else name
            sentences.append(f"The undecided part depends most on {name}: narrow its range first.")
        if len(failure.kinds) == 2 and max(failure.kinds) > max(failure.blame, default=0.0):
            which = ("the controller", "the flow")[int(np.argmax(failure.kinds))]
            sentences.append(
                f"Most of the width of the undecided part comes from the bounds of {which}."
            )
    if has_spec and simulations.robustness.size and simulations.robustness[0] < 0:
        sentences.append(
            "A simulated trajectory violates the specification, but this is not proved yet."
        )
    verb = "decide the specification" if has_spec else "bound all states"
    sentences.append(f"More time, or fewer steps, may {verb}.")
    return tuple(sentences)


def safe_until(cover: Cover | None, proved: bool, end: Fraction) -> float:
    """Return the time up to which the specification is proved on every piece.

    The result is -1 if a piece is open from the start, or if nothing is proved because no piece was
    tried.

    Args:
        cover: The pieces of the initial set that were tried; None if none were.
        proved: Whether the specification is proved for the whole initial set.
        end: The last time of the loop.
    """
    if not proved and (cover is None or not len(cover.lo)):
        return -1.0
    first = None if proved or cover is None else cover.undecided
    if first is None:
        return float(end)
    return float(first) if first else -1.0
