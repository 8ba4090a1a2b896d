"""Smooth networks: limits beside a range known from a dense grid and a slope bound."""

from functools import lru_cache

import mpmath
import numpy as np
import pytest

from cases import some
from outrange import x, y
from planted.planted_check import HOLDS, NOT_VIOLATED, VIOLATED, Problem, case, sort_of
from planted.planted_nets import Net, random_layers


STEEPEST = {"tanh": 1.0, "sigmoid": 0.25, "softplus": 1.0, "silu": 1.1, "gelu": 1.13, "elu": 1.0}
"""Upper bounds of |f'|."""

GRID = {1: 20001, 2: 601}


@lru_cache
def plant_layers(curve, d, seed):
    """Return layers, extreme outputs on a grid of [-1, 1]^d, and a bound of the grid's error."""
    layers = random_layers(np.random.default_rng([seed, d, len(curve)]), [d, 4, 3, 1])
    net = Net(d)
    net.finish(net.layers(0, layers, curve))
    axes = np.linspace(-1, 1, GRID[d])
    points = np.stack(np.meshgrid(*[axes] * d), axis=-1).reshape(-1, d)
    values = net.network.graph.run(points)[:, 0]
    slope = 1.0
    for k, (weight, _) in enumerate(layers):
        # In the maximum norm of inputs: the largest sum of |weights| into a unit.
        slope *= np.abs(weight).sum(axis=0).max() * (STEEPEST[curve] if k else 1.0)
    return layers, values.min(), values.max(), slope * (axes[1] - axes[0]) / 2


def beside(curve, d, seed, side, delta):
    layers, low, high, reach = plant_layers(curve, d, seed)
    net = Net(d)
    net.finish(net.layers(0, layers, curve))
    sign, end = (1, high) if side == "most" else (-1, low)
    beyond = reach + delta if delta > 0 else delta
    limit = float(end + sign * beyond)
    claim = y[0] <= limit if sign > 0 else y[0] >= limit
    return Problem(
        net,
        claim,
        (-1, 1),
        HOLDS if delta > 0 else VIOLATED,
        lambda x, y: sign * (y[0] - mpmath.mpf(limit)) > 0,
        number=mpmath.mpf,
    )


def top_of(form, delta):
    """Functions of one input whose largest value is known in closed form."""
    net = Net(1)
    if form == "x - x^2 on logits":  # sigmoid(x) + sigmoid(-x) = 1
        both = net.curve("sigmoid", net.dense(0, [[3.0, -3.0]]))
        out, top, number = net.dense(both, [[1.0], [1.0]]), mpmath.mpf(1), mpmath.mpf
    elif form == "tanh bump":  # tanh(8 x + 1) - tanh(8 x - 1) peaks at 0
        both = net.curve("tanh", net.dense(0, [[8.0, 8.0]], [1.0, -1.0]))
        out, top = net.dense(both, [[1.0], [-1.0]]), 2 * mpmath.tanh(1)
        number = mpmath.mpf
    elif form == "steep tanh bump":  # far from the middle of any box
        both = net.curve("tanh", net.dense(0, [[2.0**12, 2.0**12]], [1 - 1331.0, -1 - 1331.0]))
        out, top = net.dense(both, [[1.0], [-1.0]]), 2 * mpmath.tanh(1)
        number = mpmath.mpf
    elif form == "silu least":  # about -0.2785 where 1 + x + exp(x) ... : x = -1 - W(1/e)
        out = net.dense(net.curve("silu", net.dense(0, [[6.0]])), [[-1.0]])
        top, number = mpmath.lambertw(mpmath.exp(-1)), mpmath.mpf
        top = mpmath.re(top)
    elif form == "softplus - relu":  # log 2, at 0
        soft, hard = net.curve("softplus", net.dense(0, [[16.0]])), net.dense(0, [[16.0]])
        out = net.combine([1.0, -1.0], [soft, net.curve("relu", hard)])
        top, number = mpmath.log(2), mpmath.mpf
    else:  # x - sin x on [-1, 1]: 1 - sin 1
        out = net.combine([1.0, -1.0], [0, net.curve("sin", 0)])
        top, number = 1 - mpmath.sin(1), mpmath.mpf
    net.finish(out)
    limit = float(top * (1 + mpmath.mpf(delta)))
    return Problem(
        net,
        y[0] <= limit,
        (-1, 1),
        HOLDS if delta > 0 else VIOLATED,
        lambda x, y: y[0] > mpmath.mpf(limit),
        number=number,
    )


