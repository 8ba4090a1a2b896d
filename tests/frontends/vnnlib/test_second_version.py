"""Version 2.0: files parsed by the package `vnnlib` give the same formulas, or a clear error."""

import os
import random
import sys

import numpy as np
import pytest

from cases import cases
from frontends.vnnlib.property_files import Writer, all_assertions_hold
from outrange.core import InputError, ModelError, OutrangeError, UnsupportedError
from outrange.core.formula import And, Atom, Or, holds
from outrange.frontends.vnnlib import read_vnnlib, version2 as second
from outrange.graph import Graph, Slot
from outrange.graph.graph import Node
from outrange.ops import Rearrange


HEAD = """; a network
(vnnlib-version <2.0>)
(declare-network N
  (declare-input X real [2,3])
  (declare-output Y float32 [1,2])
)
"""
"""Six lines; what follows is on line 7."""

REAL = HEAD.replace("float32", "real")

NAMES = [f"X[{i},{j}]" for i in range(2) for j in range(3)] + ["Y[0,0]", "Y[0,1]"]


def six_inputs():
    """Build a graph with six inputs and two outputs."""
    op = Rearrange("two", np.arange(2), (6,), np.zeros(2))
    return Graph((Slot("x", (2, 3)),), (Node(op, (0,), 2, (1, 2)),), 1, (Slot("y", (1, 2)),))


@pytest.fixture
def package():
    return pytest.importorskip("vnnlib")


def read(tmp_path, text):
    path = tmp_path / "p.vnnlib"
    path.write_text(text)
    return read_vnnlib(path)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "vnnlib", None)
    with pytest.raises(InputError, match=r"pip install .*vnnlib.*Received: "):
        read(tmp_path, REAL + "(assert (<= X[0,0] 1.0))")


def test_another_package_of_that_name(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "vnnlib", sys)
    with pytest.raises(InputError, match=r"1\.0\.2 or later"):
        read(tmp_path, REAL + "(assert (<= X[0,0] 1.0))")


def test_random_files_mean_what_they_say(tmp_path, package):
    margins = []
    count = cases(40, 200)
    for seed in range(count):
        r = random.Random(seed)
        writer = Writer(seed, NAMES, lambda r: f"{r.randint(-16, 16) / 8}", full=False)
        text = REAL + "\n".join(f"(assert {writer.condition(3)})" for _ in range(r.randint(1, 3)))
        spec = read(tmp_path, text)
        assert (spec.inputs, spec.outputs) == (6, 2)
        for _ in range(10):
            v = np.array([r.randint(-12, 12) / 4 for _ in NAMES])
            expected, _ = all_assertions_hold(text, dict(zip(NAMES, v.tolist(), strict=True)))
            assert holds(spec.unsafe, v, v) is expected, text
            margins.append(expected)
    assert min(margins.count(True), margins.count(False)) > count


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("(<= X[1,0] 0.1)", Atom(((3, 1.0),), -0.1)),
        ("(> Y[0,1] (- X[0,2]))", Atom(((2, -1.0), (7, -1.0)), 0.0, True)),
        ("(<= (- (* 0.3 X[0,0]) (* X[0,0] 0.1)) 0.0)", Atom(((0, 0.2),), 0.0)),
        ("(== X[0,0] 1.0)", And((Atom(((0, 1.0),), -1.0), Atom(((0, -1.0),), 1.0)))),
        (
            "(!= X[0,0] 1.0)",
            Or((Atom(((0, 1.0),), -1.0, True), Atom(((0, -1.0),), 1.0, True))),
        ),
    ],
)
def test_forms(tmp_path, package, condition, expected):
    assert read(tmp_path, f"{REAL}(assert {condition})").unsafe == expected


def test_several_inputs_follow_each_other(tmp_path, package):
    text = REAL.replace("  (declare-output", "  (declare-input W real [])\n  (declare-output")
    spec = read(tmp_path, text + "(assert (<= W Y[0,1]))")
    assert (spec.inputs, spec.outputs) == (7, 2)
    assert spec.unsafe == Atom(((6, 1.0), (8, -1.0)), 0.0)


