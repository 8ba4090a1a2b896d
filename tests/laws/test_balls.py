"""Balls of many digits hold the values of definitions, whichever way comparisons go."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from cases import cases, some
from curve_cases import CASES, by_name, identify
from outrange.domains import bounds
from outrange.graph import Builder, Slot
from outrange.graph.precise import BallEvaluator
from outrange.ops import curve
from outrange.ops.numerics.balls import (
    ball,
    float_ends,
    fraction_ends,
    precision,
)
from outrange.ops.numerics.definitions import Definitions, UndecidedError
from outrange.testing.definition import Oracle, probes, special
from random_graphs import LINES, SMOOTH, random_graph
from small_graphs import run_exactly


WIDE = (0.0, 1e-30, 1e-9, 1e-3)


def _inside(value, ends):
    low, high = (mpmath.mpf(e.numerator) / e.denominator for e in ends)
    # The oracle itself is good to some 60 digits.
    slack = mpmath.mpf(10) ** -55 * (1 + abs(value))
    return low - slack <= value <= high + slack


@pytest.mark.parametrize("case", some(CASES, 0, by_name), ids=identify)
def test_a_ball_holds_the_definition(case):
    facts = curve(case[0], **case[1])
    oracle, run = Oracle(facts), Definitions()
    x = probes(facts)
    x = x[np.abs(x) < 1e3]
    places = sorted({*some(x.tolist(), 25), *x[np.isin(x, list(special(facts)))].tolist()})
    checked = 0
    with mpmath.workprec(220), precision(220):
        for at in places:
            for radius in WIDE:
                around = ball(at) if radius == 0 else ball(at - radius, at + radius)
                try:
                    ends = fraction_ends(run.run(facts.exact, around))
                except (UndecidedError, ValueError, ZeroDivisionError):
                    continue
                if ends is None:
                    continue
                for inner in (at, at - radius, at + radius, at + radius / 3):
                    value = oracle.at(inner)
                    if mpmath.isfinite(value):
                        assert _inside(value, ends), (at, radius, inner)
                        checked += 1
    assert checked > 50


@pytest.mark.parametrize("case", some(CASES, 0, by_name), ids=identify)
def test_a_point_has_all_its_digits(case):
    facts = curve(case[0], **case[1])
    oracle = Oracle(facts)
    x = probes(facts)
    with precision(400):
        for at in x[np.abs(x) < 50].tolist():
            value = oracle.at(at)
            if not mpmath.isfinite(value):
                continue
            low, high = float_ends(Definitions().run(facts.exact, ball(at)))
            # A ball around a float64 that it cannot tell from its neighbors reaches over both.
            assert high <= np.nextafter(np.nextafter(low, np.inf), np.inf), at


@pytest.mark.parametrize("seed", range(cases(3, 8)))
@pytest.mark.parametrize("curves", [LINES, SMOOTH], ids=["lines", "smooth"])
def test_precise_values_are_those_of_the_oracle_and_within_intervals(seed, curves):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, curves, products=curves is SMOOTH)
    values = range(len(graph.nodes) + 1)
    x = rng.normal(size=(3, graph.size))
    ends = bounds(graph, x, x, "intervals")
    passes = list(BallEvaluator(graph).passes(x, ends, values, 128))
    assert passes
    intervals = np.concatenate([np.stack(e) for e in ends], axis=2)
    with mpmath.workprec(400):
        exact = [[v for value in run_exactly(graph, row) for v in value] for row in x]
        for balls in (passes[0], passes[-1]):
            for n, enclosure in enumerate(balls):
                point, entry = n % len(x), n // len(x)
                ends_of = fraction_ends(enclosure)
                if ends_of is None:
                    assert not np.isfinite(float(exact[point][entry]))
                    continue
                assert _inside(exact[point][entry], ends_of)
                least, most = intervals[:, point, entry]
                assert Fraction(least) <= ends_of[1] and ends_of[0] <= Fraction(most)
    widths = [max(float(b.rad()) for b in balls) for balls in passes]
    assert widths[-1] <= widths[0]


STRAIGHT = [
    case for case in CASES
    if (facts := curve(case[0], **case[1])).has_exact_lines and not facts.jumps
]  # fmt: skip


@pytest.mark.parametrize("known", [0.0, 1.0, np.inf, np.nan])
@pytest.mark.parametrize("case", STRAIGHT, ids=identify)
def test_a_line_is_told_by_intervals_or_by_balls(case, known):
    """Points are at knots, beside them and far away; intervals are informative or unbounded."""
    facts = curve(case[0], **case[1])
    builder = Builder([Slot("x", (1,))])
    (x,) = builder.input_values()
    graph = builder.finish([builder.curve(case[0], x, **case[1])], ["y"])
    near = np.array([knot for knot in facts.knots if np.isfinite(knot)])
    places = np.concatenate([near, np.nextafter(near, -9e9), np.nextafter(near, 9e9), [-7.5, 7.5]])
    points = places[(places >= facts.on[0]) & (places <= facts.on[1])][:, None]
    ends = [(lo - known, hi + known) for lo, hi in bounds(graph, points, points, "intervals")]
    (balls, *_) = BallEvaluator(graph).passes(points, ends, [graph.output], 256)
    for at, enclosure in zip(points[:, 0].tolist(), balls, strict=True):
        slope, offset = facts.lines[int(np.searchsorted(facts.knots, at))]
        value = Fraction(slope) * Fraction(at) + Fraction(offset)
        assert fraction_ends(enclosure) == (value, value), at


def test_both_answers_of_an_open_comparison_count():
    facts = curve("heaviside")
    low, high = float_ends(Definitions().run(facts.exact, ball(-1e-9, 1e-9)))
    assert low <= 0.0 <= 1.0 <= high


def test_precision_comes_back():
    from flint import ctx

    before = ctx.prec
    with pytest.raises(ZeroDivisionError), precision(999):
        raise ZeroDivisionError
    assert ctx.prec == before
