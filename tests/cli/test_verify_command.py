"""Tests of `outrange verify`: first line, witness and exit code, on models with known answers."""

import gzip
import json
import os
import subprocess

import numpy as np
import pytest

from cli.verify_files import (
    command,
    hard,
    outrange,
    random_net,
    run_and_interrupt,
    run_model,
    sum_and_difference,
    vnnlib,
)
from outrange.frontends.vnnlib import read_counterexample


UNIT = [(0.0, 1.0)] * 2

ROOMS = """answers.diagnosis answers.loops answers.monotone answers.optimum answers.reach_sets
answers.study diagnosis domains.float32 executors.dispatcher live.frame reach
search.methods.clause_learning.search search.methods.differential.engine search.neuron_split
search.methods.semidefinite.turns train"""
"""What a small decision does not ask for; each takes milliseconds to import."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Create `relu(x0 + x1)`, `relu(x0 - x1)` on the unit square, at most 2 and 1."""
    path = tmp_path_factory.mktemp("verify")
    sum_and_difference(path)
    hard(path)
    vnnlib(path / "safe.vnnlib", UNIT, ["(>= Y_0 2.5)"], 2)
    vnnlib(path / "unsafe.vnnlib", UNIT, ["(>= Y_0 1.5)", "(>= Y_1 0.25)"], 2)
    vnnlib(path / "wide.vnnlib", [(0.0, 1.0)] * 3, ["(>= Y_0 2.5)"], 2)
    (path / "unsafe.vnnlib.gz").write_bytes(gzip.compress((path / "unsafe.vnnlib").read_bytes()))
    (path / "prop.txt").write_text("(assert true)")
    (path / "broken.vnnlib").write_text("(assert (<= X_0")
    (path / "text.onnx").write_text("hello")
    return path


@pytest.fixture
def call(folder, capfd, monkeypatch):
    """Run the command line in this process and folder; return exit code, stdout and stderr."""
    from outrange.cli.run import run

    monkeypatch.chdir(folder)

    def ask(*arguments):
        code = run(["verify", *map(str, arguments)])
        return code, *capfd.readouterr()

    return ask


def test_unsat(call):
    code, out, err = call("small.onnx", "safe.vnnlib")
    assert (code, out) == (0, "unsat\n")
    assert "holds for every input" in err


@pytest.mark.parametrize("name", ["unsafe.vnnlib", "unsafe.vnnlib.gz"])
def test_sat_with_a_witness_that_the_runtime_reproduces(call, folder, name):
    code, out, err = call("small.onnx", name)
    assert code == 1
    assert out.startswith("sat\n((X_0 ")
    x, y = read_counterexample(out)
    assert np.array_equal(x, x.astype(np.float32))
    assert ((x >= 0) & (x <= 1)).all()
    assert np.array_equal(y, run_model(folder / "small.onnx", x))
    assert y[0] >= 1.5 and y[1] >= 0.25
    assert "broken" in err


def test_random_nets_around_their_largest_output(call, folder, rng):
    """A limit just above the maximum holds; a limit just below has a witness."""
    import outrange

    for seed in range(6):
        path = random_net(folder, f"net{seed}.onnx", (3, 8, 8, 2), 100 * seed)
        box = [(float(a), float(a + 0.7)) for a in rng.normal(size=3)]
        lo, hi = np.array(box).T
        most = outrange.output_range(str(path), (lo[None], hi[None])).hi.ravel()[1]
        spread = 1e-3 * (1 + abs(most))
        for level, word in ((most + spread, "unsat"), (most - spread, "sat")):
            file = vnnlib(folder / "level.vnnlib", box, [f"(>= Y_1 {float(level)!r})"], 2)
            code, out, _ = call(path, file)
            assert (code, out.splitlines()[0]) == (int(word == "sat"), word)
            if word == "sat":
                x, y = read_counterexample(out)
                assert (x >= lo).all() and (x <= hi).all()
                assert np.array_equal(y, run_model(path, x))
                assert y[1] >= level


@pytest.mark.parametrize(
    ("text", "options", "word"),
    [
        ("y[0] <= 2.5", (), "holds"),
        ("0 <= y[0] <= 1.5", (), "violated"),
        ("y[0] <= 1.5 or x[0] > 0.7", ("--where", "x[0] + x[1] <= 1.4"), "holds"),
        ("y[0] - y[1] >= -0.1 and not y[1] > 1.1", (), "holds"),
        ("y.argmax() == 1", (), "violated"),
        ("max(y) < 1.9", (), "violated"),
        ("max(y) < 2", ("--where", "x[0] <= 0.5"), "holds"),
    ],
)
def test_properties_written_out(call, text, options, word):
    code, out, err = call("small.onnx", text, "--box", 0, 1, *options)
    assert (code, out.splitlines()[0], err) == (int(word == "violated"), word, "")
    record = json.loads(call("small.onnx", text, "--box", 0, 1, "--format", "json", *options)[1])
    assert record["result"] == word
    if word == "violated":
        assert "x: [[" in out or "x: [" in out
        assert record["counterexample"]["reproduced"]


def test_a_box_beside_a_file_cuts_it(call):
    assert call("small.onnx", "unsafe.vnnlib", "--box", 0, 0.5)[1] == "unsat\n"
    assert call("small.onnx", "unsafe.vnnlib", "--box", 0, 5)[1].startswith("sat\n")
    only = ("--box", 0, 5, "--where", "x[0] - x[1] <= 0.2")
    assert call("small.onnx", "unsafe.vnnlib", *only)[1] == "unsat\n"


