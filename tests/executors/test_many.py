"""Many questions over workers: the same verdicts, even when workers are lost."""

import csv
import os
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import outrange
from cli.verify_files import random_net, run_model, sum_and_difference, vnnlib
from executors.scripted import Lost, Scripted, ScriptedPool
from outrange import InputError
from outrange.api.batch import spread
from outrange.api.batch.spread import run_on_pool
from outrange.cli.commands import verify_all
from outrange.cli.run import run
from outrange.executors import dispatcher as dispatchers, worker_cache, worker_settings
from outrange.executors.dispatcher import Dispatcher
from outrange.executors.payload import Payload, deserialize
from outrange.executors.pool import ExecutorPool, as_pool
from outrange.executors.worker_cache import WrongVersion


pytestmark = pytest.mark.wallclock


LEVELS = (0.5, 1.0, 1.5, 2.5, 3.0)
KNOWN = ["sat" if level < 2 else "unsat" for level in LEVELS]


@pytest.fixture
def instance_list(tmp_path):
    """Five instances of `relu(x0 + x1)`, at most 2 on the unit square."""
    sum_and_difference(tmp_path)
    rows = []
    for level in LEVELS:
        vnnlib(tmp_path / f"p{level}.vnnlib", [(0.0, 1.0)] * 2, [f"(>= Y_0 {level})"], 2)
        rows.append(f"small.onnx,p{level}.vnnlib,20\n")
    path = tmp_path / "list.csv"
    path.write_text("".join(rows))
    return path


@pytest.fixture
def threads():
    with ThreadPoolExecutor(1) as pool:
        yield pool


def double(payload, x):
    return payload.get_or_make("factor", deserialize) * x


@pytest.fixture
def fresh(monkeypatch):
    """Give the worker an empty cache."""
    monkeypatch.setattr(
        worker_cache, "process_cache", (lambda cache: lambda: cache)(worker_cache.WorkerCache())
    )


@pytest.mark.parametrize("light, calls", [(0, 4), (1 << 20, 3)])
def test_a_payload_is_sent_once(fresh, monkeypatch, light, calls):
    monkeypatch.setattr(dispatchers, "SMALL_PAYLOAD", light)
    executor = Scripted()
    dispatcher = Dispatcher(ExecutorPool(executor))
    payload = Payload.of(2)
    for x in range(3):
        dispatcher.submit(x, "double", payload, double, x)
        assert [(done.key, done.value) for done in dispatcher.wait(5.0)] == [(x, 2 * x)]
    # A large payload is sent on request: the first task was submitted again with it.
    assert executor.calls == calls


def test_losses_and_hangs_are_reported(fresh):
    dispatcher = Dispatcher(ScriptedPool(Scripted("lose", "hang")))
    dispatcher.submit("a", "double", Payload.of(2), double, 1)
    dispatcher.submit("b", "double", Payload.of(2), double, 1, limit=0.05)
    results = {}
    while len(dispatcher):
        results |= {done.key: done for done in dispatcher.wait(1.0)}
    assert results["a"].lost and isinstance(results["a"].error, Lost)
    assert results["b"].lost and isinstance(results["b"].error, TimeoutError)


def test_work_is_sent_again_until_too_many_workers_are_lost_with_it(fresh):
    pool = ScriptedPool(Scripted(*["lose"] * dispatchers.ATTEMPTS))
    sends = 0
    with Dispatcher(pool) as dispatcher:
        may_resend = True
        while may_resend:
            dispatcher.submit("a", "double", Payload.of(2), double, 1)
            sends += 1
            (done,) = dispatcher.wait(1.0)
            assert done.lost
            may_resend = dispatcher.may_resend(done.key)
        assert sends == dispatcher.losses["a"] == dispatchers.ATTEMPTS
        dispatcher.submit("b", "double", Payload.of(2), double, 1)
    assert not len(dispatcher) and not dispatcher.losses


