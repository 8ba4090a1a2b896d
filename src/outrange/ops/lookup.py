"""Rows of a table selected by an integer: embeddings and other indexed data."""

from typing import Any

import numpy as np

from .step import Step
from .table_rows import TableRows


def lookup(entries: np.ndarray) -> Step:
    """Return the op that maps an integer to the number in the table row with that index.

    Args:
        entries: `(n,)`, finite; the integer `k` selects row `k`.

    Example:
        >>> lookup([3.0, -1.0, 2.0]).range([0, 1], [1, 2])[1].tolist()
        [3.0, 2.0]
    """
    rows = TableRows(entries)

    def exact(mp: Any, x: Any) -> Any:
        at = min(max(x, mp.mpf(0)), mp.mpf(rows.last))
        before = int(mp.floor(at))
        low, high = (mp.mpf(float(rows.entries[min(i, rows.last)])) for i in (before, before + 1))
        return low + (at - before) * (high - low)

    return Step(
        name="lookup",
        f=rows.at,
        df=np.zeros_like,
        exact=exact,
        slope_error=0.0,
        off=rows.off,
        turns=tuple(np.arange(rows.last + 1.0).tolist()),
        rows=rows,
    )
