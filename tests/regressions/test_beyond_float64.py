"""Coefficients and values that float64 cannot tell from others, or cannot hold."""

import numpy as np

from outrange.core import Box
from outrange.core.formula import Atom
from outrange.domains.backward import BoxBatch
from outrange.domains.crown import CrownPass, CrownPlan
from outrange.graph import Builder, Slot
from outrange.questions.evidence.check_point import ExactChecker
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.problem import Problem
from questions.nets import dense_net


def test_a_row_with_a_tiny_second_entry_is_not_one_output():
    """The sizes of `[1, -1e-17]` add up to 1 in float64: the bound 0 was taken for proved."""
    weights = [(np.diag([1.0, 2.0**56]), np.zeros(2))]
    net = dense_net([2, 2], ["relu"], weights=weights)
    rows = np.array([[1.0, -(2.0**-56)]])
    domain = DomainBoxes.of(Box(np.zeros(2), np.ones(2)))
    assert Problem(net.graph, rows, np.zeros(1), domain).by_intervals(net.graph)[0] <= -1.0


def test_values_beyond_float64_that_tie_are_undecided_and_no_error():
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    graph = b.finish([b.curve("exp", x)], ["y"])
    tie = Atom(((2, 1.0), (3, -1.0)), 0.0, strict=True)
    decision = ExactChecker(graph, tie)(np.array([1000.0, 1000.0]))
    assert decision.holds is not True


def test_no_bound_comes_of_a_pass_that_was_cut_off():
    net = dense_net([2, 8, 8, 1], ["relu", "relu", None])
    box = BoxBatch.of(-np.ones((1, 2)), np.ones((1, 2)))
    sweep = CrownPass(CrownPlan.of(net.graph), box)
    sweep.late = True
    assert sweep.run().underflow == np.inf
