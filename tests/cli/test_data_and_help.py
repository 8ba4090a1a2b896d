"""Tests of data files as input sets, of the bare command's help, and of suppressed logs."""

import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

import outrange
from cli.test_commands import save_onnx
from outrange.cli.quiet import without_logs
from outrange.cli.run import run


pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Create a model `x0 + x1 - x2`, and inputs with sums as targets, in three file formats."""
    folder = tmp_path_factory.mktemp("data")
    save_onnx(folder / "sum.onnx", [([[1], [1], [-1]], [0], None)], input_shape=(3,))
    x = np.random.default_rng(0).uniform(size=(20, 3)).round(3)
    np.savez(folder / "tab.npz", x=x, y=x.sum(axis=1))
    np.savez(folder / "prices.npz", features=x, price=x.sum(axis=1))
    rows = [",".join(map(str, [*row, row.sum()])) for row in x]
    (folder / "tab.csv").write_text("\n".join(['speed,"the load",mode,y', *rows]) + "\n")
    (folder / "bare.csv").write_text("\n".join(row.rsplit(",", 1)[0] for row in rows) + "\n")
    return folder, x


def run_command(capsys, folder, *arguments):
    code = run(["range", str(folder / "sum.onnx"), *arguments, "--format", "json"])
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if code == 0 else printed.err


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("tab.npz", ()),
        ("prices.npz", ("--target", "price")),
        ("tab.csv", ()),
        ("bare.csv", ()),
        ("tab.csv", ("--margin", "0.5")),
        ("tab.csv", ("--margin", "0.25", "--relative")),
    ],
)
def test_data_is_read_as_diagnose_reads_it(capsys, files, name, options):
    folder, x = files
    code, answer = run_command(capsys, folder, "--data", str(folder / name), *options)
    lo, hi = x.min(axis=0), x.max(axis=0)
    wider = 0.25 * (hi - lo) if "--relative" in options else 0.5 * ("--margin" in options)
    lo, hi = lo - wider, hi + wider
    assert code == 0
    assert answer["hi"] == pytest.approx([hi[0] + hi[1] - lo[2]])
    titled = name == "tab.csv"
    assert list(answer["inputs"]) == (["speed", "the load", "mode"] if titled else ["x"])


def test_a_table_as_pandas_writes_it(capsys, files):
    """`get_dummies` gives truth values, and `to_csv` a first column that counts the rows."""
    folder, _ = files
    rows = ["0,1.5,True,False", "1,2.5,False,True"]
    (folder / "dummies.csv").write_text("\n".join([",area,city_A,city_B", *rows]) + "\n")
    code = run(["range", str(folder / "sum.onnx"), "--data", str(folder / "dummies.csv"),
                "--format", "json"])  # fmt: skip
    printed = capsys.readouterr()
    answer = json.loads(printed.out)
    assert code == 0 and list(answer["inputs"]) == ["area", "city_A", "city_B"]
    assert answer["hi"] == pytest.approx([3.5]) and answer["lo"] == pytest.approx([0.5])
    assert "counts the rows" in printed.err
    (folder / "text.csv").write_text("area,city,rooms\n1,Rome,2\n")
    code, error = run_command(capsys, folder, "--data", str(folder / "text.csv"))
    assert code == 2 and "'Rome'" in error and "get_dummies" in error


def test_titles_name_the_inputs_of_conditions(capsys, files):
    folder, _ = files
    model, data = str(folder / "sum.onnx"), str(folder / "tab.csv")
    claim = 'y[0] <= 1.5 + x["the load"] - x["mode"]'
    assert run(["verify", model, claim, "--data", data]) == 0
    assert capsys.readouterr().out.startswith("holds")


def test_a_summary_over_integers_warns_that_its_set_is_larger(capsys, files):
    folder, _ = files
    rows = ["speed,load,mode,y", *(f"0.{k},{k}.5,{k % 3},{k}" for k in range(9))]
    (folder / "modes.csv").write_text("\n".join(rows) + "\n")
    model, data = str(folder / "sum.onnx"), str(folder / "modes.csv")
    assert run(["summary", model, "--data", data]) == 0
    message = " ".join(capsys.readouterr().err.split())
    assert "does not respect integers" in message and "set respects" not in message


def test_monotone_names_the_columns_of_a_table(capsys, files):
    folder, _ = files
    rows = ["speed,load,mode,y", *(f"0.{k},{k}.5,{k % 3},{k}" for k in range(9))]
    (folder / "modes.csv").write_text("\n".join(rows) + "\n")
    model, data = str(folder / "sum.onnx"), str(folder / "modes.csv")
    assert run(["monotone", model, "--data", data, "--inputs", "load,2"]) == 0
    printed = capsys.readouterr().out
    assert "load" in printed and "mode" in printed and "]  speed" not in printed
    assert run(["monotone", model, "--data", data, "--inputs", "lod"]) == 2
    assert "Did you mean `load`?" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("words", "is_integer"),
    [("1 2 3 4", True), ("1.0 2.0 3.0 4.0", False), ("0.0 1.0 1.0 0.0", True), ("0 1 1 0", True),
     ("0.0 1.0 1.0 1.0", False), ("True False True False", True)],
)  # fmt: skip
def test_files_and_tables_have_the_same_integer_columns(capsys, files, words, is_integer):
    folder, _ = files
    rows = [f"0.{k},{word},{k}.5" for k, word in enumerate(words.split())]
    path = folder / "integers.csv"
    path.write_text("\n".join(["speed,mode,load", *rows]) + "\n")
    assert run(["range", str(folder / "sum.onnx"), "--data", str(path)]) == 0
    assert ("Integer columns: `mode`." in capsys.readouterr().err) == is_integer
    pandas = pytest.importorskip("pandas")
    box = outrange.data_box(pandas.read_csv(path), whole=True)
    assert getattr(box, "integers", []) == ["mode"] * is_integer


def test_targets_that_are_not_there(capsys, files):
    folder, _ = files
    code, message = run_command(capsys, folder, "--data", str(folder / "tab.csv"), "--target", "z")
    assert code == 2
    assert "'z'" in message and "the load" in message
    code, message = run_command(capsys, folder, "--box", "0", "1", "--target", "z")
    assert code == 2 and "--target needs --data" in message


def test_the_bare_command_prints_its_help(capsys):
    assert run([]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert not err
    assert lines[0].startswith("Usage: outrange")
    commands = lines[lines.index("Commands:") + 1 :]
    commands = commands[: commands.index("")]
    assert len(commands) >= 7
    assert not [line for line in commands if line.endswith("...")]


NOISE = """
import logging, os, sys, warnings
from outrange.cli.quiet import without_logs
with without_logs():
    os.write(2, b"E0000 from compiled code")
    logging.getLogger("absl").warning("from absl")
    logging.getLogger("jax._src.xla_bridge").warning("from jax")
    warnings.warn("from elsewhere")
    print("an error of ours", file=sys.stderr)
print("afterwards", file=sys.stderr)
"""


@pytest.mark.parametrize("debug", ["", "1"])
def test_logs_of_frameworks_stay_out(debug):
    environment = os.environ | {"OUTRANGE_DEBUG": debug}
    ran = subprocess.run(
        [sys.executable, "-c", NOISE], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout == ""
    if debug:
        assert "compiled code" in ran.stderr and "from absl" in ran.stderr
    else:
        assert ran.stderr == "an error of ours\nafterwards\n"


def test_our_own_warnings_are_one_line(capsys):
    with without_logs():
        warnings.warn_explicit("look  at\nthis", UserWarning, outrange.__file__, 1)
        warnings.warn_explicit("nothing of ours", UserWarning, "/elsewhere/code.py", 1)
    assert capsys.readouterr().err == "outrange: look at this\n"
