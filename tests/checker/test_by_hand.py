"""What a certificate says besides bounds: just right it is accepted, and a hair off refused."""

import hashlib
import itertools
import json
import sys
from math import exp, tanh

import pytest
from flint import fmpq

import outrange_check.bounds
import outrange_check.certificate
import outrange_check.network
from checker.by_hand import (
    BOUND,
    CASES,
    DECIDE,
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
)  # fmt: skip
from checker.certificates import packed
from outrange_check.__main__ import main
from outrange_check.certificate import check


LINE = network(1, [], [{0: 1}])
GIVEN = 12
"""Units that are given away of `LINE` on [0, 1]."""

BEND = network(1, [(RELU, [{0: 1}])], [{1: 1, 0: fmpq(-1, 2)}, {0: 1}])
"""relu(x) - x / 2, and x."""


def words(net, box, tree, *claims, folder, **more):
    return refusal(certificate(net, box, tree, *claims, **more), folder)


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
    """Of the network x and of the network -x, at either end."""
    below = -1 if low < 0 else 0
    for sign in (1, -1):
        net, ends = network(1, [], [{0: sign}]), sorted((sign * low * UNIT, sign * 0.5))
        given = 3 * (1 + 2)  # size 1, and the half that is rounded away
        for least, stands in ((below - given, True), (below - given + 1, False)):
            why = words(net, [tuple(ends)], LINES, claim(least * UNIT), folder=tmp_path)
            assert (why is None) == stands, (why, least)


def test_strict_is_true_and_nothing_else(tmp_path):
    for strict in (1, "true", None, False):
        why = words(LINE, [(0, 1)], LINES, claim(-GIVEN * UNIT, strict=strict), folder=tmp_path)
        assert why is None


@pytest.mark.parametrize("pair", [
    [1, "0x1.0000000000000p+0"], [True, "0x1.0000000000000p+0"], [1.0, "0x1p+0"], [0.0, "-0x0.0p+0"],
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
    one = certificate(LINE, [(0, 1)], LINES, claim(-9.0))
    said = json.loads(one["claim.json"]) | {"parts": []}
    none = one | {"claim.json": json.dumps(said).encode(), "proof.bin": b""}
    assert "nothing is claimed" in refusal(none, tmp_path)


@pytest.mark.parametrize(
    ("coefficients", "plus", "least"),
    [((2, 1), 0, 1), ((2, 1), 0.5, 1.5), ((-2, 1), 0.25, 0.25), ((0.5, -1), -1, -1.75)],
)
def test_a_form_of_outputs(coefficients, plus, least, tmp_path):
    """Where x is in [1/2, 1], the outputs of `BEND` are x / 2 and x."""
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
        one = claim(0.5 - 1e-9, list(order), attained=((0.25,), 0.5))
        assert words(LINE, [(-1, 1)], QUARTERS, one, folder=tmp_path) is None
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
        ((-1.0000001,), 0.6, False), ((), 0.6, False), ((0, 0), 0.6, False), ((-0.5,), 0.249, False),
    ],
)  # fmt: skip
def test_a_value_that_is_attained(x, value, stands, tmp_path):
    one = claim(-9.0, attained=(x, value))
    assert (words(BEND, [(-1, 1)], LINES, one, folder=tmp_path) is None) == stands


def test_every_form_has_to_be_so_small(tmp_path):
    forms = [({0: 1.0}, 0.0), ({1: 1.0}, 0.0)]
    for order in (forms, forms[::-1]):
        for value, stands in ((0.5, True), (0.4, False)):
            one = claim(-9.0, order, attained=((0.5,), value))
            assert (words(BEND, [(-1, 1)], LINES, one, folder=tmp_path) is None) == stands


@pytest.mark.parametrize("curve", ["exp", (0, 1), (2, -1)])
@pytest.mark.parametrize("x", [0.5, -0.5, 0.0])
def test_a_value_behind_a_smooth_curve(curve, x, tmp_path):
    """A second block of another curve reads the first, and an input past it."""
    net = network(1, [("tanh", [{0: 1}]), (curve, [{1: 1}, {0: 1, 1: 1}])], [{1: 1, 2: 1, 3: 1}])
    f = exp if curve == "exp" else lambda z: curve[z >= 0] * z
    true = tanh(x) + f(tanh(x)) + f(x + tanh(x))
    for off, stands in ((1e-12, True), (-1e-12, False)):
        one = claim(-99.0, attained=((x,), true + off))
        why = words(net, [(-1, 1)], LINES, one, folder=tmp_path)
        assert (why is None) == stands, why


