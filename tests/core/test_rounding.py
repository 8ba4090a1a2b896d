"""Directed rounding against exact rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest

from outrange.core import add_toward, down, multiply_toward, up


def _numbers(rng, count=4000):
    values = rng.normal(size=count) * 10.0 ** rng.integers(-8, 9, count)
    values[::7] = np.round(values[::7])
    values[::11] = 0.0
    return values


@pytest.mark.parametrize(
    ("rounded", "exact"), [(add_toward, Fraction.__add__), (multiply_toward, Fraction.__mul__)]
)
@pytest.mark.parametrize("direction", [-np.inf, np.inf])
def test_directed(rounded, exact, direction):
    rng = np.random.default_rng(0)
    x, y = _numbers(rng), _numbers(rng)
    results = rounded(x, y, direction)
    exact_count = 0
    for a, b, result in zip(x, y, results, strict=True):
        true = exact(Fraction(a), Fraction(b))
        assert Fraction(result) <= true if direction < 0 else Fraction(result) >= true
        exact_count += Fraction(result) == true
        assert abs(Fraction(result) - true) <= abs(Fraction(np.spacing(result)))
    assert exact_count > 500  # exact results are not pushed outward


ENDS = [(1e-200, 1e-200), (-1e-200, 1e-200), (1e300, 1e300), (5e-324, 0.5)]


@pytest.mark.parametrize(("x", "y"), ENDS)
def test_ends_of_the_range(x, y):
    true = Fraction(x) * Fraction(y)
    low, high = (multiply_toward(np.float64(x), np.float64(y), s) for s in (-np.inf, np.inf))
    assert Fraction(float(low)) <= true
    assert high == np.inf or Fraction(float(high)) >= true


FEW = [0.0, -0.0, 5e-324, -5e-324, 1.0, -1.0, 1.7976931348623157e308, -1.7976931348623157e308]
FEW += [2.2250738585072014e-308, -2.2250738585072014e-308, 2.225073858507201e-308]


@pytest.mark.parametrize(
    "x",
    [
        np.tile(FEW, 99),
        np.tile([*FEW, np.inf, -np.inf, np.nan], 99),
        np.random.default_rng(0).integers(-(2**62), 2**62, (60, 40)).view(np.float64).T,
        np.broadcast_to(np.array(FEW), (99, len(FEW))),
        np.array(FEW),
        np.array(-0.0),
        np.zeros((0, 3)),
    ],
)
def test_a_step_outward_is_to_the_next_float(x):
    before = x.copy()
    with np.errstate(over="ignore"):
        for stepped, want in ((up(x), np.inf), (down(x), -np.inf)):
            expected = np.nextafter(x, want)
            np.testing.assert_array_equal(stepped, expected)
            np.testing.assert_array_equal(np.signbit(stepped), np.signbit(expected))
    np.testing.assert_array_equal(x, before)
