"""One-word forms of a `Verdict`."""

from __future__ import annotations

from ...answers.verdict import Verdict


SAT, UNSAT, OPEN, TIMEOUT = "sat", "unsat", "unknown", "timeout"


def competition_word(verdict: Verdict) -> str:
    """Return `sat` (a counterexample exists), `unsat` (none exists), `timeout` or `unknown`."""
    if verdict.holds is not None:
        return UNSAT if verdict.holds else SAT
    return TIMEOUT if verdict.reason == "time" else OPEN


def plain_word(verdict: Verdict) -> str:
    """Return `holds`, `violated`, `timeout` or `unknown`."""
    return {UNSAT: "holds", SAT: "violated"}.get(word := competition_word(verdict), word)
