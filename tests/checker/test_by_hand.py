"""Claims of a certificate besides bounds: accepted at the exact limit, refused just beyond it."""

import itertools
import json
from math import exp, tanh

import pytest
from flint import fmpq

from checker.by_hand import (
    BOUND,
    CASES,
    DECIDE,
    LINE,
    LINEAR,
    LINES,
    RELU,
    SPLIT,
    TIGHTEN,
    UNIT,
    certificate,
    claim,
    network,
    number,
    refusal,
    words,
)  # fmt: skip


GIVEN = 12
"""Units that are given away of `LINE` on [0, 1]."""

BEND = network(1, [(RELU, [{0: 1}])], [{1: 1, 0: fmpq(-1, 2)}, {0: 1}])
"""relu(x) - x / 2, and x."""


# Numbers.


@pytest.mark.parametrize(
    ("least", "strict", "stands"),
    [
        (-GIVEN, False, True), (-GIVEN, True, False), (-GIVEN - 1, True, True),
        (-GIVEN + 0.25, False, False), (-GIVEN - 0.75, False, True), (-GIVEN - 0.75, True, False),
    ],
)  # fmt: skip
def test_a_claim_between_two_units_is_rounded_up(least, strict, stands, tmp_path):
    why = words(LINE, [(0, 1)], LINES, claim(least * UNIT, strict=strict), folder=tmp_path)
    assert (why is None) == stands, why


@pytest.mark.parametrize("low", [0.5, -0.5, 0.25, -0.75])
def test_a_box_is_rounded_outwards(low, tmp_path):
    """Both ends of a box round outward: the networks x and -x each read one of them."""
    below = -1 if low < 0 else 0
    for sign in (1, -1):
        net, ends = network(1, [], [{0: sign}]), sorted((sign * low * UNIT, sign * 0.5))
        loss = 3 * (1 + 2)  # size 1, and the half that is rounded away
        for least, stands in ((below - loss, True), (below - loss + 1, False)):
            why = words(net, [tuple(ends)], LINES, claim(least * UNIT), folder=tmp_path)
            assert (why is None) == stands, (why, least)


def test_strict_is_true_and_nothing_else(tmp_path):
    for strict in (1, "true", None, False):
        why = words(LINE, [(0, 1)], LINES, claim(-GIVEN * UNIT, strict=strict), folder=tmp_path)
        assert why is None


@pytest.mark.parametrize("pair", [
    [1, "0x1.0000000000000p+0"], [True, "0x1.0000000000000p+0"], [1.0, "0x1p+0"],
    [0.0, "-0x0.0p+0"],
    [float("inf"), "inf"], [float("nan"), "nan"], ["1.0", "0x1.0000000000000p+0"],
])  # fmt: skip
def test_a_number_is_one_float_written_twice(pair, tmp_path):
    odd = claim(-9.0)
    odd["any"][0]["plus"] = pair
    assert words(LINE, [(0, 1)], LINES, odd, folder=tmp_path)
    odd = claim(-9.0)
    odd["any"][0]["y"]["0"] = pair
    assert words(LINE, [(0, 1)], LINES, odd, folder=tmp_path)


# The box and what is claimed.


def test_the_box_may_be_a_point_and_not_empty(tmp_path):
    assert words(LINE, [(1, 1)], LINES, claim(0.5), folder=tmp_path) is None
    assert "is empty" in words(LINE, [(1, 0)], LINES, claim(-9.0), folder=tmp_path)
    for box in ([], [(0, 1), (0, 1)]):
        assert "does not fit" in words(LINE, box, LINES, claim(-9.0), folder=tmp_path)
    two = network(2, [], [{0: 1, 1: 1}])
    assert "is empty" in words(two, [(0, 1), (1, 0)], LINES, claim(-9.0), folder=tmp_path)
    assert words(two, [(0, 1), (0, 1)], LINES, claim(-9.0), folder=tmp_path) is None


def test_something_is_claimed(tmp_path):
    assert "nothing is claimed" in words(LINE, [(0, 1)], [0], folder=tmp_path)
    members = certificate(LINE, [(0, 1)], LINES, claim(-9.0))
    statement = json.loads(members["claim.json"]) | {"parts": []}
    none = members | {"claim.json": json.dumps(statement).encode(), "proof.bin": b""}
    assert "nothing is claimed" in refusal(none, tmp_path)


@pytest.mark.parametrize(
    ("coefficients", "plus", "least"),
    [((2, 1), 0, 1), ((2, 1), 0.5, 1.5), ((-2, 1), 0.25, 0.25), ((0.5, -1), -1, -1.75)],
)
def test_a_form_of_outputs(coefficients, plus, least, tmp_path):
    """For x in [1/2, 1], the outputs of `BEND` are x / 2 and x."""
    y = dict(enumerate(coefficients))
    for off, stands in ((-1e-9, True), (1e-9, False)):
        why = words(BEND, [(0.5, 1)], LINES, claim(least + off, y, plus), folder=tmp_path)
        assert (why is None) == stands, why


