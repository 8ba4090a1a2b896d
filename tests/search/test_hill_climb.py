"""Hill climbing: points stay in the box, and ridges are followed to their ends."""

import numpy as np
import pytest

from outrange.core.formula import Atom
from outrange.graph.difference import difference
from outrange.search.attack import hill_climb as climbing
from outrange.search.attack.hill_climb import hill_climb
from outrange.search.attack.pgd import FEWEST, FIRST, Lowest, PacedGradient, descend
from outrange.search.common.clause_groups import ClauseGroup
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.solution import Status
from outrange.search.decide import decide
from outrange.search.kernel.binding import library
from small_graphs import dense_net


def ridge(x, k):
    """Build a steep valley along the diagonal that falls slowly, its negative, and gradients."""
    center = x.mean(axis=1, keepdims=True)
    y = 20.0 * np.abs(x - center).sum(axis=1) - center[:, 0]
    signs = 20.0 * np.sign(x - center)
    slope = signs - signs.mean(axis=1, keepdims=True) - 1.0 / x.shape[1]
    sign = np.where(k == 0, 1.0, -1.0)
    return np.column_stack([y, -y]), sign[:, None] * slope


def box(lo, hi, whole=False):
    lo, hi = (np.full((1, 5), float(v)) for v in (lo, hi))
    return DomainBoxes(lo, hi, np.full(5, whole))


def evaluate(x):
    return ridge(x, np.zeros(len(x), int))[0]


def climb(space, goal=(-99.0, -999.0), open_=(0, 1), seed=1, gradient=ridge):
    paced = PacedGradient(gradient)
    goal, open_ = np.array(goal), np.array(open_)
    return hill_climb(paced, evaluate, space, goal, open_, np.random.default_rng(seed))


@pytest.mark.parametrize("whole", [False, True])
def test_points_are_in_the_box_and_have_their_values(whole):
    y, x, most = climb(box(-2, 3, whole))
    assert (x >= -2).all() and (x <= 3).all() and (most >= y).all()
    np.testing.assert_array_equal(y, np.diag(evaluate(x)))
    assert not whole or (x == np.round(x)).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_ridge_is_followed_farther_than_by_steps_that_fall(seed):
    y, _, _ = climb(box(0, 1), (-99.0, -99.0), (0,), seed)
    rng = np.random.default_rng(seed)
    starts = rng.random((4096, 5))
    starts = starts[np.argsort(evaluate(starts)[:, 0])[:64]]
    zeros = np.zeros(64, int)
    steps = descend(ridge, starts, zeros, box(0, 1), FIRST)
    least, _, _ = Lowest(evaluate(starts), starts).take(steps).points
    assert y[0] + 1.0 < 0.5 * (least[0] + 1.0)  # The valley ends at -1.


def counting_ridge(seconds=0.0):
    """Return the ridge, and the number of points evaluated in each call."""
    counts = []

    def gradient(x, k):
        counts.append(len(x))
        return ridge(x, k)

    paced = PacedGradient(gradient)
    paced._points, paced._seconds = 10**9, seconds * 10**9
    return paced, counts


def test_a_round_ends_below_the_first_goal_and_gives_up_the_farther_half():
    for goal, rounds in (((50.0, -999.0), 2), ((-99.0, -999.0), climbing.STEPS + 2)):
        paced, counts = counting_ridge()
        hill_climb(
            paced, evaluate, box(0, 1), np.array(goal), np.arange(2), np.random.default_rng(0)
        )
        assert len(counts) == rounds
    # The second one is near its goal relative to its own range, and the first one too.
    first, last = counts[1], counts[-1]
    assert (first, last) == (2 * climbing.CLIMBERS, climbing.LEFT)
    assert sum(counts) < first * climbing.STEPS / 2


def test_closed_objectives_are_not_climbed():
    paced, seen = counting_ridge()[0], set()

    def gradient(x, k):
        seen.update(k.tolist())
        return ridge(x, k)

    paced._gradient = gradient
    goal = np.array([50.0, -99.0])  # The first goal is met, but does not count.
    hill_climb(paced, evaluate, box(0, 1), goal, np.array([1]), np.random.default_rng(0))
    assert seen == {1}


def test_a_slow_network_is_climbed_by_few():
    paced, counts = counting_ridge(seconds=1.0)
    goal = np.array([-99.0, -999.0])
    hill_climb(paced, evaluate, box(0, 1), goal, np.arange(2), np.random.default_rng(0))
    assert set(counts[1:]) == {FEWEST}


class Near:
    """Numbers of a generator, each slightly perturbed."""

    def __init__(self, rel):
        self._same, self._own = np.random.default_rng(5), np.random.default_rng(6)
        self._rel = rel

    def standard_normal(self, shape):
        factor = 1 + self._rel * self._own.uniform(-1, 1, shape)
        return self._same.standard_normal(shape) * factor


@pytest.fixture(scope="module")
def copies():
    """Return the difference of two copies, its box, and its largest value at many points."""
    graph = difference(*(dense_net(Near(rel), "relu") for rel in (0.0, 0.05)))
    lo, hi = np.full((1, graph.size), -1.0), np.full((1, graph.size), 1.0)
    x = np.random.default_rng(0).uniform(-1, 1, (20000, graph.size))
    return graph, DomainBoxes(lo, hi, np.zeros(graph.size, bool)), graph.run(x)[:, 0].max()


def differs(copies, share, accept=lambda x: True, seconds=None):
    """Decide whether the first output differs by a share of that value."""
    graph, domain, far = copies
    clause = (Atom.of({graph.size: -1.0}, share * far),)
    return decide(
        graph, [ClauseGroup([clause], np.zeros(1, bool), domain)], accept, time_limit=seconds
    )


needs_kernel = pytest.mark.skipif(library() is None, reason="built without a compiler")


@needs_kernel
def test_differing_copies_are_detected_before_any_box_is_bounded(copies):
    solution = differs(copies, 0.99)
    assert solution.status is Status.SAT and solution.boxes == 0
    assert copies[0].run(solution.at)[0, 0] >= 0.99 * copies[2]


@needs_kernel
def test_a_point_that_is_refused_decides_nothing(copies):
    """The search continues for lower values: a rejected point proves nothing."""
    refused = []
    solution = differs(copies, 0.9, lambda x: refused.append(x), 0.1)
    assert refused and solution.status is Status.TIME


@needs_kernel
def test_copies_that_differ_by_less_are_proved_to(copies):
    assert differs(copies, 1.5).status is Status.UNSAT


@pytest.mark.parametrize("seed", range(3))
def test_later_rounds_continue_from_the_best_points(seed):
    """With an elite, no round ends above the best point of the rounds before."""
    rng, elite, ends = np.random.default_rng(seed), climbing.Elite(), []
    goal, open_ = np.array([-99.0, -999.0]), np.array([0])
    for _ in range(4):
        paced = PacedGradient(ridge)
        ends.append(hill_climb(paced, evaluate, box(0, 1), goal, open_, rng, elite)[0][0])
        assert len(elite.x) <= climbing.ELITE
        assert (elite.x >= 0).all() and (elite.x <= 1).all()
    assert ends == sorted(ends, reverse=True)
    assert ends[-1] < -0.99  # The valley ends at -1.
