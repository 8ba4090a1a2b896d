"""Comparison of a proved range with a sampled one."""

import numpy as np

from ...answers.range import Range
from ...answers.render.document import Bar, Interval, Table
from ...answers.render.text import block_lines, entry_names
from ...answers.sampled import SampledRange


def demo_text(answer: Range, sampled: SampledRange) -> str:
    """Return a table with one row per output: proved range, sampled range, and missed fraction.

    The fraction is relative to the attained range, because a bound with a gap may not be attained.
    """
    ends = (*answer.display_bounds(), sampled.lo, sampled.hi, answer.seen_hi - answer.seen_lo)
    rows = []
    for name, *row in zip(entry_names(answer.outputs), *map(np.ravel, ends), strict=True):
        lo, hi, seen_lo, seen_hi, width = map(float, row)
        missed = 1.0 - (seen_hi - seen_lo) / width if width > 0 else 0.0
        share = f"{100 * max(missed, 0.0):.1f} %"
        bar = Bar(lo, hi, seen_lo, seen_hi)
        rows.append((name, Interval(lo, hi), Interval(seen_lo, seen_hi), share, bar))
    title = "can be (proved)" if answer.is_exact else "stays within (proved)"
    head = ("output", title, f"seen in {sampled.samples:,} samples", "missed")
    return "\n".join(block_lines(Table((*head, "light: missed by sampling"), rows, "lrrrl")))