@pytest.mark.parametrize("name", ["2", "-1", "00", "+0", "0 ", "\u0660", "1_0", ""])
def test_an_output_is_named_by_its_index(name, tmp_path):
    wrong = claim(-9.0)
    wrong["any"][0]["y"] = {name: number(1.0)}
    assert "no output" in words(BEND, [(0, 1)], LINES, wrong, folder=tmp_path)


QUARTERS = [SPLIT, 0, SPLIT, 0, *LINES, *LINES, SPLIT, 0, *LINES, *LINES]

SIGNED = [CASES, 1, DECIDE | TIGHTEN, 0, 0, 1, 0, 1, 0, 127, 0, 1, 0, 1, 0, 127]
"""The sign of the first unit, and a multiplier of 1/2 in both cases."""


@pytest.mark.parametrize("tree", [QUARTERS, SIGNED], ids=str)
def test_one_of_two_forms(tree, tmp_path):
    """x or -x is at least 0, and neither alone."""
    both = [({0: 1.0}, 0.0), ({0: -1.0}, 0.0)]
    for forms in (both, both[::-1]):
        for least, stands in ((-1e-9, True), (1e-9, False)):
            why = words(LINE, [(-1, 1)], tree, claim(least, forms), folder=tmp_path)
            assert (why is None) == stands, why
    for some in (both[:1], both[1:]):
        single = QUARTERS if tree == QUARTERS else LINES
        assert words(LINE, [(-1, 1)], single, claim(-1e-9, some), folder=tmp_path)


def test_one_of_three_forms(tmp_path):
    """x, -x or 1/2, and each of the three is needed."""
    forms = [({0: 1.0}, 0.0), ({0: -1.0}, 0.0), ({}, 0.5)]
    for order in itertools.permutations(forms):
        bound = claim(0.5 - 1e-9, list(order), attained=((0.25,), 0.5))
        assert words(LINE, [(-1, 1)], QUARTERS, bound, folder=tmp_path) is None
        for worse in (claim(0.5 + 1e-9, list(order)), claim(0.4, list(order[1:]))):
            if worse["least"][0] > 0.5 or ({}, 0.5) not in order[1:]:
                assert words(LINE, [(-1, 1)], QUARTERS, worse, folder=tmp_path)


def test_several_claims_and_parts_have_goals_of_their_own(tmp_path):
    low, high = claim(-1 - 1e-9, {1: 1.0}), claim(-1 - 1e-9, {1: -1.0})
    tree = [BOUND | LINEAR, 3]
    assert words(BEND, [(-1, 1)], tree, low, high, folder=tmp_path) is None
    false = claim(-1 + 1e-9, {1: -1.0})
    for pair in ((low, false), (false, low)):
        assert "claim" in words(BEND, [(-1, 1)], tree, *pair, folder=tmp_path)
    more = [([(-2, 0)], [claim(-2 - 1e-9, {1: 1.0})])]
    assert words(BEND, [(-1, 1)], [*LINES, *LINES], low, more=more, folder=tmp_path) is None
    more = [([(-2, 0)], [claim(-2 + 1e-9, {1: 1.0})])]
    assert words(BEND, [(-1, 1)], [*LINES, *LINES], low, more=more, folder=tmp_path)


# Values attained.


@pytest.mark.parametrize(
    ("x", "value", "stands"),
    [
        ((0.5,), 0.25, True), ((0.5,), 0.2499999, False), ((-0.5,), 0.25, True), ((0,), 0, True),
        ((-1,), 0.5, True), ((1,), 0.5, True), ((1.0000001,), 0.6, False),
        ((-1.0000001,), 0.6, False), ((), 0.6, False), ((0, 0), 0.6, False),
        ((-0.5,), 0.249, False),
    ],
)  # fmt: skip
def test_a_value_that_is_attained(x, value, stands, tmp_path):
    bound = claim(-9.0, attained=(x, value))
    assert (words(BEND, [(-1, 1)], LINES, bound, folder=tmp_path) is None) == stands


def test_every_form_has_to_be_so_small(tmp_path):
    forms = [({0: 1.0}, 0.0), ({1: 1.0}, 0.0)]
    for order in (forms, forms[::-1]):
        for value, stands in ((0.5, True), (0.4, False)):
            bound = claim(-9.0, order, attained=((0.5,), value))
            assert (words(BEND, [(-1, 1)], LINES, bound, folder=tmp_path) is None) == stands


@pytest.mark.parametrize("curve", ["exp", (0, 1), (2, -1)])
@pytest.mark.parametrize("x", [0.5, -0.5, 0.0])
def test_a_value_behind_a_smooth_curve(curve, x, tmp_path):
    """A second block of another curve reads the first, and an input past it."""
    net = network(1, [("tanh", [{0: 1}]), (curve, [{1: 1}, {0: 1, 1: 1}])], [{1: 1, 2: 1, 3: 1}])
    f = exp if curve == "exp" else lambda z: curve[z >= 0] * z
    true = tanh(x) + f(tanh(x)) + f(x + tanh(x))
    for off, stands in ((1e-12, True), (-1e-12, False)):
        bound = claim(-99.0, attained=((x,), true + off))
        why = words(net, [(-1, 1)], LINES, bound, folder=tmp_path)
        assert (why is None) == stands, why
