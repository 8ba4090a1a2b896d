"""Fused curves of shifted and scaled arguments: bounds hold, and are tight against dense samples.

Models of growth, reactions and doses contain such curves: `x exp(a x + b)`, `exp(a / x + b)`, `x**n
/ (c + x**n)`.
"""

from fractions import Fraction

import numpy as np
import pytest

from cases import cases, combine
from outrange.core import UnsupportedError
from outrange.ops.pointwise import Expressions, analyze
from outrange.ops.pointwise.primitives import PRIMITIVES


EXPONENT = 1.5
"""Of `power`."""


def line(t, a, b, u=None):
    return t.scale(t.x if u is None else u, Fraction(a), Fraction(b))


FORMS = {
    "f(ax+b)": lambda t, f, a, b, c: f(line(t, a, b)),
    "x f(ax+b)": lambda t, f, a, b, c: t.multiply(t.x, f(line(t, a, b))),
    "(cx+a) f(ax+b)": lambda t, f, a, b, c: t.multiply(line(t, c, a), f(line(t, a, b))),
    "x^2 f(ax+b)": lambda t, f, a, b, c: t.multiply(t.power(t.x, 2), f(line(t, a, b))),
    "f(ax+b) + cx": lambda t, f, a, b, c: t.add(f(line(t, a, b)), line(t, c, 0)),
    "f(ax+b)^2": lambda t, f, a, b, c: t.power(f(line(t, a, b)), 2),
    "f(ax^2+b)": lambda t, f, a, b, c: f(line(t, a, b, t.power(t.x, 2))),
    "f(a/x+b)": lambda t, f, a, b, c: f(line(t, a, b, t.power(t.x, -1))),
    "1/(1+c f(ax+b))": lambda t, f, a, b, c: t.power(line(t, abs(c), 1, f(line(t, a, b))), -1),
    "f(ax+b)/(x^2+1)": lambda t, f, a, b, c: t.divide(
        f(line(t, a, b)), t.scale(t.power(t.x, 2), 1, 1)
    ),
    "exp(c f(ax+b) + a)": lambda t, f, a, b, c: t.apply("exp", line(t, c, a, f(line(t, a, b)))),
    "u^2/(u^2+c), u = f(x)(ax+b)": lambda t, f, a, b, c: _share(
        t, t.multiply(f(t.x), line(t, a, b)), c
    ),
}


def _share(t, u, c):
    square = t.power(u, 2)
    return t.divide(square, t.scale(square, 1, abs(Fraction(c))))


def draw_formula(name, form):
    """Return curves of one form with some shifts and scales that have an analysis."""
    rng = np.random.default_rng([list(PRIMITIVES).index(name), list(FORMS).index(form)])
    attributes = {"exponent": EXPONENT} if name == "power" else {}
    for _ in range(cases(1, 2)):
        a, b, c = (rng.choice([-1.0, 1.0], 3) * 10.0 ** rng.uniform(-1.5, 1.0, 3)).tolist()
        t = Expressions()
        try:
            e = FORMS[form](t, lambda u, t=t: t.apply(name, u, **attributes), a, b, c)
            yield analyze(t, e), rng
        except UnsupportedError:
            continue


@pytest.mark.parametrize(("name", "form"), combine(PRIMITIVES, FORMS))
def test_bounds_are_those_of_dense_samples(name, form):
    for curve, rng in draw_formula(name, form):
        middle, radius = rng.normal(0.0, 3.0, 60), 10.0 ** rng.uniform(-2.0, 1.0, 60)
        ends = np.clip(curve.on, -1e3, 1e3)
        lo, hi = (np.clip(end, *ends) for end in (middle - radius, middle + radius))
        # A pole is in no interval: one ends on either side of it.
        for pole in curve.poles:
            if pole == curve.on[1]:
                hi = np.minimum(hi, pole - 0.01)
            else:
                lo, hi = np.where((lo <= pole) & (pole <= hi), pole + 0.01, lo), np.maximum(hi, lo)
        lo, hi = lo[lo < hi], hi[lo < hi]
        places = [lo[:, None] + (hi - lo)[:, None] * np.linspace(0.0, 1.0, 501)]
        places += [np.full((lo.size, 1), at) for at in (*curve.turns, *curve.knots)]
        x = np.clip(np.concatenate(places, axis=1), lo[:, None], hi[:, None])
        y = curve.f(x)
        size = np.abs(y).max(axis=1, initial=0.0)
        some = np.isfinite(size) & (size < 1e100)
        least, most = (end[some] for end in curve.range(lo, hi))
        low, high, size = y.min(axis=1)[some], y.max(axis=1)[some], size[some]
        assert (least <= low + 1e-12 * size).all() and (high - 1e-12 * size <= most).all()
        allowed = 1e-6 * (high - low) + 1e-8 * size + 1e-8
        assert (low - least <= allowed).all() and (most - high <= allowed).all()
