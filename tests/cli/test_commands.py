"""Tests of the command line: output, exit codes, and one short message per error."""

import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from cli.verify_files import run_and_interrupt


onnx = pytest.importorskip("onnx")


def save_onnx(path, layers, *, input_shape=(2,)):
    """Write dense layers `(weight, bias, operator or None)` as an ONNX file."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, last = [], [], "x"
    for k, (weight, bias, operator) in enumerate(layers):
        for name, value in ((f"w{k}", weight), (f"b{k}", bias)):
            constants.append(numpy_helper.from_array(np.float32(value), name))
        inputs = [last, f"w{k}", f"b{k}"]
        nodes.append(helper.make_node("Gemm", inputs, [f"z{k}"], name=f"dense{k}"))
        last = f"z{k}"
        if operator:
            nodes.append(helper.make_node(operator, [last], [f"h{k}"], name=f"act{k}"))
            last = f"h{k}"
    width = len(np.atleast_1d(layers[-1][1]))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, *input_shape])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, [None, width])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)
    return str(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return the path of a model with the outputs `relu(x0 + x1)` and `relu(x0 - x1)`."""
    path = tmp_path_factory.mktemp("models") / "small.onnx"
    return save_onnx(path, [([[1, 1], [1, -1]], [0, 0], "Relu")])


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Return the path of a random network on 16 inputs that no search closes in seconds."""
    rng = np.random.default_rng(0)
    sizes = (16, 64, 64, 64, 2)
    layers = [
        (rng.normal(size=(n, m)), rng.normal(size=m), "Relu" if m == 64 else None)
        for n, m in itertools.pairwise(sizes)
    ]
    path = tmp_path_factory.mktemp("models") / "large.onnx"
    return save_onnx(path, layers, input_shape=(16,))


def outrange(*arguments, **options):
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-m", "outrange", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        timeout=120,
        **options,
    )


@pytest.fixture
def record(capfd):
    """Run a command with `--format json` in this process and return its parsed output."""
    from outrange.cli.run import run

    def ask(*arguments):
        code = run([*map(str, arguments), "--format", "json"])
        out, err = capfd.readouterr()
        assert code == 0, err
        return json.loads(out)

    return ask


def test_range_of_a_small_net(small):
    result = outrange("range", small, "--box", 0, 1)
    assert result.returncode == 0, result.stderr
    assert "exact to 1e-06" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("options", "lo", "hi"),
    [
        (["--box", "-1", "1"], [0, 0], [2, 2]),
        (["--lo", "0", "--hi", "1,2"], [0, 0], [3, 1]),
        (["--lo", "-1,0", "--hi", "[1, 1]"], [0, 0], [2, 1]),
        (["--input", "x", "0", "1,0"], [0, 0], [1, 1]),
        (["--ball", "0.5,0.5", "--radius", "0.25"], [0.5, 0], [1.5, 0.5]),
        (["--ball", "0.5,0.5", "--radius", "1", "--clip", "0", "1"], [0, 0], [2, 1]),
        (["--box", "0", "1", "--output", "1"], 0, 1),
        (["--box", "0", "1", "--rows", "1,-1"], [0], [2]),
        (["--box", "0", "1", "--layer", "dense0"], [0, -1], [2, 1]),
    ],
)
def test_input_sets_and_targets(small, record, options, lo, hi):
    result = record("range", small, *options)
    np.testing.assert_allclose(result["lo"], lo, atol=1e-5)
    np.testing.assert_allclose(result["hi"], hi, atol=1e-5)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv"])
def test_data_files(small, record, tmp_path, suffix):
    data = np.array([[0.0, 0.25], [0.5, 1.0]])
    path = tmp_path / f"data{suffix}"
    if suffix == ".csv":
        path.write_text("a,b\n" + "\n".join(",".join(map(str, row)) for row in data) + "\n")
    else:
        (np.save if suffix == ".npy" else np.savez)(path, data)
    result = record("range", small, "--data", path, "--margin", "0.5")
    np.testing.assert_allclose(result["hi"], [2.5, 1.25], atol=1e-5)


@pytest.mark.parametrize(("options", "limit"), [([], "None"), (["--time-limit", "inf"], "inf")])
def test_the_range_has_the_default_limit_or_the_chosen_one(small, record, options, limit):
    result = record("range", small, "--box", "0", "1", *options)
    assert result["provenance"]["arguments"]["time_limit"] == limit


def test_summary(small, record):
    result = outrange("summary", small, "--box", "-2", "-1")
    assert result.returncode == 0, result.stderr
    assert "Dead" in result.stdout
    summary = record("summary", small, "--box", "-2", "-1")
    assert [len(row["dead"]) for row in summary["layers"]].count(1) == 1


def test_monotone(small, record):
    box = ("--box", "-1", "1")
    found = record("monotone", small, *box)
    assert len(found["trends"]) > 1
    for trend in found["trends"]:
        only = ("--inputs", trend["input"], "--outputs", trend["output"])
        for direction in ("rises", "falls"):
            answer = outrange("monotone", small, *box, *only, "--direction", direction)
            assert answer.returncode == (0 if trend[direction] else 1), answer.stderr


@pytest.mark.slow
def test_time_runs_out_with_exit_code_3(large):
    result = outrange("range", large, "--box", "-1", "1", "--time-limit", "0.5")
    assert result.returncode == 3, result.stderr
    assert "the search ended early" in result.stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_interrupt_prints_the_bounds_so_far(large):
    code, out, err = run_and_interrupt("range", large, "--box", "-1", "1", "--format", "json")
    assert code == 130, err
    assert json.loads(out)["status"] == "interrupted"
    assert "Traceback" not in err


MISTAKES = [
    (["range", "SMALL", "--box", "1", "0"], 2, "lo <= hi"),
    (["range", "SMALL", "--box", "0", "nan"], 2, "finite"),
    (["range", "SMALL", "--box", "0", "inf"], 2, "finite"),
    (["range", "SMALL", "--box", "0"], 2, "2 arguments"),
    (["range", "SMALL", "--box", "0", "one"], 2, "not a valid float"),
    (["range", "SMALL"], 2, "Describe the inputs"),
    (["range", "SMALL", "--box", "0", "1", "--lo", "0"], 2, "exactly one"),
    (["range", "SMALL", "--lo", "0"], 2, "must be given together"),
    (["range", "SMALL", "--lo", "0,0,0", "--hi", "1"], 2, "shape (3,)"),
    (["range", "SMALL", "--lo", "zero", "--hi", "1"], 2, "--lo"),
    (["range", "SMALL", "--box", "0", "1", "--margin", "1"], 2, "needs --data"),
    (["range", "SMALL", "--ball", "0,0"], 2, "needs --radius"),
    (["range", "SMALL", "--input", "y", "0", "1"], 2, "no input named `y`"),
    (["range", "SMALL", "--box", "0", "1", "--layer", "dens0"], 2, "Did you mean"),
    (["range", "SMALL", "--box", "0", "1", "--output", "7"], 2, "--output"),
    (["range", "SMALL", "--box", "0", "1", "--rows", "1,2,3"], 2, "shape (1, 3)"),
    (["range", "SMALL", "--box", "0", "1", "--tol", "-1"], 2, "tol"),
    (["range", "SMALL", "--box", "0", "1", "--time-limit", "0"], 2, "time"),
    (["range", "SMALL", "--box", "0", "1", "--effort", "exact"], 2, "--time-limit inf"),
    (
        ["range", "SMALL", "--box", "0", "1", "--time-limit", "5", "--budget", "1"],
        2,
        "--time-limit 5 --budget 1",
    ),
    (["range", "SMALL", "--data", "absent.npy"], 2, "does not exist"),
    (["range", "SMALL", "--data", "DIR/data.txt"], 2, ".npy, .npz, .csv"),
    (["range", "SMALL", "--data", "DIR/empty.csv"], 2, "empty"),
    (["range", "SMALL", "--data", "DIR/titles.csv"], 2, "at least one row"),
    (["range", "SMALL", "--data", "DIR/words.csv"], 2, "cannot be read"),
    (["range", "SMALL", "--data", "DIR/objects.npy"], 2, "cannot be read"),
    (["range", "absent.onnx", "--box", "0", "1"], 2, "not exist"),
    (["range", "DIR", "--box", "0", "1"], 2, "ending in"),
    (["range", "DIR/data.txt", "--box", "0", "1"], 2, "ending in"),
    (["range", "DIR/text.onnx", "--box", "0", "1"], 4, "not an ONNX file"),
    (["range", "DIR/nan.onnx", "--box", "0", "1"], 4, "NaN"),
    (["summary", "DIR/empty.onnx", "--box", "0", "1"], 4, ""),
    (["range"], 2, "MODEL"),
    (["rnge"], 2, "No such command"),
    (["range", "SMALL", "--bx", "0", "1"], 2, "--bx"),
    (["range", "SMALL", "--box", "0", "1", "--no-check"], 2, "always checked"),
    (["range", "SMALL", "--box", "0", "1", "--budget", "1", "--resume", "DIR"], 2, "one process"),
]


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Create files whose content contradicts their names."""
    folder = tmp_path_factory.mktemp("broken")
    for name, text in (
        ("data.txt", "1 2"),
        ("empty.csv", ""),
        ("titles.csv", "a,b\n"),
        ("text.onnx", "hello\n"),
        ("words.csv", "a,b\n1,two\n"),
        ("empty.onnx", ""),
    ):
        (folder / name).write_text(text)
    np.save(folder / "objects.npy", np.array([{}, None]), allow_pickle=True)
    save_onnx(folder / "nan.onnx", [([[np.nan, 1], [1, 1]], [0, 0], None)])
    return folder


