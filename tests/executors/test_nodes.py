"""Workers of several cores: one task uses all of them, and nothing is lost."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import outrange
from cases import cases
from executors.scripted import Scripted, ScriptedPool
from executors.test_tree import ask, net, same, small_tasks as small_tasks
from outrange import InputError, Nodes
from outrange.executors.cores import cores, on_cores
from outrange.executors.dispatcher import Dispatcher, TaskResult
from outrange.executors.nodes import WorkerNode
from outrange.executors.payload import Payload, serialize
from outrange.executors.pool import ExecutorPool, as_pool
from outrange.executors.worker_cache import run_task
from outrange.search.input_split import frontier
from outrange.search.spread import policy, search as spread, subtree
from outrange.search.spread.policy import Roots, Standing, size_of_task


pytestmark = pytest.mark.wallclock


class Cluster(ScriptedPool):
    """A pool of named nodes, like Dask's."""

    def __init__(self, *sizes, script=()):
        super().__init__(Scripted(*script))
        self._nodes = [WorkerNode(count, f"node {k}") for k, count in enumerate(sizes)]
        self.submitted = []

    @property
    def nodes(self):
        return self._nodes

    def submit(self, name, work, *arguments, node=None):
        self.submitted.append((node, arguments[-1]))
        return super().submit(name, work, *arguments, node=node)


def have(payload):
    return cores()


def test_a_task_has_the_cores_of_its_node(monkeypatch):
    monkeypatch.setattr("outrange.executors.cores.os.sched_getaffinity", lambda _: range(8))
    dispatcher, payload = Dispatcher(Cluster(4, 1)), Payload.of(None)
    for k, node in enumerate([*dispatcher.pool.nodes, None]):
        dispatcher.submit(k, "have", payload, have, node=node)
    results = []
    while len(dispatcher):
        results += dispatcher.wait(1.0)
    assert {done.key: done.value for done in results} == {0: 4, 1: 1, 2: 1}
    with on_cores(16):
        assert cores() == 8


def test_nodes_get_tasks_in_turns():
    pool = Cluster(4, 1, script=["hang"] * 4)
    dispatcher, payload = Dispatcher(pool), Payload.of(None)
    for ahead, expected in ((0, "node 0"), (0, "node 1"), (0, None), (1, "node 0"), (1, "node 1")):
        node = dispatcher.next_node(ahead)
        assert (node and node.name) == expected
        if node is not None:
            dispatcher.submit(len(pool.submitted), "have", payload, have, node=node)
    # An ended task whose result is not taken yet counts as running.
    dispatcher.cancel_all()
    first, second = pool.nodes
    assert dispatcher.next_node(0, [TaskResult(0, node=first)]) == second
    assert dispatcher.next_node(0, [TaskResult(0, node=first), TaskResult(1, node=second)]) is None


def test_a_lost_task_frees_its_node():
    pool = Cluster(4, script=["lose", "hang"])
    dispatcher, payload = Dispatcher(pool), Payload.of(None)
    dispatcher.submit(0, "have", payload, have, node=pool.nodes[0])
    assert dispatcher.next_node(0) is None
    (done,) = dispatcher.wait(1.0)
    assert done.lost and done.node == pool.nodes[0] == dispatcher.next_node(0)
    dispatcher.submit(1, "have", payload, have, node=pool.nodes[0], limit=0.01)
    (done,) = dispatcher.wait(1.0)
    assert done.lost and dispatcher.next_node(0) == done.node


def beside(payload):
    """Count the tasks that run in this process now."""
    count = payload.get_or_make("count", lambda _: Counter())
    count["now"] += 1
    seen = count["now"]
    time.sleep(0.02)
    count["now"] -= 1
    return seen


def test_tasks_of_whole_nodes_follow_each_other():
    """Run two tasks of a worker with four threads in turn: each gets all cores."""
    task = (outrange.__version__, "here", "whole nodes", serialize((beside, ())), b"")
    with ThreadPoolExecutor(4) as pool:
        for count, most in ((4, 1), (1, 4)):
            futures = [pool.submit(run_task, *task, count) for _ in range(4)]
            assert max(future.result() for future in futures) == most


