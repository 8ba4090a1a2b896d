"""Rules for networks, trees, archives and model files: valid by hand, or just invalid."""

import hashlib
import json
import sys

import pytest
from flint import fmpq

import outrange_check.bounds
import outrange_check.certificate
import outrange_check.network
from checker.by_hand import (
    BOUND,
    CASES,
    DECIDE,
    LINE,
    LINEAR,
    LINES,
    RELU,
    SPLIT,
    certificate,
    claim,
    network,
    number,
    refusal,
    words,
)  # fmt: skip
from checker.certificates import pack_members
from outrange_check.__main__ import main
from outrange_check.build import text
from outrange_check.certificate import check, exact_number
from outrange_check.command import run
from outrange_check.network import Refused


# The network's text.


def encode_line_net(**changes):
    """Encode `LINE` in the file format, with some fields replaced."""
    net = {"blocks": [], "inputs": 1, "outputs": {"over": 1, "rows": [[[0, 1]]]}} | changes
    return json.dumps(net).encode()


@pytest.mark.parametrize(
    ("row", "stands"),
    [
        ([[0, 1]], True), ([[-1, 0, 1]], True), ([[-1, 5], [0, 1]], True),
        ([[0, 1], [-1, 5]], True),
        ([[-2, 1]], False), ([[-2, 0, 0, 1]], False), ([[1, 1]], False), ([[0, 1, 1]], False),
        ([[0, 1], [0, 1]], False), ([[-1, 0, 1], [0, 1]], False), ([[0, 1.0]], False),
        ([[0.0, 1]], False), ([["0", 1]], False), ([[]], False), ([[0]], True), ([], True),
    ],
)  # fmt: skip
def test_a_row_reads_what_is_before_it_once(row, stands, tmp_path):
    net = encode_line_net(outputs={"over": 1, "rows": [row]})
    assert (words(net, [(0, 1)], LINES, claim(-9.0), folder=tmp_path) is None) == stands


def test_a_unit_reads_what_is_before_its_block(tmp_path):
    for reads, stands in ((0, True), (1, True), (2, True), (3, False), (4, False)):
        block = {"curve": "kink", "slopes": ["0", "1"]}
        first = block | {"forms": {"over": 1, "rows": [[[0, 1]], [[-1, 1]]]}}
        second = block | {"forms": {"over": 1, "rows": [[[-1, 1]], [[reads, 1]]]}}
        net = encode_line_net(blocks=[first, second], outputs={"over": 1, "rows": [[[4, 1]]]})
        why = words(net, [(0, 1)], LINES, claim(-9.0), folder=tmp_path)
        assert (why is None) == stands


def test_the_unit_after_a_block_has_the_next_number(tmp_path):
    """Two units, then one that reads the second, then an output that reads the last."""
    net = network(1, [(RELU, [{0: 1}, {0: 3}]), (RELU, [{2: 2}])], [{3: 1, 1: -1}])
    for least, stands in ((5 - 1e-9, True), (5 + 1e-9, False)):
        why = words(net, [(1, 1)], LINES, claim(least), folder=tmp_path)
        assert (why is None) == stands


def test_the_largest_network_that_is_read(monkeypatch, tmp_path):
    net = encode_line_net(
        blocks=[{"curve": "exp", "forms": {"over": 1, "rows": [[[-1, 0, 1]], [[0, 1]]]}}]
    )
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
        assert "not split" in words(LINE, [(0, 1)], [2, *mask], *claims, folder=tmp_path)


def test_the_claims_of_a_mask_and_of_no_other(tmp_path):
    """The false one is refused if it is named, by its place among those still open."""
    good, bad = claim(-9.0), claim(9.0)
    rest = [good, good, bad, good]
    for mask, name in ((0b1111, "2 is not"), (0b0100, "2 is not"), (0b1011, "not split")):
        assert name in words(LINE, [(0, 1)], [2, mask], *rest, folder=tmp_path)
    assert "of its cases" in words(LINE, [(0, 1)], [6, 0b0011, 0b01, 0, 0], *rest, folder=tmp_path)
    assert "not split" in words(LINE, [(0, 1)], [6, 0b0011, 0b10, 0, 0], *rest, folder=tmp_path)


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
    path.write_bytes(pack_members(certificate(LINE, [(0, 1)], tree, claim(-9.0), more=more)))
    assert check(str(path)).boxes == 6


