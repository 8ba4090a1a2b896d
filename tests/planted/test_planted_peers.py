"""Mistakes that verifiers made before: a problem for each, with the right answer."""

import itertools
from fractions import Fraction

import keras
import numpy as np
import pytest

import outrange
from outrange import Box, Union, y
from outrange.core import InputError
from planted.planted_check import HOLDS, NOT_VIOLATED, VIOLATED, Problem, case
from planted.planted_nets import Net, dyadic, random_layers


def never(x, y):
    return False


def reluval(limit, expect):
    """y0 = relu(x) + 10 |x - 1/2| - 1/2 against relu(x): below it next to 1/2, by 1/2."""
    net = Net(1)
    base = net.curve("relu", 0)
    side = net.curve("abs", net.dense(0, [[1.0]], [-0.5]))
    shift = net.dense(side, [[10.0]], [-0.5])
    net.finish(net.combine([1.0, 1.0], [base, shift]), base)
    return Problem(
        net,
        y["y0"][0] >= y["y1"][0] + limit,
        (0, 1),
        expect,
        lambda x, y: y[0] < y[1] + Fraction(limit),
        least=Fraction(-0.5) - Fraction(limit),
    )


def plant_scaled_weights(seed, scales, delta):
    """Plant weights of very different scales; a monotone net attains its end at a corner."""
    rng = np.random.default_rng(seed)
    layers = [
        (np.abs(w) * s, b * s)
        for (w, b), s in zip(random_layers(rng, [3, 4, 3, 1]), scales, strict=True)
    ]
    net = Net(3)
    net.finish(net.layers(0, layers))
    top = net.run([1, 1, 1])[0]
    limit = float(top) + abs(float(top)) * delta
    return Problem(
        net,
        y[0] <= limit,
        (-1, 1),
        HOLDS if delta > 0 else VIOLATED,
        lambda x, y: y[0] > Fraction(limit),
        least=Fraction(limit) - top,
    )


def canceling(scale, limit, expect):
    """(x + scale) - scale, scale far above float32 but not float64: still x."""
    net = Net(1)
    up = net.curve("relu", net.dense(0, [[1.0]], [scale]))
    net.finish(net.dense(up, [[1.0]], [-scale]))
    return Problem(net, y[0] <= limit, (-1, 1), expect, lambda x, y: y[0] > limit)


def zero_width(free, delta):
    """Some inputs fixed, all others in [-1, 1]: corners and the middle decide a sum of |.|."""
    d = 4
    rng = np.random.default_rng(sum(free))
    lo = dyadic(rng, d, most=1)
    hi = lo.copy()
    lo[list(free)], hi[list(free)] = -1, 1
    net = Net(d)
    net.finish(net.dense(net.curve("abs", net.dense(0, dyadic(rng, d, 3))), np.ones((3, 1))))
    top = max(net.run(p)[0] for p in itertools.product(*zip(lo, hi, strict=True)))
    limit = float(top + Fraction(delta))
    return Problem(
        net,
        y[0] <= limit,
        (lo, hi),
        HOLDS if delta > 0 else VIOLATED,
        lambda x, y: y[0] > Fraction(limit),
    )


def far_layers(delta, windows):
    """A maximum of entries of the input, of an early and of a late layer."""
    rng = np.random.default_rng(3)
    net = Net(2)
    early = net.curve("relu", net.dense(0, dyadic(rng, 2, 2)))
    late = net.curve(
        "abs", net.dense(net.curve("relu", net.dense(early, dyadic(rng, 2, 3))), dyadic(rng, 3, 2))
    )
    net.finish(net.largest(net.concat([0, early, late]), windows))
    points = [(Fraction(i, 32), Fraction(j, 32)) for i in range(-32, 33) for j in range(-32, 33)]
    seen = max(net.run(p)[0] for p in points[::7] + [(a, b) for a in (-1, 1) for b in (-1, 1)])
    limit = float(seen - Fraction(abs(delta)))
    return Problem(net, y[0] <= limit, (-1, 1), VIOLATED, lambda x, y: y[0] > Fraction(limit))


def max_is_at_least_its_parts(seed, part):
    """max(x0, early, late) >= each of them."""
    rng = np.random.default_rng(seed)
    net = Net(2)
    early = net.curve("relu", net.dense(0, dyadic(rng, 2, 1)))
    late = net.curve(
        "relu", net.dense(net.curve("relu", net.dense(early, dyadic(rng, 1, 3))), dyadic(rng, 3, 1))
    )
    whole = net.concat([0, early, late])
    net.finish(net.largest(whole, [[0, 1, 2, 3]]), whole)
    return Problem(net, y["y0"][0] >= y["y1"][part] - 2.0**-30, (-1, 1), HOLDS, never)