def tail(curve, at, claim, expect, broken):
    """Far out, where naive formulas overflow or return exactly 0 and 1."""
    net = Net(1)
    net.finish(net.curve(curve, 0))
    lo, hi = min(at, at + 10.0), max(at, at + 10.0)
    return Problem(net, claim, (lo, hi), expect, broken, number=mpmath.mpf)


# Saturated in float64 already: the bound and the limit are one number, so they may stay open.
def never(x, y):
    return False


TAILS = [
    case("sigmoid>0 at -700", tail, "sigmoid", -710, y[0] > 0, HOLDS, never),
    case("sigmoid>=0 at -1000", tail, "sigmoid", -1000, y[0] >= 0, HOLDS, never),
    case("sigmoid small at -700", tail, "sigmoid", -710, y[0] <= 1e-290, HOLDS, never),
    case(
        "sigmoid not that small",
        tail,
        "sigmoid",
        -710,
        y[0] <= 1e-305,
        VIOLATED,
        lambda x, y: y[0] > mpmath.mpf(1e-305),
    ),
    case("sigmoid<=1 at 700", tail, "sigmoid", 700, y[0] <= 1, NOT_VIOLATED, never),
    case("sigmoid<=1 at 30", tail, "sigmoid", 30, y[0] <= 1, NOT_VIOLATED, never),
    case("sigmoid>=1 at 30", tail, "sigmoid", 25, y[0] >= 1, VIOLATED, lambda x, y: y[0] < 1),
    case("tanh<=1 at 700", tail, "tanh", 700, y[0] <= 1, NOT_VIOLATED, never),
    case("tanh>=-1 at -700", tail, "tanh", -710, y[0] >= -1, NOT_VIOLATED, never),
    case("tanh>=1 at 15", tail, "tanh", 10, y[0] >= 1, VIOLATED, lambda x, y: y[0] < 1),
    case("tanh above 1 - 1e-5", tail, "tanh", 10, y[0] >= 1 - 1e-5, HOLDS, never),
    case("softplus >= 0 at -700", tail, "softplus", -710, y[0] >= 0, HOLDS, never),
    case("softplus >= x at 700", tail, "softplus", 700, y[0] >= x[0] - 1e-9, HOLDS, never),
    case("softplus <= x + 1e-9 at 700", tail, "softplus", 700, y[0] <= x[0] + 1e-9, HOLDS, never),
    case("silu >= -1e-300 at -700", tail, "silu", -740, y[0] >= -1e-300, NOT_VIOLATED, never),
    case(
        "silu < 0 at -100",
        tail,
        "silu",
        -100,
        y[0] <= -1e-30,
        VIOLATED,
        lambda x, y: y[0] > mpmath.mpf(-1e-30),
    ),
    case("gelu >= -1e-6 at -40", tail, "gelu", -50, y[0] >= -1e-6, HOLDS, never),
    case("elu >= -1 at -700", tail, "elu", -710, y[0] >= -1, NOT_VIOLATED, never),
    case(
        "elu > -1 + 1e-3 at -20",
        tail,
        "elu",
        -20,
        y[0] >= -0.999,
        VIOLATED,
        lambda x, y: y[0] < mpmath.mpf(-0.999),
    ),
]
FORMS = [
    "x - x^2 on logits",
    "tanh bump",
    "steep tanh bump",
    "silu least",
    "softplus - relu",
    "x - sin x",
]
CASES = [
    *(
        case(f"{c}-{d}d-{s}-{side}{t:+g}", beside, c, d, s, side, t)
        for c in STEEPEST
        for d in (1, 2)
        for s in (0, 1)
        for side, t in (("most", 1e-3), ("most", -1e-4), ("least", 1e-3), ("least", -1e-6))
    ),
    *(case(f"{f}{t:+g}", top_of, f, t) for f in FORMS for t in (1e-4, -1e-4, 1e-9, -1e-9)),
    *TAILS,
]


@pytest.mark.parametrize("make, args", some(CASES, 15, sort_of))
def test_smooth(make, args):
    make(*args).check("auto")


@pytest.mark.parametrize("make, args", some(CASES[2::4], 4, sort_of))
def test_smooth_on_the_array_engine(make, args):
    make(*args).check("array")
