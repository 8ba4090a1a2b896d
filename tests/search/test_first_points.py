"""The first points of a search: as many as there is time for, and no more than a decision needs."""

import numpy as np
import pytest

from outrange.core import OutOfTime, deadline
from outrange.search.attack import pgd
from outrange.search.common.domain_boxes import DomainBoxes


BOX = DomainBoxes(np.zeros((1, 3)), np.ones((1, 3)), np.zeros(3, bool))


class Slow:
    """The sum of the inputs, and how many points were looked at."""

    looked = 0

    def values(self, x):
        self.looked += len(x)
        return x.sum(axis=1, keepdims=True)

    def gradient(self, x, k):
        return self.values(x), np.ones_like(x)

    def points(self, **options):
        rng = np.random.default_rng(0)
        gradient = pgd.PacedGradient(self.gradient)
        return pgd.first_points(gradient, self.values, BOX, 1, rng, **options)


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setattr(pgd, "ENOUGH", -1.0)
    return Slow()


def test_a_point_below_its_goal_ends_the_sampling_of_a_slow_network(slow):
    least, at, _ = slow.points(goal=np.array([2.9]))
    assert slow.looked == pgd.AT_LEAST and least[0] < 2.9
    assert at[0].sum() == pytest.approx(least[0])


def test_a_range_has_no_goal(slow):
    least, _, most = slow.points()
    assert slow.looked > pgd.SAMPLES and least[0] == 0 and most[0] == 3


def test_a_goal_that_is_not_met_ends_nothing(slow):
    slow.points(goal=np.array([-1.0]))
    assert slow.looked > pgd.SAMPLES


def test_a_few_points_are_looked_at_after_the_deadline(slow):
    try:
        with deadline(0.0):
            least, _, _ = slow.points()
    except OutOfTime:
        pytest.fail("points that are known were lost")
    assert slow.looked == pgd.AT_LEAST and np.isfinite(least[0])
