"""A killed worker loses no answer, whatever the executor of docs/scale.md and the question."""

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import outrange
from cli.verify_files import random_net, run_model, sum_and_difference, vnnlib
from outrange import x
from outrange.reach.flow import cover
from outrange.search.spread import search as spread


pytestmark = [
    pytest.mark.wallclock,
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals"),
]


@pytest.fixture(autouse=True)
def small_tasks(monkeypatch):
    """Make small questions consist of many tasks."""
    monkeypatch.setattr(cover, "AT_ONCE", 2)
    monkeypatch.setattr(spread, "ALONE", 8)
    monkeypatch.setattr(spread, "MOST", 100)


class KilledPool(ProcessPoolExecutor):
    """A pool of two processes, one of which is killed when the third task is submitted."""

    def __init__(self):
        super().__init__(2, mp_context=get_context("spawn"))
        self.submitted = 0

    def submit(self, work, /, *arguments, **options):
        self.submitted += 1
        if self.submitted == 3:
            os.kill(next(iter(self._processes)), signal.SIGKILL)
        return super().submit(work, *arguments, **options)


def properties(folder):
    sum_and_difference(folder)
    levels = (0.5, 1.0, 1.5, 1.7, 2.5, 3.0, 3.5)
    for level in levels:
        vnnlib(folder / f"p{level}.vnnlib", [(0.0, 1.0)] * 2, [f"(>= Y_0 {level})"], 2)
    pairs = [(folder / "small.onnx", folder / f"p{level}.vnnlib") for level in levels]
    return pairs, ["sat" if level < 2 else "unsat" for level in levels]


def verify_all(folder, executor):
    pairs, expected = properties(folder)
    with outrange.workers(executor):
        results = outrange.verify_all(pairs, each=20)
    assert [result.verdict for result in results] == expected


def robust_accuracy(folder, executor):
    net = random_net(folder, "net.onnx", (3, 8, 3), 0)
    points = np.random.default_rng(0).uniform(-1, 1, (8, 3))
    labels = np.array([run_model(net, point).argmax() for point in points])
    ask = {"x": points, "y": labels, "eps": 0.1}
    with outrange.workers(executor):
        answer = outrange.robust_accuracy(net, **ask)
    assert answer.complete
    np.testing.assert_array_equal(answer.status, outrange.robust_accuracy(net, **ask).status)


def output_range(folder, executor):
    net = random_net(folder, "net.onnx", (6, 24, 24, 1), 0)
    with outrange.workers(executor):
        answer = outrange.output_range(net, (-1, 1), tol=1e-3)
    alone = outrange.output_range(net, (-1, 1), tol=1e-3)
    assert answer.status == alone.status == "exact"
    np.testing.assert_allclose([answer.lo, answer.hi], [alone.lo, alone.hi], rtol=0.01)


def control(x):
    return [np.tanh(-x[0] - 1.5 * x[1])]


def vanderpol(x, u):
    return [x[1], (1 - x[0] ** 2) * x[1] - x[0] + u[0]]


def closed_loop(folder, executor):
    def ask():
        return outrange.closed_loop(
            outrange.ControlLoop(control, vanderpol, ([0.2, -0.5], [1.2, 0.5]), dt=0.1),
            steps=4,
            tol=5.0,
            spec=(x[0] <= 1.2535).always(),
        )

    with outrange.workers(executor):
        distributed = ask()
    alone = ask()
    assert distributed.status == alone.status and distributed.covered == alone.covered
    np.testing.assert_array_equal(
        [distributed.pipe.lo, distributed.pipe.hi], [alone.pipe.lo, alone.pipe.hi]
    )


QUESTIONS = [verify_all, robust_accuracy, output_range, closed_loop]


@pytest.mark.parametrize("nodes", [False, True], ids=["processes", "nodes"])
@pytest.mark.parametrize("ask", QUESTIONS, ids=lambda ask: ask.__name__)
def test_a_process_pool_that_loses_a_process(ask, nodes, tmp_path):
    with KilledPool() as pool, pytest.warns(RuntimeWarning, match="this process continues"):
        ask(tmp_path, outrange.Nodes(pool, cores=2) if nodes else pool)


@pytest.mark.parametrize("ask", QUESTIONS, ids=lambda ask: ask.__name__)
def test_a_cluster_that_loses_a_worker(ask, tmp_path):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        victim, _ = client.run(os.getpid).values()
        killer = threading.Timer(0.3, os.kill, (victim, signal.SIGKILL))
        killer.start()
        ask(tmp_path, client)
        killer.join()
