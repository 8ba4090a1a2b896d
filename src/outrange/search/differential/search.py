"""Input splits with differential bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...executors import workers
from ..attack.first_points import First
from ..common.domain_boxes import DomainBoxes
from ..common.incumbent import Incumbent
from ..common.problem import Problem
from ..common.search import Search
from ..input_split.array_search import ArraySearch
from ..input_split.attack_open_boxes import OpenBoxAttack
from ..input_split.halves import Halves, few_points
from ..input_split.kernel_search import KernelSearch
from ..kernel.binding import library
from ..kernel.layer_program import LayerProgram
from .engine import DifferentialEngine
from .layers import compile_pairs
from .pairs import PairedGraph, paired


METHODS = (
    "differential bounds of counterparts (ReluDiff, Paulsen et al. 2020)",
    "input splits by gap attribution",
    "clipping (Zhou et al. 2025)",
)


UNIT_ASCENT = 4
"""Steps of ascent on the bound of a unit that seems to be settled."""


class DifferentialSearch(ArraySearch):
    """Input splits on the differential engine."""

    methods = METHODS


class RareAttack(OpenBoxAttack):
    """Descents from open boxes: the usual search has many."""

    share = 0.05


class DifferentialKernelSearch(KernelSearch):
    """Input splits on layers of differences, in C."""

    methods = METHODS
    attack = RareAttack
    leaves = False  # The phases of two units that differ are not those of one.

    def __init__(
        self, program: LayerProgram, domain: DomainBoxes, incumbent: Incumbent, **named: Any
    ):
        super().__init__(program, domain, incumbent, **named)
        self.kernel.sharpen(UNIT_ASCENT)


def search_of_counterparts(problem: Problem, incumbent: Incumbent, seed: int) -> Search | None:
    """Differential verification of a graph with counterparts, begun; None for others.

    Workers divide the tree of the usual search among them: this one would not be divided.

    Args:
        problem: Objectives and their boxes.
        incumbent: The clock and the tolerances; takes the first bounds.
        seed: Seed of the samples.
    """
    pairs = paired(problem.small) if workers() is None else None
    if pairs is None:
        return None
    engine = DifferentialEngine(pairs, problem.small, problem.rows, problem.offset)
    incumbent.prove(engine.over(problem.domain))
    program = _program(problem, pairs)
    if program is None:
        return DifferentialSearch(engine, problem.domain, incumbent, seed=seed, first=few_points)

    def begin(domain: DomainBoxes, _: First | None) -> Any:
        return DifferentialKernelSearch(program, domain, incumbent, seed=seed, first=few_points)

    return Halves(problem.domain, begin)


def _program(problem: Problem, pairs: PairedGraph) -> LayerProgram | None:
    """Layers of differences; None where they do not fit."""
    if library() is None or not problem.is_one_box or problem.domain.whole.any():
        return None
    hull = problem.domain.hull
    fixed = np.where(hull.lo < hull.hi, np.nan, hull.lo)
    return compile_pairs(pairs, problem.rows, problem.offset, fixed)
