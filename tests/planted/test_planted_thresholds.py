"""Limits a hair inside and outside of an exact range, and exactly at its end."""

from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest

import independent_milp
from cases import some
from outrange import y
from planted.planted_check import (
    HOLDS,
    NOT_HOLDS,
    NOT_VIOLATED,
    VIOLATED,
    Problem,
    case,
    sort_of,
)
from planted.planted_exact import output_range
from planted.planted_nets import Net, random_layers


SIZES = [(1, 5, 1), (1, 4, 4, 1), (2, 4, 1), (2, 5, 3, 1), (2, 3, 3, 3, 1)]
WIDER = [(3, 6, 1), (3, 5, 4, 1), (4, 6, 1), (5, 5, 1)]
DELTAS = [1e-3, 1e-6, 1e-9]


@lru_cache
def plant_layers(sizes, seed):
    """Return layers, the attained ends of their output on [-1, 1], and bounds of the ends."""
    layers = random_layers(np.random.default_rng([seed, *sizes]), sizes)
    if sizes[0] <= 2:
        ends = output_range(layers, [-1] * sizes[0], [1] * sizes[0])
        return layers, ends, ends
    form = [part for w, b in layers for part in (("dense", w, b), ("pieces", [0.0], [0, 1], 0.0))]
    low, high = independent_milp.output_range(form[:-1], -np.ones(sizes[0]), np.ones(sizes[0]))
    return layers, (low.value, high.value), (low.bound, high.bound)


def net_of(layers):
    net = Net(layers[0][0].shape[0])
    return net.finish(net.layers(0, layers))


def near_the_end(sizes, seed, side, delta):
    """`y` stays on this side of a limit `delta` beyond (or, negative, before) its end."""
    layers, seen, bound = plant_layers(sizes, seed)
    inexact = sizes[0] > 2
    k, sign = (1, 1) if side == "most" else (0, -1)
    end = bound[k] if delta > 0 else seen[k]
    size = Fraction(end - 0).limit_denominator(10**6) if inexact else end
    limit = float(end) + sign * delta * max(abs(float(size)), 2.0**-4)
    if inexact:
        expect = HOLDS if delta > 0 else VIOLATED
    else:
        expect = HOLDS if sign * (Fraction(limit) - end) >= 0 else VIOLATED
    claim = y[0] <= limit if sign > 0 else y[0] >= limit
    least = None if inexact else sign * (Fraction(limit) - end)
    return Problem(
        net_of(layers),
        claim,
        (-1, 1),
        expect,
        lambda x, y: sign * (y[0] - Fraction(limit)) > 0,
        least=least,
    )


def at_the_end(sizes, seed, side, strict):
    """The limit is the end itself, where that is a float64: then it is proved, and not strictly."""
    layers, ends, _ = plant_layers(sizes, seed)
    k, sign = (1, 1) if side == "most" else (0, -1)
    end = ends[k]
    limit = float(end)
    exact = sign * (Fraction(limit) - end)
    if strict:
        claim = y[0] < limit if sign > 0 else y[0] > limit
        expect = NOT_HOLDS if exact <= 0 else NOT_VIOLATED
    else:
        claim = y[0] <= limit if sign > 0 else y[0] >= limit
        expect = HOLDS if exact >= 0 else NOT_HOLDS
    return Problem(
        net_of(layers),
        claim,
        (-1, 1),
        expect,
        lambda x, y: (
            sign * (y[0] - Fraction(limit)) >= 0 and (strict or sign * (y[0] - Fraction(limit)) > 0)
        ),
    )


NAMES = {sizes: "-".join(map(str, sizes)) for sizes in SIZES + WIDER}
CASES = [
    *(
        case(f"{NAMES[n]}-{s}-{side}{d:+g}", near_the_end, n, s, side, d)
        for n in SIZES
        for s in (0, 1)
        for side in ("least", "most")
        for delta in DELTAS
        for d in (delta, -delta)
    ),
    *(
        case(f"{NAMES[n]}-{s}-{side}-{'<' if strict else '<='}", at_the_end, n, s, side, strict)
        for n in SIZES
        for s in (0, 1)
        for side in ("least", "most")
        for strict in (False, True)
    ),
    *(
        case(f"{NAMES[n]}-{side}{d:+g}", near_the_end, n, 0, side, d)
        for n in WIDER
        for side in ("least", "most")
        for d in (1e-3, -1e-3, 1e-5, -1e-5)
    ),
]


@pytest.mark.parametrize("make, args", some(CASES, 24, sort_of))
def test_thresholds(make, args):
    make(*args).check("auto")


@pytest.mark.parametrize("make, args", some(CASES[2::5], 6, sort_of))
def test_thresholds_on_the_array_engine(make, args):
    make(*args).check("array")
