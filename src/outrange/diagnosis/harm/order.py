"""Whether it does harm that the rows kept for validation, the last, are of another kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..context import DiagnosisContext
from ..repairs.data_changes import leaves
from ..trials import ROWS
from .rehearsed import Harmless, as_good, learned, reached


def harmless_order(case: DiagnosisContext) -> Harmless | None:
    """Whether copies trained on the first rows do as well as copies trained on rows of all kinds.

    Both are asked about rows of all kinds that neither has seen, and take as many rows as often.

    Args:
        case: The program, with rows held out.

    Returns:
        What was reached; None if shuffling does clearly better, or if that cannot be told.
    """
    if case.held_out is None:
        return None
    # The kept rows come first: copies are asked about the first rows only.
    x, y = (_joined(part, iter(kept)) for part, kept in zip(case.given, case.held_out, strict=True))
    kept, rng = len(case.held_out[0][0]), np.random.default_rng(0)
    asked, others = np.split(rng.permutation(kept + case.rows), [(kept + case.rows) // 4])
    first = np.sort(others[others >= kept])
    mixed = np.sort(rng.choice(others, len(first), replace=False))
    asked = np.sort(asked[asked < ROWS])
    sorted_rows, shuffled = (
        DiagnosisContext(
            case.program, leaves(x), leaves(y), (x, y), case.steps, plan=case.plan, taken=rows
        )
        for rows in (first, mixed)
    )
    own = learned(sorted_rows, asked)
    after = as_good(sorted_rows, shuffled, own, asked) if own else None
    return reached(sorted_rows, own, after, asked, "the rows shuffled") if after else None


def _joined(data: Any, first: Iterator[np.ndarray]) -> Any:
    """Arrays in a structure, each behind one of a list that is in the order of `leaves`."""
    if isinstance(data, dict):
        made = {key: _joined(data[key], first) for key in sorted(data)}
        return {key: made[key] for key in data}
    if isinstance(data, list | tuple):
        return type(data)(_joined(part, first) for part in data)
    return np.concatenate([next(first), data])
