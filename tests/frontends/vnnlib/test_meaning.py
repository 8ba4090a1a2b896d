"""Property files have the meaning that a second reader gives them; real files can be read."""

import gzip
import random
import re

import numpy as np
import pytest

from cases import cases
from frontends.real import real_files
from frontends.vnnlib.property_files import all_assertions_hold, first_version
from outrange.core.formula import And, Atom, Or, atoms, holds, value
from outrange.frontends.vnnlib import read_vnnlib


def dyadic(r):
    """Draw a literal that a double represents exactly."""
    return r.choice([str(r.randint(-4, 4)), f"{r.randint(-16, 16) / 8}", "2.5e-1", ".5", "+1."])


def decimal(r):
    """Draw a literal that usually no double represents exactly."""
    return r.choice([f"{r.uniform(-3, 3):.3f}", "1e-3", "-0.1", "(/ 1 3)", "0.30000000000000001"])


def read(tmp_path, text):
    path = tmp_path / "p.vnnlib"
    path.write_text(text)
    return read_vnnlib(path)


def check(text, spec, v, exact):
    """Check that the formula at `v` has the value of the second reader."""
    names = [f"X_{i}" for i in range(spec.inputs)] + [f"Y_{j}" for j in range(spec.outputs)]
    expected, least = all_assertions_hold(text, dict(zip(names, v.tolist(), strict=True)))
    if not exact and least < 1e-9:
        return None
    assert holds(spec.unsafe, v, v) is expected, text[-1000:]
    margin = float(value(spec.unsafe, v[None])[0])
    assert margin == 0 or (margin < 0) is expected, text[-1000:]
    return expected


@pytest.mark.parametrize(("number", "exact"), [(dyadic, True), (decimal, False)])
def test_random_files_mean_what_they_say(tmp_path, number, exact):
    margins = []
    count = cases(40, 300)
    for seed in range(count):
        r = random.Random(seed)
        inputs, outputs = r.randint(1, 4), r.randint(1, 3)
        text = first_version(seed, inputs, outputs, number)
        spec = read(tmp_path, text)
        assert (spec.inputs, spec.outputs, spec.name) == (inputs, outputs, "p")
        for _ in range(12):
            # A coarse grid, so that compared terms are often equal.
            v = np.array([r.randint(-12, 12) / 4 for _ in range(inputs + outputs)])
            margins.append(check(text, spec, v, exact))
    assert min(margins.count(True), margins.count(False)) > count


DECLARED = "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("(<= X_0 0.1)", Atom(((0, 1.0),), -0.1)),
        ("(>= X_0 0.1)", Atom(((0, -1.0),), 0.1)),
        ("(<= 0.1 X_0)", Atom(((0, -1.0),), 0.1)),
        ("(>= X_0 0)", Atom(((0, -1.0),), 0.0)),
        ("(< Y_0 X_1)", Atom(((1, -1.0), (2, 1.0)), 0.0, True)),
        ("(not (<= Y_0 X_1))", Atom(((1, 1.0), (2, -1.0)), -0.0, True)),
        # 0.3 - 0.1 is rounded once, to the double nearest to 0.2.
        ("(<= (- (* 0.3 X_0) (* 0.1 X_0)) 0)", Atom(((0, 0.2),), 0.0)),
        ("(<= (* X_0 (/ 1 3)) (+ 0.1 0.2))", Atom(((0, 1 / 3),), -0.3)),
        ("(<= (- X_0 X_0) (* 0 X_1))", And(())),
        ("(< (- X_0 X_0) (* 0 X_1))", Or(())),
        ("(<= (* (- X_0 X_0 -2) Y_0) 1)", Atom(((2, 2.0),), -1.0)),
        ("(= X_0 1)", And((Atom(((0, 1.0),), -1.0), Atom(((0, -1.0),), 1.0)))),
        ("(<= -1 X_0 1)", And((Atom(((0, -1.0),), -1.0), Atom(((0, 1.0),), -1.0)))),
        ("(=> (>= X_0 0) false)", Atom(((0, 1.0),), 0.0, True)),
        ("true", And(())),
        ("(let ((X_0 Y_0)) (<= X_0 1))", Atom(((2, 1.0),), -1.0)),
        ("(let ((a 1)) (let ((a (+ a X_0)) (b a)) (<= a b)))", Atom(((0, 1.0),), 0.0)),
    ],
)
def test_forms(tmp_path, condition, expected):
    assert read(tmp_path, f"{DECLARED}(assert {condition})").unsafe == expected


def test_declarations_may_follow_assertions(tmp_path):
    text = (
        "(declare-const Y_0 Real)(assert (<= Y_0 1))(declare-const X_1 Real)"
        "(assert (<= Y_0 X_1))(declare-const X_0 Real)(declare-const Y_1 Real)(assert (> Y_1 X_0))"
    )
    spec = read(tmp_path, text)
    assert [atom.terms for atom in atoms(spec.unsafe)] == [
        ((2, 1.0),), ((1, -1.0), (2, 1.0)), ((0, 1.0), (3, -1.0)),
    ]  # fmt: skip


def test_a_late_input_is_never_taken_for_an_output(tmp_path):
    text = (
        "(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= X_0 X_0))"
        "(declare-const X_1 Real)(assert (<= (+ (* 1e308 X_1) (* 1e308 Y_0)) 0))"
    )
    assert read(tmp_path, text).unsafe == Atom(((1, 1e308), (2, 1e308)), 0.0)


def test_gzip_is_told_by_content(tmp_path):
    text = f"\ufeff{DECLARED}(assert (<= X_0 Y_0))".replace("(", "\r\n(")
    for name, content in (("a.vnnlib", text.encode()), ("b.vnnlib", gzip.compress(text.encode()))):
        (tmp_path / name).write_bytes(content)
        spec = read_vnnlib(str(tmp_path / name))
        assert (spec.name, spec.inputs) == (name[0], 2)


@pytest.mark.parametrize("path", real_files("*/vnnlib/*.vnnlib.gz"))
def test_real_files(path):
    text = re.sub(";.*", "", gzip.decompress(path.read_bytes()).decode())
    spec = read_vnnlib(path)
    for letter, size in (("X", spec.inputs), ("Y", spec.outputs)):
        assert size == len(re.findall(rf"\(declare-const {letter}_\d+ ", text))
    bounds = list(atoms(spec.unsafe))
    assert len(bounds) == len(re.findall("[<>]=", text))
    # Points that satisfy the input bounds if possible, so that the outputs decide.
    lo, hi = np.full((2, spec.inputs + spec.outputs), -1.0)
    for atom in bounds:
        if len(atom.terms) == 1:
            ((i, c),) = atom.terms
            (hi if c > 0 else lo)[i] = -atom.offset / c
    rng = np.random.default_rng(0)
    for _ in range(1 if spec.inputs > 100 or len(bounds) > 1000 else 4):
        v = lo + (hi - lo) * rng.random(len(lo))
        v[spec.inputs :] += rng.normal(size=spec.outputs)
        check(text, spec, v, exact=False)
