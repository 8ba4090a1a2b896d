"""Tests whether the order of the rows does harm: whether copies learn more from shuffled rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..context import DiagnosisContext
from ..repairs.data_changes import leaves
from ..trials import ROWS
from .comparison import Harmless, score_copies, score_unless_better, summarize


def compare_with_shuffled(case: DiagnosisContext) -> Harmless | None:
    """Compare copies trained on the training rows with copies trained on a random mix of rows.

    The mix also contains rows that were held out. Both are trained on the same number of rows, and
    scored on the same rows of a random quarter of the data.

    Args:
        case: The program, with held-out rows.

    Returns:
        The scores. None if the scores of copies trained on the mix are clearly better, or if the
        comparison is not possible.
    """
    if case.held_out is None:
        return None
    # The held-out rows come first, because copies are scored on the first rows only.
    x, y = (
        _prepend(part, iter(held_out))
        for part, held_out in zip(case.user_data, case.held_out, strict=True)
    )
    count, rng = len(case.held_out[0][0]), np.random.default_rng(0)
    scored, others = np.split(rng.permutation(count + case.rows), [(count + case.rows) // 4])
    first = np.sort(others[others >= count])
    mixed = np.sort(rng.choice(others, len(first), replace=False))
    scored = np.sort(scored[scored < ROWS])
    sorted_rows, shuffled = (
        DiagnosisContext(
            case.program,
            leaves(x),
            leaves(y),
            (x, y),
            case.steps,
            plan=case.plan,
            training_rows=rows,
        )
        for rows in (first, mixed)
    )
    before = score_copies(sorted_rows, scored)
    after = score_unless_better(sorted_rows, shuffled, before, scored) if before else None
    return summarize(sorted_rows, before, after, scored, "the rows shuffled") if after else None


def _prepend(data: Any, first: Iterator[np.ndarray]) -> Any:
    """Prepend an array of `first` to each array of a nested structure, in the order of `leaves`."""
    if isinstance(data, dict):
        parts = {key: _prepend(data[key], first) for key in sorted(data)}
        return {key: parts[key] for key in data}
    if isinstance(data, list | tuple):
        return type(data)(_prepend(part, first) for part in data)
    return np.concatenate([next(first), data])
