"""Confidence intervals against SciPy, and against what they promise."""

import math

import numpy as np
import pytest
from scipy import stats

from cases import cases
from outrange.core import InputError
from outrange.core.confidence import bounded_mean, clopper_pearson, median_ranks


@pytest.mark.parametrize("trials", [1, 2, 5, 17, 1000, 100_000])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.93, 1.0])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_clopper_pearson_is_that_of_scipy(trials, share, confidence):
    hits = round(share * trials)
    expected = stats.binomtest(hits, trials).proportion_ci(confidence, "exact")
    np.testing.assert_allclose(
        clopper_pearson(hits, trials, confidence),
        (expected.low, expected.high),
        rtol=1e-9,
        atol=1e-12,
    )


@pytest.mark.parametrize("count", [1, 10, 1000])
@pytest.mark.parametrize("mean", [0.0, 0.02, 0.5, 1.0])
def test_the_ends_of_a_bounded_mean_have_the_entropy_allowed(count, mean):
    lo, hi = bounded_mean(mean, count)
    assert 0.0 <= lo <= mean <= hi <= 1.0
    for end in {lo, hi} - {mean, 0.0}:  # below 2**-100 the lower end is 0
        entropy = stats.entropy([mean, 1 - mean], [end, 1 - end])
        assert entropy == pytest.approx(math.log(2 / 0.05) / count, rel=1e-6)


def test_a_bounded_mean_is_wider_than_the_exact_interval_of_coins():
    for hits in (0, 3, 50, 99):
        (lo, hi), (least, most) = bounded_mean(hits / 100, 100), clopper_pearson(hits, 100)
        assert lo <= least
        assert most <= hi


@pytest.mark.parametrize("count", range(1, 40))
def test_median_ranks_are_the_largest_that_suffice(count):
    rank, confidence = median_ranks(count)
    coverage = [1 - 2 * stats.binom.cdf(k, count, 0.5) for k in range((count + 1) // 2)]
    assert confidence == pytest.approx(max(0.0, coverage[rank]), abs=1e-12)
    if rank:
        assert confidence >= 0.95
    if rank + 1 < len(coverage):
        assert coverage[rank + 1] < 0.95


@pytest.mark.slow
def test_intervals_hold_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = rng.binomial(30, 0.2, size=cases(500, 2000))
    inside = [lo <= 0.2 <= hi for lo, hi in (clopper_pearson(int(h), 30) for h in hits)]
    assert np.mean(inside) >= 0.95
    means = rng.beta(0.5, 2.0, size=(cases(500, 2000), 40)).mean(axis=1)
    inside = [lo <= 0.2 <= hi for lo, hi in (bounded_mean(float(m), 40) for m in means)]
    assert np.mean(inside) >= 0.95


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1, math.nan])
def test_a_confidence_is_a_share(confidence):
    with pytest.raises(InputError, match="Received: confidence="):
        clopper_pearson(1, 2, confidence)
