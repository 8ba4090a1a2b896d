"""Selects the kind of search for a problem: one rule for ranges, verdicts and optimization."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from ..graph import Graph
from ..ops import Curve
from .common.problem import Problem
from .kernel.binding import library
from .kernel.compile import LayerProgram, compile_layers


FEW_INPUTS = 12
"""Maximum number of free inputs of a problem whose search starts with input splits."""

HARD_INPUTS, HARD_UNITS = 9, 32
"""Minimum numbers of free inputs and of nonlinear entries for which input splits of up to
`FEW_INPUTS` inputs alternate with neuron splits."""

SOME_INPUTS = 40
"""Maximum number of free inputs for which input splits alternate with neuron splits, since a few
inputs often dominate."""

WIDE_ENTRIES = 1 << 18
"""Number of entries in a graph's values at or above which a graph is usually not split; see
`wide_search`."""


class Kind(StrEnum):
    """The kinds of search."""

    CONES = "cones of influence"
    WIDE = "wide"
    NEURON_SPLIT = "neuron split"
    INPUT_SPLIT = "input split"
    PORTFOLIO = "portfolio"
    CASES = "cases"


def is_wide(graph: Graph) -> bool:
    """Return whether a graph is usually too large for branch and bound."""
    return graph.entries >= WIDE_ENTRIES


def choose_kind(problem: Problem, engine: str = "auto") -> Kind:
    """Select the kind of search for a problem.

    The first matching row decides:

    =====================================================  ==========================
    the problem                                            the search
    =====================================================  ==========================
    several boxes, or integer inputs                       input splits and cases, alternating
    objectives that depend on parts of the inputs          a separate search of each part
    2^18 entries or more, unless inputs and rows are few   wide passes, no splits
    up to 12 free inputs                                   input splits
    an activation that neuron splits do not support        input splits
    up to 40 free inputs                                   both kinds of splits, alternating
    otherwise                                              neuron splits
    =====================================================  ==========================

    The exception for few inputs and rows requires a graph without steps and maxima.

    A decision about a graph with jumps also gets an attack, alternating with its search
    (`attack/jumps.py`). A decision over more than 12 free inputs and one hidden layer whose
    conjunction fixes the phases of many units also gets the conflict-driven search, alternating
    with neuron splits. Input splits of more than 12 free inputs take turns with a search through a
    bottleneck, if a decision has one (`bottleneck.py`).

    Without workers, a graph with counterparts, such as two nearly equal networks, usually also gets
    differential verification (`differential/`), alternating with its search.

    A problem with 9 to 12 free inputs and 32 units or more also gets neuron splits if they support
    its graph, after a first turn of input splits: over wide boxes, neuron splits bound the units
    together. A problem with up to 4 free inputs and many single outputs first gets boxes that all
    objectives share (`shared_boxes.py`).

    Input splits run on the box kernel if the graph compiles to layers, and otherwise on the array
    engine (`compile_problem`). If the caller allows it, a mixed-integer solver may take turns with
    them.

    Args:
        problem: Objectives and their boxes.
        engine: `"auto"` follows the table; `"array"` forces input splits on the array engine.
    """
    if engine == "array":
        return Kind.INPUT_SPLIT
    if not problem.is_one_box:
        return Kind.CASES
    if problem.parts is not None:
        return Kind.CONES
    if is_wide(problem.graph) and not (problem.free <= FEW_INPUTS and problem.has_few_forms):
        return Kind.WIDE
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
