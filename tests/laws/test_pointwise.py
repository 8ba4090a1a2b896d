"""Facts proved from formulas: they obey every law of curves, and are as sharp as those by hand."""

from functools import cache

import numpy as np
import pytest

from cases import cases
from curve_cases import identify
from formulas import ATTRIBUTES, FORMULAS, FREE
from outrange.ops import curve
from outrange.ops.pointwise import Expressions, analyze
from outrange.ops.relaxation.relax import relax
from outrange.testing import Oracle
from outrange.testing.facts import (
    check_bends,
    check_definition,
    check_jumps,
    check_range,
    check_slope,
    check_turns,
)
from outrange.testing.lines import check_relax, check_tightness


LAWS = (
    check_definition, check_jumps, check_slope, check_turns, check_bends, check_range, check_relax,
)  # fmt: skip
"""Those of curves. How tight `beyond` is, is not claimed; tightness is a law of its own below."""

EVERY = (*FORMULAS, *FREE)
FEW = ("hard_shrink", "elu", *FREE)


@cache
def facts(name):
    t = Expressions()
    return analyze(t, {**FORMULAS, **FREE}[name](t), name)


@pytest.mark.parametrize("name", cases(FEW, EVERY))
def test_facts_hold(name):
    found = facts(name)
    oracle = Oracle(found)
    for law in LAWS:
        law(found, oracle)
    if "wave" not in name:  # an interval over many waves gets constants
        check_tightness(found, oracle)


def test_a_jump_between_curves():
    """`silu` up to 1, `log` beyond: the two limits differ, and the value is the left one."""
    t = Expressions()
    left = t.multiply(t.x, t.apply("sigmoid", t.x))
    found = analyze(t, t.switch(t.x, (1,), (left, t.apply("log", t.x)), (left,)))
    assert found.jumps == (1.0,)
    oracle = Oracle(found)
    for law in (check_definition, check_jumps, check_slope, check_turns, check_bends, check_range):
        law(found, oracle)


def intervals(seed=0):
    """Intervals of all sizes about 0, where activations bend."""
    rng = np.random.default_rng(seed)
    middle, radius = rng.normal(0.0, 3.0, 200), 10.0 ** rng.uniform(-3.0, 1.0, 200)
    return middle - radius, middle + radius


def gap(lines, x):
    """How far the line above is from the line below at `x`."""
    return lines.hi_slope * x + lines.hi_offset - (lines.lo_slope * x + lines.lo_offset)


@pytest.mark.parametrize("name", FORMULAS)
def test_as_sharp_as_by_hand(name):
    """Within 1 % of the gap that the registered facts leave, wherever there is a gap at all."""
    by_hand, found = curve(name, **ATTRIBUTES.get(name, {})), facts(name)
    lo, hi = intervals()
    for share in (0.1, 0.5, 0.9):
        x = (1 - share) * lo + share * hi
        one, two = gap(relax(by_hand, lo, hi), x), gap(relax(found, lo, hi), x)
        assert (two <= 1.01 * one + 1e-9).all(), identify((name, {}))
        least, most = by_hand.range(lo, hi)
        low, high = found.range(lo, hi)
        assert ((high - low) <= 1.01 * (most - least) + 1e-9).all()


@pytest.mark.parametrize("name", FORMULAS)
def test_same_function_as_by_hand(name):
    """The formula is the activation: known answers from outside of the analysis."""
    by_hand, found = curve(name, **ATTRIBUTES.get(name, {})), facts(name)
    x = np.linspace(-7.03, 7.01, 401)
    assert np.allclose(by_hand.f(x), found.f(x), rtol=1e-12, atol=1e-14)
    assert np.allclose(by_hand.df(x), found.df(x), rtol=1e-9, atol=1e-12)
