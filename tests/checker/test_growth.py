"""Claims on the slopes of outputs: two checkers agree, and accepted claims are true."""

import json
import random
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from flint import arb, fmpq

from cases import cases
from checker import second_checker
from checker.cells import least_growth
from checker.certificates import pack_members, seal_members, tight
from checker.damage import CLAIMS, MANY, MEMBERS, NETWORKS, WAYS, number
from checker.growth import growth_certificate
from checker.test_bounds import points, random_box, random_net, shapes_of
from checker.test_curves import intervals
from outrange_check.bounds import Region
from outrange_check.certificate import check, growth, risen
from outrange_check.curves import ONE_BITS, SMOOTH, ball, slopes
from outrange_check.network import ONE, Network, Refused


SHAPES = [(2, (4, 4)), (2, (3, 3, 3)), (3, (5, 4)), (2, (6,))]
MADE = cases(4, 16)


@lru_cache
def original(seed):
    inputs, sizes = SHAPES[seed % len(SHAPES)]
    rng = np.random.default_rng(seed)
    return growth_certificate(rng, inputs, sizes, 1 + seed % 3 // 2)


@lru_cache
def tight_certificate(seed):
    """Claim the largest slopes that the tree proves, less the rounding of the checker."""
    members = tight(original(seed))
    for slack in (0.0, 2.0**-70, 2.0**-60):
        claim = json.loads(members["claim.json"])
        for bound in (bound for part in claim["parts"] for bound in part["claims"]):
            bound["least"] = number(bound["least"][0] - slack)
        lower = members | {"claim.json": json.dumps(claim).encode()}
        with TemporaryDirectory() as folder:
            if accepts(check, save_data(pack_members(lower), Path(folder))):
                return lower
    raise AssertionError("refused")


def save_data(data, tmp_path):
    path = tmp_path / "a.proof"
    path.write_bytes(data)
    return str(path)


def accepts(checker, path):
    try:
        checker(path)
    except (Refused, second_checker.Refused) as why:
        assert str(why)
        return False
    return True


def goals_of(members):
    """Return the claim, and for each part its box, goals, units and gates, and JSON claims."""
    network = second_checker.network_of(json.loads(members["network.json"]))
    claim = json.loads(members["claim.json"])
    parts = [(*second_checker.part_of(network, part), part["claims"]) for part in claim["parts"]]
    return claim, parts


def is_true(path):
    """Return whether every slope reaches its claimed bound, cell by cell, for two inputs."""
    claim, network = (second_checker.read_members(path)[i] for i in (0, 1))
    _, parts = goals_of({"claim.json": claim, "network.json": network})
    return all(
        goal.is_met(least_growth(units, goal.form, box))
        for box, goals, units, _ in parts
        for goal in goals
        if len(box) == 2 and all(low < high for low, high in box.values())
    )


@pytest.mark.parametrize("seed", range(cases(4, 10)))
def test_both_accept_what_is_written_and_it_is_true(seed, tmp_path):
    for members in (original(seed), tight_certificate(seed)):
        path = save_data(pack_members(members), tmp_path)
        theorem = check(path)
        assert theorem.boxes == second_checker.check(path)
        assert is_true(path)
        assert all(" grows by >" in sentence for sentence in theorem.sentences)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(cases(2, 8)))
def test_neither_accepts_more_than_is_true(seed, tmp_path):
    claim, parts = goals_of(original(seed))
    for (box, goals, units, claims), part in zip(parts, claim["parts"], strict=True):
        if len(box) > 2:
            continue
        for index, goal in enumerate(goals):
            low, old = float(least_growth(units, goal.form, box)), claims[index]["least"]
            for value in (low - 1e-9, low, np.nextafter(low, np.inf), low + 1e-9):
                part["claims"][index]["least"] = number(value)
                text = json.dumps(claim).encode()
                path = save_data(pack_members(original(seed) | {"claim.json": text}), tmp_path)
                verdicts = accepts(check, path), accepts(second_checker.check, path)
                assert verdicts[1] >= verdicts[0]
                assert is_true(path) or not (verdicts[0] or verdicts[1])
            part["claims"][index]["least"] = old