def test_another_version_is_refused_by_name(fresh):
    dispatcher = Dispatcher(ExecutorPool(Scripted()), version="0.0.9")
    dispatcher.submit("a", "double", Payload.of(2), double, 1)
    (done,) = dispatcher.wait(1.0)
    assert isinstance(done.error, WrongVersion)
    assert "0.0.9" in str(done.error) and outrange.__version__ in str(done.error)


def test_other_things_are_no_executors():
    with pytest.raises(InputError, match="executor"):
        as_pool(3)
    with pytest.raises(InputError, match=r"Received: 'nonsense'\."):
        as_pool("nonsense")


def test_verify_all_is_the_same_on_workers(instance_list, threads, tmp_path):
    with outrange.workers(threads):
        results = outrange.verify_all(instance_list, file=tmp_path / "r.csv")
    assert [result.verdict for result in results] == KNOWN
    assert all(result.model_sha256 and result.files for result in results)
    assert len(results[0].x) == 2
    # Instances with a stored result are not asked again.
    with outrange.workers(Scripted("lose")):
        again = outrange.verify_all(instance_list, file=tmp_path / "r.csv")
    assert [result.verdict for result in again] == KNOWN


def test_a_fork_is_another_process(monkeypatch):
    before = worker_settings.process_name()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert worker_settings.process_name() != before


@pytest.mark.slow
def test_processes_of_workers_keep_memory_and_one_thread():
    # A thread pool may have configured this process.
    before = worker_settings.configure_worker.cache_info()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        done = pool.submit(worker_cache.run_task, outrange.__version__, "another", "", b"", b"")
        with pytest.raises(EOFError):  # an empty task
            done.result()
        assert pool.submit(_read_configuration).result() == (1, {1})
    assert worker_settings.configure_worker.cache_info() == before


def _read_configuration():
    limits = {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}
    return worker_settings.configure_worker.cache_info().currsize, limits


@pytest.mark.slow
def test_pairs_on_a_process(instance_list):
    folder = instance_list.parent
    pairs = [(folder / "small.onnx", folder / f"p{level}.vnnlib") for level in LEVELS]
    processes = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with processes as pool, outrange.workers(pool):
        assert [r.verdict for r in outrange.verify_all(pairs, each=20)] == KNOWN


def test_an_argument_for_a_stopped_worker_goes_through_the_scheduler(monkeypatch):
    from outrange.executors import dask

    class Client:
        asynchronous, status, calls = False, "running", 0

        def scatter(self, argument, hash):
            self.calls += 1
            threading.Event().wait(5.0)

        def submit(self, work, *arguments, **options):
            return arguments

    monkeypatch.setattr(dask, "SCATTER_WAIT", 0.05)
    client, large = Client(), b"x" * (dask.SCATTER_ABOVE + 1)
    pool = dask.DaskPool(client)
    for _ in range(3):
        assert pool.submit("task", len, large) == (large,)
    assert client.calls == 1


def in_this_process(asked, log, jobs, memory, seed):
    """Run jobs in this process in place of worker processes, which take a second to start."""
    run_on_pool(asked, log, ExecutorPool(Scripted()), seed)


@pytest.mark.parametrize("script", [["break"], ["do", "do", "break"]])
def test_a_pool_that_breaks_loses_no_instance(script, instance_list, tmp_path, monkeypatch):
    monkeypatch.setattr(spread, "run_in_processes", in_this_process)
    warned = pytest.warns(RuntimeWarning, match="The executor failed; this process continues")
    with warned as seen, outrange.workers(Scripted(*script)):
        results = outrange.verify_all(instance_list, file=tmp_path / "r.csv")
    assert [result.verdict for result in results] == KNOWN
    assert len(seen) == 1


