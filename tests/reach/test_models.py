"""Laws of Taylor models; mutants that account for less are caught."""

import numpy as np
import pytest

from outrange.reach.flow import picard
from outrange.reach.polynomials import curves, models, ranges
from reach.model_laws import (
    FRAMES,
    distances_hold,
    hulls_hold,
    integrals_hold,
    maxima_hold,
    parabolas_hold,
    products_hold,
    ranges_hold,
    reciprocals_hold,
    series_hold,
    sums_hold,
)


@pytest.mark.parametrize("many", [0, models.MANY])
@pytest.mark.parametrize("rest", [0.0, 0.5])
def test_products(rest, many, monkeypatch):
    # Two multiplication algorithms, for few and for many terms.
    monkeypatch.setattr(models, "MANY", many)
    products_hold(rest)


@pytest.mark.parametrize("rest", [0.0, 0.5])
def test_sums(rest):
    sums_hold(rest)


@pytest.mark.parametrize("case", [((0, 0), (0.0, 0.0)), ((0, 9), (0.0, 1.0))])
def test_products_where_little_is_truncated(case):
    products_hold(0.0, *case)


def test_products_of_remainders():
    # Constants are not truncated, so only remainders matter.
    products_hold(0.5, (0, 0), (0.0, 0.0))


@pytest.mark.parametrize("later", [0, 1])
def test_integrals(later):
    integrals_hold(later)


def test_maxima():
    maxima_hold()


def test_distances():
    distances_hold()


def test_hulls():
    hulls_hold()


def test_series():
    series_hold()


def test_reciprocals():
    reciprocals_hold()


@pytest.mark.parametrize("size", [0.05, 1.0, 1e-7, 1e-12])
def test_parabolas(size):
    parabolas_hold(size)


def test_less_than_a_quarter_is_caught(monkeypatch):
    monkeypatch.setattr(curves, "QUARTER", 0.23)
    with pytest.raises(AssertionError):
        parabolas_hold()


def test_ranges():
    ranges_hold()


def _no_gamma(n):
    return 0.0


LAWS = {
    "products": lambda: products_hold(0.0, (0, 0), (0.0, 0.0)),
    "sums": sums_hold,
    "ranges": ranges_hold,
    "integrals": integrals_hold,
}


@pytest.mark.parametrize(
    ("place", "law"),
    [(models, "products"), (models, "sums"), (ranges, "ranges"), (picard, "integrals")],
)
def test_a_rounding_that_is_not_paid_is_caught(place, law, monkeypatch):
    monkeypatch.setattr(place, "gamma", _no_gamma)
    with pytest.raises(AssertionError):
        LAWS[law]()


@pytest.mark.parametrize(("name", "case"), [("lost", ()), ("late", ((0, 9), (0.0, 1.0)))])
def test_a_truncation_that_is_dropped_is_caught(name, case, monkeypatch):
    for frame in FRAMES:
        monkeypatch.setitem(frame.__dict__, name, np.zeros_like(getattr(frame, name)))
    with pytest.raises(AssertionError):
        products_hold(0.0, *case)


def test_products_of_symbols_that_are_dropped_are_caught(monkeypatch):
    monkeypatch.setattr(models, "_symbols_lost", lambda a, b, a0, b0: np.zeros_like(a.norm))
    with pytest.raises(AssertionError):
        products_hold()
