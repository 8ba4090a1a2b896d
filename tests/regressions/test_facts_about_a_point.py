"""`cos(x**2)` was described at 0 alone; facts about one point looked like a straight line."""

import numpy as np

import outrange
from outrange import x
from outrange.ops import Curve
from outrange.reach.system import unroll
from reach.test_loops import system_of


def test_no_curve_is_described_on_a_single_point():
    plant = lambda x, u: [0.3 * np.cos(np.square(x[0]))]  # noqa: E731
    controller = lambda x: [0.0 * x[0]]  # noqa: E731
    lo, hi = np.array([0.6]), np.array([0.72])
    graph = unroll(system_of(controller, plant, lo, hi, 1), 1)
    curves = [node.op for node in graph.nodes if isinstance(node.op, Curve)]
    assert curves and all(op.on[0] < op.on[1] for op in curves)
    loop = outrange.closed_loop(
        outrange.ControlLoop(controller, plant, (lo, hi)), steps=1, spec=(x[0] >= 0.29).at(1)
    )
    assert loop.status == "VIOLATED"
    ends = 0.3 * np.cos(np.square([0.72, 0.6]))
    assert loop.pipe.lo[1, 0] <= ends[0] and ends[1] <= loop.pipe.hi[1, 0]


def test_a_line_that_ends_is_no_piecewise_linear_curve():
    def f(x):
        return np.cos(x)

    curve = Curve("point", f, f, (), ("line",), (), on=(0.0, 0.0), beyond=(-1.0, 1.0))
    assert not curve.is_piecewise_linear
