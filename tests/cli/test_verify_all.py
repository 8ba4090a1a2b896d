"""Tests of `outrange verify-all`: every instance gets its verdict despite failures."""

import csv
import gzip
import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from cli.verify_files import command, hard, random_net, run_model, sum_and_difference, vnnlib
from outrange import __version__
from outrange.api.batch import worker_process
from outrange.api.batch.results import COLUMNS, OLD_COLUMNS, ORIGIN, Result, Results


pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and signals")

UNIT = [(0.0, 1.0)] * 2
LEVELS = (0.5, 1.0, 1.5, 2.5, 3.0)
KNOWN = {f"p{level}.vnnlib": "sat" if level < 2 else "unsat" for level in LEVELS}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Create five instances of `relu(x0 + x1)`, at most 2 on the unit square; enter the folder."""
    sum_and_difference(tmp_path)
    hard(tmp_path)
    for level in LEVELS:
        vnnlib(tmp_path / f"p{level}.vnnlib", UNIT, [f"(>= Y_0 {level})"], 2)
    write_instances(tmp_path / "list.csv", [("small.onnx", name, 20) for name in KNOWN])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_instances(path, rows):
    path.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")


@pytest.fixture
def call(folder, capfd):
    """Run the command line in this process; return exit code, stdout and stderr."""
    from outrange.cli.run import run

    def ask(*arguments):
        code = run(["verify-all", *map(str, arguments)])
        return code, *capfd.readouterr()

    return ask


def table(path="results.csv"):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def verdicts(path="results.csv"):
    rows = table(path)
    by_name = {row["vnnlib"]: row["verdict"] for row in rows}
    assert len(by_name) == len(rows)
    return by_name


def record(path="results.jsonl"):
    with open(path) as file:
        return [json.loads(line) for line in file]


def list_started(err):
    return [line.split()[-1] for line in err.splitlines() if " started " in line]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_every_instance_gets_its_verdict_and_its_witness(call, folder, jobs):
    code, out, err = call("list.csv", "--jobs", jobs)
    assert code == 1
    assert "5 instances: 3 sat, 2 unsat" in out
    assert verdicts() == KNOWN
    assert sorted(list_started(err)) == sorted(KNOWN)
    for line in record():
        assert line["verdict"] == KNOWN[line["vnnlib"]]
        if line["verdict"] == "sat":
            x, y = np.array(line["x"]), np.array(line["y"])
            assert np.array_equal(y, run_model(folder / "small.onnx", x))
            assert y[0] >= float(line["vnnlib"][1:4])
    assert len(record()) == 5


def test_every_row_says_what_was_asked_of_what(call, folder):
    random_net(folder, "broken.onnx", (2, 2), 0)
    (folder / "broken.onnx").write_bytes(b"no model")
    write_instances(
        folder / "list.csv", [(n, "p2.5.vnnlib", 20) for n in ("small.onnx", "broken.onnx")]
    )
    call("list.csv", "--seed", 7)
    rule = hashlib.sha256((folder / "p2.5.vnnlib").read_bytes()).hexdigest()
    whole, broken = table()
    assert whole["model_sha256"] == hashlib.sha256(Path("small.onnx").read_bytes()).hexdigest()
    assert (whole["property_sha256"], whole["warrant"]) == (rule, "FLOAT64_ROUNDED")
    assert (broken["verdict"], broken["model_sha256"], broken["warrant"]) == ("error", "", "")
    for row, line in zip(table(), record(), strict=True):
        assert (row["version"], row["seed"], row["time_limit"]) == (__version__, "7", "20")
        assert {name: line.get(name, "") for name in ORIGIN} == {name: row[name] for name in ORIGIN}


@pytest.mark.slow
def test_tables_from_before_are_read_and_get_all_columns(call, folder):
    call("list.csv")
    rows, lines = table(), record()
    with open("results.csv", "w", newline="") as file:
        old = csv.DictWriter(file, OLD_COLUMNS, extrasaction="ignore", lineterminator="\n")
        old.writeheader()
        old.writerows(rows)
    old_lines = [{k: v for k, v in line.items() if k not in ORIGIN} for line in lines]
    Path("results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in old_lines))
    vnnlib(folder / "new.vnnlib", UNIT, ["(>= Y_0 9.0)"], 2)
    write_instances(folder / "list.csv", [("small.onnx", n, 20) for n in (*KNOWN, "new.vnnlib")])
    _, _, err = call("list.csv")
    assert list_started(err) == ["new.vnnlib"]
    assert verdicts() == KNOWN | {"new.vnnlib": "unsat"}
    assert list(table()[0]) == list(COLUMNS)
    assert [row["version"] for row in table()] == [""] * 5 + [__version__]


@pytest.mark.slow
def test_started_again_it_asks_nothing_twice(call):
    call("list.csv", "--only", "p1")
    assert set(verdicts()) == {"p1.0.vnnlib", "p1.5.vnnlib"}
    code, _, err = call("list.csv")
    assert code == 1
    assert len(list_started(err)) == 3
    assert verdicts() == KNOWN
    code, out, err = call("list.csv")
    assert (code, err) == (1, "")
    assert "3 sat, 2 unsat" in out


@pytest.mark.slow
def test_another_model_of_the_same_name_is_asked_again(call, folder):
    call("list.csv", "--only", "p1.5")
    assert verdicts() == {"p1.5.vnnlib": KNOWN["p1.5.vnnlib"]}
    text = (folder / "p3.0.vnnlib").read_bytes()
    (folder / "p1.5.vnnlib").write_bytes(text)  # as another run of a script would
    code, _, err = call("list.csv", "--only", "p1.5")
    assert code == 0 and len(list_started(err)) == 1
    assert verdicts() == {"p1.5.vnnlib": KNOWN["p3.0.vnnlib"]}


@pytest.mark.slow
def test_names_are_the_same_however_written(call, folder):
    call("list.csv")
    for name in KNOWN:
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    backwards = [("./small.onnx", f"./{name}", 20) for name in reversed(KNOWN)]
    write_instances(folder / "other.csv", [("onnx", "vnnlib", "timeout"), *backwards, *backwards])
    code, _, err = call("other.csv")
    assert (code, err) == (1, "")
    assert call("other.csv", "--file", "new.csv")[0] == 1
    assert len(verdicts("new.csv")) == 5


@pytest.mark.slow
def test_root_time_and_folder(call, folder):
    (folder / "lists").mkdir()
    write_instances(folder / "lists" / "list.csv", [("small.onnx", name, "") for name in KNOWN])
    assert call("lists/list.csv")[0] == 2
    assert call("lists/list.csv", "--root", ".")[0] == 2
    assert call("lists/list.csv", "--root", folder, "--each", 10)[0] == 1
    assert verdicts() == KNOWN


@pytest.mark.slow
def test_open_instances_are_asked_again_only_if_told(call, folder):
    rows = [("hard.onnx", "hard.vnnlib", 0.3), ("small.onnx", "p0.5.vnnlib", 9)]
    write_instances(folder / "list.csv", rows)
    code, out, _ = call("list.csv")
    assert code == 3
    assert "timeout  hard.onnx hard.vnnlib" in out
    assert verdicts() == {"hard.vnnlib": "timeout", "p0.5.vnnlib": "sat"}
    assert list_started(call("list.csv")[2]) == []
    assert list_started(call("list.csv", "--retry", "error")[2]) == []
    for kind in ("timeout", "all"):
        assert list_started(call("list.csv", "--retry", kind)[2]) == ["hard.vnnlib"]
    assert verdicts() == {"hard.vnnlib": "timeout", "p0.5.vnnlib": "sat"}
    vnnlib(folder / "hard.vnnlib", [(0.0, 0.0)] * 16, ["(>= Y_0 10000.0)"], 2)
    assert call("list.csv", "--retry", "timeout")[0] == 1
    assert verdicts() == {"hard.vnnlib": "unsat", "p0.5.vnnlib": "sat"}


def signal_workers(monkeypatch, number, name="hard.vnnlib", times=worker_process.ATTEMPTS):
    """Send a signal to workers once they have received the instance `name`, a number of times."""
    give, left = worker_process.WorkerProcess._hand_over, [None] * times

    def hand_over(self):
        give(self)
        if self.task.vnnlib == name and left:
            left.pop()
            time.sleep(0.5)
            os.kill(self._process.pid, number)

    monkeypatch.setattr(worker_process.WorkerProcess, "_hand_over", hand_over)


def among_others(folder, seconds=60):
    """Write a list of easy instances with much time, and a hard one with some seconds."""
    rows = [("small.onnx", name, 60) for name in KNOWN]
    hard = ("hard.onnx", "hard.vnnlib", seconds)
    write_instances(folder / "list.csv", [*rows[:2], hard, *rows[2:]])


@pytest.mark.slow
@pytest.mark.wallclock
def test_a_worker_that_dies_costs_one_instance(call, folder, monkeypatch):
    among_others(folder)
    with monkeypatch.context() as patch:
        patch.setattr(worker_process, "ATTEMPTS", 1)
        signal_workers(patch, signal.SIGKILL)
        code, out, _ = call("list.csv")
    assert code == 3
    assert verdicts() == {**KNOWN, "hard.vnnlib": "error"}
    assert "1 error" in out
    (row,) = (row for row in table() if row["verdict"] == "error")
    assert "SIGKILL" in row["detail"]


@pytest.mark.slow
@pytest.mark.wallclock
def test_a_worker_that_is_killed_once_costs_nothing(call, folder, monkeypatch):
    write_instances(folder / "list.csv", [("small.onnx", name, 20) for name in KNOWN])
    signal_workers(monkeypatch, signal.SIGKILL, list(KNOWN)[1], times=1)
    call("list.csv")
    assert verdicts() == KNOWN


@pytest.mark.slow
@pytest.mark.wallclock
def test_a_worker_that_hangs_is_ended(call, folder, monkeypatch):
    among_others(folder, seconds=2)
    with monkeypatch.context() as patch:
        patch.setattr(worker_process, "GRACE", 0.5)
        signal_workers(patch, signal.SIGSTOP)
        assert call("list.csv")[0] == 3
    assert verdicts() == {**KNOWN, "hard.vnnlib": "timeout"}


def test_a_worker_that_never_starts_is_told(call, monkeypatch):
    monkeypatch.setattr(worker_process, "PROGRAM", "raise SystemExit('no room')")
    code, out, err = call("list.csv")
    assert (code, out) == (2, "")
    assert "did not start" in err and "no room" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_files_that_cannot_be_read_are_errors_of_their_own(call, folder):
    (folder / "text.onnx").write_text("hello")
    rows = [("text.onnx", "p0.5.vnnlib", 9), ("small.onnx", "p1.0.vnnlib", 9)]
    write_instances(folder / "list.csv", rows)
    assert call("list.csv")[0] == 3
    assert verdicts() == {"p0.5.vnnlib": "error", "p1.0.vnnlib": "sat"}
    assert "not an ONNX file" in table()[0]["detail"]


@pytest.mark.slow
def test_out_of_memory_costs_one_instance(call, folder):
    # NumPy's address space alone takes most of it; the weights of this file do not fit.
    from frontends.onnx_models import model, node, save_model

    wide = np.zeros((1, 2**24), np.float32)
    proto = model([node("MatMul", "x w", "y")], {"w": wide}, inputs={"x": (1, 1)})
    save_model(folder, proto, "wide.onnx")
    text = "".join(f"(declare-const Y_{j} Real)" for j in range(2))
    (folder / "wide.vnnlib").write_text(f"(declare-const X_0 Real){text}(assert (>= Y_0 0))")
    rows = [("wide.onnx", "wide.vnnlib", 9), ("small.onnx", "p1.0.vnnlib", 9)]
    write_instances(folder / "list.csv", rows)
    code, _, err = call("list.csv", "--memory", 1.0)
    assert code == 3, err
    assert verdicts() == {"wide.vnnlib": "error", "p1.0.vnnlib": "sat"}


@pytest.mark.slow
def test_expected_verdicts_are_compared(call, folder):
    rows = [("onnx", "vnnlib", "verdict"), *(("./small.onnx", n, v) for n, v in KNOWN.items())]
    write_instances(folder / "right.csv", rows)
    code, out, _ = call("list.csv", "--expected", "right.csv")
    assert code == 0
    assert "5 verdicts compared with expected ones; 0 contradict them" in out
    rows[1] = ("small.onnx", "p0.5.vnnlib", "holds")
    rows[2] = ("small.onnx", "p1.0.vnnlib", "unknown")
    write_instances(folder / "wrong.csv", rows)
    code, out, _ = call("list.csv", "--expected", "wrong.csv")
    assert code == 5
    assert "4 verdicts compared with expected ones; 1 contradict them" in out
    assert "small.onnx p0.5.vnnlib: sat, expected unsat" in out


@pytest.mark.slow
def test_the_exit_code_says_whether_all_holds(call, folder):
    """`verify-all ... && deploy` stops at an unexpected `sat`."""
    write_instances(
        folder / "safe.csv", [("small.onnx", n, 9) for n, v in KNOWN.items() if v == "unsat"]
    )
    assert call("safe.csv")[0] == 0
    rows = [("./small.onnx", n, v) for n, v in KNOWN.items() if n != "p0.5.vnnlib"]
    write_instances(folder / "part.csv", [("onnx", "vnnlib", "verdict"), *rows])
    assert call("list.csv", "--expected", "part.csv")[0] == 1


@pytest.mark.slow
def test_two_runs_do_not_write_one_file(call, folder):
    with Results(folder / "results.csv") as results:
        results.add(Result("a", "b", "sat", 1.0))
        code, out, err = call("list.csv")
        assert (code, out) == (2, "")
        assert "Another run" in err
    assert call("list.csv")[0] == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("results.csv", "onnx,vnnlib,timeout\na,b,3\n"),
        ("results.csv", "notes"),
        ("results.csv", ",".join(COLUMNS) + "\na,b,maybe,1,\n"),
        ("results.csv", ",".join(COLUMNS) + "\na,b\n"),
        ("results.csv", ",".join(COLUMNS) + "\na,b,sat,soon,\n"),
        ("results.jsonl", '{"a": 1}\n'),
        ("results.jsonl", "[1]\n"),
        ("results.jsonl", "notes"),
        ("results.jsonl", '{"onnx": "a"'[:4] + "\n"),
    ],
)
def test_other_files_are_left_alone(call, folder, name, content):
    (folder / name).write_text(content)
    code, out, err = call("list.csv")
    assert (code, out) == (2, "")
    assert name in err
    assert err.count("\n") == 1
    assert (folder / name).read_text() == content


MISTAKES = [
    (["absent.csv"], "list of instances does not exist"),
    (["list.csv", "--only", "p9"], "must contain at least one instance"),
    (["list.csv", "--root", "absent"], "files are missing"),
    (["list.csv", "--jobs", "0"], "--jobs"),
    (["list.csv", "--each", "-1"], "--each"),
    (["list.csv", "--each", "inf"], "--each"),
    (["list.csv", "--memory", "0"], "--memory"),
    (["list.csv", "--seed", "-3"], "--seed"),
    (["list.csv", "--retry", "sat"], "--retry"),
    (["list.csv", "--file", "results.txt"], ".csv"),
    (["list.csv", "--file", "list.csv"], "differ from the input files"),
    (["list.csv", "--file", "absent/results.csv"], "cannot be written"),
    (["list.csv", "--expected", "absent.csv"], "list of instances does not exist"),
    (["list.csv", "--expected", "list.csv"], "columns onnx, vnnlib"),
    (["short.csv"], "row of the list"),
    (["words.csv"], "limit in seconds"),
    (["none.csv"], "limit in seconds"),
    (["bytes.csv"], "UTF-8"),
    (["."], "list of instances does not exist"),
    ([], "INSTANCES"),
]


@pytest.mark.parametrize(("arguments", "word"), MISTAKES)
def test_mistakes_are_one_short_message(call, folder, arguments, word):
    write_instances(folder / "short.csv", [("small.onnx",)])
    write_instances(folder / "words.csv", [("small.onnx", "p0.5.vnnlib", "soon")])
    write_instances(folder / "none.csv", [("small.onnx", "p0.5.vnnlib", "0")])
    (folder / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert word in err
    assert err.startswith("outrange: ")
    assert err.count("\n") == 1
    assert not (folder / "results.csv").exists()


@pytest.mark.slow
@pytest.mark.wallclock
def test_interrupt_keeps_what_is_decided(folder):
    rows = [("small.onnx", name, 20) for name in KNOWN]
    write_instances(folder / "list.csv", [*rows[:2], ("hard.onnx", "hard.vnnlib", 60), *rows[2:]])
    process = subprocess.Popen(
        command("verify-all", "list.csv"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    seen = []
    while "started hard" not in (seen or [""])[-1]:
        seen.append(process.stderr.readline())
        assert seen[-1], seen
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: workers get it too
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "2 instances: 2 sat" in out
    assert "4 left" in err
    assert "Traceback" not in err
    assert len(verdicts()) == 2
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
