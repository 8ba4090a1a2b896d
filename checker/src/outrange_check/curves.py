"""Lines below and above a curve between two points, proved by its bends, in balls and integers.

Numbers are integers that stand for multiples of 2^-BITS. A slope may be any number; what makes its
line a bound is the offset, which is computed from the sign of the second derivative.
"""

from collections.abc import Callable, Iterator

from flint import arb, ctx, fmpz

from .network import Block, Refused


BITS = 80
"""Binary places of every number of a proof."""

ONE_BITS = 1 << BITS
ctx.prec = 192


def _sigmoid(x: arb) -> arb:
    return 1 / (1 + (-x).exp())


def _normal(x: arb) -> arb:
    return (1 + (x / arb(2).sqrt()).erf()) / 2


def _density(x: arb) -> arb:
    return (-x * x / 2).exp() / (2 * arb.pi()).sqrt()


def _elu(x: arb) -> arb:
    return x if x >= 0 else x.expm1() if x <= 0 else x.expm1().union(x)


def _elu_slope(x: arb) -> arb:
    return arb(1) if x >= 0 else x.exp() if x <= 0 else x.exp().union(arb(1))


TURNS = 24
"""Halvings of an interval towards the point where a convex curve has a given slope."""

Function = Callable[[arb], arb]

Bends = list[tuple[int | None, int]]
"""`(end in 1e-7, sign)`: the sign of the second derivative up to there, 0 where it is not said."""

SMOOTH: dict[str, tuple[Function, Function, Bends]] = {
    "sigmoid": (_sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x), [(0, 1), (None, -1)]),
    "tanh": (lambda x: x.tanh(), lambda x: 1 - x.tanh() ** 2, [(0, 1), (None, -1)]),
    "exp": (lambda x: x.exp(), lambda x: x.exp(), [(None, 1)]),
    "softplus": (lambda x: x.exp().log1p(), _sigmoid, [(None, 1)]),
    "elu": (_elu, _elu_slope, [(None, 1)]),
    "gelu": (
        lambda x: x * _normal(x),
        lambda x: _normal(x) + x * _density(x),
        [(-14142136, -1), (-14142135, 0), (14142135, 1), (14142136, 0), (None, -1)],
    ),
    "silu": (
        lambda x: x * _sigmoid(x),
        lambda x: _sigmoid(x) * (1 + x * _sigmoid(-x)),
        [(-23993573, -1), (-23993572, 0), (23993572, 1), (23993573, 0), (None, -1)],
    ),
}
"""Name to function, derivative and bends; the tests prove the bends in ball arithmetic."""

Lines = tuple[int, int, int, int]
"""`low slope, low offset, high slope, high offset`."""


def down(x: arb) -> int:
    """The integer below a ball."""
    whole = (x * ONE_BITS).lower().floor().unique_fmpz()
    if whole is None:
        raise Refused("a value is not finite, or has too many digits")
    return int(whole)


def up(x: arb) -> int:
    """The integer above a ball."""
    return -down(-x)


def ball(z: int) -> arb:
    """A number as a ball."""
    return arb(fmpz(z)) / ONE_BITS


def kink(block: Block) -> tuple[int, int]:
    """The slopes of a kink, `(below, above)`."""
    out = tuple(s * ONE_BITS for s in block.slopes or ())
    if len(out) != 2 or any(s.q != 1 for s in out):
        raise Refused("the slopes of a kink are two multiples of 2^-80")
    return int(out[0].p), int(out[1].p)


def lines(block: Block, low: int, high: int, share: int | None = None) -> Lines:
    """Lines below and above the curve of a block over `low <= z <= high`.

    Args:
        block: Whose curve.
        low: From there.
        high: To there.
        share: Of 255, how far the line that may turn about a kink is from `below` to `above`.
    """
    if block.curve != "kink":
        return _smooth(block.curve, low, high)
    below, above = kink(block)
    if low >= 0 or high <= 0:
        slope = above if low >= 0 else below
        return slope, 0, slope, 0
    turn = (
        below
        + (above - below) * (255 * (1025 * high > -1024 * low) if share is None else share) // 255
    )
    chord = (above * high - below * low) // (high - low)
    ends = ((above - chord) * high, (below - chord) * low, 0)
    if above >= below:
        return turn, 0, chord, -(-max(ends) >> BITS)
    return chord, min(ends) >> BITS, turn, 0


def flat(block: Block, low: int, high: int) -> Lines:
    """Constant lines about a kink, its least and largest value; or itself, if it has one slope."""
    if low >= 0 or high <= 0:
        return lines(block, low, high)
    below, above = kink(block)
    ends = (below * low >> BITS, -(-below * low >> BITS), above * high >> BITS, 0)
    return 0, min(ends), 0, max(*ends, -(-above * high >> BITS))


def _smooth(name: str, low: int, high: int) -> Lines:
    f, df, bends = SMOOTH[name]
    ends = f(ball(low)), f(ball(high))
    chord = (ends[1] - ends[0]) * ONE_BITS / (high - low) if high > low else df(ball(low))
    middle = (low + high) // 2
    slopes = [down(s.mid()) for s in (chord, *(df(ball(z)) for z in (middle, low, high)))]
    pieces = list(_pieces(bends, low, high))
    out: list[int] = []
    for sign in (1, -1):
        tried = slopes
        if len(pieces) == 1 and pieces[0][2]:  # the tangent in the middle, or the chord
            tried = slopes[1:2] if pieces[0][2] == sign else slopes[:1]
        found = []
        for slope in tried:
            offset = _least(f, df, pieces, sign, slope)
            found.append((sign * slope * (low + high) + 2 * offset * ONE_BITS, slope, offset))
        _, slope, offset = max(found)
        out += [slope, sign * offset]
    return out[0], out[1], out[2], out[3]


def _pieces(bends: Bends, low: int, high: int) -> Iterator[tuple[int, int, int]]:
    """The parts of an interval on which the curve bends one way."""
    for end, sign in bends:
        stop = high if end is None else min(high, end * ONE_BITS // 10**7)
        if low < stop or low == stop == high:
            yield low, stop, sign
            low = stop
            if stop == high:
                return


def _least(
    f: Function, df: Function, pieces: list[tuple[int, int, int]], sign: int, slope: int
) -> int:
    """A lower bound of `sign * (f(z) - slope * z)` over the pieces."""

    def g(z: arb) -> arb:
        return sign * (f(z) - ball(slope) * z)

    out = []
    for low, high, bend in pieces:
        ends = ball(low), ball(high)
        if bend == 0:
            out.append(down(g(ends[0].union(ends[1]))))
        elif bend * sign < 0:  # least at an end
            out += [down(g(z)) for z in ends]
        else:  # above each of its tangents: take the one where it is about level
            a, b = low, high
            for _ in range(TURNS):
                rise = sign * (df(ball((a + b) // 2)) - ball(slope))
                a, b = (a, (a + b) // 2) if rise > 0 else ((a + b) // 2, b)
            p = ball((a + b) // 2)
            rise = sign * (df(p) - ball(slope))
            out += [down(g(p) + rise * (z - p)) for z in ends]
    return min(out)
