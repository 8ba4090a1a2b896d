"""The table of curves is proved in ball arithmetic; lines about curves lie where they should."""

import random
import re
from decimal import Decimal
from itertools import pairwise
from math import inf
from pathlib import Path

import pytest
from flint import arb, ctx, fmpq

from cases import cases
from checker import exact
from outrange_check.bounds import values
from outrange_check.curves import BITS, ONE_BITS, SMOOTH, ball, curve, down, lines
from outrange_check.network import Block, Refused


FAR = 64
"""Beyond it, the signs of CORES follow from what is said there."""

CORES = {
    "sigmoid": (lambda x: -(x / 2).tanh(), lambda x: -(1 - (x / 2).tanh() ** 2) / 2),
    "tanh": (lambda x: -x.tanh(), lambda x: -(1 - x.tanh() ** 2)),
    "gelu": (lambda x: 2 - x * x, lambda x: -2 * x),
    "silu": (lambda x: 2 - x * (x / 2).tanh(), None),
    "exp": (lambda x: arb(1), None),
    "softplus": (lambda x: arb(1), None),
    "elu": (lambda x: arb(1), None),
}
"""What has the sign of the second derivative, and its derivative where it vanishes at an end.

All are monotonous from FAR on, and to -FAR: tanh rises, and x * tanh(x / 2) rises with |x|."""

FACTORS = {
    "sigmoid": lambda x: _s(x) * _s(-x),
    "tanh": lambda x: 2 * (1 - x.tanh() ** 2),
    "gelu": lambda x: (-x * x / 2).exp() / (2 * arb.pi()).sqrt(),
    "silu": lambda x: _s(x) * _s(-x),
    "exp": lambda x: x.exp(),
    "softplus": lambda x: _s(x) * _s(-x),
    "elu": lambda x: x.exp() if x < 0 else arb(0),
}
"""Second derivative = factor * core; every factor is a product of what is positive (elu: or 0)."""

KINKS = [
    (0, 1),
    (1, 0),
    (-1, 1),
    (fmpq(1, 4), 1),
    (1, fmpq(1, 4)),
    (-3, -2),
    (-2, -3),
    (2, 2),
    (0, 0),
    (5, -7),
]


def _s(x):
    return 1 / (1 + (-x).exp())


def has_sign(core, slope, sign, low, high, depth=0):
    """Return whether a core keeps a sign in the interior of an interval, by bisection."""
    whole = arb((low + high) / 2).union(arb(low)).union(arb(high))
    if sign * core(whole) > 0:
        return True
    for end, side in ((low, 1), (high, -1)):
        if slope and core(arb(end)) == 0 and sign * side * slope(whole) > 0:
            return True
    if depth > 60:
        return False
    middle = (low + high) / 2
    return all(
        has_sign(core, slope, sign, *part, depth + 1) for part in ((low, middle), (middle, high))
    )


@pytest.mark.parametrize("name", SMOOTH)
def test_bends_are_right_on_the_whole_line(name):
    core, slope = CORES[name]
    bends = SMOOTH[name][2]
    assert [end for end, _ in bends] == sorted({end for end, _ in bends}) and bends[-1][0] == inf
    cuts = [-FAR, *(fmpq(end, ONE_BITS) for end, _ in bends[:-1]), FAR]
    for (low, high), (_, sign) in zip(pairwise(cuts), bends, strict=True):
        assert sign == 0 or has_sign(core, slope, sign, fmpq(low), fmpq(high)), (name, low, high)
        assert sign != 0 or high - low < fmpq(1, 10**6)


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_are_those_of_the_function(name):
    """By differences, 800 bits wide; elu's second derivative jumps at 0."""
    f, df, _ = SMOOTH[name]
    draw, before = random.Random(name), ctx.prec
    ctx.prec = 800
    try:
        h = arb(2) ** -200
        for _ in range(50):
            x = arb(draw.uniform(-8, 8))
            assert abs((f(x + h) - f(x - h)) / (2 * h) - df(x)) < arb(2) ** -300
            second = FACTORS[name](x) * (CORES[name][0](x) if FACTORS[name](x) != 0 else 0)
            assert abs((df(x + h) - df(x - h)) / (2 * h) - second) < arb(2) ** -300
    finally:
        ctx.prec = before


@pytest.mark.parametrize("name", SMOOTH)
def test_functions_are_those_of_their_names(name):
    """Written once more."""
    draw = random.Random(name)
    for _ in range(50):
        x = arb(draw.uniform(-8, 8))
        assert abs(SMOOTH[name][0](x) - exact.SMOOTH[name](x)) < arb(2) ** -150


