"""Input sets beyond boxes: whole numbers by counting, the rest by closed forms."""

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import outrange
from cases import some
from outrange import L1Ball, L2Ball, Mixed, Polytope, Union, x, y
from planted.planted_check import HOLDS, NOT_HOLDS, NOT_VIOLATED, VIOLATED, Problem, case, sort_of
from planted.planted_nets import Net, dyadic, random_layers


SEEDS = range(3)


def grid_net(seed, d):
    layers = random_layers(np.random.default_rng([seed, d]), [d, 5, 3, 1])
    net = Net(d)
    return net.finish(net.layers(0, layers))


def whole(seed, d, delta, cut):
    """The largest output over all whole points of `[-3, 3]^d`, by counting."""
    net = grid_net(seed, d)
    points = [p for p in itertools.product(range(-3, 4), repeat=d) if not cut or sum(p) <= -1]
    most = max(net.run(p)[0] for p in points)
    limit = most + Fraction(delta)

    def inside(v):
        return all(e.denominator == 1 and abs(e) <= 3 for e in v) and (not cut or sum(v) <= -1)

    return Problem(
        net,
        y[0] <= float(limit),
        Mixed((-3, 3), integers=range(d)),
        HOLDS if delta > 0 else VIOLATED if delta < 0 else NOT_VIOLATED,
        lambda x, y: y[0] > limit,
        inside,
        where=x.sum() <= -1 if cut else None,
        least=Fraction(delta),
    )


def half_whole(seed, delta):
    """One whole input, one real one: the exact range of every slice."""
    from planted.planted_exact import output_range

    layers = random_layers(np.random.default_rng([seed, 99]), [2, 4, 3, 1])
    net = Net(2)
    net.finish(net.layers(0, layers))
    most = max(output_range(layers, [k, -1], [k, 1])[1] for k in range(-3, 4))
    limit = float(most + Fraction(delta))
    return Problem(
        net,
        y[0] <= limit,
        Mixed((np.array([-3.0, -1.0]), np.array([3.0, 1.0])), integers=[0]),
        HOLDS if delta > 0 else VIOLATED,
        lambda x, y: y[0] > Fraction(limit),
        lambda v: v[0].denominator == 1 and abs(v[0]) <= 3 and abs(v[1]) <= 1,
    )


def one_hot(seed, delta):
    """Two groups and a whole number: 3 * 4 * 5 points."""
    net = grid_net(seed, 8)
    points = [
        [*(float(i == a) for i in range(3)), *(float(i == b) for i in range(4)), float(c)]
        for a in range(3)
        for b in range(4)
        for c in range(-2, 3)
    ]
    least = min(net.run(p)[0] for p in points)
    limit = float(least - Fraction(delta))
    names = Mixed((-2, 2), integers=[7], one_hot=[[0, 1, 2], [3, 4, 5, 6]])
    return Problem(
        net,
        y[0] >= limit,
        names,
        HOLDS if delta > 0 else VIOLATED,
        lambda x, y: y[0] < Fraction(limit),
        lambda v: [float(e) for e in v] in points,
    )


def whole_needle(d, top, holds):
    """A bump at one whole point among `61 ** d`."""
    rng = np.random.default_rng(d)
    c = rng.integers(-20, 20, d).astype(float)
    net = Net(d)
    parts = net.curve("abs", net.dense(0, np.eye(d), -c))
    inner = net.dense(parts, -np.ones((d, 1)), [1.0])
    net.finish(net.dense(net.curve("relu", inner), [[top]]))
    box = Mixed((-30, 30), integers=range(d))
    if holds == "shifted":  # between whole points every value is below the top
        box = Mixed((-30.5, 30.25), integers=range(d))
    limit = 1.0
    return Problem(
        net,
        y[0] <= limit,
        box,
        VIOLATED if top > 1 else HOLDS,
        lambda x, y: y[0] > 1,
        lambda v: all(e.denominator == 1 and abs(e) <= 30 for e in v),
    )


def between_whole_points(d):
    """y = sum of the distances to the next half: 0 only where no whole number is."""
    net = Net(d)
    parts = net.curve("abs", net.dense(0, np.eye(d), np.full(d, -0.5)))
    net.finish(net.dense(parts, np.ones((d, 1))))
    limit = 0.5 * d - 2.0**-10
    return net, limit


def halves(d, kind):
    net, limit = between_whole_points(d)
    expect, box = (
        (HOLDS, Mixed((-8, 8), integers=range(d)))
        if kind == "whole"
        else (VIOLATED, (-8, 8) if kind == "real" else Mixed((-8, 8), integers=range(d - 1)))
    )
    return Problem(
        net,
        y[0] >= limit,
        box,
        expect,
        lambda x, y: y[0] < limit,
        lambda v: all(abs(e) <= 8 for e in v),
    )


