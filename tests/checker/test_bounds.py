"""Bounds of the checker hold for random nets at points that are evaluated exactly."""

import itertools
import random

import pytest
from flint import arb, fmpq

from cases import cases
from outrange_check.bounds import Region
from outrange_check.curves import ONE_BITS, SMOOTH
from outrange_check.network import ONE, Block, Network, Refused
from outrange_check.tree import Proof, prove


KINKS = [(0, 1), ("0.25", 1), (-1, 1), (1, 0), (1, -1), (-2, -3), (1, 1), (0, 0), (0, -1)]
KINKS = [tuple(fmpq(1, 4) if s == "0.25" else fmpq(s) for s in pair) for pair in KINKS]
SIZES = (fmpq(1), fmpq(1, 10**6), fmpq(10**6), fmpq(1, 49), fmpq(10**12))


def random_form(draw, variables, size):
    """Sparse or dense, with denominators that are no powers of two now and then."""
    share = draw.choice((0.3, 1.0))
    chosen = [k for k in (ONE, *variables) if draw.random() < share]
    form = {k: size * fmpq(draw.randint(-9, 9), draw.choice((4, 7, 16))) for k in chosen}
    return {k: v for k, v in form.items() if v}


def random_net(draw, shapes):
    net, count = Network(draw.randint(1, 3)), 0
    count = net.inputs
    for shape in shapes:
        size = draw.choice(SIZES[:4]) if isinstance(shape, tuple) else fmpq(1, 3)
        forms = [random_form(draw, range(count), size) for _ in range(draw.randint(0, 4))]
        name, slopes = ("kink", shape) if isinstance(shape, tuple) else (shape, None)
        net.blocks.append(Block(name, slopes, forms))
        count += len(forms)
    net.outputs = [random_form(draw, range(count), draw.choice(SIZES)) for _ in range(2)]
    return net


def random_box(draw, net):
    """In units of 2^-80; some sides are points, tiny or large."""
    out = []
    for _ in range(net.inputs):
        low = int(draw.choice((1, 1, 1000, 1e-9)) * draw.uniform(-1, 1) * ONE_BITS)
        out.append((low, low + int(draw.choice((0, 1e-20, 0.01, 1, 1)) * ONE_BITS)))
    return out


def values(net, x):
    """Every variable, and the sums z of units: rational, or balls behind a smooth curve."""
    out, sums = {ONE: fmpq(1), **dict(enumerate(x))}, {}
    for block in net.blocks:
        new = [sum((out[k] * v for k, v in form.items()), fmpq(0)) for form in block.forms]
        for z in new:
            k = len(out) - 1
            sums[k] = z
            if block.slopes is None:
                out[k] = SMOOTH[block.curve][0](arb(z))
            elif isinstance(z, fmpq):
                out[k] = block.slopes[1 if z >= 0 else 0] * z
            else:
                out[k] = z.min(0) * block.slopes[0] + z.max(0) * block.slopes[1]
    goals = [sum((out[k] * v for k, v in form.items()), fmpq(0)) for form in net.outputs]
    return out, sums, goals


def points(draw, box, count):
    corners = list(itertools.product(*box))
    for corner in draw.sample(corners, min(len(corners), 3)):
        yield [fmpq(v, ONE_BITS) for v in corner]
    for _ in range(count):
        yield [fmpq(draw.randint(*ends), ONE_BITS) for ends in box]


def no_less(value, bound):
    """Return whether some point of a value's ball is at least a bound, in units of 2^-BITS."""
    if isinstance(value, fmpq):
        return value * ONE_BITS >= bound
    return not value * ONE_BITS < arb(bound)


def check_bounds(region, net, x, signs=()):
    """Assert every bound of a region at one of its points."""
    variables, sums, goals = values(net, x)
    for k, z in sums.items():
        for value, intervals in ((z, region.ranges), (variables[k], region.values)):
            if k in intervals:
                low, high = intervals[k]
                assert no_less(value, low) and no_less(-value, -high), (k, value)
    for k, goal in zip(region.goals, goals, strict=True):
        assert no_less(goal, region.least(1, k))
        assert no_less(-goal, region.least(-1, k))
        row = sum((variables[c] * v for c, v in region.rows[k].items()), fmpq(0))
        if not region.settled:
            off = fmpq(region.errors[k]) / ONE_BITS + fmpq(1, 2**70)
            assert no_less(row / ONE_BITS - goal + off, 0) and no_less(
                goal - row / ONE_BITS + off, 0
            )


