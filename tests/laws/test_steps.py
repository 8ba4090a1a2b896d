"""Laws of staircases, and wrong ones that must break them."""

from dataclasses import replace

import numpy as np
import pytest

from outrange.core import Box, OutrangeError
from outrange.domains import bounds
from outrange.graph import Builder, Slot
from outrange.ops import STAIRS, curve, step
from outrange.ops.relaxation.relax import least_offset, most_offset, relax
from outrange.search.solve import solve
from outrange.testing import LawBroken, check_step


NAMES = (*STAIRS, "sign", "heaviside")


@pytest.mark.parametrize("name", NAMES)
def test_step(name):
    check_step(curve(name))


@pytest.mark.parametrize("slack", [1e-6, 0.25, 3.7])
def test_a_step_with_slack_encloses_values_nearby(slack, rng):
    op = curve("round", slack=slack)
    lo = np.concatenate([rng.uniform(-20, 20, 300), np.rint(rng.uniform(-9, 9, 300)) + 0.5])
    hi = lo + rng.choice([0.0, 1e-6, 0.3, 1.0, 7.2], lo.size)
    slope = rng.uniform(-2.0, 2.0, lo.size)
    least, most = op.range(lo, hi)
    below, above = least_offset(op, slope, lo, hi), most_offset(op, slope, lo, hi)
    for theta in (None, *rng.random((3, lo.size))):
        lines = relax(op, lo, hi, theta)
        for _ in range(20):
            x = rng.uniform(lo, hi)
            y = np.rint(x + slack * rng.choice([-1.0, 1.0, rng.uniform(-1, 1)], lo.size))
            assert ((least <= y) & (y <= most)).all()
            assert (lines.lo_slope * x + lines.lo_offset <= y).all()
            assert (lines.hi_slope * x + lines.hi_offset >= y).all()
            assert (below <= y - slope * x).all() and (above >= y - slope * x).all()


def test_slack_needs_a_rising_step():
    with pytest.raises(OutrangeError, match="slack"):
        replace(curve("floor"), slack=-1.0)
    with pytest.raises(OutrangeError, match="slack"):
        replace(curve("is_zero"), slack=1.0)


def test_a_constant_with_slack_is_not_folded():
    b = Builder([Slot("x", (1,))])
    (x,) = b.input_values()
    saturated = b.clip(b.affine_map(x, 1.0, 5.0), 2.5, 2.5)
    graph = b.finish([b.add(x, b.curve("round", saturated, slack=0.25))], ["y"])
    lo, hi = bounds(graph, [0.0], [0.0])[graph.output]
    assert (lo, hi) == (2.0, 3.0)


WRONG = {
    "wrong start": {"start": 0.25},
    "wrong spacing": {"spacing": 2.0},
    "another function": {"f": np.rint},
    "a slope": {"df": np.ones_like},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_step(name):
    with pytest.raises(LawBroken):
        check_step(replace(curve("floor"), **WRONG[name]))


BROKEN = {
    "rounding unpaid": lambda patch: patch.setattr(step, "fall", lambda v, m, x: v - m * x),
    "limits forgotten": lambda patch: patch.setattr(step, "down", lambda x: x),
    "jumps at ends forgotten": lambda patch: patch.setattr(step, "up", lambda x: x),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_derivation(name, monkeypatch):
    BROKEN[name](monkeypatch)
    with pytest.raises(LawBroken):
        for each in NAMES:
            check_step(curve(each))


@pytest.mark.parametrize(
    ("function", "least", "most"),
    [
        (lambda b, x: b.curve("floor", b.affine_map(x, 3.0)), -3.0, 3.0),
        (lambda b, x: b.subtract(x, b.curve("floor", x)), 0.0, 1.0),  # 1 is a limit only
        (lambda b, x: b.curve("sign", x), -1.0, 1.0),
        (lambda b, x: b.multiply(b.curve("heaviside", x), b.affine_map(x, -1.0, 0.5)), -0.5, 0.5),
        (lambda b, x: b.curve("is_zero", b.curve("relu", x)), 0.0, 1.0),
    ],
)
def test_ranges_with_jumps(function, least, most):
    b = Builder([Slot("x", (1,))])
    graph = b.finish([function(b, b.input_values()[0])], ["y"])
    solution = solve(graph, Box(-np.ones(1), np.ones(1)), [[1.0], [-1.0]], tol=1e-5, time_limit=20)
    low, high = solution.lower[0], -solution.lower[1]
    assert low <= least <= low + 1e-4 and high - 1e-4 <= most <= high
    assert solution.status == "exact"