def linear(d, seed):
    rng = np.random.default_rng([seed, d])
    row = dyadic(rng, d, 1)
    row[0] = 1.5
    net = Net(d)
    both = net.curve("relu", net.dense(0, np.concatenate([row, -row], axis=1)))
    return row[:, 0], net.finish(net.dense(both, [[1.0], [-1.0]]))


def ball(order, d, seed, delta):
    """Largest of a linear form over a ball, written with relu: center + radius * dual norm."""
    row, net = linear(d, seed)
    rng = np.random.default_rng([seed, d, 5])
    center, radius = dyadic(rng, d), 0.75
    size = Fraction(np.abs(row).max()) if order == 1 else mpmath.sqrt(mpmath.mpf(row @ row))
    exact = mpmath.mpf(float(row @ center)) + radius * (
        mpmath.mpf(float(size)) if order == 1 else size
    )
    limit = float(exact) + delta

    def inside(v):
        gaps = [abs(e - Fraction(float(c))) for e, c in zip(v, center, strict=True)]
        return sum(g**order for g in gaps) <= Fraction(radius) ** order

    result = (L1Ball if order == 1 else L2Ball)(center, radius)
    return Problem(
        net,
        y[0] <= limit,
        result,
        HOLDS if delta > 0 else VIOLATED,
        lambda x, y: y[0] > Fraction(limit),
        inside,
    )


def touching(order, radius, claim, expect):
    """A ball that is one point: radius 0, or cut down to its tip."""
    net = Net(2)
    net.finish(net.dense(net.curve("relu", 0), np.ones((2, 1))))
    kind = L1Ball if order == 1 else L2Ball
    if radius == "clip":
        touched, point = kind([2.0, 1.0], 1.0, clip=(0, 1)), (1, 1)
    else:
        touched, point = kind([2.0, 2.0], radius), (2, 2)
    total = sum(point)
    holds = claim >= total
    assert holds == (expect == HOLDS)
    return Problem(
        net,
        y[0] <= claim,
        touched,
        expect,
        lambda x, y: y[0] > Fraction(claim),
        lambda v: tuple(v) == point,
    )


def fixed_by_radius(order, limit, expect):
    """A dict of balls, one input fixed by radius 0."""
    net = Net({"a": 2, "b": 1})
    net.finish(net.dense(net.concat([0, 1]), np.ones((3, 1))))
    kind = L1Ball if order == 1 else L2Ball
    result = kind({"a": [1.0, 1.0], "b": 3.0}, {"a": 1.5, "b": 0})

    def inside(v):
        return abs(v[0] - 1) ** order + abs(v[1] - 1) ** order <= Fraction(1.5) ** order and (
            v[2] == 3
        )

    return Problem(net, y[0] <= limit, result, expect, lambda x, y: y[0] > limit, inside)


def whole_ball(order, d, limit):
    """Whole points of a ball of radius 1: the center and its neighbors, all on the sphere."""
    net = Net(d)
    net.finish(net.dense(net.curve("relu", 0), np.ones((d, 1))))
    kind = L1Ball if order == 1 else L2Ball
    return Problem(
        net,
        y[0] <= limit,
        Mixed(kind([0] * d, 1.0), integers=range(d)),
        HOLDS if limit >= 1 else VIOLATED,
        lambda x, y: y[0] > Fraction(limit),
        lambda v: all(e.denominator == 1 for e in v) and sum(e * e for e in v) <= 1,
    )


def triangle(kind, delta):
    """y = relu(x0) + relu(x1) on x0 + x1 <= 1, [0, 1]^2: at most 1; without the cut 2."""
    net = Net(2)
    net.finish(net.dense(net.curve("relu", 0), np.ones((2, 1))))
    cut = x[0] + x[1] <= 1
    box, where = {
        "polytope": (Polytope([[1, 1]], [1], (0, 1)), None),
        "where": ((0, 1), cut),
        "cut": (Polytope([[1, 1]], [2], (0, 1)) & cut, None),
        "box": ((0, 1), None),
        "empty": (Polytope([[1, 1]], [-1], (0, 1)), None),
        "empty where": ((0, 1), x[0] + x[1] <= -0.5),
        "one point": ((0, 1), x[0] + x[1] >= 2),
        "a line": ((0, 1), x[0] + x[1] == 1),
        "or": ((0, 1), cut | (x[0] >= 2)),
        "union": (Union(Polytope([[1, 1]], [1], (0, 1)), (0, 0.5)), None),
    }[kind]
    top = {"box": 2, "one point": 2}.get(kind, 1)
    empty = kind.startswith("empty")
    expect = HOLDS if delta > 0 or empty else VIOLATED
    limit = top + delta

    def inside(v):
        if any(not 0 <= e <= 1 for e in v) or empty:
            return False
        total = sum(v)
        return {"box": True, "one point": total == 2, "a line": total == 1}.get(kind, total <= 1)

    return Problem(
        net,
        y[0] <= limit,
        box,
        expect,
        lambda x, y: y[0] > Fraction(limit),
        inside,
        where,
        vacuous=empty,
    )


