"""Groups of clauses; all clauses of a group apply to the same boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core import Distance, Formula
from .domain_boxes import DomainBoxes


@dataclass(frozen=True, eq=False)
class ClauseGroup:
    """A group of clauses that apply to the same boxes.

    Args:
        clauses: `m` conjunctions of formulas over `[x, y]`, the inputs and the outputs.
        strict: `(m,)` whether a clause holds only for values below 0, and not for 0.
        roots: The boxes to which all clauses apply.
        distances: Norm balls that are part of every clause.
    """

    clauses: Sequence[Sequence[Formula]]
    strict: np.ndarray
    roots: DomainBoxes
    distances: tuple[Distance, ...] = ()