def test_shards_make_one_run(instance_list, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verify_all, "run_in_processes", in_this_process)
    assert run(["verify-all", str(instance_list), "--file", "whole.csv"]) == 1
    for number in range(1, 9):
        run(["verify-all", str(instance_list), "--file", "r.csv", "--shard", f"{number}/8"])
    parts = [f"r-{number}-of-8.csv" for number in range(1, 9)]
    assert run(["verify-all", "--merge", *parts, "--file", "merged.csv"]) == 1
    assert _rows("merged.csv") == _rows("whole.csv")
    capsys.readouterr()
    _check_refusal(
        capsys, ["verify-all", "--merge", *parts[:2], "--file", "m.csv"], "all shards except 3, 4"
    )
    _check_refusal(
        capsys, ["verify-all", "--merge", *parts, "--file", "merged.csv"], "contains results"
    )
    origin = tmp_path / "r-2-of-8.shard.json"
    text_before = origin.read_text()
    for field, new in (("version", '"0.0.9"'), ("listed", '"another"')):
        origin.write_text(text_before.replace(f'"{field}": "', f'"{field}": {new[:-1]}'))
        _check_refusal(capsys, ["verify-all", "--merge", *parts, "--file", "m.csv"], new[1:6])
    origin.write_text(text_before)
    for suffix in (".csv", ".jsonl", ".shard.json"):
        text = (tmp_path / f"r-3-of-8{suffix}").read_text()
        (tmp_path / f"other{suffix}").write_text(text.replace("sat", "unsat"))
    _check_refusal(
        capsys, ["verify-all", "--merge", *parts, "other.csv", "--file", "m.csv"], "contradict"
    )


def _rows(path):
    apart = ("seconds",)
    with open(path, newline="") as file:
        return [{k: v for k, v in row.items() if k not in apart} for row in csv.DictReader(file)]


def _check_refusal(capsys, arguments, words):
    assert run(arguments) == 2
    assert words in capsys.readouterr().err


def test_slurm_sets_the_shard(monkeypatch):
    from outrange.api.batch.shards import Shard, shard_of

    for name, value in (("ID", 7), ("MIN", 3), ("MAX", 9), ("STEP", 2)):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    assert shard_of("slurm") == Shard(3, 4)
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "3")
    with pytest.raises(InputError, match="without gaps"):
        shard_of("slurm")
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID")
    with pytest.raises(InputError, match="SLURM_ARRAY_TASK_ID"):
        shard_of("slurm")


def test_robust_accuracy_is_the_same_on_workers(tmp_path, threads):
    path = random_net(tmp_path, "net.onnx", (3, 8, 3), 0)
    x = np.random.default_rng(0).uniform(-1, 1, (8, 3))
    y = np.array([run_model(path, row).argmax() for row in x])
    y[0] = (y[0] + 1) % 3
    alone = outrange.robust_accuracy(path, x, y, eps=0.1)
    for executor in (threads, Scripted("do", "do")):
        with outrange.workers(executor):
            distributed = outrange.robust_accuracy(path, x, y, eps=0.1)
        np.testing.assert_array_equal(distributed.status, alone.status)
        assert set(distributed.adversarial) == set(alone.adversarial)


def test_dask_runs_what_an_executor_runs(instance_list):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False}
    options |= {"dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        with outrange.workers(client):
            assert [r.verdict for r in outrange.verify_all(instance_list)] == KNOWN
        # Its threads are one node, addressed by name.
        (node,) = as_pool(client).nodes
        assert node.cores == as_pool(client).size == 2 and node.name.partition(":")[0] == "inproc"
        net = random_net(instance_list.parent, "net.onnx", (6, 16, 16, 1), 0)
        with outrange.workers(client):
            answer = outrange.output_range(net, (-1, 1), tol=1e-3)
        assert "sub-trees on workers" in answer.methods
    np.testing.assert_allclose(
        answer.hi, outrange.output_range(net, (-1, 1), tol=1e-3).hi, rtol=0.01
    )


def test_a_result_that_dies_with_its_worker_is_a_loss(monkeypatch):
    """Do not wait while Dask computes the result again, which may take any time."""
    from outrange.executors import dask

    class Client:
        asynchronous, status = False, "running"

    class Gone:
        key, status = "task", "finished"

        def result(self, timeout):
            assert timeout == dask.GATHER
            raise TimeoutError

        def cancel(self):
            self.status = "cancelled"

    pool, future = dask.DaskPool(Client()), Gone()
    with pytest.raises(dask.ResultLost) as lost:
        pool.result(future)
    assert pool.is_loss(lost.value) and future.status == "cancelled"