def mean_cut(n, expect):
    """Only the corner of ones has a mean of 1, and there the sum is n."""
    net = Net(n)
    net.finish(net.dense(net.curve("relu", 0), np.ones((n, 1))))
    limit = n - 1.0 if expect == VIOLATED else n + 1.0
    return Problem(
        net,
        y[0] <= limit,
        (0, 1),
        expect,
        lambda x, y: y[0] > limit,
        lambda v: all(e == 1 for e in v),
        where=x.mean() >= 1,
    )


def unit_mean(n, claim, expect, broken):
    """n outputs that are exactly 1."""
    net = Net(n)
    net.finish(net.curve("clip", 0, least=1.0, most=2.0))
    return Problem(net, claim, (0, 1), expect, broken)


CASES = [
    *(
        case(f"whole-{d}d-{s}-{t:g}-{'cut' if k else 'all'}", whole, s, d, t, k)
        for s in SEEDS
        for d in (1, 2, 3)
        for t in (2.0**-10, -(2.0**-10), 0)
        for k in (0, 1)
    ),
    *(case(f"half-whole-{s}-{t:g}", half_whole, s, t) for s in SEEDS for t in (1e-4, -1e-4)),
    *(case(f"one-hot-{s}-{t:g}", one_hot, s, t) for s in SEEDS for t in (1e-4, -1e-4)),
    *(
        case(f"whole-needle-{d}d-{t}-{h}", whole_needle, d, t, h)
        for d in (2, 3, 4)
        for t in (1.0625, 0.9375)
        for h in ("plain", "shifted")
    ),
    *(
        case(f"halves-{d}d-{k}", halves, d, k)
        for d in (1, 2, 3)
        for k in ("whole", "real", "one real")
    ),
    *(
        case(f"L{o}-{d}d-{s}-{t:g}", ball, o, d, s, t)
        for o in (1, 2)
        for d in (1, 2, 3)
        for s in (0, 1)
        for t in (1e-3, -1e-3)
    ),
    *(
        case(f"point-L{o}-{r}-{v}", touching, o, r, v, HOLDS if v >= t else VIOLATED)
        for o in (1, 2)
        for r, t in ((0.0, 4), ("clip", 2))
        for v in (t - 0.5, t + 0.5)
    ),
    *(
        case(f"whole-ball-L{o}-{d}d-{v}", whole_ball, o, d, v)
        for o in (1, 2)
        for d in (1, 2, 3)
        for v in (0.75, 1.25)
    ),
    *(
        case(f"fixed-L{o}-{v}", fixed_by_radius, o, v, e)
        for o in (1, 2)
        for v, e in ((4, VIOLATED), (8, HOLDS))
    ),
    *(
        case(f"triangle-{k}-{t}", triangle, k, t)
        for k in (
            "polytope",
            "where",
            "cut",
            "box",
            "empty",
            "empty where",
            "one point",
            "a line",
            "or",
            "union",
        )
        for t in (0.01, -0.01)
    ),
    *(case(f"mean-cut-{n}-{e}", mean_cut, n, e) for n in (2, 3, 4, 6) for e in (VIOLATED, HOLDS)),
    *(
        case(f"mean-is-1-{n}", unit_mean, n, y.mean() == 1, NOT_VIOLATED, lambda x, y: False)
        for n in (2, 3, 7, 10)
    ),
    *(
        case(f"mean-above-1-{n}", unit_mean, n, y.mean() > 1, NOT_HOLDS, lambda x, y: True)
        for n in (2, 3, 7, 10)
    ),
]


@pytest.mark.parametrize("make, args", some(CASES, 30, sort_of))
def test_sets(make, args):
    make(*args).check("auto")


@pytest.mark.parametrize("make, args", some(CASES[1::4], 8, sort_of))
def test_sets_on_the_array_engine(make, args):
    make(*args).check("array")


@pytest.mark.parametrize(
    "cut",
    [
        ((0, 1), x[0] * 1e-300 <= 1e300),
        (Polytope([[1e-300]], [1e300], (0, 1)), None),
    ],
    ids=["where", "polytope"],
)
def test_a_bound_beyond_float64(cut):
    net = Net(1)
    net.finish(net.curve("relu", 0))
    assert outrange.verify(net.network, y[0] <= 2, cut[0], where=cut[1]).status == HOLDS


def test_the_margin_counts_every_way_to_break_the_property():
    net = Net(1)
    net.finish(net.curve("relu", 0))
    verdict = outrange.verify(net.network, (y[0] <= 10) & (x[0] <= 1 + 2.0**-10), (0, 1))
    assert verdict.status == HOLDS and verdict.margin <= 2.0**-10