def odd_clip(least, most, claim, expect, broken):
    net = Net(1)
    net.finish(net.curve("clip", net.dense(0, [[4.0]]), least=least, most=most))
    return Problem(net, claim, (-1, 1), expect, broken)


def stale(seed, second):
    """Two boxes, the second far from the first: bounds of one are none of the other."""
    net = Net(1)
    layers = random_layers(np.random.default_rng(seed), [1, 4, 3, 1])
    net.finish(net.layers(0, layers))
    points = [Fraction(i, 64) for i in range(-64, 65)]
    top = max(net.run([p])[0] for p in points)
    away = net.run([40])[0]
    limit = float(max(top, away)) - 2.0**-10 if second else float(away) - 2.0**-10
    boxes = [(-1, 1), (39.0, 40.0)] if second else [(39.0, 40.0), (-1, 1)]
    return Problem(
        net,
        y[0] <= limit,
        Union(*boxes),
        VIOLATED,
        lambda x, y: y[0] > Fraction(limit),
        lambda v: abs(v[0]) <= 1 or 39 <= v[0] <= 40,
    )


INF = float("inf")
WIDE, SMALL = [1e9, 1e-9, 1.0], [1e-9, 1e-9, 1e-9]
CASES = [
    *(
        case(f"ReluVal {v}", reluval, v, e)
        for v, e in ((0.0, VIOLATED), (-0.4999, VIOLATED), (-0.5001, HOLDS), (-1.0, HOLDS))
    ),
    *(
        case(f"scales-{k}-{s}-{t:g}", plant_scaled_weights, s, scales, t)
        for s in range(3)
        for k, scales in enumerate(([1e9] * 3, WIDE, SMALL, [1e-9, 1e9, 1e9]))
        for t in (1e-6, -1e-6)
    ),
    *(
        case(f"cancel-{s:g}-{v}", canceling, s, v, e)
        for s in (2.0**20, 2.0**40)
        for v, e in ((1.001, HOLDS), (0.999, VIOLATED))
    ),
    *(
        case(f"zero-width-{''.join(map(str, f)) or 'all'}-{t:g}", zero_width, f, t)
        for f in ((), (0,), (1, 3), (0, 1, 2))
        for t in (1e-6, -1e-6)
    ),
    *(
        case(f"layers-{i}", far_layers, 1e-3, w)
        for i, w in enumerate(([[0, 1, 2, 3, 4, 5]], [[0, 2, 4]], [[5, 3, 1]]))
    ),
    *(
        case(f"max-part-{p}-{s}", max_is_at_least_its_parts, s, p)
        for s in range(2)
        for p in range(4)
    ),
    case("clip open below", odd_clip, -INF, 1.0, y[0] >= -4, NOT_VIOLATED, never),
    case("clip open below, bound", odd_clip, -INF, 1.0, y[0] <= 1.0001, HOLDS, never),
    case(
        "clip open below, false",
        odd_clip,
        -INF,
        1.0,
        y[0] >= -3.999,
        VIOLATED,
        lambda x, y: y[0] < Fraction(-3.999),
    ),
    case(
        "clip open above",
        odd_clip,
        -1.0,
        INF,
        y[0] <= 3.999,
        VIOLATED,
        lambda x, y: y[0] > Fraction(3.999),
    ),
    case("clip to a point", odd_clip, 0.5, 0.5, abs(y[0] - 0.5) <= 1e-9, HOLDS, never),
    case(
        "clip to a point, false",
        odd_clip,
        0.5,
        0.5,
        y[0] <= 0.4999,
        VIOLATED,
        lambda x, y: y[0] > Fraction(0.4999),
    ),
    case("clip far away", odd_clip, 7.0, 9.0, y[0] >= 6.9999, HOLDS, never),
    case(
        "clip far away, false",
        odd_clip,
        7.0,
        9.0,
        y[0] <= 6.9999,
        VIOLATED,
        lambda x, y: y[0] > Fraction(6.9999),
    ),
    *(case(f"second box-{s}-{k}", stale, s, k) for s in range(3) for k in (0, 1)),
]


