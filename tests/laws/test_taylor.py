"""Taylor coefficients of every curve enclose those of mpmath, at points and over intervals."""

import mpmath
import numpy as np
import pytest

from cases import some
from curve_cases import CASES, by_name, identify
from outrange.core import InputError
from outrange.ops import curve


ORDER = 4


@pytest.mark.parametrize("case", some(CASES, 40, by_name), ids=identify)
def test_coefficients(case):
    name, attributes = case
    op = curve(name, **attributes)
    rng = np.random.default_rng(1)
    least, most = max(op.on[0], -3.0), min(op.on[1], 3.0)
    points = rng.uniform(least, most, 6)
    inner = np.concatenate([points - 0.01, points]), np.concatenate([points + 0.01, points])
    lo, hi = np.clip(inner[0], least, most), np.clip(inner[1], least, most)
    enclosure = op.taylor_range(lo, hi, ORDER)
    assert enclosure.shape == (2, ORDER + 1, lo.size)
    assert (enclosure[0] <= enclosure[1]).all()
    for i, point in enumerate(np.concatenate([points, points])):
        if not np.isfinite(enclosure[:, :, i]).all():
            continue
        with mpmath.workdps(60):
            for x in (point, lo[i], hi[i]):
                if x in (*op.knots, *op.holes, *op.on):
                    continue
                try:
                    truth = mpmath.taylor(lambda z: op.exact(mpmath, z), mpmath.mpf(x), ORDER)
                except (InputError, ValueError, ZeroDivisionError):
                    continue
                for j in range(ORDER + 1):
                    pad = mpmath.mpf(10) ** -25 * (1 + abs(truth[j]))
                    assert enclosure[0, j, i] <= truth[j] + pad, (name, x, j)
                    assert truth[j] - pad <= enclosure[1, j, i], (name, x, j)


SMOOTH = "sigmoid tanh softplus exp sin cos square sqrt log reciprocal silu gelu erf atan".split()


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_curves_have_narrow_coefficients(name):
    at = np.array([0.3, 0.9, 1.7])
    enclosure = curve(name).taylor_range(at, at, ORDER)
    assert (enclosure[1] - enclosure[0] <= 1e-12 * (1 + np.abs(enclosure[0]))).all()


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "sin", "exp"])
def test_coefficients_over_wide_intervals(name):
    """Derivatives turn inside, so their largest values are not at the ends."""
    op, rng, order = curve(name), np.random.default_rng(0), 6
    lo = rng.uniform(-6.0, 2.0, 8)
    hi = lo + rng.uniform(0.5, 6.0, 8)
    enclosure = op.taylor_range(lo, hi, order)
    with mpmath.workdps(30):
        for i in range(lo.size):
            for x in np.linspace(lo[i], hi[i], 25):
                truth = mpmath.taylor(lambda z: op.exact(mpmath, z), mpmath.mpf(float(x)), order)
                for j in range(order + 1):
                    assert enclosure[0, j, i] <= truth[j] <= enclosure[1, j, i], (name, x, j)


def test_kinks_and_jumps_have_none():
    for name in ("relu", "abs", "elu", "selu"):
        low, high = curve(name).taylor_range(np.array([-0.1]), np.array([0.2]), 2)
        assert np.isinf(low).all() and np.isinf(high).all()