# The network's text.


def written(**changes):
    """`LINE` in the format's own words, some of them others."""
    net = {"blocks": [], "inputs": 1, "outputs": {"over": 1, "rows": [[[0, 1]]]}} | changes
    return json.dumps(net).encode()


@pytest.mark.parametrize(
    ("row", "stands"),
    [
        ([[0, 1]], True), ([[-1, 0, 1]], True), ([[-1, 5], [0, 1]], True), ([[0, 1], [-1, 5]], True),
        ([[-2, 1]], False), ([[-2, 0, 0, 1]], False), ([[1, 1]], False), ([[0, 1, 1]], False),
        ([[0, 1], [0, 1]], False), ([[-1, 0, 1], [0, 1]], False), ([[0, 1.0]], False),
        ([[0.0, 1]], False), ([["0", 1]], False), ([[]], False), ([[0]], True), ([], True),
    ],
)  # fmt: skip
def test_a_row_reads_what_is_before_it_once(row, stands, tmp_path):
    net = written(outputs={"over": 1, "rows": [row]})
    assert (words(net, [(0, 1)], LINES, claim(-9.0), folder=tmp_path) is None) == stands


def test_a_unit_reads_what_is_before_its_block(tmp_path):
    for reads, stands in ((0, True), (1, True), (2, True), (3, False), (4, False)):
        block = {"curve": "kink", "slopes": ["0", "1"]}
        first = block | {"forms": {"over": 1, "rows": [[[0, 1]], [[-1, 1]]]}}
        second = block | {"forms": {"over": 1, "rows": [[[-1, 1]], [[reads, 1]]]}}
        net = written(blocks=[first, second], outputs={"over": 1, "rows": [[[4, 1]]]})
        why = words(net, [(0, 1)], LINES, claim(-9.0), folder=tmp_path)
        assert (why is None) == stands


def test_the_unit_after_a_block_has_the_next_number(tmp_path):
    """Two units, then one that reads the second, then an output that reads the last."""
    net = network(1, [(RELU, [{0: 1}, {0: 3}]), (RELU, [{2: 2}])], [{3: 1, 1: -1}])
    for least, stands in ((5 - 1e-9, True), (5 + 1e-9, False)):
        why = words(net, [(1, 1)], LINES, claim(least), folder=tmp_path)
        assert (why is None) == stands


def test_the_largest_network_that_is_read(monkeypatch, tmp_path):
    net = written(blocks=[{"curve": "exp", "forms": {"over": 1, "rows": [[[-1, 0, 1]], [[0, 1]]]}}])
    for room, stands in ((4, True), (3, False)):
        monkeypatch.setattr(outrange_check.network, "MOST_TERMS", room)
        assert (words(net, [(0, 1)], LINES, claim(-9.0), folder=tmp_path) is None) == stands


# The tree's bytes.


def test_the_longest_number(tmp_path):
    """A mask of 586 bytes, and one of 587."""
    for middle, stands in ((584, True), (585, False)):
        tree = [BOUND | LINEAR, 129, *[128] * middle, 0]
        assert (words(LINE, [(0, 1)], tree, claim(-9.0), folder=tmp_path) is None) == stands


def test_a_number_has_seven_bits_a_byte(tmp_path):
    """Sixteen claims, of which one is left open; or none."""
    claims = [claim(-9.0 - i) for i in range(16)]
    assert words(LINE, [(0, 1)], [2, 0xFF, 0xFF, 0x03], *claims, folder=tmp_path) is None
    assert words(LINE, [(0, 1)], [2, 0xFF, 0xFF, 0x7F], *claims, folder=tmp_path) is None
    for mask in ([0xFE, 0xFF, 0x03], [0xFF, 0xFE, 0x03], [0xBF, 0xFF, 0x03], [0xFF, 0xFF, 0x01]):
        assert "claim open" in words(LINE, [(0, 1)], [2, *mask], *claims, folder=tmp_path)


