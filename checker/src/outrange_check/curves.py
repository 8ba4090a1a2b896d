"""Lines below and above a curve on an interval, proved from the sign of its second derivative.

Numbers are integers that represent multiples of 2^-BITS, and balls. A line may have any slope. Its
offset makes it a bound, and is computed from the sign of the second derivative, called the bend.
"""

from collections.abc import Callable
from itertools import pairwise
from math import inf

from flint import arb, ctx, fmpz

from .network import Block, need


BITS = 80
"""Number of binary places of every number in a proof."""

ONE_BITS = 1 << BITS
ctx.prec = 192


def _sigmoid(x: arb) -> arb:
    return 1 / (1 + (-x).exp())


TINY = ONE_BITS // 10**7

SMOOTH: dict[str, tuple[Callable, Callable, list[tuple[float, int]]]] = {
    "sigmoid": (_sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x), [(0, 1), (inf, -1)]),
    "tanh": (
        lambda x: x.tanh(),
        lambda x: 1 / x.cosh() ** 2,
        [(0, 1), (inf, -1)],
    ),
    "exp": (lambda x: x.exp(), lambda x: x.exp(), [(inf, 1)]),
    "softplus": (lambda x: x.exp().log1p(), _sigmoid, [(inf, 1)]),
    "elu": (lambda x: x.max(0) + x.min(0).expm1(), lambda x: x.min(0).exp(), [(inf, 1)]),
    "gelu": (
        lambda x: x * (1 + (x / arb(2).sqrt()).erf()) / 2,
        lambda x: (
            (1 + (x / arb(2).sqrt()).erf()) / 2 + x * (-x * x / 2).exp() / (2 * arb.pi()).sqrt()
        ),
        [
            (-14142136 * TINY, -1),
            (-14142135 * TINY, 0),
            (14142135 * TINY, 1),
            (14142136 * TINY, 0),
            (inf, -1),
        ],
    ),
    "silu": (
        lambda x: x * _sigmoid(x),
        lambda x: _sigmoid(x) * (1 + x * _sigmoid(-x)),
        [
            (-23993573 * TINY, -1),
            (-23993572 * TINY, 0),
            (23993572 * TINY, 1),
            (23993573 * TINY, 0),
            (inf, -1),
        ],
    ),
}
"""The function, the derivative and the bends of each smooth curve. A bend `(end, sign)` states the
sign of the second derivative up to `end`, or 0 if it is not stated. Tests prove the bends in ball
arithmetic."""

Lines = tuple[int, int, int, int]
"""Slope and offset of the line below a curve, then of the line above it."""


def down(x: arb) -> int:
    """Return an integer `n` for which `n * 2^-BITS` is at most every number in a ball."""
    need(abs(x) < 1 << 4096, "the value of a curve is too large")  # or is not finite
    return int((x * ONE_BITS).lower().floor().unique_fmpz())  # pyright: ignore[reportArgumentType]


def ball(z: int) -> arb:
    """Return the number `z * 2^-BITS` as a ball."""
    return arb(fmpz(z)) / ONE_BITS


Curve = str | int | tuple[int, int]
"""The name of a smooth curve, the number of the unit that a gate belongs to, or the slopes of a
kink below and above 0."""


def curve(block: Block) -> Curve:
    """Return the curve of a block; refuse one that is not supported."""
    if isinstance(block.curve, int) or (block.curve in SMOOTH and block.slopes is None):
        return block.curve
    slopes = [slope * ONE_BITS for slope in block.slopes or ()]
    need(
        block.curve == "kink" and len(slopes) == 2 and all(slope.q == 1 for slope in slopes),
        f"the curve {block.curve!r}, or one of its slopes, is not covered",
    )
    return int(slopes[0].p), int(slopes[1].p)


