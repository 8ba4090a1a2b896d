"""The first points of a search: limited by the time, and by what a decision needs."""

import numpy as np
import pytest

from outrange.core import OutOfTime, deadline
from outrange.search.attack import first_points, pgd
from outrange.search.common.domain_boxes import DomainBoxes


BOX = DomainBoxes(np.zeros((1, 3)), np.ones((1, 3)), np.zeros(3, bool))


class Slow:
    """Sum of the inputs, which counts the points it is evaluated at."""

    looked = 0

    def values(self, x):
        self.looked += len(x)
        return x.sum(axis=1, keepdims=True)

    def gradient(self, x, k):
        return self.values(x), np.ones_like(x)

    def points(self, **options):
        rng = np.random.default_rng(0)
        gradient = pgd.PacedGradient(self.gradient)
        return first_points.first_points(gradient, self.values, BOX, 1, rng, **options)


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setattr(first_points, "ENOUGH", -1.0)
    return Slow()


def test_a_point_below_its_goal_ends_the_sampling_of_a_slow_network(slow):
    least, at, _ = slow.points(goal=np.array([2.9]))
    assert slow.looked == first_points.AT_LEAST and least[0] < 2.9
    assert at[0].sum() == pytest.approx(least[0])


def test_a_range_has_no_goal(slow):
    least, _, most = slow.points()
    assert slow.looked > first_points.SAMPLES and least[0] == 0 and most[0] == 3


def test_a_goal_that_is_not_met_ends_nothing(slow):
    slow.points(goal=np.array([-1.0]))
    assert slow.looked > first_points.SAMPLES


def test_the_sampling_of_a_decision_ends_and_descents_go_on(slow, monkeypatch):
    monkeypatch.setattr(first_points, "LONG", -1.0)
    least, _, _ = slow.points(goal=np.array([-1.0]))
    assert first_points.AT_LEAST < slow.looked < first_points.SAMPLES and least[0] == 0
    before = slow.looked
    slow.points()
    assert slow.looked - before > first_points.SAMPLES


def test_a_few_points_are_looked_at_after_the_deadline(slow):
    try:
        with deadline(0.0):
            least, _, _ = slow.points()
    except OutOfTime:
        pytest.fail("points that are known were lost")
    assert slow.looked == first_points.AT_LEAST and np.isfinite(least[0])


def test_a_large_network_descends_from_fewer_points():
    """A gradient of a tenth of a second does not afford 30 steps of a dozen descents."""
    counts = []

    def gradient(x, k):
        counts.append(len(x))
        return np.repeat(x.sum(axis=1, keepdims=True), 5, axis=1), np.ones_like(x)

    paced = pgd.PacedGradient(gradient)
    assert paced.affords(60, pgd.FIRST.steps) == 60  # before the first timing
    paced._points, paced._seconds = 10, 1.0
    assert paced.affords(60, pgd.FIRST.steps) == pgd.FEWEST
    assert paced.affords(2, pgd.FIRST.steps) == 2
    paced._seconds = 0.01
    assert paced.affords(60, pgd.FIRST.steps) == 60
    x = np.linspace(0, 1, 30).reshape(10, 3)
    y = np.repeat(x.sum(axis=1, keepdims=True), 5, axis=1)
    paced._points, paced._seconds = 1000, 1e4
    for decides, starts in ((False, 5), (True, pgd.FEWEST)):  # a range needs both ends
        best, k = first_points._starts(paced, x, y, decides=decides)
        assert len(best) == len(k) == starts and (best == 0).all()
