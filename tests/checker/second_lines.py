"""The second checker's lines about kinks and gates, in fractions."""

from fractions import Fraction


ONE = -1
"""The variable that is always 1."""

NEAR = Fraction(1, 2**40)
"""A unit within so much of its kink, of its interval's length, counts as undecided: another
arithmetic, which rounds, may not see it settled."""


def open_(low, high):
    return max(low, -high) <= NEAR * (high - low)


def least_of(row, values):
    return sum(
        (c * values[k][0 if c > 0 else 1] if k != ONE else c for k, c in row.items()), Fraction(0)
    )


def values_between(kink, low, high):
    ends = [kink[z >= 0] * z for z in (low, high)] + [Fraction(0)] * (low < 0 < high)
    return min(ends), max(ends)


def lines(kink, low, high, share=None):
    """`((slope, offset) below, (slope, offset) above)` a kink between two points."""
    below, above = kink
    if low >= 0 or high <= 0:
        slope = above if low >= 0 else below
        return (slope, Fraction(0)), (slope, Fraction(0))
    share = 255 * (1025 * high > -1024 * low) if share is None else share
    turn = below + (above - below) * Fraction(share, 255)
    chord = (above * high - below * low) / (high - low)
    turning, fixed = (turn, Fraction(0)), (chord, (above - chord) * high)
    return (turning, fixed) if above >= below else (fixed, turning)


def products(slopes, low, high):
    """The least and the largest `slope * z`."""
    ends = [slope * z for slope in slopes for z in (low, high)]
    return min(ends), max(ends)


def about_products(slopes, low, high):
    """Lines below and above `slope * z`, as `lines`."""
    out = []
    for below, above in (slopes[::-1], slopes):
        if low >= 0 or high <= 0:
            out.append((above if low >= 0 else below, Fraction(0)))
        else:
            slope = (above * high - below * low) / (high - low)
            out.append((slope, (above - slope) * high))
    return tuple(out)