def lines(curve: str | tuple[int, int], low: int, high: int, share: int | None = None) -> Lines:
    """Return lines below and above a curve over `low <= z <= high`.

    Args:
        curve: The curve.
        low: The lower end of the interval.
        high: The upper end of the interval.
        share: Slope of a kink's free line, from 0 for `below` to 255 for `above`. The free line
            touches the kink at 0; the other line is the chord. None chooses 0 or 255.
    """
    if isinstance(curve, str):
        return _smooth(curve, low, high)
    below, above = curve
    if low >= 0 or high <= 0:
        return (slope := above if low >= 0 else below), 0, slope, 0
    share = 255 * (1025 * high > -1024 * low) if share is None else share
    turn = below + (above - below) * share // 255
    chord = (above * high - below * low) // (high - low)
    ends = ((above - chord) * high, (below - chord) * low)
    return (
        (turn, 0, chord, -(-max(ends) >> BITS))
        if above >= below
        else (chord, min(ends) >> BITS, turn, 0)
    )


def slopes(curve: Curve, low: int, high: int) -> tuple[int, int]:
    """Return bounds of a curve's slope over `low <= z <= high`.

    A kink has the slopes of its sides. Where the sign of its second derivative is constant, the
    slope of a smooth curve is monotone, so its extremes are at the ends.
    """
    if isinstance(curve, tuple):
        sides = curve[low >= 0 : 1 + (low >= 0 or high > 0)]
        return min(sides), max(sides)
    _, df, bends = SMOOTH[str(curve)]
    found = [df(z) for piece in _pieces(bends, low, max(high, low + 1)) for z in _edge(*piece)]
    return min(map(down, found)), -min(down(-slope) for slope in found)


def _pieces(bends: list[tuple[float, int]], low: int, high: int) -> list[tuple[int, int, int]]:
    """Cut an interval where the sign of a curve's second derivative changes.

    Returns:
        The ends and the sign of each piece, `(low, high, bend)`.
    """
    cuts = sorted({low, *(int(min(max(low, end), high)) for end, _ in bends)})
    return [(a, b, next(bend for end, bend in bends if b <= end)) for a, b in pairwise(cuts)]


def _edge(low: int, high: int, bend: int) -> list[arb]:
    """Return the two ends of a piece as balls, or one ball around all of it if its bend is 0."""
    return [ball(low), ball(high)] if bend else [ball(low).union(ball(high))]


def _smooth(name: str, low: int, high: int) -> Lines:
    (f, df, bends), high = SMOOTH[name], max(high, low + 1)
    chord = (f(ball(high)) - f(ball(low))) / ball(high - low)
    slopes = [
        down(s.mid()) for s in (chord, *(df(ball(z)) for z in ((low + high) // 2, low, high)))
    ]
    pieces = _pieces(bends, low, high)
    out: list[int] = []
    for sign in (1, -1):
        one = pieces[0][2] if len(pieces) == 1 else 0  # the tangent in the middle, or the chord
        tried = {sign: slopes[1:2], -sign: slopes[:1]}.get(one, slopes)
        offsets = {slope: _least(f, df, pieces, sign, slope) for slope in tried}
        middle = {s: sign * s * (low + high) + 2 * t * ONE_BITS for s, t in offsets.items()}
        slope = max(tried, key=middle.__getitem__)
        out += [slope, sign * offsets[slope]]
    return out[0], out[1], out[2], out[3]


def _least(
    f: Callable, df: Callable, pieces: list[tuple[int, int, int]], sign: int, slope: int
) -> int:
    """Return a lower bound of `sign * (f(z) - slope * z)` over pieces.

    Args:
        f: The curve.
        df: Its derivative.
        pieces: The ends of each piece, and the sign of `f''` there (0 if unknown).
        sign: 1 or -1.
        slope: The slope, in multiples of 2^-BITS.
    """

    def g(z: arb) -> arb:
        return sign * (f(z) - ball(slope) * z)

    out = []
    for low, high, bend in pieces:
        ends = _edge(low, high, bend)
        if bend * sign <= 0:  # least at an end
            out += [down(g(z)) for z in ends]
        else:  # above each of its tangents: take the one where it is about level, by halving
            for _ in range(24):
                middle = (low + high) // 2
                rise = sign * (df(ball(middle)) - ball(slope))
                low, high = (low, middle) if rise > 0 else (middle, high)
            p = ball(low)
            rise = sign * (df(p) - ball(slope))
            out += [down(g(p) + rise * (z - p)) for z in ends]
    return min(out)
