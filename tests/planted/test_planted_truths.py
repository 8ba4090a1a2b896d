"""Properties that are true by construction, and the same with one number changed."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from cases import some
from outrange import x, y
from planted.planted_check import HOLDS, NOT_HOLDS, NOT_VIOLATED, VIOLATED, Problem, case, sort_of
from planted.planted_nets import Net, dyadic, random_layers, random_net


SEEDS = range(3)
TINY = 2.0**-30


def relu_is_not_negative(seed, limit):
    rng = np.random.default_rng(seed)
    net = Net(3)
    last = net.curve("relu", net.layers(0, random_layers(rng, [3, 6, 4])))
    net.finish(last)
    return Problem(
        net,
        (y >= limit).all(),
        (-2, 2),
        HOLDS if limit <= 0 else VIOLATED,
        lambda x, y: any(e < Fraction(limit) for e in y),
    )


def dead_relu_is_not_positive(seed, strict):
    """The last units are off all over the box, by their bias."""
    rng = np.random.default_rng(seed)
    weight = dyadic(rng, 3, 4)
    net = Net(3)
    net.finish(net.curve("relu", net.dense(0, weight, -np.abs(weight).sum(axis=0) - 1)))
    if strict:
        return Problem(net, (y > 0).any(), (-1, 1), VIOLATED, lambda x, y: max(y) <= 0)
    return Problem(net, (y == 0).all(), (-1, 1), HOLDS, lambda x, y: any(y))


def plant_squashing_curve(seed, curve, ends, eased, expect):
    rng = np.random.default_rng(seed)
    net = Net(2)
    net.finish(net.curve(curve, net.layers(0, random_layers(rng, [2, 4, 2]), curve)))
    lo, hi = ends[0] - eased, ends[1] + eased
    return Problem(
        net,
        ((y >= lo) & (y <= hi)).all(),
        (-3, 3),
        expect,
        lambda x, y: any(e < lo or e > hi for e in y),
        number=mpmath.mpf,
    )


def softmax_sum(seed, n, eased):
    rng = np.random.default_rng(seed)
    net = Net(2)
    p = net.softmax(net.dense(0, dyadic(rng, 2, n), dyadic(rng, n)))
    net.finish(p)
    claim = (abs(y.sum() - 1) <= eased) if eased > 0 else (y.sum() <= 1 + eased)
    return Problem(
        net,
        claim,
        (-0.5, 0.5),
        HOLDS if eased > 0 else VIOLATED,
        lambda x, y: abs(sum(y) - 1) > eased if eased > 0 else sum(y) > 1 + eased,
        number=mpmath.mpf,
    )


def softmax_order(seed, n):
    """The largest probability belongs to the largest logit."""
    rng = np.random.default_rng(seed)
    net = Net(2)
    z = net.dense(0, dyadic(rng, 2, n), dyadic(rng, n))
    net.finish(z, net.softmax(z))
    z0, p = y["y0"], y["y1"]
    claim = ~((z0[0] >= z0[1] + 0.25) & (p[0] <= p[1] - 0.001))
    return Problem(
        net,
        claim,
        (-1, 1),
        HOLDS,
        lambda x, y: y[0] >= y[1] + 0.25 and y[n] <= y[n + 1] - mpmath.mpf(0.001),
        number=mpmath.mpf,
    )


def twins(seed, what):
    """Two copies of one network, built apart: their difference is exactly 0."""
    rng = np.random.default_rng(seed)
    layers = random_layers(rng, [2, 6, 4, 1])
    net = Net(2)
    first, second = net.layers(0, layers), net.layers(0, layers)
    net.finish(net.combine([1.0, -1.0], [first, second]))
    claim, expect, broken = {
        "small": (abs(y[0]) <= TINY, HOLDS, lambda x, y: abs(y[0]) > TINY),
        "zero": (y[0] == 0, NOT_VIOLATED, lambda x, y: y[0] != 0),
        "at least zero": (y[0] >= 0, NOT_VIOLATED, lambda x, y: y[0] < 0),
        "positive": (y[0] > 0, NOT_HOLDS, lambda x, y: y[0] <= 0),
        "not zero": (y[0] != 0, NOT_HOLDS, lambda x, y: y[0] == 0),
        "clearly positive": (y[0] >= TINY, VIOLATED, lambda x, y: y[0] < TINY),
    }[what]
    return Problem(net, claim, (-1, 1), expect, broken)


def nearly_twins(seed, off):
    """The second copy is `off` higher where a needle's unit is on: |x0 - 1/8| < 2**-12."""
    rng = np.random.default_rng(seed)
    layers = random_layers(rng, [2, 5, 1])
    net = Net(2)
    first, second = net.layers(0, layers), net.layers(0, layers)
    side = net.curve("abs", net.dense(0, [[1.0], [0.0]], [-0.125]))
    spike = net.curve("relu", net.dense(side, [[-(2.0**12)]], [1.0]))
    net.finish(net.combine([1.0, -1.0, off], [first, second, spike]))
    return Problem(
        net,
        y[0] <= 2.0**-8,
        (-1, 1),
        VIOLATED if off > 2.0**-8 else HOLDS,
        lambda x, y: y[0] > 2.0**-8,
    )


