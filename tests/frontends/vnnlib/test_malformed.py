"""Damaged, hostile and unsupported property files raise an error that names the line."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from outrange.core import InputError, ModelError, OutrangeError, UnsupportedError
from outrange.frontends.vnnlib import files, read_vnnlib


HEAD = "(declare-const X_0 Real)\n(declare-const X_1 Real)\n(declare-const Y_0 Real)\n"
"""Three lines; what follows is on line 4."""

GOOD = HEAD + "(assert (or (and (<= X_0 1.5)\n  (>= X_1 Y_0)) (not (= X_1 2))))\n"


def check_rejected(tmp_path, content, kind, line, *words, name="p.vnnlib"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(kind) as caught:
        read_vnnlib(path)
    message = str(caught.value)
    for word in (f"`{name}`", *words, "Received: "):
        assert word in message
    assert line is None or f"line {line}:" in message, message
    assert len(message) < 500
    return caught.value


CONDITIONS = [
    ("(<= X_0 Z_0)", ModelError, "`Z_0` is not declared"),
    ("(<= X_2 1)", ModelError, "`X_2` is not declared"),
    ("(<= X_00 1)", ModelError, "`X_00` is not declared"),
    ("(<= X_0 (* X_1 Y_0))", UnsupportedError, "version 2.0"),
    ("(<= X_0 (* Y_0 2 Y_0))", UnsupportedError, "version 2.0"),
    ("(<= X_0 (/ 1 Y_0))", UnsupportedError, "divisor"),
    ("(<= X_0 (/ 1 (- 2 2)))", ModelError, "zero"),
    ("(<= X_0 1e999)", ModelError, "finite"),
    ("(<= X_0 (* 10 1e308))", ModelError, "finite"),
    ("(<= X_0 (* 1e200 1e200 Y_0))", ModelError, "finite"),
    ("(<= (* 1e-200 1e-200 Y_0) X_0)", ModelError, "too small"),
    ("(<= X_0 1e-999999999)", ModelError, "number"),
    ("(<= X_0 (+ 1e-999999999 1))", ModelError, "number"),
    ("(<= X_0 NaN)", ModelError, "`NaN`"),
    ("(<= X_0 -inf)", ModelError, "number"),
    ("(<= X_0 1_000)", ModelError, "number"),
    ("(<= X_0 0x10)", ModelError, "number"),
    ("(<= X_0 1.2.3)", ModelError, "number"),
    ("(<= X_0 1e)", ModelError, "number"),
    (f"(<= X_0 {'1' * 100_000})", ModelError, "number"),
    ("(<= X_0 1" + " (/ 1 7919) " * 3 + ") x", ModelError, "one condition"),
    ("(<= X_0)", ModelError, "operands"),
    ("(not true false)", ModelError, "operands"),
    ("(and)", ModelError, "operands"),
    ("(=> true)", ModelError, "operands"),
    ("(!= X_0 1 2)", ModelError, "operands"),
    ("(and (<= X_0 1) X_1)", ModelError, "condition is needed"),
    ("(and (<= X_0 1) (+ X_1 1))", ModelError, "condition is needed"),
    ("(<= X_0 (<= X_1 1))", ModelError, "number is needed"),
    ("(+ X_0 1)", ModelError, "condition is needed"),
    ("(<= X_0 (ite true 1 2))", UnsupportedError, "`ite`"),
    ("(<= X_0 (max X_1 Y_0))", UnsupportedError, "`max`"),
    ("(<= X_0 (abs X_1))", UnsupportedError, "`abs`"),
    ("(forall ((a Real)) (<= a X_0))", OutrangeError, "operator"),
    ("((<= X_0 1))", ModelError, "name of an operator"),
    ("()", ModelError, "name of an operator"),
    ("", ModelError, "one condition"),
    ('(<= X_0 "1")', ModelError, "not declared"),
    ("(let ((a b) (b a)) (<= X_0 a))", ModelError, "`b` is not declared"),
    ("(let ((a a)) (<= X_0 a))", ModelError, "`a` is not declared"),
    ("(let ((a 1) (a 2)) (<= X_0 a))", ModelError, "twice"),
    ("(and (let ((a 1)) (<= X_0 a)) (<= X_0 a))", ModelError, "`a` is not declared"),
    ("(let ((a (<= X_0 1))) a)", ModelError, "number is needed"),
    ("(let ((a 1)))", ModelError, "let"),
    ("(let a 1)", ModelError, "let"),
    ("(let (a 1) true)", ModelError, "let"),
    ("(let ((a)) true)", ModelError, "binding"),
]


@pytest.mark.parametrize(("condition", "kind", "word"), CONDITIONS, ids=range(len(CONDITIONS)))
def test_conditions(tmp_path, condition, kind, word):
    check_rejected(tmp_path, f"{HEAD}(assert {condition})\n(check-sat)\n", kind, 4, word)


FILES = [
    (HEAD + "(assert (<= X_0 1)", ModelError, 4, "closed"),
    (HEAD + "(assert (<= X_0 1)))", ModelError, 4, "has no opening one"),
    (HEAD + "(assert (<= X_0 1)\n(assert (<= X_1 1))\n)", ModelError, 5, "missing above"),
    (HEAD + "assert", ModelError, 4, "forms in parentheses"),
    (HEAD + "((assert true))", ModelError, 4, "name of an operator"),
    (HEAD + '(set-info :a "b)\n(assert true)', ModelError, 4, "does not end"),
    (HEAD + "(set-info :a |b\n", ModelError, 4, "closed"),
    (HEAD + "(push 1)", UnsupportedError, 4, "`push`"),
    (HEAD + "(define-fun f () Real 1.0)", UnsupportedError, 4, "`define-fun`"),
    (HEAD + "(declare-network N)", UnsupportedError, 4, "<2.0>"),
    (HEAD, ModelError, 4, "nothing is asserted"),
    (HEAD + "(declare-const X_1 Real)", ModelError, 4, "already"),
    (HEAD + "(declare-const X_1 Int)", ModelError, 4, "declared as"),
    (HEAD + "(declare-const X_2)", ModelError, 4, "declared as"),
    (HEAD + "(declare-fun X_2 Real)", ModelError, 4, "declared as"),
    (HEAD + "(declare-fun X_2 (Real) Real)", ModelError, 4, "declared as"),
    (HEAD + "(declare-const (X_2) Real)", ModelError, 4, "named"),
    (HEAD + "(declare-const Z_0 Real)", ModelError, 4, "named"),
    (HEAD + "(declare-const X_02 Real)", ModelError, 4, "named"),
    (HEAD + "(declare-const X_3 Real)(assert true)", ModelError, 4, "`X_2` is not"),
    (HEAD + "(declare-const X_999999999999 Real)(assert true)", ModelError, 4, "`X_2` is not"),
    (HEAD + f"(declare-const X_{'9' * 50} Real)(assert true)", ModelError, 4, "named"),
    ("(declare-const X_0 Real)\n(assert (<= X_0 1))\n", ModelError, 3, "no output"),
    ("(declare-const Y_0 Real)\n(assert (<= Y_0 1))\n", ModelError, 3, "no input"),
    ("(assert (<= X_0 1))\n" + HEAD, ModelError, 1, "`X_0` is not declared"),
    ("", ModelError, 1, "empty"),
    (" \n\n ", ModelError, 3, "empty"),
    ("; nothing\n;but (assert true)\n", ModelError, 3, "no input"),
    ("(vnnlib-version <7.1>)\n", UnsupportedError, 1, "version must be 1.0"),
    ("\n(vnnlib-version", UnsupportedError, 2, "version must be 1.0"),
    ("(" * 100_000, ModelError, 1, "name of an operator"),
    (HEAD + "\n(assert " + "(and " * 100_000 + ")" * 100_000, UnsupportedError, 5, "nest"),
    (HEAD + "(assert " + "(not " * 5000 + "true" + ")" * 5000 + ")", UnsupportedError, 4, "nest"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ModelError, 3, "UTF-8"),
    (bytes(range(128, 256)), ModelError, 1, "UTF-8"),
    (GOOD.encode("utf-16"), ModelError, 1, "UTF-8"),
    ((HEAD + "; \xe9\n").encode("latin-1"), ModelError, 4, "UTF-8"),
]


@pytest.mark.parametrize(("content", "kind", "line", "word"), FILES, ids=range(len(FILES)))
def test_files(tmp_path, content, kind, line, word):
    check_rejected(tmp_path, content, kind, line, word)


def test_cut_anywhere(tmp_path):
    path = tmp_path / "p.vnnlib"
    path.write_text(GOOD)
    read_vnnlib(path)
    for end in range(len(GOOD.rstrip())):
        check_rejected(
            tmp_path, GOOD[:end], ModelError, GOOD[:end].count("\n") + 1 if end < 70 else None
        )


def test_deep_but_legal(tmp_path):
    path = tmp_path / "p.vnnlib"
    path.write_text(HEAD + "(assert " + "(not " * 198 + "(<= X_0 1)" + ")" * 199)
    assert read_vnnlib(path).unsafe.terms == ((0, 1.0),)


def test_gzip_cut_short_and_damaged(tmp_path):
    packed = gzip.compress(GOOD.encode() * 50)
    for content in (packed[: len(packed) // 2], packed[:5], packed[:20] + b"?" * 30 + packed[50:]):
        check_rejected(tmp_path, content, ModelError, None, "cannot be read", name="p.vnnlib.gz")


def test_unpacked_size_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST_FILE", 2**21)
    bomb = gzip.compress(b" " * 2**24)
    assert len(bomb) < 2**15
    check_rejected(tmp_path, bomb, ModelError, None, "at most", name="p.vnnlib.gz")


def test_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "absent.vnnlib", "", "a\0b", 3, None):
        with pytest.raises(InputError, match="Received: "):
            read_vnnlib(path)


def test_a_device_is_no_file():
    with pytest.raises(InputError, match="regular"):
        read_vnnlib("/dev/zero")


HOSTILE = {
    "growing numbers": "(let ((a 3.7))" * 60 + "(let ((a (* a a)))" * 90 + "(<= X_0 a)" + ")" * 150,
    "many fractions": "(<= X_0 (+ " + " ".join(f"(/ 1 {n})" for n in range(3, 60_000, 2)) + "))",
    "many factors": "(<= X_0 (* " + "1e300 " * 60_000 + "))",
    "copied names": (
        "(let ((a (+ X_0 X_1 Y_0 1))) (<= (+ " + "a " * 300_000 + ") (+ " + "a " * 300_000 + ")))"
    ),
    "long white space": " " * 10**6 + "?",
    "many strings": '"' * 10**5,
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_end_soon_in_little_memory(tmp_path, what):
    path = tmp_path / "p.vnnlib"
    path.write_text(f"{HEAD}(assert {HOSTILE[what]})\n")
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (60, 60))\n"
        "from outrange.core import OutrangeError\n"
        "from outrange.frontends.vnnlib import read_vnnlib\n"
        "try:\n    read_vnnlib(sys.argv[1])\n"
        "except OutrangeError as error:\n    print(error)\n"
        # Not ru_maxrss, which a process inherits from its parent.
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    *message, memory = done.stdout.splitlines()
    assert "line 4:" in "".join(message)
    assert int(memory) < 400_000  # KiB
