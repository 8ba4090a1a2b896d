"""One hard question over workers: bounds hold at every moment, even when workers are lost."""

import errno
import os
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from cases import cases
from executors.scripted import Scripted, ScriptedPool
from outrange import InputError
from outrange.core import Box, InternalErrorWarning
from outrange.executors.ambient_pool import Workers, use_workers
from outrange.executors.pool import ExecutorPool
from outrange.executors.workers import divide_searches
from outrange.questions.output_range import output_range
from outrange.search.solve import solve
from outrange.search.spread import checkpoint as checkpoints, policy, search as spread, subtree
from questions.nets import dense_net


pytestmark = pytest.mark.wallclock


@pytest.fixture(autouse=True)
def small_tasks(monkeypatch):
    """Make tasks small, as the trees of tests are."""
    monkeypatch.setattr(spread, "ALONE", 8)
    monkeypatch.setattr(spread, "MOST", 100)
    monkeypatch.setattr(subtree, "DEEP", (4, 2, 4))
    monkeypatch.setattr(subtree, "WIDE", (2, 1, 2))
    monkeypatch.setattr(policy, "OPEN", 1 << 12)
    monkeypatch.setattr(policy, "WIDE_ROOTS", 32)
    monkeypatch.setattr(subtree, "STEP", 4)


def net(curve="relu", inputs=5, width=16, seed=0):
    return dense_net((inputs, width, width, 1), (curve, curve, None), seed)


def ask(graph, pool=None, folder=None, seed=0, **options):
    box, rows = Box(np.zeros(graph.size), np.ones(graph.size)), np.array([[1.0], [-1.0]])
    options = {"tol": 1e-4, "solver": False} | options
    with use_workers(None if pool is None else Workers(pool, folder)):
        return solve(graph, box, rows, seed=seed, **options)


def same(distributed, alone):
    assert distributed.status == alone.status == "exact"
    gap = 1e-4 * (alone.seen + alone.seen[::-1]).max() + 2 * alone.tolerance.max()
    np.testing.assert_allclose(distributed.lower, alone.lower, atol=gap)
    np.testing.assert_allclose(distributed.seen, alone.seen, atol=gap)


@pytest.mark.parametrize("curve", ["relu", "tanh"])
@pytest.mark.parametrize("workers", [1, 3])
def test_the_tree_is_closed_as_in_one_process(curve, workers):
    graph = net(curve, 5 if curve == "relu" else 2).graph
    executor = Scripted(workers=workers)
    solution = ask(graph, ExecutorPool(executor))
    assert executor.calls > 3
    assert spread.METHOD in solution.methods
    same(solution, ask(graph))


def test_one_worker_and_a_seed_are_the_same_bit_for_bit():
    graph = net(seed=3).graph
    with ThreadPoolExecutor(1) as executor:
        first, again = (ask(graph, ExecutorPool(executor), seed=7) for _ in range(2))
    other = ask(graph, ExecutorPool(Scripted(workers=1)), seed=7)
    for other_run in (again, other):
        assert other_run.boxes == first.boxes
        for name in ("lower", "seen", "at"):
            np.testing.assert_array_equal(getattr(other_run, name), getattr(first, name))


@pytest.mark.parametrize("seed", range(cases(2, 20)))
def test_bounds_hold_at_every_report_while_workers_are_lost(seed):
    graph, rng = net(seed=seed).graph, np.random.default_rng(seed)
    script = rng.choice(["do", "do", "lose"], 60).tolist()
    alone, reports = ask(graph), []
    solution = ask(graph, ScriptedPool(Scripted(*script)), progress=reports.append)
    same(solution, alone)
    for now in reports:
        assert (now.lower <= alone.seen + 1e-12).all()


def test_a_search_under_way_has_valid_bounds_after_every_step():
    graph = net(seed=1).graph
    least, steps = ask(graph).seen, []
    advance = spread.SpreadSearch.advance

    def watched(self):
        going = advance(self)
        steps.append(self.lower())
        return going

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spread.SpreadSearch, "advance", watched)
        ask(graph, ScriptedPool(Scripted("do", "lose", "do", "lose")))
    assert len(steps) > 3
    assert all((lower <= least + 1e-12).all() for lower in steps)
    assert (np.diff([lower.min() for lower in steps]) >= -1e-12).all()


def test_a_hanging_worker_costs_its_task_only(monkeypatch):
    monkeypatch.setattr(spread, "HANGS", 0.1)
    graph = net().graph
    same(ask(graph, ExecutorPool(Scripted("do", "hang", "do", "hang"))), ask(graph))


