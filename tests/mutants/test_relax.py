"""The derivation of lines is broken on purpose, piece by piece: a law must say so."""

from dataclasses import replace

import numpy as np
import pytest

from outrange.ops import CURVES, Curve
from outrange.ops.relaxation import envelope, offsets, side
from outrange.testing import LawBroken, Oracle, check_range, check_relax, check_tightness


NAMES = ("sigmoid", "gelu", "elu", "hard_shrink", "sin", "leaky_relu", "square", "hard_silu")


def sloppy() -> Curve:
    """A curve whose slope is honestly stated to be off."""
    facts = CURVES["sigmoid"].__wrapped__()
    return replace(facts, df=lambda x: facts.df(x) * (1 - 1e-7), slope_error=1e-7)


def a_law_is_broken() -> bool:
    """Whether any curve breaks a law; fresh facts, since they remember what was derived."""
    for facts in (*(CURVES[name].__wrapped__() for name in NAMES), sloppy()):
        oracle = Oracle(facts)
        for law in (check_range, check_tightness, check_relax):
            try:
                law(facts, oracle)
            except LawBroken:
                return True
    return False


def _no_rounding(value, slope, at, extra=0.0):
    return value - extra - slope * at


def _no_error(value, slope, at, extra=0.0):
    return side.fall(value, slope, at)


BROKEN = {
    "rounding unpaid": lambda patch: [
        patch.setattr(m, "fall", _no_rounding) for m in (offsets, envelope)
    ],
    "error of f unpaid": lambda patch: [
        patch.setattr(m, "fall", _no_error) for m in (offsets, envelope)
    ],
    "slope error unpaid": lambda patch: patch.setattr(
        side.Side, "slope_slack", lambda self, slope: 0.0
    ),
    "cups forgotten": lambda patch: patch.setattr(offsets, "touches", lambda *args: iter(())),
    "tangents far from the best": lambda patch: patch.setattr(
        offsets, "root", lambda height, lo, hi: 0.75 * lo + 0.25 * hi
    ),
    "lines not mirrored": lambda patch: patch.setitem(side.MIRROR, "cup", "cup"),
    "constants forgotten": lambda patch: patch.setattr(
        side.Side, "least", lambda self, lo, hi: self.value(lo)
    ),
    "jumps at ends forgotten": lambda patch: patch.setattr(
        side.Side, "_edges", lambda self: (self.knots, self.knots)
    ),
    "knots forgotten": lambda patch: patch.setattr(
        side.Side, "gaps", lambda self, lo, hi: (np.searchsorted(self.knots, lo),) * 2
    ),
}


@pytest.mark.slow
def test_the_laws_hold_unbroken():
    assert not a_law_is_broken()


@pytest.mark.parametrize("name", BROKEN)
def test_broken_derivation(name, monkeypatch):
    BROKEN[name](monkeypatch)
    assert a_law_is_broken()
