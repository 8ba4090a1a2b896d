"""What a search reports, on the way and at the end."""

from dataclasses import dataclass

import numpy as np

from ...core import Warrant


@dataclass(frozen=True, eq=False)
class SearchProgress:
    """A search under way; every number in it is already valid.

    Args:
        seconds: Wall time so far.
        boxes: Boxes bounded so far.
        lower: `(m,)` proved lower bounds.
        seen: `(m,)` least values met.
        open: Boxes waiting.
    """

    seconds: float
    boxes: int
    lower: np.ndarray
    seen: np.ndarray
    open: int


@dataclass(frozen=True, eq=False)
class Solution:
    """The least value of every objective over the box, bracketed.

    Args:
        lower: `(m,)` proved: no point of the box has a smaller value, in real arithmetic.
        seen: `(m,)` value met at `at`, in plain float64.
        at: `(m, d)`.
        tolerance: `(m,)`: the gap aimed at, absolute.
        status: `"exact"` (every gap within its tolerance), `"time"` or `"interrupted"`, or
            `"rounding"`: nothing is left to split, and float64 rounding keeps a gap open.
        boxes: Boxes bounded.
        seconds: Wall time.
        methods: What was used, for the reader.
        warrant: What stands behind `lower`.
    """

    lower: np.ndarray
    seen: np.ndarray
    at: np.ndarray
    tolerance: np.ndarray
    status: str
    boxes: int
    seconds: float
    methods: tuple[str, ...]
    warrant: Warrant = Warrant.FLOAT64_ROUNDED
