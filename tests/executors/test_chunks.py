"""Grouped questions: each is answered, and no other one waits for a hard one."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import outrange
import outrange.executors.chunks as chunks_module
from cli.verify_files import random_net, run_model, vnnlib
from executors.scripted import Scripted, ScriptedPool
from executors.test_many import KNOWN, instance_list as instance_list
from outrange.api.batch import spread
from outrange.api.batch.instances import of_pairs
from outrange.api.batch.log import Log, Memory
from outrange.api.batch.spread import run_on_pool
from outrange.core.progress import report_progress
from outrange.executors.chunks import Chunks, answer_within
from outrange.executors.dispatcher import Dispatcher
from outrange.executors.payload import Payload
from outrange.questions.robust import robust_run


pytestmark = pytest.mark.wallclock


@pytest.mark.parametrize("last", ["do", "lose"])
def test_short_instances_of_a_model_go_together(instance_list, monkeypatch, last):
    monkeypatch.setattr(chunks_module, "TASKS_PER_WORKER", 0.5)
    monkeypatch.setattr(chunks_module, "TASK_SECONDS", 60.0)  # however slow this machine is
    names = []

    class Named(ScriptedPool):
        def submit(self, name, work, *arguments, node=None):
            names.append(name)
            return super().submit(name, work, *arguments, node=node)

    pairs, expected = [], []
    for k in range(12):
        path = instance_list.parent / f"q{k}.vnnlib"
        vnnlib(path, [(0.0, 1.0)] * 2, [f"(>= Y_0 {0.3 * k})"], 2)
        pairs.append((instance_list.parent / "small.onnx", path))
        expected.append("sat" if 0.3 * k <= 2 else "unsat")
    pool = Named(Scripted("do", "do", last))
    instances, memory = of_pairs(pairs, None, 20.0, None), Memory()
    run_on_pool(instances, Log(instances, memory, report_progress, lines=False), pool, 0)
    assert [memory.known[instance.key].verdict for instance in instances] == expected
    # Alone at first, since nothing is known yet; and alone if they were lost together.
    assert [name.endswith("and 9 more") for name in names[:3]] == [False] * 2 + [True]
    assert len(names) == 3 + 10 * (last == "lose")


def test_instances_of_light_models_go_together(tmp_path, monkeypatch):
    """Answer each about its own model, whatever its name."""
    monkeypatch.setattr(chunks_module, "TASKS_PER_WORKER", 0.5)
    monkeypatch.setattr(chunks_module, "TASK_SECONDS", 60.0)  # however slow this machine is
    pairs, expected = [], []
    for k in range(12):
        folder = tmp_path / str(k // 2)
        folder.mkdir(exist_ok=True)
        path = random_net(folder, "net.onnx", (2, 4, 1), k // 2)
        at = float(run_model(path, np.zeros(2))[0])
        vnnlib(folder / f"p{k}.vnnlib", [(0.0, 0.0)] * 2, [f"(>= Y_0 {at + (-1) ** k * 0.1})"], 1)
        pairs.append((path, folder / f"p{k}.vnnlib"))
        expected.append("unsat" if k % 2 == 0 else "sat")
    calls = []
    for light in (0, 1 << 17):
        monkeypatch.setattr(spread, "LIGHT_MODEL", light)
        executor, memory = Scripted(), Memory()
        instances = of_pairs(pairs, None, 20.0, None)
        run_on_pool(
            instances,
            Log(instances, memory, report_progress, lines=False),
            ScriptedPool(executor),
            0,
        )
        assert [memory.known[instance.key].verdict for instance in instances] == expected
        calls.append(executor.calls)
    assert calls[1] < calls[0] <= 12


def test_a_model_that_came_in_other_company_is_read_once(tmp_path, monkeypatch):
    """Read each model once, whatever else is in the task: a worker keeps models one by one."""
    made, first = [], spread.Folder.__init__
    monkeypatch.setattr(
        spread.Folder, "__init__", lambda self, data: (made.append(data), first(self, data))[1]
    )
    models, verdicts = [], []
    for k in range(3):
        path = random_net(tmp_path, f"net{k}.onnx", (2, 4, 1), 50 + k)
        models.append(path.read_bytes())
    vnnlib(tmp_path / "p.vnnlib", [(0.0, 1.0)] * 2, ["(>= Y_0 1e9)"], 1)
    question = (tmp_path / "p.vnnlib").read_bytes()
    dispatcher = Dispatcher(ScriptedPool(Scripted()))
    for group in ([0, 1], [1, 2], [2], [0, 2]):
        contents = [models[k] for k in group]
        is_single = len(group) == 1
        payload = Payload.of_bytes(contents[0]) if is_single else Payload.of(contents)
        tasks = [(i, f"net{k}.onnx", "p.vnnlib", question, 20.0, 0) for i, k in enumerate(group)]
        dispatcher.submit(
            str(group), "verify", payload, spread.decide_instances, len(group), tasks, 9.0
        )
        for done in dispatcher.wait(60.0):
            verdicts += [answer["verdict"] for answer in done.value]
    assert verdicts == ["unsat"] * 7
    assert sorted(made) == sorted(models)


def test_threads_of_a_worker_read_a_model_that_is_whole(tmp_path, monkeypatch):
    """Ask about a model on all threads while the first one still writes it."""
    path = random_net(tmp_path, "net.onnx", (2, 4, 1), 0)
    slow = spread.Path.write_bytes

    def write(file, data):
        slow(file, data[: len(data) // 2])
        time.sleep(0.2)
        return slow(file, data)

    pairs = []
    for k in range(4):
        vnnlib(tmp_path / f"p{k}.vnnlib", [(0.0, 1.0)] * 2, ["(>= Y_0 1e9)"], 1)
        pairs.append((path, tmp_path / f"p{k}.vnnlib"))
    monkeypatch.setattr(spread.Path, "write_bytes", write)
    with ThreadPoolExecutor(4) as pool, outrange.workers(pool):
        results = outrange.verify_all(pairs, each=20)
    assert [result.verdict for result in results] == ["unsat"] * 4


def test_a_file_that_goes_away_costs_its_instance_alone(instance_list, monkeypatch):
    class Removes(Scripted):
        def submit(self, work, /, *arguments, **options):
            (instance_list.parent / "p3.0.vnnlib").unlink(missing_ok=True)
            return super().submit(work, *arguments, **options)

    monkeypatch.setattr("outrange.executors.pool.as_pool", ScriptedPool)
    with outrange.workers(Removes(workers=1)):
        results = outrange.verify_all(instance_list)
    assert [result.verdict for result in results] == [*KNOWN[:-1], "error"]
    assert "p3.0.vnnlib" in results[-1].detail and "no longer readable" in results[-1].detail


@pytest.mark.slow
def test_what_only_the_model_can_tell_waits_for_the_workers_and_the_clock(tmp_path, monkeypatch):
    """Check a counterexample that float32 does not reproduce last, while time is left."""
    path = random_net(tmp_path, "net.onnx", (3, 8, 3), 0)
    x = np.random.default_rng(0).uniform(-1, 1, (8, 3))
    y = np.array([(run_model(path, row).argmax() + 0) % 3 for row in x])
    monkeypatch.setattr(robust_run.RobustRun, "confirm", lambda *_: None)
    settled = []

    def settle(run, i, left):
        settled.append((i, left))
        time.sleep(0.4)

    monkeypatch.setattr(robust_run.RobustRun, "settle", settle)
    monkeypatch.setattr("outrange.executors.pool.as_pool", ScriptedPool)
    with outrange.workers(Scripted()):
        answer = outrange.robust_accuracy(path, x, y, eps=1.5, time_limit=3.0)
    assert settled and all(b < a for (_, a), (_, b) in itertools.pairwise(settled))
    assert not answer.complete


def test_the_first_instance_on_a_worker_says_little_of_the_others():
    """Ignore the duration of the first instance, which includes imports, in later sizes."""
    chunks = Chunks()
    assert chunks.size(1000, 2) == 1
    for seconds in (0.6, 0.05, 0.05):
        chunks.add(seconds)
    assert chunks.size(1000, 2) == 10
    assert chunks.size(64, 8) == 4 and chunks.size(3, 4) == 1  # no worker waits for the last ones
    assert chunks.ahead(64, 8) == 0  # 0.2 s: the next task would wait behind a hard one
    assert chunks.ahead(9, 8) == 1 and chunks.ahead(8, 8) == 0
    for _ in range(20):
        chunks.add(1.0)
    assert chunks.size(1000, 2) == 1


def test_a_task_of_many_questions_ends_when_they_take_long():
    """Answer at least one question, and return the rest unanswered."""
    assert answer_within([1, 2, 3], lambda x: 2 * x, patience=-1.0) == [2]
    assert answer_within([], lambda x: 2 * x, patience=-1.0) == []
    assert answer_within([1, 2, 3], lambda x: 2 * x, patience=60.0) == [2, 4, 6]


@pytest.mark.slow
@pytest.mark.parametrize("patience", [-1.0, 60.0])
def test_inputs_that_go_together_are_each_answered(tmp_path, monkeypatch, patience):
    """Answer each input, also where tasks end early or their workers are lost."""
    monkeypatch.setattr(chunks_module, "PATIENCE", patience)
    path = random_net(tmp_path, "net.onnx", (3, 8, 3), 0)
    x = np.random.default_rng(0).uniform(-1, 1, (60, 3))
    y = np.array([run_model(path, row).argmax() for row in x])
    alone = outrange.robust_accuracy(path, x, y, eps=0.1)
    executor = Scripted("do", "do", "do", "lose", "do", "lose", workers=1)
    monkeypatch.setattr("outrange.executors.pool.as_pool", ScriptedPool)
    with outrange.workers(executor):
        answer = outrange.robust_accuracy(path, x, y, eps=0.1)
    np.testing.assert_array_equal(answer.status, alone.status)
    assert answer.complete and (executor.calls < 45 or patience < 0)
