"""Margins of conditions with quotients and means: in the units that the user wrote."""

import numpy as np
import pytest

import outrange
from outrange import x, y
from outrange.graph import Builder, Slot


def graph():
    """Return a net with the outputs `x`, `2 x` and `3 x` for `x` between 0 and 1."""
    b = Builder([Slot("x", (1,))])
    (value,) = b.input_values()
    return b.finish([b.curve("relu", b.dense(value, [[1.0, 2.0, 3.0]], np.zeros(3)))], ["y"])


@pytest.mark.parametrize(
    ("condition", "margin"),
    [
        (y[0] / 3 <= 0.5, 1 / 6),
        (y.mean() <= 2.5, 0.5),
        (y.mean() / 7 <= 0.5, 0.5 - 2 / 7),
        ((y[2] + 1) / 5 <= 1.25, 0.45),
        (y[0] * 2 <= 3, 1.0),
    ],
)
def test_a_margin_is_in_the_units_of_the_condition(condition, margin):
    answer = outrange.verify(graph(), condition, (0, 1))
    assert answer.holds
    assert answer.margin == pytest.approx(margin, rel=1e-9) and answer.margin <= margin + 1e-15
    assert answer.nearest == pytest.approx(margin, rel=1e-9)


def test_a_condition_that_is_attained_exactly_has_margin_zero():
    """The mean of the three outputs is at most 2, and 2 is attained."""
    answer = outrange.verify(graph(), y.mean() <= 2, (0, 1))
    assert answer.holds and answer.margin == 0


def test_different_divisors_give_a_smaller_bound():
    answer = outrange.verify(graph(), (y[0] / 3 <= 0.5) & (y[1] / 5 <= 0.5), (0, 1))
    assert answer.holds and 0 < answer.margin <= 0.1 + 1e-12


def test_margins_of_loops():
    def step(state, control):
        return [0.5 * state[0] + control[0]]

    b = Builder([Slot("x", (1,))])
    (value,) = b.input_values()
    controller = b.finish([b.dense(value, [[-0.1]], np.zeros(1))], ["u"])
    for spec, scale in ((x[0] <= 2.0, 1.0), (x[0] / 3 <= 2.0 / 3.0, 3.0), (x[0] / 7 <= 1.0, 7.0)):
        answer = outrange.closed_loop(
            outrange.ControlLoop(controller, step, ([0.0], [1.0])), steps=3, spec=spec.always()
        )
        assert answer.holds
        level = 7.0 if scale == 7.0 else 2.0
        assert answer.margin == pytest.approx((level - 1.0) / scale, rel=1e-6)
        assert answer.nearest == pytest.approx((level - 1.0) / scale, rel=1e-6)
