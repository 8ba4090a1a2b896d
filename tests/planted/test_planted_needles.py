"""Counterexamples where no sample falls: bumps `height * max(0, 1 - steep * |x - c|_1)`."""

from fractions import Fraction

import numpy as np
import pytest

import outrange
from cases import some
from outrange import Union, x, y
from planted.planted_check import HOLDS, NOT_VIOLATED, VIOLATED, Problem, case, sort_of
from planted.planted_nets import Net


def distance(net, c):
    """`|x - c|_1` as a value of one entry, by relu layers."""
    d = len(c)
    both = np.concatenate([np.eye(d), -np.eye(d)], axis=1)
    parts = net.curve("relu", net.dense(0, both, np.concatenate([-c, c])))
    return net.dense(parts, np.ones((2 * d, 1)))


def bump(net, c, steep, height=1.0):
    """`height * max(0, 1 - steep * |x - c|_1)`."""
    inner = net.dense(distance(net, c), [[-steep]], [1.0])
    return net.dense(net.curve("relu", inner), [[height]])


def center(seed, d):
    """Inside `[-1, 1]`, on a dyadic grid that no middle of halved boxes meets early."""
    rng = np.random.default_rng(seed)
    return (2 * rng.integers(-(2**10) + 40, 2**10 - 40, d) + 1) / 2.0**11


def one_needle(kind, d, steep):
    """A needle of height 1, alone or beside a wide bump of height 3/4."""
    c = center(d + int(steep), d)
    net = Net(d)
    height = 0.5 if kind == "low" else 1.0
    out = bump(net, c, steep, height)
    if kind.startswith("decoy"):
        wide = bump(net, -c, 0.5, 0.75)
        out = net.largest(net.concat([out, wide]), [[0, 1]])
    if kind == "removed":
        out = net.combine([1.0, -1.0], [out, out])
    net.finish(out)
    limit, expect = {
        "inside": (1 - 2.0**-6, VIOLATED),
        "at the top": (1.0, NOT_VIOLATED),
        "above": (1 + 2.0**-10, HOLDS),
        "low": (0.5 + 2.0**-10, HOLDS),
        "removed": (2.0**-10, HOLDS),
        "decoy": (0.875, VIOLATED),
        "decoy, above": (1 + 2.0**-10, HOLDS),
    }[kind]
    top = {"low": Fraction(1, 2), "removed": Fraction(0)}.get(kind, Fraction(1))
    return Problem(
        net,
        y[0] <= limit,
        (-1, 1),
        expect,
        lambda x, y: y[0] > Fraction(limit),
        least=Fraction(limit) - top,
    )


def two_needles(d, steep, apart, joined):
    """Needles whose tops are `apart` widths of 1 / steep away from each other."""
    c = center(7 * d, d)
    other = c.copy()
    other[0] += apart / steep
    net = Net(d)
    net.finish(bump(net, c, steep), bump(net, other, steep))
    # Both exceed t where |x - c| + |x - c'| < 2 (1 - t) / steep, somewhere iff apart < 2 (1 - t).
    t = 0.5
    if joined == "and":
        claim = ~((y["y0"][0] > t) & (y["y1"][0] > t))
        return Problem(
            net,
            claim,
            (-1, 1),
            VIOLATED if apart < 1 else HOLDS,
            lambda x, y: y[0] > t and y[1] > t,
        )
    if joined == "or":
        claim = (y["y0"][0] <= t) & (y["y1"][0] <= t)
        return Problem(net, claim, (-1, 1), VIOLATED, lambda x, y: y[0] > t or y[1] > t)
    claim = (y["y0"][0] <= t) | (y["y1"][0] >= t / 2) | (x[0] < -1)
    # y0 > t within 1 / (2 steep) of c; there y1 < t / 2 somewhere iff its reach allows it.
    return Problem(
        net,
        claim,
        (-1, 1),
        VIOLATED if apart + 0.5 > 0.75 else HOLDS,
        lambda x, y: y[0] > t and y[1] < t / 2 and x[0] >= -1,
    )


