"""Hill climbing: points stay where they may be, and ridges are followed to their ends."""

import numpy as np
import pytest

from outrange.search.attack.hill_climb import hill_climb
from outrange.search.attack.pgd import FIRST, Lowest, descend
from outrange.search.common.domain_boxes import DomainBoxes


def ridge(x, k):
    """A steep valley along the diagonal that falls slowly, and its negative; with gradients."""
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


@pytest.mark.parametrize("objective", [0, 1])
@pytest.mark.parametrize("whole", [False, True])
def test_points_are_in_the_box_and_have_their_values(objective, whole):
    y, x = hill_climb(ridge, evaluate, box(-2, 3, whole), objective, np.random.default_rng(1))
    assert (x >= -2).all() and (x <= 3).all()
    np.testing.assert_array_equal(y, evaluate(x))
    assert not whole or (x == np.round(x)).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_ridge_is_followed_farther_than_by_steps_that_fall(seed):
    rng = np.random.default_rng(seed)
    y, _ = hill_climb(ridge, evaluate, box(0, 1), 0, rng)
    starts = rng.random((4096, 5))
    starts = starts[np.argsort(evaluate(starts)[:, 0])[:64]]
    zeros = np.zeros(64, int)
    steps = descend(ridge, starts, zeros, box(0, 1), FIRST)
    least, _, _ = Lowest(evaluate(starts), starts).take(steps).points
    assert y[:, 0].min() < least[0] - 0.05