def test_a_unit_that_has_its_sign_or_no_kink_is_not_decided(tmp_path):
    net = network(1, [("tanh", [{0: 1}]), (RELU, [{0: 1}])], [{1: 1, 2: 1}])
    for tree, reason in (
        ([CASES, 1, DECIDE, 1, 0, 0, 0, 0], None),
        ([CASES, 1, DECIDE, 0, 0, 0, 0, 0], "no kink"),
        ([CASES, 1, DECIDE, 1, DECIDE, 1, 0, 0, 0, 0, 0, 0], "sign is already"),
        ([CASES, 1, DECIDE, 2, 0, 0, 0, 0], "IndexError"),
        ([CASES, 1, DECIDE, 1, 0, 1, 0, 1, 0, 128, 0, 0], "KeyError"),
    ):
        why = words(net, [(-1, 1)], tree, claim(-9.0), folder=tmp_path)
        assert why is None if reason is None else reason in why


def test_the_most_work_of_a_proof(monkeypatch, tmp_path):
    """Every product and every copy counts.

    Two rows and their two terms. A copy of two rows, two errors and a claim. The ends of the input
    and of the constant, the unit, and its row twice. The output's row through its unit, its ends.
    """
    net = network(1, [(RELU, [{0: 1}])], [{1: 1}])
    for room, stands in ((4 + 5 + 5 + 2, True), (15, False)):
        monkeypatch.setattr(outrange_check.tree, "MOST_WORK", room)
        why = words(net, [(-1, 1)], LINES, claim(-9.0), folder=tmp_path)
        assert why is None if stands else "products and copies" in why


def test_long_numbers_are_more_work(monkeypatch, tmp_path):
    """A coefficient of 640 bits counts as 1 + 640^2 / 2^16 = 7 in the one product of the output."""
    net = network(1, [(RELU, [{0: 1}])], [{1: 2**559}])
    for room, stands in ((16 + 6, True), (21, False)):
        monkeypatch.setattr(outrange_check.tree, "MOST_WORK", room)
        why = words(net, [(-1, 1)], LINES, claim(-1e300), folder=tmp_path)
        assert (why is None) if stands else "products and copies" in why


def test_the_longest_coefficient_of_a_proof(monkeypatch, tmp_path):
    net = network(1, [(RELU, [{0: 1}])], [{1: 2**300}])
    for bits, stands in ((381, True), (380, False)):
        monkeypatch.setattr(outrange_check.bounds, "MOST_BITS", bits)
        why = words(net, [(-1, 1)], LINES, claim(-1e300), folder=tmp_path)
        assert (why is None) if stands else "a coefficient grows" in why


def test_the_longest_number_of_a_proof(monkeypatch, tmp_path):
    """`unit` is two more than the sizes of the constant, of x, of the sum and of the value."""
    net = network(1, [(RELU, [{0: 2**200}])], [{1: 1}])
    for bits, stands in ((202, True), (201, False)):
        monkeypatch.setattr(outrange_check.bounds, "MOST_BITS", bits)
        why = words(net, [(-1, 1)], LINES, claim(-1e300), folder=tmp_path)
        assert (why is None) if stands else f"numbers of more than {bits} bits" in why


@pytest.mark.parametrize(
    ("over", "run"), [(1, [0, 128]), (1, [0, -128]), (1, [-1, 128, 1]), (128, [0, 1])]
)
def test_the_longest_number_of_a_network(over, run, monkeypatch, tmp_path):
    outputs = {"over": over, "rows": [[run]]}
    written = json.dumps({"blocks": [], "inputs": 1, "outputs": outputs})
    for bits, stands in ((8, True), (7, False)):
        monkeypatch.setattr(outrange_check.network, "MOST_BITS", bits)
        why = words(written.encode(), [(-1, 1)], LINES, claim(-999.0), folder=tmp_path)
        assert (why is None) if stands else "more than 7 bits" in why


@pytest.mark.parametrize("slopes", [(0, 1), ("0", 1), ("0", "1")])
def test_slopes_are_texts_or_integers(slopes, tmp_path):
    net = json.loads(text(network(1, [(RELU, [{0: 1}])], [{1: 1}])))
    net["blocks"][0]["slopes"] = slopes
    why = words(json.dumps(net).encode(), [(-1, 1)], LINES, claim(-9.0), folder=tmp_path)
    assert why is None


def test_long_values_are_attained_in_balls(monkeypatch, tmp_path):
    """The value is 3/2: as a rational number of few bits allowed, or a ball about it."""
    net = network(1, [(RELU, [{0: 3}])], [{1: 1}])
    for bits in (1, 1 << 14):
        monkeypatch.setattr(outrange_check.certificate, "MOST_BITS", bits)
        for value, stands in ((1.5 + 2**-40, True), (1.5 - 2**-40, False)):
            bound = claim(-9.0, attained=([0.5], value))
            why = words(net, [(0, 1)], LINES, bound, folder=tmp_path)
            assert (why is None) if stands else "not attained" in why


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
    statement = json.loads(members["claim.json"]) | change
    assert refusal(members | {"claim.json": json.dumps(statement).encode()}, tmp_path)


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
    for net, named, reason in (
        (LINE, None, None),
        (LINE, {"name": "line.onnx", "sha256": digest}, None),
        (LINE, {"name": "line.onnx", "sha256": "0" * 64}, "SHA-256 differs"),
        (network(1, [], [{0: 2}]), None, "is not the one in"),
        (network(1, [(RELU, [{0: 1}])], [{0: 1}]), None, "is not the one in"),
    ):
        members = certificate(net, [(0, 1)], [3, 1], claim(-9.0), model=named)
        why = refusal(members, tmp_path, path)
        assert why is None if reason is None else reason in why, why
        assert refusal(members, tmp_path) is None


