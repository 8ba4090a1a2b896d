"""The package works without POSIX functions: affinity, flock, pread, limits."""

import os
import subprocess
import sys
import types

import pytest

from cli.verify_files import sum_and_difference, vnnlib
from outrange.api.batch import results, worker, worker_process
from outrange.api.batch.results import Result, Results
from outrange.cli.commands import verify_all
from outrange.core import InputError
from outrange.executors.cores import on_cores
from outrange.search.common.parallel import threads


LACKS = """
import os, subprocess, sys
import numpy  # asks os.uname on Linux
for name in ("fcntl", "resource", "select"):
    sys.modules[name] = None
for name in ("sched_getaffinity", "sched_setaffinity", "pread", "fork", "getuid", "killpg"):
    if hasattr(os, name):
        delattr(os, name)
from outrange.cli import main
raise SystemExit(main())
"""


class Msvcrt(types.ModuleType):
    """The locks of Windows, as far as two runs of one process see them."""

    LK_NBLCK = 2

    def __init__(self):
        super().__init__("msvcrt")
        self.held = {}

    def locking(self, file, mode, count):
        place = os.fstat(file).st_ino, os.lseek(file, 0, os.SEEK_CUR)
        if self.held.setdefault(place, file) != file:
            raise PermissionError(13, "Permission denied")


@pytest.fixture
def windows(monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", Msvcrt())
    monkeypatch.delattr(os, "pread", raising=False)


def test_threads_without_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    with on_cores(1 << 20):
        assert threads() == os.cpu_count()
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert threads() == 1


def test_results_without_flock_or_pread(tmp_path, windows):
    out = tmp_path / "r.csv"
    with Results(out) as first:
        first.add(Result("a.onnx", "p.vnnlib", "unsat", 1.0))
        with pytest.raises(InputError, match="Another run"), Results(out):
            pass
        first.add(Result("a.onnx", "q.vnnlib", "timeout", 1.0))
        first.add(Result("a.onnx", "q.vnnlib", "unsat", 2.0))  # The table is written anew.
    sys.modules["msvcrt"].held.clear()
    with Results(out) as again:
        assert {key[1]: r.verdict for key, r in again.known.items()} == {
            "p.vnnlib": "unsat",
            "q.vnnlib": "unsat",
        }
    assert out.read_bytes().count(b"\r") == 0


def test_a_table_is_closed_before_it_is_replaced(tmp_path, monkeypatch):
    """Windows refuses to replace a file that is open."""
    table, replace, seen = Results(tmp_path / "r.csv"), os.replace, []

    def strict(source, target):
        seen.append(table._table)
        replace(source, target)

    monkeypatch.setattr(results.os, "replace", strict)
    with table:
        for verdict in ("timeout", "unsat"):
            table.add(Result("a.onnx", "p.vnnlib", verdict, 1.0))
    assert seen and set(seen) == {-1}


def test_memory_is_refused_where_nothing_limits_it(monkeypatch, tmp_path):
    monkeypatch.setattr(worker, "find_spec", lambda name: None)
    assert not worker.can_limit_memory()
    options = verify_all.BatchOptions(None, None, "r.csv", 1, None, (), 2.0, None, 0)
    with pytest.raises(InputError, match="--memory has no effect on this system"):
        verify_all.ask_verify_all(str(tmp_path / "list.csv"), options, print)
    monkeypatch.setitem(sys.modules, "resource", None)
    worker._limit_memory(1.0)


def test_workers_without_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    hand = worker_process.WorkerProcess(0, 2, None, 0, worker_process.SimpleQueue())
    hand._share_processors()


@pytest.mark.slow
def test_a_batch_runs_on_a_system_that_lacks_it_all(tmp_path):
    sum_and_difference(tmp_path)
    vnnlib(tmp_path / "p.vnnlib", [(0.0, 1.0)] * 2, ["(>= Y_0 2.5)"], 2)
    vnnlib(tmp_path / "q.vnnlib", [(0.0, 1.0)] * 2, ["(>= Y_0 1.5)"], 2)
    (tmp_path / "list.csv").write_text("small.onnx,p.vnnlib,60\nsmall.onnx,q.vnnlib,60\n")
    done = subprocess.run(
        [sys.executable, "-c", LACKS, "verify-all", "list.csv", "--jobs", "2"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr  # one of them is violated
    verdicts = (tmp_path / "results.csv").read_text().splitlines()[1:]
    assert sorted(line.split(",")[2] for line in verdicts) == ["sat", "unsat"]
