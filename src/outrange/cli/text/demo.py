"""A proved range beside a sampled one."""

import numpy as np

from ...answers import Range, SampledRange
from ...answers.render.text import entry_names, number, table
from .bars import bar


def demo_text(answer: Range, sampled: SampledRange) -> str:
    """One row an output: what can be, what sampling saw, and what share of the range it missed.

    An end that is not closed is no value of the output: the share is of the values attained.
    """
    lo, hi = (np.ravel(a) for a in answer.shown())
    left, right = lo.min(), hi.max()
    rows = []
    for i, name in enumerate(entry_names(answer.outputs)):
        seen = float(np.ravel(sampled.lo)[i]), float(np.ravel(sampled.hi)[i])
        width = float(np.ravel(answer.seen_hi)[i] - np.ravel(answer.seen_lo)[i])
        missed = 1.0 - (seen[1] - seen[0]) / width if width > 0 else 0.0
        rows.append(
            [
                name,
                f"[{number(lo[i])}, {number(hi[i])}]",
                f"[{seen[0]:.6g}, {seen[1]:.6g}]",
                f"{100 * max(missed, 0.0):.1f} %",
                bar(lo[i], hi[i], left, right, seen),
            ]
        )
    head = [
        "output",
        "can be (proved)" if answer.is_exact else "stays within (proved)",
        f"seen in {sampled.samples:,} samples",
        "missed",
        "light: missed by sampling",
    ]
    return table(head, rows)