# Damage.


def _by(rng, claim, one, part):
    part["by"] = [part["by"] + 1, part["by"] - 1, 0, 1, None, True, "0", 0.0, 2**70][
        rng.integers(9)
    ]


def _by_none(rng, claim, one, part):
    del part["by"]


def _by_in_the_claim(rng, claim, one, part):
    one["by"] = 1 - part["by"]


def of_claim(change, rng, members, other):
    claim = json.loads(members["claim.json"])
    part = claim["parts"][rng.integers(len(claim["parts"]))]
    change(rng, claim, part["claims"][rng.integers(len(part["claims"]))], part)
    return pack_members(members | {"claim.json": json.dumps(claim).encode()})


def of_gates(rng, members, other):
    """A network that has gates of its own: of an earlier unit, a later one, or itself."""
    net = json.loads(members["network.json"])
    block = net["blocks"][rng.integers(len(net["blocks"]))]
    block["curve"] = [net["inputs"], net["inputs"] + 1, net["inputs"] + 6, "2", 0][rng.integers(5)]
    if rng.integers(2):
        block.pop("slopes")
    return pack_members(seal_members(members | {"network.json": json.dumps(net).encode()}))


NEVER = {"_attained_less", "_attained_elsewhere"}
DAMAGE = {
    **{name: way for name, way in WAYS.items() if not name.startswith(("claim", "archive"))},
    **{
        f"claim {change.__name__.strip('_')}": partial(of_claim, change)
        for change in (*CLAIMS, _by, _by_none, _by_in_the_claim)
        if change.__name__ not in NEVER
    },
    "gates": of_gates,
}


@pytest.mark.parametrize("way", DAMAGE)
def test_damage_is_refused_or_what_is_claimed_is_true(way, tmp_path):
    for seed in range(MANY.get(way, 1) * cases(3, 12)):
        rng = np.random.default_rng([seed, *way.encode()])
        members, other = tight_certificate(seed % MADE), tight_certificate((seed + 1) % MADE)
        path = save_data(DAMAGE[way](rng, members, other), tmp_path)
        if accepts(check, path):
            second_checker.check(path)
            assert is_true(path)


def test_the_damage_is_that_of_other_certificates():
    assert NETWORKS and {"nodes", "proof.bin bits", "network weight"} <= DAMAGE.keys()
    assert tuple(original(0)) == MEMBERS


# What a region says of gates, at points.


def slope(block, z):
    if block.slopes is None:
        return SMOOTH[block.curve][1](arb(z))
    if isinstance(z, fmpq) or z > 0 or z < 0:
        return block.slopes[1 if z >= 0 else 0]
    return arb(block.slopes[0]).union(arb(block.slopes[1]))


def exact_growth(net, by, x):
    """The derivatives of units' sums, and of outputs: rational, or balls behind a smooth curve."""
    values, rises, sums = {ONE: fmpq(1), **dict(enumerate(x))}, {by: fmpq(1)}, []
    for block in net.blocks:
        new = [
            (
                sum((values[k] * v for k, v in form.items()), fmpq(0)),
                sum((rises.get(k, fmpq(0)) * v for k, v in form.items()), fmpq(0)),
            )
            for form in block.forms
        ]
        for z, rise in new:
            k, network = len(values) - 1, Network(1, [block], [])
            values[k] = _value(network.blocks[0], z)
            rises[k] = slope(block, z) * rise
            sums.append(rise)
    goals = [
        sum((rises.get(k, fmpq(0)) * v for k, v in form.items()), fmpq(0)) for form in net.outputs
    ]
    return sums, goals


def _value(block, z):
    if block.slopes is None:
        return SMOOTH[block.curve][0](arb(z))
    if isinstance(z, fmpq):
        return z * block.slopes[1 if z >= 0 else 0]
    return z.min(0) * block.slopes[0] + z.max(0) * block.slopes[1]


def no_less(value, bound):
    return not arb(value) * ONE_BITS < arb(bound)


