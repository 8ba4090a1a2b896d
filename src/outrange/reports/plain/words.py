"""Sentences shared by plain documents: the basis of an answer, and how to settle open questions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...answers.render.document import MOST_PRINTED, Block, Fold, Paragraph
from ...core import Warrant


UNKNOWN = (
    '"Unknown" means that this report had too little time to find a proof or an example of the '
    "opposite. It is neither good news nor bad news about the model."
)

BASIS = {
    Warrant.SAMPLED: "Finitely many inputs were tried; that is not a proof.",
    Warrant.SOLVER_TOLERANCE: "A solver proved this, up to the tolerances of the solver.",
    Warrant.FLOAT64_ROUNDED: "This is a proof that accounts for every rounding error of its own "
    "arithmetic.",
    Warrant.CERTIFIED: "Another program checked the proof in exact arithmetic.",
}


def remedy(reason: str) -> str:
    """Return advice on what may settle an open question.

    It states no duration, because the progress so far does not predict the rest of a search.

    Args:
        reason: Why the search stopped, such as `"time"` or `"memory"`.
    """
    if reason == "memory":
        return "To settle the question, use a machine with more memory, or a smaller set of inputs."
    if reason == "integers":
        return "More time does not settle the question. Repeat it with other integer inputs fixed."
    if reason == "interrupted":
        return "The report was stopped by hand. To settle the question, let the report finish."
    if reason in ("rounding", "float32"):
        return "Only rounding errors are left to decide, so more time does not settle the question."
    return "To settle the question, allow more time, or use a smaller set of inputs."


def about(seconds: float) -> str:
    """Return a duration as text, rounded up to minutes or hours."""
    if seconds <= 60:
        return "about a minute"
    minutes = math.ceil(seconds / 60)
    return f"about {minutes} minutes" if minutes < 120 else f"about {math.ceil(minutes / 60)} hours"


def basis(answer: Any, blocks: Sequence[Block] = ()) -> Fold:
    """Return a collapsible block with the evidence for an answer, its cost and its methods.

    Args:
        answer: The answer.
        blocks: Further content of the collapsible block.
    """
    parts = [BASIS[answer.warrant]] if isinstance(getattr(answer, "warrant", None), Warrant) else []
    cost = getattr(answer, "cost", None)
    parts += [f"The search took {cost}."] if cost is not None else []
    methods = "; ".join(getattr(answer, "methods", ()))
    parts += [f"Methods: {methods}."] if methods else []
    return Fold("For a specialist: how this was found", [Paragraph(" ".join(parts)), *blocks])


def join_words(words: Sequence[str]) -> str:
    """Return words as an enumeration, such as `a, b and c`."""
    return " and ".join([part for part in (", ".join(words[:-1]), *words[-1:]) if part])


def list_heading(heading: str, count: int, shown: int = MOST_PRINTED) -> str:
    """Return the heading of a list, with the number of shown entries if the list is truncated.

    Args:
        heading: The heading without a colon.
        count: Number of all entries.
        shown: Number of entries that are shown.
    """
    return f"{heading}:" if count <= shown else f"{heading} (the first {shown} of {count:,}):"
