"""Sentences that the plain documents share: what stands behind a proof, what would settle more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...answers.render.document import MOST_PRINTED, Block, Fold, Paragraph
from ...core import Warrant


UNKNOWN = (
    '"Unknown" means that the time of this report sufficed neither for a proof nor for an example '
    "that shows the opposite. It is neither good news nor bad news about the model."
)

FACTOR = 10
"""More time is worth a try from so many times on: searches slow down as they go."""

BASIS = {
    Warrant.GUESS: "This is an estimate, and no proof.",
    Warrant.SAMPLED: "Finitely many inputs were tried; that is no proof.",
    Warrant.SOLVER_TOLERANCE: "A solver proved it, up to its own tolerances.",
    Warrant.FLOAT64_ROUNDED: "This is a proof, and every rounding of its own arithmetic is paid "
    "for.",
    Warrant.CERTIFIED: "Another program checked the proof in exact arithmetic.",
}


def remedy(reason: str, seconds: float) -> str:
    """What would settle what is open.

    Args:
        reason: Why the search stopped.
        seconds: What it took.
    """
    if reason == "memory":
        return "To settle it, use a machine with more memory, or a smaller set of inputs."
    if reason == "decided":
        return "More time does not settle it. Ask again for a smaller set of inputs."
    if reason == "interrupted":
        return "The report was stopped by hand; to settle it, let it run to its end."
    if reason in ("rounding", "float32"):
        return "What is left is of the size of rounding; more time does not settle it."
    return f"To settle it, allow {about(seconds * FACTOR)} more, or take a smaller set of inputs."


def about(seconds: float) -> str:
    """A time in words, rounded up."""
    if seconds <= 60:
        return "about a minute"
    minutes = math.ceil(seconds / 60)
    return f"about {minutes} minutes" if minutes < 120 else f"about {math.ceil(minutes / 60)} hours"


def basis(answer: Any, blocks: Sequence[Block] = ()) -> Fold:
    """What stands behind an answer, for a specialist.

    Args:
        answer: The answer.
        blocks: What else is shown there.
    """
    parts = [BASIS[answer.warrant]] if isinstance(getattr(answer, "warrant", None), Warrant) else []
    cost = getattr(answer, "cost", None)
    parts += [f"It took {cost}."] if cost is not None else []
    methods = "; ".join(getattr(answer, "methods", ()))
    parts += [f"Methods: {methods}."] if methods else []
    return Fold("For a specialist: how this was found", [Paragraph(" ".join(parts)), *blocks])


def counted(heading: str, count: int, shown: int = MOST_PRINTED) -> str:
    """Head a list; of a longer one it says how many are shown."""
    return f"{heading}:" if count <= shown else f"{heading} (the first {shown} of {count:,}):"