def convex(seed, eased, d):
    """f((a + b) / 2) <= (f(a) + f(b)) / 2 for a relu net with non-negative inner weights."""
    rng = np.random.default_rng(seed)
    layers = random_layers(rng, [d, 4, 3, 1])
    layers[1:] = [(np.abs(w), b) for w, b in layers[1:]]
    net = Net({"a": d, "b": d})
    both = net.concat([0, 1])
    half = net.dense(both, np.concatenate([np.eye(d), np.eye(d)]) / 2)
    parts = [net.layers(h, layers) for h in (half, 0, 1)]
    net.finish(net.combine([1.0, -0.5, -0.5], parts))
    expect = HOLDS if eased > 0 else NOT_VIOLATED
    return Problem(net, y[0] <= eased, (-1, 1), expect, lambda x, y: y[0] > eased)


def not_convex(seed):
    """Plant a convexity problem with one negative inner weight: the middle of [-1, 1] is a peak."""
    net = Net({"a": 1, "b": 1})
    half = net.dense(net.concat([0, 1]), [[0.5], [0.5]])
    layers = [(np.array([[1.0, -1.0]]), np.zeros(2)), (np.array([[-1.0], [-1.0]]), np.ones(1))]
    layers[0] = (layers[0][0], np.full(2, 2.0 ** -(seed + 1)))
    parts = [net.layers(h, layers) for h in (half, 0, 1)]
    net.finish(net.combine([1.0, -0.5, -0.5], parts))
    return Problem(net, y[0] <= 2.0**-6, (-1, 1), VIOLATED, lambda x, y: y[0] > 2.0**-6)


def monotone(seed, sign):
    """f(x + step) against f(x), all weights non-negative."""
    rng = np.random.default_rng(seed)
    layers = [(np.abs(w), b) for w, b in random_layers(rng, [2, 4, 3, 1])]
    net = Net({"x": 2, "step": 1})
    ones = net.dense(1, [[1.0, 1.0]])
    moved = net.combine([1.0, 1.0], [0, ones])
    net.finish(net.combine([1.0, -1.0], [net.layers(moved, layers), net.layers(0, layers)]))
    box = {"x": (-2, 2), "step": (0, 1)}

    def inside(x):
        return all(abs(e) <= 2 for e in x[:2]) and 0 <= x[2] <= 1

    if sign > 0:
        return Problem(net, y[0] >= -TINY, box, HOLDS, lambda x, y: y[0] < -TINY, inside)
    high = sum(float(e) for e in net.run([2, 2, 1]))
    return Problem(
        net, y[0] <= high / 2, box, VIOLATED, lambda x, y: y[0] > Fraction(high) / 2, inside
    )


def identity(seed, what):
    """Two ways to write one function."""
    rng = np.random.default_rng(seed)
    net = Net(2)
    h = net.dense(0, dyadic(rng, 2, 2), dyadic(rng, 2))
    turned = net.dense(h, -np.eye(2))
    if what == "relu(h) - relu(-h) = h":
        parts = [net.curve("relu", h), net.curve("relu", turned), h]
        factors = [1.0, -1.0, -1.0]
    elif what == "|h| = relu(h) + relu(-h)":
        parts = [net.curve("abs", h), net.curve("relu", h), net.curve("relu", turned)]
        factors = [1.0, -1.0, -1.0]
    else:  # max(a, b) - max(-a, -b) ... = max + min = a + b
        parts = [
            net.largest(h, [[0, 1]]),
            net.largest(turned, [[0, 1]]),
            net.dense(h, [[1.0], [1.0]]),
        ]
        factors = [1.0, -1.0, -1.0]
    net.finish(net.combine(factors, parts))
    return Problem(
        net, (abs(y) <= TINY).all(), (-1, 1), HOLDS, lambda x, y: any(abs(e) > TINY for e in y)
    )


def shared_margin(seed, lead, expect):
    """Both outputs hold the same wild function; only their difference is small."""
    rng = np.random.default_rng(seed)
    net = Net(2)
    h = net.layers(0, random_layers(rng, [2, 6, 4, 1]))
    net.finish(net.dense(h, [[64.0, 64.0]], [1.0, 0.0]))
    claim = {HOLDS: y[0] - y[1] >= lead, VIOLATED: y[0] - y[1] < lead}[expect]
    return Problem(
        net,
        claim,
        (-1, 1),
        expect,
        lambda x, y: y[0] - y[1] < lead if expect == HOLDS else y[0] - y[1] >= lead,
    )


