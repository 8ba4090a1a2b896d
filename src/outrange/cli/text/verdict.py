"""A `Verdict` in the words of the competition, in plain words, and under way."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...answers import Verdict, VerifyProgress
from ...answers.render.text import number, size


MOST_NUMBERS = 64
"""A counterexample of more entries is left to `--json`."""

SAT, UNSAT, OPEN, TIMEOUT = "sat", "unsat", "unknown", "timeout"


def competition_word(verdict: Verdict) -> str:
    """`sat` where a counterexample exists, `unsat` where none does, else `timeout` or `unknown`."""
    if verdict.holds is not None:
        return UNSAT if verdict.holds else SAT
    return TIMEOUT if verdict.reason == "time" else OPEN


def plain_word(verdict: Verdict) -> str:
    """`holds`, `violated`, `timeout` or `unknown`."""
    return {UNSAT: "holds", SAT: "violated"}.get(word := competition_word(verdict), word)


def verdict_text(verdict: Verdict) -> str:
    """The property, the verdict in a sentence, and a counterexample in all its digits.

    Args:
        verdict: What `outrange.verify` returned.

    Returns:
        Several lines, no line break at the end.
    """
    lines = [verdict.claim, verdict.sentence]
    found = verdict.counterexample
    if found is not None:
        if found.flat_x.size + found.flat_y.size > MOST_NUMBERS:
            lines.append("The counterexample in full: --json.")
        else:
            lines += _values("x", found.x)
            lines += _values("y, in real arithmetic", found.y)
            if found.model_y is not None:
                lines += _values("y, as the model returned it", found.model_y)
    return "\n".join([*lines, cost_text(verdict)])


def cost_text(verdict: Verdict) -> str:
    """What stands behind the verdict, and what it cost."""
    boxes = f"{verdict.cost.boxes:,} box{'' if verdict.cost.boxes == 1 else 'es'}"
    return f"{verdict.warrant.name}, {size(verdict.cost.seconds)}, {boxes}."


def verify_live_text(now: VerifyProgress) -> str:
    """Time, boxes, and how far both sides have come.

    Args:
        now: How far the search has come.
    """
    near = f", nearest {number(now.nearest)}" if np.isfinite(now.nearest) else ""
    work = f"{now.seconds:6.1f} s  {now.boxes:,} boxes, {now.open:,} open"
    return f"{work}  proved margin {number(now.margin)}{near} (0 decides)"


def _values(label: str, values: np.ndarray | Mapping[str, np.ndarray]) -> list[str]:
    """One line an array; every number in the digits that give it back."""
    parts = values if isinstance(values, Mapping) else {"": values}
    return [
        f"{label}{f' ({name})' if name else ''}: {np.asarray(part).tolist()}"
        for name, part in parts.items()
    ]