@pytest.mark.parametrize(("arguments", "code", "word"), MISTAKES)
def test_mistakes_are_one_short_message(small, broken, arguments, code, word, capfd):
    from outrange.cli.run import run

    names = {"SMALL": small, "DIR": str(broken)}
    filled = [names.get(a, a.replace("DIR/", f"{broken}{os.sep}")) for a in arguments]
    assert run(filled) == code
    out, err = capfd.readouterr()
    assert word in err
    assert out == ""
    assert "Traceback" not in err
    assert err.startswith("outrange: ")
    assert err.count("\n") == 1
    assert len(err) < 600 + len(str(broken))


def test_an_error_leaves_the_process_with_its_code(small):
    result = outrange("range", small, "--box", "1", "0")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_bug_is_reported_without_traceback(monkeypatch, capfd):
    from outrange.cli import app, run

    def broken(_):
        raise RuntimeError("boom")

    monkeypatch.setattr(app, "call", broken)
    monkeypatch.delenv("OUTRANGE_DEBUG", raising=False)
    assert run.run([]) == 70
    assert "bug in outrange; please report it (RuntimeError: boom)" in capfd.readouterr().err


def test_help_documents_the_exit_codes():
    text = outrange("--help").stdout
    for code in ("0 ", "2 ", "3 ", "4 ", "130 "):
        assert f"\n    {code}" in text


def test_import_loads_nothing_heavy():
    heavy = {
        "keras",
        "jax",
        "tensorflow",
        "torch",
        "onnx",
        "onnxruntime",
        "highspy",
        "matplotlib",
        "rich",
        "click",
        "scipy",
        "numba",
    }
    code = "import outrange, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert not heavy & set(loaded.split())
    assert "outrange" in loaded


def test_reading_that_takes_most_of_the_limit_is_told(tmp_path, capfd, monkeypatch):
    from cli.verify_files import sum_and_difference
    from outrange.cli import run, start_up
    from outrange.core.clock import read_clock

    sum_and_difference(tmp_path)
    ask = ["range", str(tmp_path / "small.onnx"), "--box", "0", "1", "--time-limit"]
    assert run.run([*ask, "1000"]) == 0
    assert capfd.readouterr().err == ""
    began = read_clock() - 600
    monkeypatch.setattr(start_up, "command_began", lambda: began)
    monkeypatch.setattr("outrange.cli.commands.range.command_began", lambda: began)
    assert run.run([*ask, "1000"]) == 0
    stderr = capfd.readouterr().err
    assert "reading small.onnx took 600." in stderr and "of the 1000 s of --time-limit" in stderr