def argmax_of_shifted(seed, k):
    """Logits g + e_k: the argmax is `k` everywhere, or nowhere."""
    rng = np.random.default_rng(seed)
    layers = random_layers(rng, [2, 5, 1])
    net = Net(2)
    bias = np.zeros(4)
    bias[2] = 0.5
    net.finish(net.dense(net.layers(0, layers), np.ones((1, 4)), bias))
    expect = HOLDS if k == 2 else VIOLATED
    return Problem(net, y.argmax() == k, (-1, 1), expect, lambda x, y: y.index(max(y)) != k)


def plant_tied_logits(seed, claim, expect, broken):
    """Plant four equal logits: the first one is the argmax."""
    rng = np.random.default_rng(seed)
    net = random_net(rng, [2, 3, 1])
    net.finish(net.pick(net.outputs[0], [0, 0, 0, 0]))
    return Problem(net, claim, (-1, 1), expect, broken)


CASES = [
    *(
        case(f"relu>={v}-{s}", relu_is_not_negative, s, v)
        for s in SEEDS
        for v in (0.0, -TINY, TINY)
    ),
    *(case(f"dead-{s}-{k}", dead_relu_is_not_positive, s, k) for s in SEEDS for k in (0, 1)),
    *(
        case(f"{c}-in-{e:g}-{s}", plant_squashing_curve, s, c, ends, e, HOLDS)
        for s in SEEDS
        for c, ends in (("sigmoid", (0, 1)), ("tanh", (-1, 1)))
        for e in (0.0, TINY)
    ),
    *(
        case(f"{c}-out-{s}", plant_squashing_curve, s, c, ends, -0.4999, VIOLATED)
        for s in SEEDS
        for c, ends in (("sigmoid", (0, 1)), ("tanh", (-1, 1)))
    ),
    *(
        case(f"softmax-sum-{n}-{e:g}", softmax_sum, 0, n, e)
        for n in (2, 3)
        for e in (0.25, 0.01, -0.01)
    ),
    *(case(f"softmax-order-{n}-{s}", softmax_order, s, n) for s in SEEDS for n in (2, 3)),
    *(
        case(f"twins-{w}-{s}", twins, s, w)
        for s in SEEDS
        for w in ("small", "zero", "at least zero", "positive", "not zero", "clearly positive")
    ),
    *(
        case(f"nearly-twins-{o:g}-{s}", nearly_twins, s, o)
        for s in SEEDS
        for o in (2.0**-9, 2.0**-7)
    ),
    *(
        case(f"convex-{d}d-{e:g}-{s}", convex, s, e, d)
        for s in SEEDS
        for d in (1, 2)
        for e in (2.0**-10, 0.0)
    ),
    *(case(f"not-convex-{s}", not_convex, s) for s in SEEDS),
    *(case(f"monotone-{w}-{s}", monotone, s, w) for s in SEEDS for w in (1, -1)),
    *(
        case(f"{w}-{s}", identity, s, w)
        for s in SEEDS
        for w in ("relu(h) - relu(-h) = h", "|h| = relu(h) + relu(-h)", "max + min = sum")
    ),
    *(
        case(f"margin-{v}-{e}-{s}", shared_margin, s, v, e)
        for s in SEEDS
        for v, e in ((0.999, HOLDS), (0.5, VIOLATED))
    ),
    *(case(f"argmax-{k}-{s}", argmax_of_shifted, s, k) for s in SEEDS for k in range(4)),
    *(
        case(
            f"tie-first-{s}", plant_tied_logits, s, y.argmax() == 0, NOT_VIOLATED, lambda x, y: True
        )
        for s in SEEDS
    ),
    *(
        case(f"tie-second-{s}", plant_tied_logits, s, y.argmax() == 1, NOT_HOLDS, lambda x, y: True)
        for s in SEEDS
    ),
    *(
        case(
            f"tie-mixed-{s}",
            plant_tied_logits,
            s,
            (y.argmax() == 0) | (x[0] > 2),
            NOT_VIOLATED,
            lambda x, y: True,
        )
        for s in SEEDS
    ),
]


@pytest.mark.parametrize("make, args", some(CASES, 15, sort_of))
def test_true_by_construction(make, args):
    make(*args).check("auto")


@pytest.mark.parametrize("make, args", some(CASES[1::4], 4, sort_of))
def test_true_by_construction_on_the_array_engine(make, args):
    make(*args).check("array")