def check_gates(region, sums, goals, count):
    for i, rise in enumerate(sums):
        low, high = region.ranges[region.goals[0] - count + i]
        assert no_less(rise, low) and no_less(-rise, -high)
    for k, goal in zip(region.goals, goals, strict=True):
        assert no_less(goal, region.least(1, k)) and no_less(-goal, region.least(-1, k))


@pytest.mark.parametrize("name", SMOOTH)
def test_slopes_are_the_least_and_the_largest(name):
    """At the ends, inside, and where the curve bends otherwise, to the last unit."""
    draw, df = random.Random(name), SMOOTH[name][1]
    turns = [arb(0), arb(2).sqrt(), -arb(2).sqrt()]  # of tanh and sigmoid, and of gelu
    for low, high in intervals(draw, cases(20, 1500)):
        least, most = slopes(name, low, high)
        inside = [z for z in turns if ball(low) < z < ball(high)]
        places = [ball(z) for z in (low, high, *(draw.randint(low, high) for _ in range(5)))]
        sampled = [df(z) for z in (*places, *inside)]
        assert not any(slope * ONE_BITS < least or slope * ONE_BITS > most for slope in sampled)
        if high - low <= ONE_BITS // 10**6 and abs(df(ball(high))) < 2**60:
            assert most - least < 4 * (high - low) * (1 + abs(df(ball(high)))) + 2**24


@pytest.mark.parametrize(("below", "above"), [(0, 1), (1, 0), (-2, 3), (2, 2)])
def test_slopes_of_a_kink_are_those_of_the_sides_that_are_there(below, above):
    both = min(below, above), max(below, above)
    for (low, high), expected in {
        (-1, 1): both, (0, 1): (above,) * 2, (0, 0): (above,) * 2, (1, 2): (above,) * 2,
        (-1, 0): (below,) * 2, (-2, -1): (below,) * 2,
    }.items():  # fmt: skip
        assert slopes((below, above), low, high) == expected


@pytest.mark.parametrize("seed", range(cases(15, 300)))
def test_gates_hold_the_derivatives_on_boxes_and_in_cases(seed):
    draw = random.Random(seed)
    net = random_net(draw, shapes_of(draw))
    box = random_box(draw, net)
    by, whole = draw.randrange(net.inputs), Network(net.inputs, list(net.blocks), net.outputs)
    rises = growth(whole, by)
    forms = [risen(form, rises) for form in net.outputs]
    count = sum(len(block.forms) for block in net.blocks)
    try:
        region = Region(whole, box, forms)
        for _ in range(3):
            region = region.part()
            region.bound(deep=True)
            ends = [region.inputs[q] for q in range(net.inputs)]
            for x in points(draw, ends, 3):
                check_gates(region, *exact_growth(net, by, x), count)
            _check_case(draw, region.part(), net, by, ends, count)
            q = draw.randrange(net.inputs)
            low, high = region.inputs[q]
            region.inputs[q] = draw.choice(((low, (low + high) >> 1), ((low + high) >> 1, high)))
    except Refused:
        assert any(block.slopes is None for block in net.blocks)  # not finite, or too large


def _check_case(draw, case, net, by, ends, count):
    """Some signs are those of a point; what the case says then holds there."""
    x = [fmpq(draw.randint(*side), ONE_BITS) for side in ends]
    values = {ONE: fmpq(1), **dict(enumerate(x))}
    sums = []
    for block in net.blocks:
        new = [sum((values[k] * v for k, v in f.items()), fmpq(0)) for f in block.forms]
        sums += new
        values |= {len(values) - 1 + i: _value(block, z) for i, z in enumerate(new)}
    kinks = [k for k in case.units if isinstance(case.curves[k], tuple)]
    for k in draw.sample(kinks, min(2, len(kinks))):
        z, (low, high) = sums[k - net.inputs], case.ranges[k]
        if not z < 0 and not z > 0:
            continue
        case.ranges[k] = (max(low, 0), high) if z > 0 else (low, min(high, 0))
        case.bound(deep=False)
        assert not case.empty
    if case.units:
        check_gates(case, *exact_growth(net, by, x), count)
