"""Claims to the last unit of 2^-80: what is proved is accepted, and one unit more is refused.

What the lines and signs of a tree prove is found in fractions by the second checker. The first
gives away some units, each for a rounding that `docs/certificates.md` lists; how many is counted
here.
"""

import json

import pytest
from flint import fmpq

from checker import second_checker
from checker.by_hand import (
    BOUND,
    CASES,
    DECIDE,
    LINES,
    RELU,
    SHARES,
    SPLIT,
    TIGHTEN,
    UNIT,
    UNITS,
    VOID,
    certificate,
    claim,
    is_proved,
    network,
    words,
)  # fmt: skip
from checker.second_tree import Bytes, boxes


THIRD = fmpq(2**80 // 3, 2**80)

WEIGHTS = [fmpq(p, q) for p, q in ((1, 3), (-2, 7), (5, 9), (4, 11), (-6, 13), (8, 7), (-1, 3))]


def mix_forms(sizes, inputs, shift=0):
    """Return forms of all earlier values, with constants and non-binary fractions as weights."""
    out, before = [], inputs
    for size in sizes:
        out.append([])
        for i in range(size):
            form = {k: WEIGHTS[(3 * i + k + shift) % 7] for k in range(before)}
            out[-1].append(form | {-1: WEIGHTS[(i + shift) % 7] / 2})
        before += size
    return out


def deep(curves, inputs, shift=0, sizes=None):
    *forms, (output,) = mix_forms([*(sizes or [3] * len(curves)), 1], inputs, shift)
    return list(zip(curves, forms, strict=True)), output


def exact(net, box, tree):
    """The least that the leaves of a tree prove, in fractions."""
    members = certificate(net, box, tree, claim(-1e30))
    whole = second_checker.network_of(json.loads(members["network.json"]))
    part = json.loads(members["claim.json"])["parts"][0]
    box, goals, units = second_checker.part_of(whole, part)
    boxes(box, goals, units, Bytes(bytes(tree)))
    return fmpq(goals[0].proved.numerator, goals[0].proved.denominator)


HALF, QUARTER = [1, 0, 127], [1, 0, 126]
NARROW, WIDE = [(-1.0, 1.0), (0.1, 0.7)], [(-1e9, 3e9), (-7.5e8, 1e9)]
THREE = [RELU, (THIRD, 1), (1, THIRD)]


def signs(count, seed, outer=TIGHTEN, later=TIGHTEN):
    """Two units decided in a row, some of the leaves with shares, multipliers or both."""
    shares = [(37 * i + 50 * seed) % 256 for i in range(count)]
    inner = [SHARES, *shares, 2, 0, *HALF, 2, *QUARTER, 0, 1, 2, *HALF]
    first = [DECIDE | later, 2, *inner]
    return [CASES, 1, DECIDE | outer, 0, *first, SHARES, *shares, 1, 0, *QUARTER]


TREES = {
    "lines": lambda count, seed: LINES,
    "halves": lambda count, seed: [BOUND | SPLIT, 0, *LINES, SPLIT, 1, *LINES, *LINES],
    "signs": signs,
    "signs only": lambda count, seed: signs(count, seed, 0, 0),
    "signs, tightened late": lambda count, seed: signs(count, seed, 0),
    "shares": lambda count, seed: [CASES, 1, SHARES, *signs(count, seed)[7 : 7 + count], 0],
}

GIVEN_AWAY = {
    "lines": [141, 202, 220, 209, 252, 202, 227],
    "halves": [204, 308, 331, 300, 248, 308, 335],
    "signs": [356, 312, 524, 511, 175, 265, 523],
    "signs only": [145, 223, 229, 205, 268, 192, 234],
    "signs, tightened late": [261, 223, 370, 413, 232, 192, 376],
    "shares": [128, 226, 218, 194, 235, 192, 215],
}
"""Units that the first checker gives away on a narrow box, of seven networks."""

GIVEN_AWAY_WIDE = {"lines": 257038431404, "halves": 333154327545, "signs": 449868840940}

OPEN = [9, 8, 9, 8, 6, 7, 9]
"""How many units of these networks are undecided on the narrow box."""


def edge(net, box, tree, least, folder):
    """Asserts that the output is proved to be at least so many units of 2^-80, and not one more."""
    moved = network(net.inputs, [], [])
    moved.blocks = net.blocks
    moved.outputs = [{**net.outputs[0], -1: net.outputs[0].get(-1, 0) - fmpq(least, 2**80)}]
    assert is_proved(moved, box, tree, 0.0, folder)
    assert not is_proved(moved, box, tree, UNIT, folder)


def same_as_exact(net, box, tree, given, folder):
    """Asserts how many units less than in fractions are proved."""
    assert given >= 0
    edge(net, box, tree, int((exact(net, box, tree) * 2**80).floor()) - given, folder)


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("seed", range(7))
def test_what_is_given_away(tree, seed, tmp_path):
    blocks, output = deep(THREE, 2, seed)
    net = network(2, blocks, [output])
    steps = TREES[tree](OPEN[seed], seed)
    same_as_exact(net, NARROW, steps, GIVEN_AWAY[tree][seed], tmp_path)


@pytest.mark.parametrize("tree", GIVEN_AWAY_WIDE)
def test_what_is_given_away_grows_with_the_box(tree, tmp_path):
    blocks, output = deep(THREE, 2, 1)
    net = network(2, blocks, [output])
    same_as_exact(net, WIDE, TREES[tree](9, 1), GIVEN_AWAY_WIDE[tree], tmp_path)


SMALL = {
    "a sum of one size 2": ([], {0: 1}, (0.0, 1.0), 3 * (2 + 2)),
    "a weight that is rounded down": ([], {0: fmpq(1, 3)}, (0.0, 3.0), 3 * (4 + 2)),
    "its unit in the sum's favor": ([], {0: fmpq(1, 3)}, (-3.0, 0.0), 3 * (4 + 2) - 1),
    # size 2 at the unit, off by 2 * 4; size 4 at the output
    "an undecided unit": ([(RELU, [{0: 1}])], {1: 1}, (-1.0, 1.0), 8 + 3 * (4 + 2)),
    # size 4 at the unit, off by 2 * 6; it and its value are 3 more, each
    "a unit that reaches further down": (
        [((1, 0), [{0: 1}])],
        {1: -1},
        (-3.0, 1.0),
        12 + 3 * (10 + 2),
    ),
    # size 3 at the unit, off by 2 * 5; size 7 at the output
    "a settled unit": ([(RELU, [{0: 1}])], {1: 1}, (1.0, 2.0), 10 + 3 * (7 + 2)),
}


@pytest.mark.parametrize("name", SMALL)
def test_what_is_given_away_counted_by_hand(name, tmp_path):
    blocks, output, box, loss = SMALL[name]
    same_as_exact(network(1, blocks, [output]), [box], LINES, loss, tmp_path)


ONE = [1, 0, 128]
STEEP = 2**40


def units(count):
    return fmpq(count, 2**80)


def test_a_unit_is_settled_at_zero_and_not_a_unit_before(tmp_path):
    """Its sum is x + 8 units on [0, 1], less the 8 given away; at x + 7 it may be negative."""
    for sign in (1, -1):
        slopes = (STEEP, 0) if sign > 0 else (0, STEEP)
        box = [(0.0, 1.0)] if sign > 0 else [(-1.0, 0.0)]
        for more, least in ((8, -15), (9, -15), (7, -STEEP - 16)):
            net = network(1, [(slopes, [{0: 1, -1: sign * units(more)}])], [{1: sign}])
            edge(net, box, LINES, least, tmp_path)


def test_a_case_that_ends_at_zero_has_the_slope_of_its_side(tmp_path):
    """The sum may be a unit below zero, so in the case below it is all of [-1, 0] units."""
    net = network(1, [((STEEP, 0), [{0: 1, -1: units(7)}])], [{1: 1}])
    tree = [CASES, 1, DECIDE | TIGHTEN, 0, 0, 0, 0, 0]
    edge(net, [(0.0, 1.0)], tree, -9 * STEEP - 22, tmp_path)


def test_lines_are_asked_where_intervals_leave_a_sign_open(tmp_path):
    """relu(x) - x + 1: by intervals from `low`, by lines up to 2 only; settled, its size is 3."""
    for more, loss in ((11, 53), (12, 56), (13, 56)):
        net = network(
            1, [(RELU, [{0: 1}]), ((3, 1), [{1: 1, 0: -1, -1: 1 + units(more)}])], [{2: -1}]
        )
        same_as_exact(net, [(-1.0, 1.0)], LINES, loss, tmp_path)
    for more, loss in ((19, 53), (20, 56), (21, 56)):
        net = network(
            1, [(RELU, [{0: 1}]), ((1, 3), [{1: 1, 0: -1, -1: -2 - units(more)}])], [{2: -1}]
        )
        same_as_exact(net, [(-1.0, 1.0)], LINES, loss, tmp_path)


def test_a_box_is_cut_at_its_middle_to_the_unit(tmp_path):
    """On [0, 2001 units]: 4000 * relu(x - 980) - 1000 * x, and the same of 2000 units - x.

    Both are worst at 1000 units, where one half ends and the other begins.
    """
    for sign, start in ((1, -980), (-1, 1020)):
        blocks = [(RELU, [{0: sign, -1: units(start)}])]
        output = {0: -1000 * sign, 1: 4000, -1: units(-1000_000 + sign * 1000_000)}
        net, tree = network(1, blocks, [output]), [SPLIT, 0, *LINES, *LINES]
        edge(net, [(0.0, 2001 * UNIT)], tree, -1000_000 - 9, tmp_path)


def test_a_case_without_inputs_holds_whatever_its_leaf_says(tmp_path):
    """relu(1/4 - relu(x)) + relu(x) is 1/4 at least: if x < 0, the second sum is 1/4."""
    net = network(1, [(RELU, [{0: 1}]), (RELU, [{1: -1, -1: fmpq(1, 4)}])], [{1: 1, 2: 1}])
    right = [DECIDE | TIGHTEN, 1, 0, 0, 0, 1, 1, *ONE]
    tree = [CASES, 1, DECIDE, 0, *right, DECIDE | TIGHTEN, 1, 0, 0, 0, 0]
    edge(net, [(-1.0, 1.0)], tree, 2**78 - 88, tmp_path)


def test_a_case_is_void_by_a_unit_at_least(tmp_path):
    """x is 15 units or more, of which 14 are given away: no x is below 0. A tree names the unit."""
    net = network(1, [(RELU, [{0: 1}])], [{0: 1}])
    tree = [BOUND | CASES | UNITS, 1, 1, 1, DECIDE, 0, 0, 0, VOID, 1, 0, *ONE]
    for least, stands in ((14, False), (15, True)):
        assert is_proved(net, [(least * UNIT, 1.0)], tree, -1.0, tmp_path) == stands


def test_the_least_of_a_sum_is_rounded_down(tmp_path):
    """Half of x times a unit, on [0, 1] units: half a unit of 2^-160, above 0 or below."""
    for weight, loss in ((-1, 13), (1, 12)):
        net = network(1, [((1, 1), [{0: units(weight)}])], [{1: fmpq(1, 2)}])
        edge(net, [(0.0, UNIT)], LINES, -loss, tmp_path)


def test_a_case_of_a_single_point_is_not_empty(tmp_path):
    """Below 0 the second sum is -22 units, give or take 22: it may be 0; at -23 it may not."""
    leaves = [0, 1, 0, *ONE, 0, 0]  # the first is spoiled by its multiplier
    tree = [CASES, 1, DECIDE, 0, 0, 0, DECIDE | TIGHTEN, 1, *leaves]
    for more, stands in ((-22, False), (-23, True)):
        net = network(1, [(RELU, [{0: 1}]), (RELU, [{1: 1, -1: units(more)}])], [{0: 1, -1: 1}])
        assert is_proved(net, [(-1.0, 1.0)], tree, -1e-9, tmp_path) == stands


@pytest.mark.parametrize("row", [[[1, 1], [0, 1]], [[0, 1, 1]]])
def test_a_row_may_come_in_any_order(row, tmp_path):
    """The unit is settled, so x + relu(x) is 2 x on [1, 2]."""
    net = {
        "inputs": 1,
        "blocks": [
            {"curve": "kink", "slopes": ["0", "1"], "forms": {"over": 1, "rows": [[[0, 1]]]}}
        ],
        "outputs": {"over": 1, "rows": [row]},
    }
    for least, stands in ((2 - 1e-9, True), (2 + 1e-9, False)):
        assert is_proved(json.dumps(net).encode(), [(1.0, 2.0)], LINES, least, tmp_path) == stands


MULTIPLIERS = {
    (0xC5A3, 112): 43, (1, 128): 46, (0xFFFF, 45): 31, (0xFFFF, 47): 31, (3, 127): 54,
    (3, 150): 201326622,
}  # fmt: skip
"""Two bytes and an exponent, and units that are given away."""


@pytest.mark.parametrize("pair", MULTIPLIERS)
def test_a_multiplier_is_rounded_down(pair, tmp_path):
    """For x in [0, 1], -x is at least -x - u x, and so at least -1 - u."""
    m, e = pair
    net = network(1, [(RELU, [{0: 1}])], [{0: -1}])
    tree = [CASES, 1, DECIDE | TIGHTEN, 0, 0, 1, 0, m & 255, m >> 8, e, 0, 1, 0, *ONE]
    least = -(2**80) - (m << e >> 48)
    edge(net, [(-1.0, 1.0)], tree, least - MULTIPLIERS[pair], tmp_path)


def test_what_rounding_loses_may_decide_a_sign(tmp_path):
    """Weights that lose nearly a unit, twice, on huge inputs: a sum looks positive and is not."""
    count, huge, steep = 10, 2**60, 1000
    weight = (2**40 + fmpq(999, 1000)) / 2**80
    small = dict.fromkeys(range(count), -fmpq(1, 3 * 2**70))  # above 0 where x = -huge
    factor = 2**80 // 342000  # times the 342 units of `small`: nearly a unit is lost once more
    most = 2 * count * huge
    """What is lost, in units."""
    for below, stands in ((most * 9 // 20, False), (-2 * most, True)):
        put = weight - units(factor) * fmpq(1, 3 * 2**70)
        last = dict.fromkeys(range(count), weight) | {count: units(factor)}
        last[-1] = count * huge * put - units(below)  # the sum is less than 0 by so much
        net = network(count, [(RELU, [small]), ((steep, 0), [last])], [{count + 1: 1}])
        claimed = -20 * most
        assert (min(0, -steep * below) >= claimed) == stands
        box = [(-float(huge), -float(huge))] * count
        assert is_proved(net, box, LINES, claimed * UNIT, tmp_path) == stands
        bound = claim(-1e9, attained=([-float(huge)] * count, min(0, -steep * below) * UNIT))
        assert words(net, box, LINES, bound, folder=tmp_path) is None
