"""Bounds are printed outward: a printed bound is a bound."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from answers.record_cases import KINDS
from outrange.answers.loops.pipe import Invariant
from outrange.answers.range import Range
from outrange.answers.render.document import Interval
from outrange.answers.render.numbers import DIGITS, number, outward
from outrange.answers.render.text import cell_text
from outrange.answers.repairs.repair import ModelRepair
from outrange.answers.robustness import Robustness
from outrange.answers.summary import hull
from outrange.reports.plain.reader import round_text


def values():
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=4000) * 10.0 ** rng.integers(-290, 290, 4000)
    short = np.round(rng.normal(size=1000), 3) * 10.0 ** rng.integers(-5, 5, 1000)
    odd = [0.0, -0.0, 5e-324, -5e-324, 1.7976931348623157e308, 999999.5, -999999.5, 0.1, 1 / 3]
    return np.concatenate([drawn, short, odd, 1 + np.array([2.0**-52, -(2.0**-53)])])


@pytest.mark.parametrize("side", [-1, 1])
def test_what_is_printed_is_a_bound(side):
    every = values()
    scale = np.abs(every) * 10.0 ** np.random.default_rng(1).integers(0, 4, every.size)
    for given in (np.abs(every), np.minimum(scale, 1e308)):
        shown = outward(every, given, side)
        assert (side * (shown - every) >= 0)[np.isfinite(shown)].all()
        for v, s, size in zip(every, shown, given, strict=True):
            if not np.isfinite(s):
                continue
            printed = Fraction(number(float(s)))
            # A printed number that is this very float counts as exact.
            assert side * (printed - Fraction(float(v))) >= 0 or float(printed) == v
            if v and size < 1e300:
                step = max(10.0 ** (np.floor(np.log10(size)) - DIGITS + 1), abs(v) if s == v else 0)
                assert abs(s - v) <= max(1.0001 * step, 5e-324)


@pytest.mark.parametrize("side", [-1, 1])
def test_numbers_of_few_digits_stay(side):
    every = np.array([0.0, 2.0, -0.5, 21.0, 0.1, 123456.0, -1.25e-7])
    assert outward(every, np.abs(every), side).tolist() == every.tolist()
    assert outward([np.inf, -np.inf], [np.inf, np.inf], side).tolist() == [np.inf, -np.inf]


def test_a_range_shows_its_residues():
    plain = KINDS[Range]()["exact"]
    lo, hi = np.array([-2.9e-15, 0.0]), np.array([2.0, 1.00000001])
    shown = replace(plain, lo=lo, hi=hi, seen_lo=np.zeros(2), seen_hi=np.ones(2))
    assert repr(shown).startswith("Range(lo=[-3e-15, 0.], hi=[2., 1.00001]")


def test_a_radius_shows_bounds():
    radius = KINDS[Robustness]()["exact"]
    shown = replace(radius, lo=0.031250049, hi=0.031280051, status="time")
    assert "lo=0.03125, hi=0.0312801" in repr(shown)
    assert repr(replace(radius, lo=0.0312509999)).count("lo=0.0312509,") == 1


def test_intervals_in_tables_and_sentences_are_rounded_outward():
    rng = np.random.default_rng(3)
    for _ in range(200):
        lo, hi = np.sort(rng.normal(size=2) * 10.0 ** rng.integers(-8, 8))
        text = cell_text(Interval(lo, hi))
        shown = [float(part) for part in text.strip("[]").split(", ")]
        assert shown[0] <= lo <= hi <= shown[1]
        assert shown == pytest.approx([lo, hi], abs=1e-5 * max(abs(lo), abs(hi)))
        invariant = Invariant(np.array([lo]), np.array([hi]), 0, 1)
        shown = [float(part) for part in invariant.box_text(["x"])[6:-1].split(", ")]
        assert shown[0] <= lo <= hi <= shown[1]
        assert shown == pytest.approx([lo, hi], rel=1e-3)
        layer = hull((np.array([lo]), np.array([hi])))
        assert layer.lo <= lo <= hi <= layer.hi
        assert (layer.lo, layer.hi) == pytest.approx((lo, hi), rel=1e-2)


def test_sentences_of_a_repair_are_rounded_outward():
    fixed = KINDS[ModelRepair]()["weights"]
    zero, ends = np.zeros(2), (0.12345678, 0.23456714)
    for lo, hi in ((-0.12345649, 0.1), (-0.1, 0.12345649)):
        change = replace(fixed.difference, lo=zero + lo, hi=zero + hi, seen_lo=zero, seen_hi=zero)
        shown = replace(fixed, share=ends, difference=change)
        low, high = (float(word) for word in shown.wrong.split() if word[0].isdigit())
        assert low <= 12.345678 <= 23.456714 <= high
        assert 0.12345649 <= float(shown.price.split()[-1].rstrip(".")) <= 0.12346


@pytest.mark.parametrize("places", [None, 2, 5])
@pytest.mark.parametrize("is_upper", [False, True])
def test_proved_bounds_in_a_report_are_rounded_outward(places, is_upper):
    rng = np.random.default_rng(4)
    drawn = rng.normal(size=300) * 10.0 ** rng.integers(-9, 15, 300)
    # The nearest float64 of a short decimal number is below or above that number.
    for value in [*drawn, *np.arange(-30, 30) / 10, 3.99, 0.0, 1e-300, 1e300]:
        text = round_text(value, places, up=is_upper)
        shown = Fraction(text.replace("−", "-").replace(",", ""))
        beyond = (shown - Fraction(value)) * (1 if is_upper else -1)
        assert beyond >= 0
        assert "." not in text or not text.endswith("0") or "e" in text