def intervals(draw, count):
    """Yield intervals of all sizes and places: some are points, some lie beside a bend."""
    for _ in range(count):
        size = draw.choice((0, 1e-20, 1e-9, 1e-6, 0.1, 3, 40))
        middle = draw.choice((0, 0, 2**0.5, -(2**0.5), 2.3993572805, draw.uniform(-9, 9), 500))
        low = int((middle - size * draw.random()) * ONE_BITS)
        odd = draw.randint(0, 1)
        yield low + odd, low + odd + int(size * ONE_BITS) + (size > 0 and draw.randint(0, 1))


@pytest.mark.parametrize("name", SMOOTH)
def test_lines_about_a_smooth_curve(name):
    draw, f = random.Random(name), SMOOTH[name][0]
    for low, high in intervals(draw, cases(60, 1000)):
        drawn = lines(name, low, high)
        ls, lt, hs, ht = drawn
        least, most = values(name, low, high, drawn)
        places = [low, high, (low + high) // 2, *(draw.randint(low, high) for _ in range(5))]
        for z in places:
            value = f(ball(z))
            assert not value < ball(ls) * ball(z) + ball(lt)
            assert not value > ball(hs) * ball(z) + ball(ht)
            assert not value < ball(least) and not value > ball(most)
        if high - low <= ONE_BITS // 1000:  # a curve is nearly a line there
            gap = ball(hs - ls) * ball((low + high) // 2) + ball(ht - lt)
            steep = 1 + abs(f(ball(high))) + abs(SMOOTH[name][1](ball(high)))
            assert gap < 8 * steep * (ball(high - low) + arb(2) ** -60)


def best_lines(name, low, high):
    """Compute the lines of the documented formulas, in units of 2^-BITS and not rounded.

    Returns the best that a line below has at the middle, the same of minus a line above, and a
    function of a side (1 below, -1 above) and a slope to the offset.
    """
    f, df, bends = SMOOTH[name]
    ends = [end for end, _ in bends if low < end < high] + [high]
    pieces = [
        (a, b, next(sign for end, sign in bends if end >= b))
        for a, b in zip([low, *ends], ends, strict=False)
    ]

    def offset(side, slope):
        g = [lambda z: side * (f(z) - ball(slope) * z), lambda z: side * (df(z) - ball(slope))]
        offsets = []
        for a, b, bend in pieces:
            if bend == 0:
                offsets.append(g[0](ball(a).union(ball(b))).lower())
                continue
            p, above = a, b
            for _ in range(24 if bend == side else 0):
                half = (p + above) // 2
                p, above = (p, half) if g[1](ball(half)) > 0 else (half, above)
            level = g[1](ball(p)) if bend == side else None
            for z in (a, b):
                tangent = level is not None and g[0](ball(p)) + level * (ball(z) - ball(p))
                offsets.append(g[0](ball(z)) if level is None else tangent)
        return side * min(offsets, key=lambda v: v.mid()) * ONE_BITS

    middle = ball(low + high) / 2
    slopes = [df(ball(z)) for z in ((low + high) // 2, low, high)]
    if high > low:
        slopes.append((f(ball(high)) - f(ball(low))) / ball(high - low))
    units = [down(slope.mid()) for slope in slopes]
    best = [
        max((side * (s * middle + offset(side, s)) for s in units), key=lambda v: v.mid())
        for side in (1, -1)
    ]
    return best, offset


@pytest.mark.parametrize("name", SMOOTH)
def test_lines_about_a_smooth_curve_are_the_best_of_the_page(name):
    """To a few units: a worse choice proves less than the writer of a certificate counts on."""
    draw = random.Random(name)
    for low, high in intervals(draw, cases(40, 400)):
        if high > 100 * ONE_BITS:
            continue
        ls, lt, hs, ht = lines(name, low, high)
        (below, above), offset = best_lines(name, low, high)
        middle, off = ball(low + high) / 2, 9 + abs(ball(low)) + abs(ball(high))
        assert abs(ls * middle + lt - below) < off + (high - low >> 22), (low, high)
        assert abs(hs * middle + ht + above) < off + (high - low >> 22), (low, high)
        ball_over_all = len(SMOOTH[name][2]) > 2
        for side, slope, found in ((1, ls, lt), (-1, hs, ht)):
            assert abs(found - offset(side, slope)) < 2 + (high - low >> 22) * ball_over_all


def test_the_bends_are_those_of_the_page():
    page = (Path(__file__).parents[2] / "docs" / "certificates.md").read_text(encoding="utf-8")
    for name in ("gelu", "silu"):
        outer, inner = re.search(
            rf"`{name}`.*beyond ±([\d.]+), positive within ±([\d.]+),", page
        ).groups()
        ends = [fmpq(end, ONE_BITS) for end, _ in SMOOTH[name][2][:-1]]
        for end, said in zip(ends, (f"-{outer}", f"-{inner}", inner, outer), strict=True):
            off = abs(fmpq(*Decimal(said).as_integer_ratio())) - abs(end)
            assert 0 <= off < fmpq(1, 2**50)


def test_a_tangent_is_that_at_the_middle_of_the_interval():
    """Rounded down, where half a unit is thousands of units of the slope."""
    low, high = 9 * ONE_BITS, 11 * ONE_BITS + 1
    assert lines("exp", low, high)[0] == down(ball(10 * ONE_BITS).exp())


def test_on_one_piece_the_lines_are_a_tangent_and_the_chord():
    """Even of a few units, where rounding decides which of several lines is the best."""
    for low in range(10 * ONE_BITS, 10 * ONE_BITS + 9):
        for size in (1, 2, 7):
            chord = (ball(low + size).exp() - ball(low).exp()) / ball(size)
            drawn = lines("exp", low, low + size)
            assert (drawn[0], drawn[2]) == (down(ball(low + size // 2).exp()), down(chord.mid()))


def test_a_line_touches_a_convex_curve():
    for low, high in ((-3, 2), (-1, 5)):
        ls, lt, hs, ht = lines("softplus", low * ONE_BITS, high * ONE_BITS)
        f, middle = SMOOTH["softplus"][0], arb(low + high) / 2
        assert abs(ball(ls) * middle + ball(lt) - f(middle)) < 1e-6
        for z in (low, high):
            assert abs(ball(hs) * z + ball(ht) - f(arb(z))) < arb(2) ** -60


@pytest.mark.parametrize("slopes", KINKS, ids=str)
def test_lines_about_a_kink(slopes):
    block = Block("kink", tuple(map(fmpq, slopes)), [])
    below, above = kink = curve(block)
    draw = random.Random(str(slopes))
    for _ in range(cases(100, 5000)):
        low, high = (
            -draw.randint(1, 2 ** draw.randint(1, 120)),
            draw.randint(1, 2 ** draw.randint(1, 120)),
        )
        share = draw.choice((None, 0, 255, draw.randint(0, 255)))
        ls, lt, hs, ht = lines(kink, low, high, share)
        least, most = values(kink, low, high, (ls, lt, hs, ht))
        for z in (low, high, 0, draw.randint(low, high)):
            value = (above if z >= 0 else below) * z
            assert ls * z + (lt << BITS) <= value <= hs * z + (ht << BITS)
            assert least << BITS <= value <= most << BITS
        turned = ls if above >= below else hs
        if share in (0, 255):
            assert turned == (above if share else below)
        elif share is None and abs(high + low) * 100 > high - low:
            assert turned == (above if high > -low else below)
        chord = hs * high + (ht << BITS) if above >= below else ls * high + (lt << BITS)
        assert abs(chord - above * high) <= (1 << BITS) + 2 * (high - low)


def test_a_tie_of_a_kink_goes_to_the_slope_above():
    """A program in floats and this one turn the same way where an interval is about symmetric."""
    assert lines((0, ONE_BITS), -(10**9), 10**9)[0] == ONE_BITS
    assert lines((0, ONE_BITS), -(10**9), 10**9 - 900_000)[0] == ONE_BITS
    assert lines((0, ONE_BITS), -(10**9), 10**9 - 1_100_000)[0] == 0
    assert lines((0, ONE_BITS), -1025 * 10**9, 1024 * 10**9)[0] == 0
    assert lines((0, ONE_BITS), -1025 * 10**9, 1024 * 10**9 + 1)[0] == ONE_BITS


def test_the_largest_value():
    for sign in (1, -1):
        assert down(sign * arb(2) ** 4095) == sign << 4095 + BITS
        with pytest.raises(Refused, match="too large"):
            down(sign * arb(2) ** 4096)


def test_down_is_below_and_no_further_than_one():
    for value in (arb(1) / 3, -arb(1) / 3, arb(5), arb(-7) / 2**85, arb(2) ** 90 / 3):
        whole = down(value)
        assert not ball(whole) > value and ball(whole + 1) > value
    for value in (arb("nan"), arb("inf"), arb(10**9).exp(), -arb(10**9).exp()):
        with pytest.raises(Refused):
            down(value)


@pytest.mark.parametrize(
    "block",
    [
        Block("kink", None, []),
        Block("kink", (fmpq(1),), []),
        Block("kink", (fmpq(0), fmpq(1, 3)), []),
        Block("kink", (fmpq(1, 2**81), fmpq(1)), []),
        Block("tanh", (fmpq(0), fmpq(1)), []),
        Block("sine", None, []),
    ],
    ids=str,
)
def test_a_curve_that_is_not_covered_is_refused(block):
    with pytest.raises(Refused, match="not covered"):
        curve(block)
