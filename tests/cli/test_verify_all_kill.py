"""Tests of `outrange verify-all` under repeated kills: no verdict is lost, little is repeated."""

import collections
import contextlib
import csv
import json
import os
import signal
import subprocess
import time

import pytest

from cases import cases
from cli.verify_files import command, sum_and_difference, vnnlib


pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")

INSTANCES, KILLS = 60, cases(2, 8)


@pytest.fixture
def folder(tmp_path):
    """Create sixty instances of `relu(x0 + x1)`, at most 2 on the unit square."""
    sum_and_difference(tmp_path)
    rows = []
    for i in range(INSTANCES):
        level = 0.05 + 0.07 * i
        vnnlib(tmp_path / f"p{i}.vnnlib", [(0.0, 1.0)] * 2, [f"(>= Y_0 {level})"], 2)
        rows.append(f"small.onnx,p{i}.vnnlib,60")
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def read_verdicts(folder):
    """Return the verdict of every complete line of the two files, by name."""
    verdicts = {}
    for name, read in (("results.csv", csv_verdict), ("results.jsonl", json_verdict)):
        if (folder / name).exists():
            text = (folder / name).read_text()
            for line in text[: text.rfind("\n") + 1].splitlines():
                key, verdict = read(line)
                assert verdicts.setdefault(key, verdict) == verdict
    verdicts.pop("vnnlib", None)
    return verdicts


def csv_verdict(line):
    row = next(csv.reader([line]))
    return row[1], row[2]


def json_verdict(line):
    row = json.loads(line)
    return row["vnnlib"], row["verdict"]


def launch(folder, log):
    return subprocess.Popen(
        command("verify-all", "list.csv"),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=log,
        start_new_session=True,
    )


def kill(process, group):
    """Kill the whole process group, or only its leader, whose workers then end by themselves."""
    (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 30
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.01)
        raise AssertionError("a worker outlives the process that asked it")


def check_finished(folder):
    """Check that both files contain each instance exactly once, with the right verdict."""
    with (folder / "results.csv").open(newline="") as file:
        rows = [(row["vnnlib"], row["verdict"]) for row in csv.DictReader(file)]
    lines = [json_verdict(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    truth = {f"p{i}.vnnlib": "sat" if 0.05 + 0.07 * i < 2 else "unsat" for i in range(INSTANCES)}
    assert sorted(rows) == sorted(truth.items())
    assert sorted(lines) == sorted(truth.items())


@pytest.mark.slow
@pytest.mark.wallclock
def test_kills_lose_nothing(folder, rng):
    decided, log = {}, folder / "log.txt"
    for turn in range(KILLS):
        with log.open("a") as file:
            process = launch(folder, file)
        # Soon after the next result; every fourth time while it still starts.
        starting = turn % 4 == 3
        while (
            not starting and process.poll() is None and len(read_verdicts(folder)) <= len(decided)
        ):
            time.sleep(0.001)
        time.sleep(float(rng.uniform(0, 0.4 if starting else 0.015)))
        assert process.poll() is None, "it was not killed in the middle of its work"
        kill(process, group=bool(rng.integers(2)))
        now = read_verdicts(folder)
        assert now.items() >= decided.items(), "a decided instance is lost"
        decided = now
    with log.open("a") as file:
        assert launch(folder, file).wait(timeout=120) == 1  # some are violated
    assert read_verdicts(folder).items() >= decided.items()
    check_finished(folder)
    lines = [line.split() for line in log.read_text().splitlines() if " started " in line]
    starts = collections.Counter(line[-1] for line in lines)
    assert len(starts) == INSTANCES
    repeats = sum(starts.values()) - INSTANCES
    assert repeats <= KILLS  # A kill between two instances repeats none.