def test_the_claims_of_a_mask_and_of_no_other(tmp_path):
    """The false one is refused if it is named, by its place among those still open."""
    good, bad = claim(-9.0), claim(9.0)
    rest = [good, good, bad, good]
    for mask, name in ((0b1111, "2 not proved"), (0b0100, "2 not proved"), (0b1011, "claim open")):
        assert name in words(LINE, [(0, 1)], [2, mask], *rest, folder=tmp_path)
    assert "by its cases" in words(LINE, [(0, 1)], [6, 0b0011, 0b01, 0, 0], *rest, folder=tmp_path)
    assert "claim open" in words(LINE, [(0, 1)], [6, 0b0011, 0b10, 0, 0], *rest, folder=tmp_path)


def test_bytes_after_the_last_tree(tmp_path):
    for tree in ([*LINES, 0], [*LINES, *LINES]):
        assert "bytes are left" in words(LINE, [(0, 1)], tree, claim(-9.0), folder=tmp_path)


@pytest.mark.parametrize("tree", [
    [BOUND], [0], [BOUND | SPLIT, 0, *LINES], [BOUND | SPLIT, 1, *LINES, *LINES],
    [BOUND | LINEAR | SPLIT, 1, 0, *LINES, *LINES], [BOUND | LINEAR | SPLIT, 1, 0, 0, 0],
    [SPLIT, 127, *LINES, *LINES],
])  # fmt: skip
def test_a_tree_that_is_none(tree, tmp_path):
    assert words(LINE, [(0, 1)], tree, claim(-9.0), folder=tmp_path)


def test_a_half_has_to_be_proved_too(tmp_path):
    """x and -x: the claim is false in the upper half, in the lower half."""
    for y, tree in ((1.0, [SPLIT, 0, *LINES, *LINES]), (-1.0, [SPLIT, 0, *LINES, *LINES])):
        for least, stands in ((-1.0 - 1e-9, True), (-1e-9, False)):
            why = words(LINE, [(-1, 1)], tree, claim(least, {0: y}), folder=tmp_path)
            assert (why is None) == stands


def test_a_split_is_at_the_middle(tmp_path):
    """|x - 1/4|, exact in both halves of [-1/2, 1], and in no others."""
    net = network(1, [((-1, 1), [{0: 1, -1: fmpq(-1, 4)}])], [{1: 1}])
    tree = [SPLIT, 0, *LINES, *LINES]
    assert words(net, [(-0.5, 1)], tree, claim(-1e-9), folder=tmp_path) is None
    tree = [SPLIT, 0, *LINES, SPLIT, 0, *LINES, *LINES]
    assert words(net, [(-0.5, 1)], tree, claim(-1e-9), folder=tmp_path) is None
    assert words(net, [(-0.75, 1)], tree, claim(-1e-9), folder=tmp_path)


def test_the_boxes_are_counted(tmp_path):
    path = tmp_path / "a.proof"
    more = [([(0, 1)], [claim(-9.0)])]
    tree = [SPLIT, 0, *LINES, SPLIT, 0, *LINES, *LINES, *LINES]
    path.write_bytes(packed(certificate(LINE, [(0, 1)], tree, claim(-9.0), more=more)))
    assert check(str(path)).boxes == 6


def test_a_unit_that_has_its_sign_or_no_kink_is_not_decided(tmp_path):
    net = network(1, [("tanh", [{0: 1}]), (RELU, [{0: 1}])], [{1: 1, 2: 1}])
    for tree, said in (
        ([CASES, 1, DECIDE, 1, 0, 0, 0, 0], None),
        ([CASES, 1, DECIDE, 0, 0, 0, 0, 0], "no kink"),
        ([CASES, 1, DECIDE, 1, DECIDE, 1, 0, 0, 0, 0, 0, 0], "its sign"),
        ([CASES, 1, DECIDE, 2, 0, 0, 0, 0], "IndexError"),
        ([CASES, 1, DECIDE, 1, 0, 1, 0, 1, 0, 128, 0, 0], "KeyError"),
    ):
        why = words(net, [(-1, 1)], tree, claim(-9.0), folder=tmp_path)
        assert why is None if said is None else said in why


