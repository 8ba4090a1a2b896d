"""Verdicts as single words."""

from __future__ import annotations

from ...answers.verdict import Verdict


SAT, UNSAT, OPEN, TIMEOUT = "sat", "unsat", "unknown", "timeout"


def competition_word(verdict: Verdict) -> str:
    """Return the word of VNN-COMP for a verdict: `sat`, `unsat`, `timeout` or `unknown`.

    `sat` means that a counterexample exists, and `unsat` that none exists.
    """
    if verdict.holds is not None:
        return UNSAT if verdict.holds else SAT
    return TIMEOUT if verdict.reason == "time" else OPEN


def plain_word(verdict: Verdict) -> str:
    """Return a plain word for a verdict: `holds`, `violated`, `timeout` or `unknown`."""
    return {UNSAT: "holds", SAT: "violated"}.get(word := competition_word(verdict), word)