FILES = [
    (REAL + "(assert (<= X[0,0] 1.0)", ModelError, 7, "not well formed"),
    (REAL + "(assert (<= X[0,0] 1e-3))", ModelError, 7, "exponent"),
    (REAL + "(assert (<= X[0,0] 1))", ModelError, 7, "Type mismatch"),
    (REAL + "(assert (<= X[0,3] 1.0))", ModelError, 7, "out of bounds"),
    (REAL + "(assert (<= X[0,-1] 1.0))", ModelError, 7, "within its shape"),
    (REAL + "(assert (<= X[0] 1.0))", ModelError, 7, "indices"),
    (REAL + "(assert (<= Z[0] 1.0))", ModelError, 7, "Undeclared"),
    (REAL + f"(assert (<= X[0,{'9' * 30}] 1.0))", UnsupportedError, 7, "18 digits"),
    (REAL + f"(assert (<= X[0, {'9' * 30}] 1.0))", UnsupportedError, 7, "18 digits"),
    (
        REAL.replace("real", "float32") + "(assert (<= X[0,0] (* X[0,1] Y[0,0])))",
        UnsupportedError, 7, "`real`",
    ),
    (REAL + f"(assert (<= X[0,0] {'1' * 400}.0))", UnsupportedError, 7, "300"),
    (REAL + "(assert (not (<= X[0,0] 1.0)))", ModelError, 7, "not well formed"),
    (REAL + "\n(assert " + "(and " * 100_000, UnsupportedError, 8, "nest"),
    (HEAD + "(assert (<= X[0,0] Y[0,0]))", ModelError, 7, "Type mismatch"),
    (REAL, ModelError, 6, "not well formed"),
    (REAL.replace("real", "int32") + "(assert (<= X[0,0] 1))", UnsupportedError, 3, "`int32`"),
    (REAL.replace("[2,3]", "[0,3]") + "(assert true)", ModelError, None, "not well formed"),
    (
        REAL.replace("[2,3]", "[99999999999,3]") + "(assert (<= Y[0,0] 1.0))",
        ModelError, 3, "at most",
    ),
    (
        REAL + "(declare-network M (equal-to N) (declare-input W real [1]) "
        "(declare-output Z real [1]))(assert (<= Y[0,0] 1.0))",
        ModelError, 7, "Shape mismatch",
    ),
    (
        REAL + "(declare-network N (declare-input W real [1]) (declare-output Z real [1]))"
        "(assert (<= Y[0,0] 1.0))",
        ModelError, 7, "is the name of two",
    ),
    (
        REAL + "(declare-network M (equal-to N) (isomorphic-to N) (declare-input W real [2,3]) "
        "(declare-output Z real [1,2]))(assert (<= Y[0,0] 1.0))",
        ModelError, 7, "a network that has neither",
    ),
    (
        REAL + "(declare-network M (equal-to K) (declare-input W real [2,3]) "
        "(declare-output Z real [1,2]))(assert (<= Y[0,0] 1.0))",
        ModelError, 7, "not found",
    ),
    (
        REAL.replace("[2,3])", "[2,3] initialized)") + "(assert (<= Y[0,0] 1.0))",
        ModelError, 4, "not well formed",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "line", "word"), FILES, ids=range(len(FILES)))
def test_malformed(tmp_path, package, text, kind, line, word):
    with pytest.raises(kind) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert word in message and "Received: " in message and "`p.vnnlib`" in message
    assert line is None or f"line {line}:" in message, message


def test_cut_anywhere(tmp_path, package):
    text = REAL + "(assert (or (<= X[0,0] 1.0) (>= Y[0,1] 0.5)))"
    read(tmp_path, text)
    for end in range(text.index("(vnn"), len(text)):
        with pytest.raises(OutrangeError, match="Received: "):
            read(tmp_path, text[:end])


def test_size_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(second, "LARGEST_SECOND", 1000)
    with pytest.raises(ModelError, match="at most"):
        read(tmp_path, REAL + " " * 1000)


@pytest.mark.parametrize("written", ["float16", "bfloat16", "float64", "Float32", "foo", "Unknown"])
def test_types_that_are_not_proved_are_refused_by_name(tmp_path, package, written):
    """Check that `foo` and `Real`, both unknown to the package, are not confused."""
    text = REAL.replace("real", written) + "(assert (<= X[0,0] 1.0))"
    with pytest.raises(UnsupportedError, match=f"type `{written}`.*`float32`.*Received"):
        read(tmp_path, text)


def test_types_are_not_mixed(tmp_path, package):
    with pytest.raises(UnsupportedError, match=r"`X` .* `real`, but `Y` has `float32`"):
        read(tmp_path, HEAD + "(assert (<= X[0,0] 1.0))")


@pytest.mark.parametrize(("written", "read_as"), [("real", "real"), ("Real", "real"),
                                                  ("float32", "float32")])  # fmt: skip