def test_the_most_work_of_a_proof(monkeypatch, tmp_path):
    """The output's row once: one product; its unit's twice: none, since it reads an input only."""
    net = network(1, [(RELU, [{0: 1}])], [{1: 1}])
    for room, stands in ((1, True), (0, False)):
        monkeypatch.setattr(outrange_check.bounds, "MOST_WORK", room)
        why = words(net, [(-1, 1)], LINES, claim(-9.0), folder=tmp_path)
        assert why is None if stands else f"more than {room} products" in why


# The archive, the model and the program.


def test_the_largest_member(monkeypatch, tmp_path):
    members = certificate(LINE, [(0, 1)], LINES, claim(-9.0))
    most = max(map(len, members.values()))
    for room, stands in ((most, True), (most - 1, False)):
        monkeypatch.setattr(outrange_check.certificate, "MOST_BYTES", room)
        assert (refusal(members, tmp_path) is None) == stands


@pytest.mark.parametrize("change", [
    {"format": "outrange certificate 2"}, {"semantics": "float32"}, {"network": "0" * 64},
])  # fmt: skip
def test_what_the_claim_is_about(change, tmp_path):
    members = certificate(LINE, [(0, 1)], LINES, claim(-9.0))
    said = json.loads(members["claim.json"]) | change
    assert refusal(members | {"claim.json": json.dumps(said).encode()}, tmp_path)


@pytest.fixture
def model(tmp_path):
    """A file whose network is `LINE`, and its SHA-256."""
    onnx = pytest.importorskip("onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(n, floats, [1, 1]) for n in "xy"]
    node = helper.make_node("Identity", ["x"], ["y"])
    graph = helper.make_graph([node], "line", ends[:1], ends[1:])
    path = tmp_path / "line.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)
    return str(path), hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_network_is_that_of_the_model(model, tmp_path):
    path, digest = model
    for net, named, said in (
        (LINE, None, None),
        (LINE, {"name": "line.onnx", "sha256": digest}, None),
        (LINE, {"name": "line.onnx", "sha256": "0" * 64}, "SHA-256 differs"),
        (network(1, [], [{0: 2}]), None, "is not the one in"),
        (network(1, [(RELU, [{0: 1}])], [{0: 1}]), None, "is not the one in"),
    ):
        members = certificate(net, [(0, 1)], [3, 1], claim(-9.0), model=named)
        why = refusal(members, tmp_path, path)
        assert why is None if said is None else said in why, why
        assert refusal(members, tmp_path) is None


def test_the_program(model, tmp_path, monkeypatch, capsys):
    path, digest = model
    proof = tmp_path / "a.proof"
    for least, asked, code in ((-1, [], 0), (-1, ["--model", path], 0), (1, [], 1), (1, ["-q"], 2)):
        proof.write_bytes(packed(certificate(LINE, [(0, 1)], LINES, claim(least))))
        monkeypatch.setattr(sys, "argv", ["outrange-check", str(proof), *asked])
        try:
            found = main()
        except SystemExit as left:
            found = left.code
        said = capsys.readouterr().out
        assert found == code
        assert said.endswith("Boxes: 1\nCERTIFIED\n") == (code == 0)
        assert said.startswith("For all 0.0 <= x[0] <= 1.0: 1.0 * y[0] + 0.0 >= -1.0.\n") == (
            code == 0
        )
        assert (f"Model (SHA-256): {digest}" in said) == bool(asked and code == 0)
        assert said.startswith("REFUSED: ") == (code == 1)


def test_the_sentence_says_all_that_is_proved(tmp_path):
    forms = [({0: 1.0}, 0.0), ({0: -1.0}, 0.25)]
    one = claim(-9.0, forms, strict=True, attained=((0.5,), 0.5))
    path = tmp_path / "a.proof"
    path.write_bytes(packed(certificate(LINE, [(0, 1)], [3, 3], one, claim(-2.0))))
    assert check(str(path)).sentences == [
        "For all 0.0 <= x[0] <= 1.0: 1.0 * y[0] + 0.0 or -1.0 * y[0] + 0.25 > -9.0"
        " (and at a stated input it is at most 0.5); 1.0 * y[0] + 0.0 >= -2.0."
    ]
