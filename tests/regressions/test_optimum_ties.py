"""A threshold that ties with the optimum is passed by; "exact" is said only of a closed gap."""

import numpy as np
import pytest

import outrange
from outrange import L1Ball, Mixed, x, y
from questions.nets import dense_net


IDENTITY = dense_net(
    [2, 2, 2], ["relu", None], weights=[(np.eye(2), np.zeros(2)), (np.eye(2), np.zeros(2))]
).graph
ABSOLUTE = dense_net(
    [1, 2, 1], ["relu", None], weights=[([[1.0, -1.0]], [0.0, 0.0]), ([[1.0], [1.0]], [0.0])]
).graph


@pytest.mark.parametrize(
    ("graph", "form", "box", "where", "value"),
    [
        (IDENTITY, y[0], (-1, 1), x[0] <= 0.5, 0.5),
        (IDENTITY, y[0] + y[1], (-1, 1), x[0] + x[1] <= 1, 1.0),
        (IDENTITY, y[0] + y[1], (-1e-9, 1e-9), x[0] + x[1] <= 1e-9, 1e-9),
        (IDENTITY, y[0] + y[1], (-1e9, 1e9), x[0] + x[1] <= 1e9, 1e9),
        (ABSOLUTE, y[0], (-3, 3), (y[0] >= 3) | (y[0] <= 2), 3.0),
        (ABSOLUTE, -1 * y[0], (-3, 3), (y[0] <= -0) | (y[0] >= 2), 0.0),
        (IDENTITY, y[0], Mixed((0, 9.5), integers=[0]), y[0] + 0.5 * y[1] <= 7.3, 7.0),
    ],
)
def test_the_optimum_is_found_where_a_trial_threshold_ties(graph, form, box, where, value):
    answer = outrange.maximize(graph, form, box, where=where)
    assert answer.status == "exact"
    assert answer.lo <= value * (1 + 1e-15) and value <= answer.hi
    assert answer.gap <= 1e-5 * max(abs(value), 1e-9)


def test_range_over_a_ball_whose_corners_tie():
    answer = outrange.output_range(IDENTITY, L1Ball([0, 0], 1), rows=[[1, 1]])
    assert answer.is_exact
    assert answer.lo == pytest.approx(0, abs=1e-6) and answer.hi == pytest.approx(1, abs=2e-6)


@pytest.mark.slow
def test_an_open_gap_is_never_called_closed():
    # No float64 numbers satisfy this equation: x[0] = 1/3.
    answer = outrange.maximize(IDENTITY, y[0], (-1, 1), where=(3 * x[0] == 1))
    assert answer.status != "exact" and "closed" not in repr(answer) and answer.at is None
    assert answer.hi == pytest.approx(1 / 3, abs=1e-5)  # what is proved stays proved