@pytest.mark.parametrize("curve", ["relu", "tanh"])
def test_a_tree_on_nodes_of_unequal_size(curve):
    graph = net(curve, 5 if curve == "relu" else 2).graph
    pool = Cluster(4, 1, 2)
    solution = ask(graph, pool)
    same(solution, ask(graph))
    assert {node for node, _ in pool.submitted} == {"node 0", "node 1", "node 2"}
    assert {(f"node {k}", count) for k, count in enumerate((4, 1, 2))} == set(pool.submitted)


def a_task(seed):
    """Return the arguments of the first task with many boxes."""
    calls, graph = [], net(inputs=6, width=24, seed=seed).graph
    explore = subtree.explore

    def record_task(*task):
        if len(task[1]) >= 8 and not calls:
            calls.append(task[:3])
        return explore(*task)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subtree, "explore", record_task)
        ask(graph, ExecutorPool(Scripted(workers=1)))
    return calls[0]


@pytest.mark.parametrize("seed", range(cases(2, 16)))
def test_no_box_is_lost_between_calls_that_overlap(seed, monkeypatch):
    """End a task during a kernel call: it takes over the boxes that the call leaves."""
    machine, boxes, question = a_task(seed)
    monkeypatch.setattr("outrange.executors.cores.os.sched_getaffinity", lambda _: range(4))
    ends, drain = [], subtree.StepKernelSearch.drain

    def drain_and_record(search):
        ends.append(search.frontier.lent)
        drain(search)
        assert not search.frontier.lent

    monkeypatch.setattr(subtree.StepKernelSearch, "drain", drain_and_record)
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(boxes), 2000)
    at = rng.uniform(boxes.lo[rows], boxes.hi[rows])
    values = machine.kernel.evaluate(at)
    # With this mark a box is closed if nothing is below it or its least value is known.
    mark = np.quantile(values, 0.5, axis=0)
    task = replace(question, target=mark, goal=np.full(mark.shape, -np.inf))
    below = (values < mark) & (boxes.open[rows] != 0)
    for budget in (8, 16, 24, 32):
        report = subtree.explore(machine, boxes, task, budget, 60.0, [seed], 4)
        left = report.boxes
        within = ((left.lo <= at[:, None]) & (at[:, None] <= left.hi)).all(axis=2)
        covered = np.einsum("pb,bm->pm", within, left.open) > 0
        assert (covered | (values >= report.closed - 1e-9))[below].all()
    assert any(ends)


def test_any_executor_may_have_nodes():
    graph = net().graph
    with ThreadPoolExecutor(1) as executor_of_threads:
        nodes = Nodes(executor_of_threads, cores=4)
        pool = as_pool(nodes)
        assert pool.nodes == (WorkerNode(4),) and pool.cores == 4
        same(ask(graph, pool), ask(graph))
        for executor, count in (
            (executor_of_threads, 0),
            (executor_of_threads, True),
            (executor_of_threads, 2.0),
            (3, 2),
        ):
            with pytest.raises(InputError):
                Nodes(executor, count)
    assert as_pool(Scripted(workers=3)).nodes == (WorkerNode(1),) * 3


# ---- the policy --------------------------------------------------------------------------------


def test_first_tasks_are_short_and_grow_with_what_was_bounded():
    sizes = [
        size_of_task(Standing(10_000, bounded, 100, 16, 256), 16, 40_000)
        for bounded in (256, 10_000, 10**9)
    ]
    assert sizes == [5_000, 40_000, 640_000]
    small = size_of_task(Standing(10_000, 10**9, 100, 16, 256), 1, 40_000)
    assert small == 40_000