def shapes_of(draw):
    some = [*KINKS, *SMOOTH]
    return [draw.choice(some if draw.random() < 0.4 else KINKS) for _ in range(draw.randint(1, 4))]


@pytest.mark.parametrize("seed", range(cases(12, 1000)))
def test_a_box_and_its_halves(seed):
    draw = random.Random(seed)
    net = random_net(draw, shapes_of(draw))
    box = random_box(draw, net)
    try:
        region = Region(net, box, net.outputs)
        for _ in range(3):
            region = region.part()
            region.bound(deep=True)
            assert not region.empty
            ends = [region.inputs[q] for q in range(net.inputs)]
            for x in points(draw, ends, 4):
                check_bounds(region, net, x)
            q = draw.randrange(net.inputs)
            low, high = region.inputs[q]
            region.inputs[q] = draw.choice(((low, (low + high) >> 1), ((low + high) >> 1, high)))
    except Refused:
        assert any(block.slopes is None for block in net.blocks)  # not finite, or too large


@pytest.mark.parametrize("seed", range(cases(12, 1000)))
def test_cases_hold_where_the_signs_are_so(seed):
    draw = random.Random(seed)
    shapes = [draw.choice(KINKS) for _ in range(draw.randint(1, 4))]
    net = random_net(draw, shapes)
    region = Region(net, random_box(draw, net), net.outputs)
    region.bound(deep=True)
    x = next(iter(list(points(draw, [region.inputs[q] for q in range(net.inputs)], 1))[::-1]))
    _, sums, goals = values(net, x)
    signs = {}
    for k in draw.sample(region.units, min(3, len(region.units))):
        signs[k] = 1 if sums[k] > 0 else -1 if sums[k] < 0 else draw.choice((-1, 1))
        low, high = region.ranges[k]
        region.ranges[k] = (max(low, 0), high) if signs[k] > 0 else (low, min(high, 0))
        if draw.random() < 0.7:
            region.bound(deep=False)
            assert not region.empty
            check_bounds(region, net, x)
    pulls = {k: sign * draw.randint(0, 3 * ONE_BITS) for k, sign in signs.items()}
    shares = {k: draw.randint(0, 255) for k in region.units}
    pulled = sum((sums[k] * fmpq(v, ONE_BITS) for k, v in pulls.items()), fmpq(0))
    for k, goal in zip(region.goals, goals, strict=True):
        for times in (1, 0):
            bound = region.least(times, k, pulls, draw.choice((shares, None)))
            assert (times * goal - pulled) * ONE_BITS >= bound
            assert times * goal * ONE_BITS >= bound


def test_roundings_are_paid_for_where_they_add_up():
    """Weights that all lack something, on large inputs: nothing else to hide in."""
    for sign, size in itertools.product((1, -1), (1, 10**12)):
        net = Network(3)
        forms = [{k: sign * fmpq(1, 3) for k in range(3)} for _ in range(4)]
        net.blocks.append(Block("kink", (fmpq(0), fmpq(1)), forms))
        forms = [{k: sign * fmpq(2, 7) for k in range(3, 7)} for _ in range(3)]
        net.blocks.append(Block("kink", (fmpq(1, 4), fmpq(3, 4)), forms))
        net.outputs = [{k: fmpq(5, 9) for k in range(10)}]
        for low, high in ((size, size), (-size, size), (-size, -size)):
            region = Region(net, [(low * ONE_BITS, high * ONE_BITS)] * 3, net.outputs)
            region.bound(deep=True)
            for x in itertools.product((low, high), repeat=3):
                check_bounds(region, net, [fmpq(v) for v in x])
            for k in region.goals:
                assert region.least(1, k) + region.least(-1, k) < 0  # not a single unit too tight


def test_a_claim_is_met_or_refused_to_the_last_unit():
    net = Network(1, [Block("kink", (fmpq(-1), fmpq(1)), [{0: fmpq(1)}])], [{1: fmpq(1)}])
    box = [(-ONE_BITS, ONE_BITS)]
    region = Region(net, box, net.outputs)
    region.bound(deep=True)
    least = region.least(1, region.goals[0])
    tree = bytes([1 | 2, 1])
    prove(Region(net, box, net.outputs), {2: least}, Proof(tree))
    with pytest.raises(Refused):
        prove(Region(net, box, net.outputs), {2: least + 1}, Proof(tree))
