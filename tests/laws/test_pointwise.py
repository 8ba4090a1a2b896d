"""Facts proved from formulas obey every law of curves, and are as sharp as those by hand."""

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
    analyzed = facts(name)
    oracle = Oracle(analyzed)
    for law in LAWS:
        law(analyzed, oracle)
    if "wave" not in name:  # an interval over many waves gets constants
        check_tightness(analyzed, oracle)


def test_a_jump_between_curves():
    """`silu` up to 1, `log` beyond: the limits differ, and the value is the left one."""
    t = Expressions()
    left = t.multiply(t.x, t.apply("sigmoid", t.x))
    analyzed = analyze(t, t.switch(t.x, (1,), (left, t.apply("log", t.x)), (left,)))
    assert analyzed.jumps == (1.0,)
    oracle = Oracle(analyzed)
    for law in (check_definition, check_jumps, check_slope, check_turns, check_bends, check_range):
        law(analyzed, oracle)


def intervals(seed=0):
    """Return intervals of all sizes about 0, where activations bend."""
    rng = np.random.default_rng(seed)
    middle, radius = rng.normal(0.0, 3.0, 200), 10.0 ** rng.uniform(-3.0, 1.0, 200)
    return middle - radius, middle + radius


def gap(lines, x):
    """Return the distance between the upper and the lower line at `x`."""
    return lines.hi_slope * x + lines.hi_offset - (lines.lo_slope * x + lines.lo_offset)


@pytest.mark.parametrize("name", FORMULAS)
def test_as_sharp_as_by_hand(name):
    """The gap is within 1 % of that of the registered facts."""
    by_hand, analyzed = curve(name, **ATTRIBUTES.get(name, {})), facts(name)
    lo, hi = intervals()
    for share in (0.1, 0.5, 0.9):
        x = (1 - share) * lo + share * hi
        gap_by_hand, gap_analyzed = gap(relax(by_hand, lo, hi), x), gap(relax(analyzed, lo, hi), x)
        assert (gap_analyzed <= 1.01 * gap_by_hand + 1e-9).all(), identify((name, {}))
        least, most = by_hand.range(lo, hi)
        low, high = analyzed.range(lo, hi)
        assert ((high - low) <= 1.01 * (most - least) + 1e-9).all()


@pytest.mark.parametrize("name", FORMULAS)
def test_same_function_as_by_hand(name):
    """The formula is the activation: the expected values are independent of the analysis."""
    by_hand, analyzed = curve(name, **ATTRIBUTES.get(name, {})), facts(name)
    x = np.linspace(-7.03, 7.01, 401)
    assert np.allclose(by_hand.f(x), analyzed.f(x), rtol=1e-12, atol=1e-14)
    assert np.allclose(by_hand.df(x), analyzed.df(x), rtol=1e-9, atol=1e-12)