@pytest.mark.parametrize("make, args", CASES)
def test_peers(make, args):
    make(*args).check("auto")


@pytest.mark.parametrize("make, args", [c for i, c in enumerate(CASES) if i % 3 == 1])
def test_peers_on_the_array_engine(make, args):
    make(*args).check("array")


@pytest.mark.parametrize(
    "box",
    [
        (1, -1),
        (0, float("nan")),
        (float("nan"), float("nan")),
        (0, INF),
        (-INF, 0),
        (np.array([0.0, 1.0]), np.array([1.0, 0.0])),
        Union((0, 1), (1, 0)),
    ],
    ids=str,
)
def test_no_verdict_about_a_box_that_is_none(box):
    net = Net(2)
    net.finish(net.curve("relu", 0))
    with pytest.raises(InputError, match="Received"):
        outrange.verify(net.network, (y >= 0).all(), box)


def test_no_box_with_ends_that_cross():
    with pytest.raises(InputError, match="Received"):
        Box(np.ones(2), np.zeros(2))


def padded_pooling():
    """Average pooling with padding divides by the entries that are there."""
    return keras.layers.AveragePooling1D(2, strides=2, padding="same")


def relu_with(**given):
    return keras.layers.ReLU(**given)


KERAS = {
    "padding counts no zeros": (padded_pooling, (3, 1), (y >= 0.9999).all(), HOLDS, (1, 2)),
    "padding counts no zeros, false": (padded_pooling, (3, 1), y[1, 0] <= 1.5, VIOLATED, (1, 2)),
    "max_value": (lambda: relu_with(max_value=3.0), (1,), y[0] <= 3, NOT_VIOLATED, (-4, 4)),
    "max_value, false": (lambda: relu_with(max_value=3.0), (1,), y[0] <= 2.99, VIOLATED, (-4, 4)),
    "slope": (lambda: relu_with(negative_slope=0.5), (1,), y[0] >= -1.99, VIOLATED, (-4, 4)),
    "slope, true": (lambda: relu_with(negative_slope=0.5), (1,), y[0] >= -2.001, HOLDS, (-4, 4)),
    "threshold": (
        lambda: relu_with(threshold=1.0),
        (1,),
        ~((y[0] >= 0.01) & (y[0] <= 0.99)),
        NOT_VIOLATED,
        (-4, 4),
    ),
    "threshold, top": (lambda: relu_with(threshold=1.0), (1,), y[0] <= 3.99, VIOLATED, (-4, 4)),
    "all three": (
        lambda: relu_with(max_value=2.0, negative_slope=0.5, threshold=1.0),
        (1,),
        (y[0] >= -2.501) & (y[0] <= 2.001),
        HOLDS,
        (-4, 4),
    ),
    "all three, low": (
        lambda: relu_with(max_value=2.0, negative_slope=0.5, threshold=1.0),
        (1,),
        y[0] >= -2.499,
        VIOLATED,
        (-4, 4),
    ),
    "all three, gap": (
        lambda: relu_with(max_value=2.0, negative_slope=0.5, threshold=1.0),
        (1,),
        ~((y[0] > 0.001) & (y[0] < 0.999)),
        NOT_VIOLATED,
        (-4, 4),
    ),
    "softmax": (
        lambda: keras.layers.Softmax(),
        (3,),
        (y >= 0).all() & (y <= 1.0001).all(),
        HOLDS,
        (-100, 100),
    ),
    "softmax, false": (lambda: keras.layers.Softmax(), (3,), y[1] <= 0.9999, VIOLATED, (-20, 20)),
    "sigmoid tail": (lambda: keras.layers.Activation("sigmoid"), (1,), y[0] > 0, HOLDS, (-60, 60)),
}


@pytest.mark.parametrize("name", KERAS)
def test_models_of_keras(name):
    make, shape, claim, expect, box = KERAS[name]
    model = keras.Sequential([keras.Input(shape), make()])
    verdict = outrange.verify(model, claim, box, time_limit=10)
    if expect == NOT_VIOLATED:
        assert verdict.status != VIOLATED, str(verdict)
        return
    assert verdict.status == expect, str(verdict)
    if expect == VIOLATED:
        seen = verdict.counterexample
        assert (box[0] <= seen.x).all() and (seen.x <= box[1]).all()
        returned = np.asarray(model(np.float32(seen.x)[None]))[0]
        np.testing.assert_allclose(returned, seen.model_y, rtol=1e-6)
