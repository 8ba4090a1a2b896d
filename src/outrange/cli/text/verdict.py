"""A `Verdict` in one word, and under way."""

from __future__ import annotations

import numpy as np

from ...answers import Verdict, VerifyProgress
from ...answers.render.text import number


SAT, UNSAT, OPEN, TIMEOUT = "sat", "unsat", "unknown", "timeout"


def competition_word(verdict: Verdict) -> str:
    """`sat` where a counterexample exists, `unsat` where none does, else `timeout` or `unknown`."""
    if verdict.holds is not None:
        return UNSAT if verdict.holds else SAT
    return TIMEOUT if verdict.reason == "time" else OPEN


def plain_word(verdict: Verdict) -> str:
    """`holds`, `violated`, `timeout` or `unknown`."""
    return {UNSAT: "holds", SAT: "violated"}.get(word := competition_word(verdict), word)


def verify_live_text(now: VerifyProgress) -> str:
    """Time, boxes, and how far both sides have come.

    Args:
        now: How far the search has come.
    """
    near = f", nearest {number(now.nearest)}" if np.isfinite(now.nearest) else ""
    work = f"{now.seconds:6.1f} s  {now.boxes:,} boxes, {now.open:,} open"
    return f"{work}  proved margin {number(now.margin)}{near} (0 decides)"