def test_the_element_type_is_kept(tmp_path, package, written, read_as):
    text = REAL.replace("real", written).replace("<2.0>", "<2.1>") + "(assert (<= X[0,0] 1.0))"
    spec = read(tmp_path, text)
    assert spec.elements == read_as
    assert spec.networks[0].inputs[0].element == written


def test_a_float32_query_is_never_answered_about_real_numbers(tmp_path, package):
    from outrange import verify

    text = REAL.replace("real", "float32") + "(assert (<= X[0,0] 1.0))"
    path = tmp_path / "p.vnnlib"
    path.write_text(text)
    with pytest.raises(UnsupportedError, match=r"`float32`.*declare `real`.*Received"):
        verify(six_inputs(), path, arithmetic="real")


def test_networks_follow_each_other(tmp_path, package):
    text = (
        "(vnnlib-version <2.0>)"
        "(declare-network f (declare-input A real [2]) (declare-output B real [1]))"
        "(declare-network g (equal-to f) (declare-input C real [2]) (declare-output D real [1]))"
        "(declare-network h (isomorphic-to f) (declare-input E real [2])"
        " (declare-output F real []))"
    )
    spec = read(tmp_path, text.replace("F real []", "F real [1]") + "(assert (<= D[0] C[1]))")
    assert (spec.inputs, spec.outputs) == (6, 3)
    assert spec.unsafe == Atom(((3, -1.0), (7, 1.0)), 0.0)
    assert [(n.name, n.equal_to, n.isomorphic_to) for n in spec.networks] == [
        ("f", "", ""), ("g", "f", ""), ("h", "", "f"),
    ]  # fmt: skip


def test_a_file_is_told_by_its_hash(tmp_path, package):
    import hashlib

    spec = read(tmp_path, REAL + "(assert (<= X[0,0] 1.0))")
    assert spec.source.sha256 == hashlib.sha256((tmp_path / "p.vnnlib").read_bytes()).hexdigest()


FLOAT = REAL.replace("real", "float32")


@pytest.mark.parametrize(
    "text", ["0.1", "0.7", "-0.3", "16777217.0", "0.000000000000000000000000000000000000000000001",
             "1.00000017881393432617187499", "1.00000017881393432617187500"],
)  # fmt: skip
def test_constants_of_a_float32_query_are_float32_numbers(tmp_path, package, text):
    """Check that constants are rounded once, like in a library that parses float32 directly."""
    import ctypes

    if os.name == "nt":
        pytest.skip("its C library has no name of its own")
    strtof = ctypes.CDLL(None).strtof
    strtof.restype, strtof.argtypes = ctypes.c_float, [ctypes.c_char_p, ctypes.c_void_p]
    spec = read(tmp_path, f"{FLOAT}(assert (<= X[0,0] {text}))")
    assert -spec.unsafe.offset == strtof(text.encode(), None)


@pytest.mark.parametrize(
    ("condition", "terms"),
    [("(<= X[0,0] Y[0,0])", ((0, 1.0), (6, -1.0))), ("(<= (- Y[0,1]) 0.5)", ((7, -1.0),)),
     ("(<= (* -1.0 Y[0,1]) 0.5)", ((7, -1.0),))],
)  # fmt: skip
def test_what_float32_compares_exactly(tmp_path, package, condition, terms):
    assert read(tmp_path, f"{FLOAT}(assert {condition})").unsafe.terms == terms


@pytest.mark.parametrize(
    "condition",
    ["(<= (* 2.0 Y[0,1] 3.0) 0.5)", "(<= (+ Y[0,0] Y[0,0]) 0.5)", "(<= Y[0,0] (+ 0.1 0.2))"],
)
def test_sums_of_a_single_entry_in_float32_are_refused(tmp_path, package, condition):
    with pytest.raises(UnsupportedError, match="rounds"):
        read(tmp_path, f"{FLOAT}(assert {condition})")


@pytest.mark.parametrize(
    ("condition", "has_sums"),
    [("(<= Y[0,0] Y[0,1])", False), ("(<= (- Y[0,0] Y[0,1]) 0.5)", True)],
)
def test_sums_in_float32_are_marked(tmp_path, package, condition, has_sums):
    assert read(tmp_path, f"{FLOAT}(assert {condition})").has_float32_sums is has_sums
    assert not read(tmp_path, f"{REAL}(assert {condition})").has_float32_sums


def test_a_constant_beyond_float32(tmp_path, package):
    with pytest.raises(ModelError, match="finite float32"):
        read(tmp_path, f"{FLOAT}(assert (<= X[0,0] {'9' * 50}.0))")