def test_a_pool_that_breaks_is_done_without():
    graph = net().graph
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        with pytest.raises(Exception):  # noqa: B017 (any error of the pool)
            pool.submit(os._exit, 1).result()
        same(ask(graph, ExecutorPool(pool)), ask(graph))


def test_another_version_is_refused_by_name(monkeypatch):
    from outrange.executors import worker_cache

    monkeypatch.setattr(worker_cache, "VERSION", "0.0.9")
    with pytest.raises(InputError, match=r"a worker with outrange 0\.0\.9"):
        ask(net().graph, ExecutorPool(Scripted()))


def test_errors_of_a_task_are_reported():
    class Full(Scripted):
        def submit(self, work, /, *arguments, **options):
            return super().submit(lambda: 1 / 0)

    with pytest.raises(InternalErrorWarning, match="ZeroDivisionError"):
        ask(net().graph, ExecutorPool(Full()))


# ---- checkpoints ------------------------------------------------------------------------------


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)
    monkeypatch.setattr(checkpoints, "SHARE", np.inf)


class Stopped(ScriptedPool):
    """A pool that raises Ctrl-C at a later submission.

    Args:
        tasks: Number of submissions before it.
    """

    def __init__(self, executor, tasks):
        super().__init__(executor)
        self.left = tasks

    def submit(self, name, work, *arguments, node=None):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().submit(name, work, *arguments, node=node)


@pytest.mark.parametrize("tasks", [1, 3, 6])
def test_an_interrupted_search_goes_on_from_its_checkpoint(tmp_path, tasks):
    graph = net(seed=2).graph
    alone = ask(graph)
    early = ask(graph, Stopped(Scripted(), tasks), tmp_path)
    assert early.status == "interrupted"
    assert (early.lower <= alone.seen).all()
    later = ask(graph, ExecutorPool(Scripted()), tmp_path)
    same(later, alone)
    assert later.boxes >= early.boxes
    # A finished search is only read.
    executor = Scripted()
    same(ask(graph, ExecutorPool(executor), tmp_path), alone)
    assert executor.calls == 0
    # Another network, another box: another file.
    same(ask(net(seed=4).graph, ExecutorPool(Scripted()), tmp_path), ask(net(seed=4).graph))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_costs_no_result(tmp_path, monkeypatch, often):
    graph = net().graph

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        patch.setattr(checkpoints.np, "savez", full)
        same(ask(graph, ExecutorPool(Scripted()), tmp_path), ask(graph))
    assert sum("No space left" in str(warning.message) for warning in warned) == 1
    assert not list(tmp_path.iterdir())


def test_a_damaged_checkpoint_is_refused(tmp_path):
    graph = net().graph
    ask(graph, ExecutorPool(Scripted()), tmp_path)
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    for damaged in (data[: len(data) // 2], b"", data[:64] + b"x" * 64 + data[128:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="resume"):
            ask(graph, ExecutorPool(Scripted()), tmp_path)


def test_a_checkpoint_of_another_question_is_refused(tmp_path):
    ask(net().graph, ExecutorPool(Scripted()), tmp_path)
    (path,) = tmp_path.iterdir()
    ask(net(seed=1).graph, ExecutorPool(Scripted()), tmp_path)
    (other,) = set(tmp_path.iterdir()) - {path}
    other.write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="another question"):
        ask(net(seed=1).graph, ExecutorPool(Scripted()), tmp_path)


# ---- what users call ----------------------------------------------------------------------------


def test_questions_take_an_executor_and_a_folder(tmp_path):
    import outrange
    from cli.verify_files import random_net

    path = random_net(tmp_path, "net.onnx", (4, 16, 16, 1), 0)
    alone = outrange.output_range(path, (-1, 1), tol=1e-4)
    with ThreadPoolExecutor(1) as pool, outrange.workers(pool):
        answer = outrange.output_range(path, (-1, 1), tol=1e-4)
        assert spread.METHOD in answer.methods
        np.testing.assert_allclose(answer.lo, alone.lo, atol=1e-3 * alone.hi.max())
        high = float(alone.seen_hi[0])
        for level, status in ((1.01 * high, "HOLDS"), (0.99 * high, "VIOLATED")):
            verdict = outrange.verify(path, outrange.y[0] <= level, (-1, 1))
            assert verdict.status == status
    with outrange.workers(resume=tmp_path / "state"):
        answer = outrange.output_range(path, (-1, 1), tol=1e-4)
    np.testing.assert_allclose(answer.hi, alone.hi, atol=1e-3 * alone.hi.max())
    assert list((tmp_path / "state").glob("*.npz"))


def test_nothing_is_divided_outside():
    with divide_searches():
        answer = output_range(net(), (0, 1), tol=1e-3)
    assert spread.METHOD not in answer.methods