def test_time_runs_out_with_exit_code_3(call):
    code, out, err = call("hard.onnx", "hard.vnnlib", "--time-limit", "0.5")
    assert (code, out) == (3, "timeout\n")
    assert "the search ended early" in err
    code, out, _ = call("hard.onnx", "y[0] <= 10000", "--box", -1, 1, "--time-limit", "1e-4")
    assert (code, out.splitlines()[0]) == (3, "timeout")


@pytest.mark.parametrize(
    ("options", "limit"),
    [((), "60.0"), (("--time-limit", "inf"), "inf"), (("--time-limit", 9), "9.0")],
)
def test_the_limit_is_the_chosen_one_or_60_seconds(call, options, limit):
    code, out, _ = call("small.onnx", "y[0] <= 2.5", "--box", 0, 1, "--format", "json", *options)
    arguments = json.loads(out)["provenance"]["arguments"]
    assert (code, arguments["time_limit"]) == (0, limit)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_interrupt_prints_unknown(folder):
    code, out, err = run_and_interrupt("verify", folder / "hard.onnx", folder / "hard.vnnlib")
    assert (code, out) == (130, "unknown\n")
    assert "Traceback" not in err


MISTAKES = [
    (["absent.onnx", "safe.vnnlib"], 2, "model file does not exist"),
    (["small.onnx", "absent.vnnlib"], 2, "does not exist"),
    (["small.onnx", "prop.txt"], 2, ".vnnlib.gz"),
    (["small.txt", "safe.vnnlib"], 2, "ending in"),
    (["text.onnx", "safe.vnnlib"], 4, "not an ONNX file"),
    (["small.onnx", "broken.vnnlib"], 4, "broken.vnnlib"),
    (["small.onnx", "wide.vnnlib"], 2, "as many inputs and outputs"),
    (["small.onnx", "y[0] <= 3"], 2, "--box"),
    (["small.onnx", "y[0] <= 3", "--box", "1", "0"], 2, "lo <= hi"),
    (["small.onnx", "y[0] <= 3", "--box", "0", "1", "--lo", "0"], 2, "exactly one"),
    (["small.onnx", "safe.vnnlib", "--margin", "1"], 2, "exactly one"),
    (["small.onnx", "y[7] <= 3", "--box", "0", "1"], 2, "shape (2,)"),
    (["small.onnx", "y <= 3", "--box", "0", "1"], 2, ".all()"),
    (["small.onnx", "y['left'] <= 3", "--box", "0", "1"], 2, "no output with this name"),
    (["small.onnx", "log(y[0] - 9) <= 3", "--box", "0", "1"], 2, "`log`"),
    (["small.onnx", "y[0] <= z", "--box", "0", "1"], 2, "`z` is not a known name"),
    (["small.onnx", "__import__('os')", "--box", "0", "1"], 2, "a function must be one of"),
    (["small.onnx", "y[0] <=", "--box", "0", "1"], 2, "invalid syntax"),
    (["small.onnx", "y[0] <= 3", "--box", "0", "1", "--where", "y[0] <= 1"], 2, "use only `x`"),
    (["small.onnx", "y[0] <= 3", "--box", "0", "1", "--where", "x["], 2, "never closed"),
    (["small.onnx", "safe.vnnlib", "--time-limit", "0"], 2, "time"),
    (["small.onnx", "safe.vnnlib", "--time-limit", "nan"], 2, "time"),
    (
        ["small.onnx", "safe.vnnlib", "--time-limit", "60", "--budget", "1"],
        2,
        "--time-limit 60 --budget 1",
    ),
    (["small.onnx", "safe.vnnlib", "--seed", "-1"], 2, "seed"),
    (["small.onnx"], 2, "PROPERTY"),
]


@pytest.mark.parametrize(("arguments", "code", "word"), MISTAKES)
def test_mistakes_are_one_short_message(call, arguments, code, word):
    result, out, err = call(*arguments)
    assert (result, out) == (code, "")
    assert word in err
    assert err.startswith("outrange: ")
    assert err.count("\n") == 1
    assert len(err) < 700


@pytest.mark.slow
def test_nothing_is_imported_that_is_not_needed(folder):
    script = (
        "import sys\nfrom outrange.cli.run import run\n"
        f"code = run(['verify', {str(folder / 'small.onnx')!r}, {str(folder / 'safe.vnnlib')!r}])\n"
        "print(code, *sys.modules)"
    )
    done = subprocess.run([*command()[:1], "-c", script], capture_output=True, text=True)
    word, loaded = done.stdout.splitlines()
    assert word == "unsat"
    heavy = {"rich", "keras", "jax", "torch", "tensorflow", "scipy", "highspy", "matplotlib"}
    assert not heavy & {m.split(".")[0] for m in loaded.split()}
    assert not {f"outrange.{room}" for room in ROOMS.split()} & set(loaded.split())


def test_help_says_what_the_first_line_is():
    text = outrange("verify", "--help").stdout
    assert "unsat" in text and "violated" in text


def test_a_float32_query_is_not_answered_about_real_numbers(call, folder):
    pytest.importorskip("vnnlib")
    (folder / "float.vnnlib").write_text(
        "(vnnlib-version <2.0>)(declare-network f (declare-input X float32 [1,2])"
        "(declare-output Y float32 [1,2]))(assert (>= Y[0,0] 2.5))"
        "(assert (and (>= X[0,0] 0.0) (<= X[0,0] 1.0) (>= X[0,1] 0.0) (<= X[0,1] 1.0)))"
    )
    code, out, err = call("small.onnx", "float.vnnlib", "--arithmetic", "real")
    assert (code, out) == (4, "") and "`float32`" in err and "`real`" in err
    assert call("small.onnx", "float.vnnlib")[:2] == (0, "unsat\n")
