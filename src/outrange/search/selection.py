"""Selects the kind of splits for a problem: one rule for ranges, verdicts and optimization."""

from __future__ import annotations

import numpy as np

from ..ops import Curve
from .common.problem import Problem
from .common.task import FEW_INPUTS, Kind
from .kernel.binding import library
from .kernel.compile import LayerProgram, compile_layers


HARD_INPUTS, HARD_UNITS = 9, 32
"""Minimum numbers of free inputs and of nonlinear entries for which input splits of up to
`FEW_INPUTS` inputs alternate with neuron splits."""

SOME_INPUTS = 40
"""Maximum number of free inputs for which input splits alternate with neuron splits, since a few
inputs often dominate."""


def choose_kind(problem: Problem, engine: str = "auto") -> Kind:
    """Select the kind of splits for a problem that no special-purpose method solves.

    The first matching row decides:

    =====================================================  ==========================
    the problem                                            the search
    =====================================================  ==========================
    several boxes, or integer inputs                       input splits and cases, alternating
    up to 12 free inputs                                   input splits
    an activation that neuron splits do not support        input splits
    up to 40 free inputs                                   both kinds of splits, alternating
    otherwise                                              neuron splits
    =====================================================  ==========================

    A problem with 9 to 12 free inputs and 32 units or more also gets neuron splits if they support
    its graph, after a first turn of input splits: over wide boxes, neuron splits bound the units
    together.

    Input splits run on the box kernel if the graph compiles to layers, and otherwise on the array
    engine (`compile_problem`). If the caller allows it, they may alternate with a mixed-integer
    solver.

    Args:
        problem: Objectives and their boxes.
        engine: `"auto"` follows the table; `"array"` forces input splits on the array engine.
    """
    if engine == "array":
        return Kind.INPUT_SPLIT
    if not problem.is_one_box:
        return Kind.CASES
    if problem.free <= FEW_INPUTS:
        return Kind.INPUT_SPLIT
    from .neuron_split.search import supports

    if not supports(problem.of_outputs(problem.small)):
        return Kind.INPUT_SPLIT
    return Kind.PORTFOLIO if problem.free <= SOME_INPUTS else Kind.NEURON_SPLIT


def has_kernel(engine: str) -> bool:
    """Return whether the box kernel is compiled, and `engine` allows it."""
    return engine == "auto" and library() is not None


def compile_problem(problem: Problem) -> LayerProgram | None:
    """Compile the layer program of the box kernel, or return None if the graph has none."""
    hull = problem.domain.hull
    fixed = np.where(hull.lo < hull.hi, np.nan, hull.lo)
    return compile_layers(problem.small, problem.rows, problem.offset, fixed)


def is_hard(problem: Problem) -> bool:
    """Return whether input splits alone may be very slow, and neuron splits support the graph.

    They may be very slow with `HARD_INPUTS` free inputs and `HARD_UNITS` units or more.
    """
    bent = sum(node.size for node in problem.small.nodes if isinstance(node.op, Curve))
    if not problem.is_one_box or problem.free < HARD_INPUTS or bent < HARD_UNITS:
        return False
    from .neuron_split.search import supports

    return supports(problem.of_outputs(problem.small))