def in_boxes(count, holding, steep):
    """A union of thin boxes of which one holds the needle's top, or just its foot, or none."""
    c = center(count, 2)
    net = Net(2)
    net.finish(bump(net, c, steep))
    wide = np.array([0.25, 0.125])
    boxes = [(c + 1 + 0.5 * k - wide, c + 1 + 0.5 * k + wide) for k in range(count - 1)]
    shift = {"top": 0.0, "foot": 1 / steep, "near": 0.5 / steep}[holding]
    last = (c + np.array([shift, 0.0]), c + wide)
    boxes.insert(count // 2, last)
    expect = HOLDS if holding == "foot" else VIOLATED

    def inside(x):
        return any(
            all(Fraction(a) <= e <= Fraction(b) for a, e, b in zip(lo, x, hi, strict=True))
            for lo, hi in boxes
        )

    return Problem(
        net,
        y[0] <= 0.25,
        Union(*boxes),
        expect,
        lambda x, y: y[0] > 0.25,
        inside,
        least=Fraction(1, 4) if holding == "foot" else None,
    )


def hidden_beside_noise(seed, d, expect):
    """A needle on top of a sawtooth: samples and descents see many equal peaks."""
    c = center(seed, d)
    net = Net(d)
    saw = net.curve(
        "abs", net.dense(net.curve("abs", net.dense(0, np.eye(d))), np.eye(d), np.full(d, -0.5))
    )
    base = net.dense(saw, np.full((d, 1), 2.0**-3))
    top = float(sum(abs(abs(e) - 0.5) for e in c)) * 2.0**-3 + 1.0
    net.finish(net.combine([1.0, 1.0], [bump(net, c, 2.0**12), base]))
    # At the needle the sawtooth is what it is at c; elsewhere at most d / 16; next to c slower
    # than the needle falls.
    limit = top - 2.0**-7 if expect == VIOLATED else top + 2.0**-7
    return Problem(net, y[0] <= limit, (-1, 1), expect, lambda x, y: y[0] > limit)


STEEP = [2.0**10, 2.0**14, 2.0**20]
KINDS = ["inside", "at the top", "above", "low", "removed", "decoy", "decoy, above"]
CASES = [
    *(
        case(f"{k}-{d}d-{s:g}", one_needle, k, d, s)
        for k in KINDS
        for d in (2, 3, 4, 5)
        for s in STEEP
        if (d < 5 or s < 2.0**20)
    ),
    *(
        case(f"two-{j}-{d}d-{a}", two_needles, d, 2.0**13, a, j)
        for j in ("and", "or", "mixed")
        for d in (2, 3)
        for a in (0.125, 0.875, 1.125, 3.0)
        if (j, d, a) != ("mixed", 3, 0.125)
    ),
    *(
        case(f"union-{n}-{h}-{s:g}", in_boxes, n, h, s)
        for n in (1, 3, 40)
        for h in ("top", "foot", "near")
        for s in (2.0**8, 2.0**16)
    ),
    *(
        case(f"sawtooth-{d}d-{e}", hidden_beside_noise, d, d, e)
        for d in (1, 2, 3)
        for e in (VIOLATED, HOLDS)
    ),
]


@pytest.mark.parametrize("make, args", some(CASES, 12, sort_of))
def test_needles(make, args):
    make(*args).check("auto")


@pytest.mark.parametrize("make, args", some(CASES[0::4], 4, sort_of))
def test_needles_on_the_array_engine(make, args):
    make(*args).check("array")


def test_no_sample_meets_a_needle():
    problem = one_needle("inside", 3, 2.0**14)
    points = np.random.default_rng(0).uniform(-1, 1, (100_000, 3))
    assert problem.net.network.graph.run(points).max() == 0.0
    assert outrange.sample_range(problem.net.network, (-1, 1)).hi[0] == 0.0
