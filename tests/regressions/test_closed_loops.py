"""Loops of a controller and a plant over many steps: intervals of float64 lose every digit there.

A state that feeds back through many layers is enclosed by intervals wider and wider, although what
it is can be computed as precisely as one likes. The status was `rounding`, with good bounds.
"""

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from outrange.core import Atom, Box
from outrange.domains import bounds
from outrange.graph import Builder, Slot
from outrange.graph.rational import RationalEvaluator
from outrange.questions.evidence.check_point import ExactChecker
from outrange.questions.evidence.evaluate import enclose
from outrange.questions.output_range import output_range
from outrange.search.common.clause_groups import ClauseGroup
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.decide import decide
from outrange.search.solve import solve
from questions.nets import Net


def unroll_loop(curve, steps, seed=0):
    """Unroll a double integrator under a 2-16-16-1 controller, fitted to a clipped linear one."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, (2048, 2))
    first, second = rng.normal(size=(2, 16)) / 1.4, rng.normal(size=(16, 16)) / 4
    shifts = rng.normal(size=(2, 16))
    act = {"relu": lambda z: np.maximum(z, 0.0), "tanh": np.tanh}[curve]
    hidden = act(act(x @ first + shifts[0]) @ second + shifts[1])
    wanted = np.clip(x @ [-0.4, -1.0], -1, 1)
    fit = np.linalg.lstsq(np.c_[hidden, np.ones(len(x))], wanted, rcond=None)[0]
    b = Builder([Slot("x", (2,))])
    (state,) = b.input_values()
    for _ in range(steps):
        h = b.curve(curve, b.dense(state, first, shifts[0]))
        h = b.curve(curve, b.dense(h, second, shifts[1]))
        u = b.dense(h, fit[:-1, None], fit[-1:])
        state = b.dense(b.concat([state, u], 1), np.array([[1, 0], [1, 1], [0.5, 1.0]]))
    return b.finish([state], ["x"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "curve, steps, width", [("relu", 12, 0.5), ("relu", 15, 0.5), ("tanh", 10, 0.1)]
)
def test_a_long_loop_ends_exact(curve, steps, width):
    graph = unroll_loop(curve, steps)
    lo = np.array([2.0, -0.1])
    low, high = bounds(graph, lo[None], lo[None], "intervals")[graph.output]
    assert (high - low).max() > 1e-3  # the case is one
    answer = output_range(Net(graph), (lo.tolist(), (lo + width).tolist()), tol=1e-3)
    assert answer.status == "exact"
    assert answer.relative_gap.max() <= 2e-3
    y = graph.run(np.random.default_rng(0).uniform(lo, lo + width, (2000, 2)))
    assert np.all(answer.lo <= y.min(axis=0)) and np.all(y.max(axis=0) <= answer.hi)


def test_evidence_is_as_narrow_as_asked():
    graph = unroll_loop("tanh", 20)
    x = np.random.default_rng(1).uniform(1.9, 2.1, (5, 2))
    wide = bounds(graph, x, x, "intervals")[graph.output]
    for wanted in (1e-3, 1e-9, 0.0):
        lo, hi = enclose(graph, x, wanted)
        assert np.all(wide[0] <= lo) and np.all(hi <= wide[1])
        assert np.all(hi - lo <= np.maximum(wanted, 2 * np.spacing(np.abs(lo) + np.abs(hi))))
    narrow = enclose(graph, x)
    assert np.all(narrow[1] - narrow[0] <= 1e-11)


def test_rationals_and_balls_agree():
    graph = unroll_loop("relu", 12)
    x = np.array([[2.25, 0.125]])
    exact = RationalEvaluator(graph).at(x[0], [graph.output])[0]
    assert exact is not None
    lo, hi = enclose(graph, x, 0.0)
    for value, a, b in zip(exact, lo[0], hi[0], strict=True):
        assert Fraction(a) <= value <= Fraction(b)


@pytest.mark.parametrize("curve", ["relu", "tanh"])
def test_a_condition_is_decided_where_intervals_straddle_it(curve):
    graph = unroll_loop(curve, 20)
    x = np.array([2.0, -0.1])
    lo, hi = enclose(graph, x[None], 0.0)
    wide = bounds(graph, x[None], x[None], "intervals")[graph.output]
    for end, holds in ((lo, False), (hi, True)):
        mark = float(end[0, 0])
        assert wide[0][0, 0] < mark < wide[1][0, 0]
        # At most a float64 neighbor away: fractions of the ball's ends decide.
        mark = np.nextafter(mark, np.inf if holds else -np.inf)
        decision = ExactChecker(graph, Atom.of({2: 1.0}, -mark))(x)
        assert decision.holds is holds
        assert decision.lo[0] <= hi[0, 0] and lo[0, 0] <= decision.hi[0]


@cache
def ends(steps, seed, tol):
    """A loop, a box of initial states, and the exact ends of the place; for the tests that ask."""
    graph = unroll_loop("relu", steps, seed)
    rows = np.array([[1.0, 0.0], [-1.0, 0.0]])
    box = Box(np.array([2.0, -0.5]), np.array([3.0, 0.5]))
    return graph, box, solve(graph, box, rows, tol=tol, time_limit=60, solver=False)


@pytest.mark.parametrize(
    "seed, steps, tol",
    [
        # Radii sized by intervals swamp the bounds: the search ended with a gap of 13 ranges.
        (2, 16, 1e-6),
        # Sized once more they are still too large for the whole box, and not for its parts.
        (1, 20, 1e-6),
        (3, 20, 1e-6),
    ],
)
def test_rounding_on_the_whole_box_does_not_end_the_search(seed, steps, tol):
    graph, box, bounds = ends(steps, seed, tol)
    assert bounds.status == "exact"
    spread = -bounds.seen.sum()
    assert np.all(bounds.seen - bounds.lower <= 1.01 * tol * spread)
    y = graph.run(box.uniform(np.random.default_rng(0), 4000))[:, 0]
    assert bounds.lower[0] <= y.min() and y.max() <= -bounds.lower[1]


@pytest.mark.slow
def test_a_decision_is_made_on_halves_too():
    graph, box, bounds = ends(20, 1, 1e-6)
    low, high = bounds.lower[0], -bounds.lower[1]
    mark = float(high + 1e-3 * (high - low))
    clause = (Atom.of({2: -1.0}, mark),)
    group = ClauseGroup((clause,), np.array([False]), DomainBoxes.of(box))
    decided = decide(graph, [group], lambda x: False, time_limit=60)
    assert decided.status == "unsat"