def test_roots_are_learned():
    roots, now = Roots(), Standing(10**6, 10**6, 100, 2, 2)
    first = roots.of_task(now, 1, 40_000)
    assert first == policy.ROOTS
    for _ in range(20):
        roots.learn(40_000, 16, 300, 0)
    assert roots.of_task(now, 1, 40_000) == policy.MOST_ROOTS
    for _ in range(40):
        roots.learn(40_000, 16, 40_000, 400)
    assert roots.of_task(now, 1, 40_000) == policy.ROOTS
    # At the end the remaining roots are submitted as a whole rather than by halves.
    end = Standing(30, 10**6, 100, 2, 2)
    roots = Roots()
    assert roots.of_task(end, 1, 40_000) == 7
    roots.learn(40_000, 16, 160, 0)
    assert roots.of_task(end, 1, 40_000) >= 24


def test_bounds_rise_everywhere_where_time_may_end_them():
    """Raise all bounds as far as one process can serve the reports; a decision needs none."""
    roots, bounded = Roots(), 10**6
    limited = Standing(10**6, bounded, 1000, 2, 2, rises=True)
    assert roots.of_task(limited, 1, 40_000) == policy.WIDE_ROOTS
    assert size_of_task(limited, 1, 40_000) == 40_000 // policy.WIDE_PART
    for other in (
        replace(limited, rises=False),
        replace(limited, decides=True),
        replace(limited, nodes=16, cores=16),
    ):
        assert roots.of_task(other, 1, 40_000) == policy.ROOTS
        assert size_of_task(other, 1, 40_000) > 40_000
        assert policy.open_bytes(other, 1) < policy.open_bytes(limited, 1)
    # Results must arrive before the time is over.
    assert policy.seconds_of_task(1.0, 0) == 1.0
    assert policy.seconds_of_task(1.0, 100) < policy.seconds_of_task(1.0, 2) < 1.0
    assert policy.seconds_of_task(0.01, 2) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(cases(1, 2)))
def test_bounds_on_the_way_are_tighter_where_they_rise_everywhere(monkeypatch, seed):
    graph, means, plain_take = (
        net(inputs=7, width=32, seed=seed).graph,
        [],
        spread.SpreadSearch._take,
    )
    for few in (0, 4):
        lower = []

        def take(search, done, lower=lower):
            boxes = 0 if done.value is None else done.value.bounded
            lower.append(search.lower().sum() * boxes)
            plain_take(search, done)

        with monkeypatch.context() as patch:
            patch.setattr(policy, "FEW", few)
            patch.setattr(spread.SpreadSearch, "_take", take)
            solution = ask(graph, ScriptedPool(Scripted()), time_limit=1e6)
        assert solution.status == "exact"
        means.append(np.sum(lower) / solution.boxes)
    assert means[1] > means[0]


@pytest.mark.slow
def test_bounds_rise_everywhere_while_there_is_room(monkeypatch):
    """Raise all bounds only while the calling process has memory for the returned boxes."""
    wide = []

    def of_task(self, now, cores, budget):
        wide.append(now.is_wide)
        return plain(self, now, cores, budget)

    plain = Roots.of_task
    monkeypatch.setattr(Roots, "of_task", of_task)
    graph = net(inputs=7, width=32).graph
    for most, seen in ((1 << 30, {True}), (0, {False})):
        wide.clear()
        monkeypatch.setattr(frontier, "MOST_BYTES", most)
        assert ask(graph, ScriptedPool(Scripted()), time_limit=1e6).status == "exact"
        assert set(wide) == seen


def test_a_deep_search_leaves_little(monkeypatch):
    """Take the least urgent box first where the kernel is asked to, and prove the same."""
    machine, boxes, question = a_task(5)
    counts = []
    for limit in (0, 1 << 30):
        for name in ("DEEP", "WIDE"):
            monkeypatch.setattr(subtree, name, (4, 2, 32))
        report = subtree.explore(machine, boxes, question, 200, 60.0, [0, 1], 1, limit)
        counts.append(len(report.boxes))
    assert counts[0] < counts[1]
