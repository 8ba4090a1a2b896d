"""Records of a range, and its gaps relative to the range seen."""

from __future__ import annotations

from typing import Any

import numpy as np


def range_records(answer: Any) -> list[dict[str, Any]]:
    """Return one dict per output: bounds, values seen, and whether each gap is closed."""
    columns = {
        "output": answer.names,
        "lo": answer.lo, "hi": answer.hi, "seen_lo": answer.seen_lo, "seen_hi": answer.seen_hi,
        "gap": answer.gap, "relative_gap": answer.relative_gap,
        "closed_lo": answer.closed_lo, "closed_hi": answer.closed_hi,
    }  # fmt: skip
    if answer.model_lo is not None and answer.model_hi is not None:
        columns |= {"model_lo": answer.model_lo, "model_hi": answer.model_hi}
    if answer.real_lo is not None and answer.real_hi is not None:
        columns |= {
            "widening": np.asarray(answer.widening),
            "real_lo": answer.real_lo, "real_hi": answer.real_hi,
        }  # fmt: skip
    flat = (np.ravel(values).tolist() for values in columns.values())
    return [dict(zip(columns, row, strict=True)) for row in zip(*flat, strict=True)]


def relative(gap: np.ndarray, seen_lo: np.ndarray, seen_hi: np.ndarray) -> np.ndarray:
    """Return `gap` divided by the width of the range seen.

    The divisor is at least 1e-6 times the largest absolute value seen.
    """
    # Halves avoid overflow of the difference: relative to an infinite range any gap would be 0.
    least = np.maximum(np.abs(seen_lo), np.abs(seen_hi)) * 5e-7
    with np.errstate(invalid="ignore", over="ignore"):
        half = np.maximum(seen_hi / 2 - seen_lo / 2, least)
        share = np.where(half > 5e-301, gap / 2 / np.maximum(half, 5e-301), np.inf)
    return np.where(gap <= 1e-300, 0.0, np.where(np.isnan(share), np.inf, share))
