"""A `Verdict` in one word."""

from __future__ import annotations

from ...answers.verdict import Verdict


SAT, UNSAT, OPEN, TIMEOUT = "sat", "unsat", "unknown", "timeout"


def competition_word(verdict: Verdict) -> str:
    """`sat` where a counterexample exists, `unsat` where none does, else `timeout` or `unknown`."""
    if verdict.holds is not None:
        return UNSAT if verdict.holds else SAT
    return TIMEOUT if verdict.reason == "time" else OPEN


def plain_word(verdict: Verdict) -> str:
    """`holds`, `violated`, `timeout` or `unknown`."""
    return {UNSAT: "holds", SAT: "violated"}.get(word := competition_word(verdict), word)