def test_the_program(model, tmp_path, monkeypatch, capsys):
    path, digest = model
    proof = tmp_path / "a.proof"
    for least, options, code in (
        (-1, [], 0),
        (-1, ["--model", path], 0),
        (1, [], 1),
        (1, ["-q"], 2),
    ):
        proof.write_bytes(pack_members(certificate(LINE, [(0, 1)], LINES, claim(least))))
        monkeypatch.setattr(sys, "argv", ["outrange-check", str(proof), *options])
        try:
            status = main()
        except SystemExit as left:
            status = left.code
        output = capsys.readouterr().out
        assert status == code
        assert output.endswith("Boxes: 1\nCERTIFIED\n") == (code == 0)
        assert output.startswith("For all 0.0 <= x[0] <= 1.0: 1.0 * y[0] + 0.0 >= -1.0.\n") == (
            code == 0
        )
        assert (f"Model (SHA-256): {digest}" in output) == bool(options and code == 0)
        assert output.startswith("REFUSED: ") == (code == 1)


def test_a_second_checker_must_accept_too(tmp_path, monkeypatch, capsys):
    data = certificate(LINE, [(0, 1)], LINES, claim(-1.0))
    proof = tmp_path / "a.proof"
    proof.write_bytes(pack_members(data))

    def accept(claimed, net, tree):
        assert claimed == json.loads(data["claim.json"])
        assert (net, tree) == (LINE, data["proof.bin"])
        return "It accepts."

    def refuse(*evidence):
        raise Refused("It does not.")

    for confirm, options, code, end in (
        (accept, ["--verified"], 0, "\nIt accepts.\nBoxes: 1\nCERTIFIED\n"),
        (refuse, ["--verified"], 1, "REFUSED: It does not.\n"),
        (refuse, [], 0, "in the certificate\nBoxes: 1\nCERTIFIED\n"),
    ):
        monkeypatch.setattr(sys, "argv", ["outrange-check", str(proof), *options])
        assert run(confirm) == code
        assert capsys.readouterr().out.endswith(end)


def test_the_sentence_says_all_that_is_proved(tmp_path):
    forms = [({0: 1.0}, 0.0), ({0: -1.0}, 0.25)]
    bound = claim(-9.0, forms, strict=True, attained=((0.5,), 0.5))
    path = tmp_path / "a.proof"
    path.write_bytes(pack_members(certificate(LINE, [(0, 1)], [3, 3], bound, claim(-2.0))))
    assert check(str(path)).sentences == [
        "For all 0.0 <= x[0] <= 1.0: 1.0 * y[0] + 0.0 or -1.0 * y[0] + 0.25 > -9.0"
        " (and at x = [0.5] each sum is at most 0.5); 1.0 * y[0] + 0.0 >= -2.0."
    ]


@pytest.mark.parametrize(
    ("size", "point"),
    [(2, "[0.0, 0.25]"), (33, "[" + "0.0, 0.25, " * 16 + "... (33 entries)]")],
)
def test_a_long_point_is_printed_up_to_a_limit(tmp_path, size, point):
    net = network(size, [], [{0: 1}])
    x = [(0.0, 0.25)[i % 2] for i in range(size)]
    path = tmp_path / "a.proof"
    bound = claim(-1.0, attained=(x, 0.125))
    path.write_bytes(pack_members(certificate(net, [(0, 1)] * size, LINES, bound)))
    (sentence,) = check(str(path)).sentences
    assert sentence.endswith(f">= -1.0 (and at x = {point} it is at most 0.125).")


def test_a_printed_number_is_the_float_that_is_checked(tmp_path):
    """0.3 stands for the nearest float64 number, which is below 3/10."""
    assert exact_number(number(0.3)) < fmpq(3, 10)
    path = tmp_path / "a.proof"
    path.write_bytes(pack_members(certificate(LINE, [(0.3, 1)], LINES, claim(0.1))))
    assert check(str(path)).sentences == ["For all 0.3 <= x[0] <= 1.0: 1.0 * y[0] + 0.0 >= 0.1."]
