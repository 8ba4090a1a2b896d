"""Workers of several cores: one task for all of them, sizes by their speed, nothing lost."""

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
from outrange.executors.crew import Crew, Done
from outrange.executors.nodes import WorkerNode
from outrange.executors.parcel import Parcel, packed
from outrange.executors.pool import ExecutorPool, pool_of
from outrange.executors.shelf import call
from outrange.search.input_split import frontier
from outrange.search.spread import policy, search as spread, subtree
from outrange.search.spread.policy import Roots, Standing, size_of_task


pytestmark = pytest.mark.wallclock


class Cluster(ScriptedPool):
    """Nodes with names, as those of Dask."""

    def __init__(self, *sizes, script=()):
        super().__init__(Scripted(*script))
        self._nodes = [WorkerNode(count, f"node {k}") for k, count in enumerate(sizes)]
        self.told = []

    @property
    def nodes(self):
        return self._nodes

    def submit(self, name, work, *arguments, node=None):
        self.told.append((node, arguments[-1]))
        return super().submit(name, work, *arguments, node=node)


def have(kept):
    return cores()


def test_a_task_has_the_cores_of_its_node(monkeypatch):
    monkeypatch.setattr("outrange.executors.cores.os.sched_getaffinity", lambda _: range(8))
    crew, parcel = Crew(Cluster(4, 1)), Parcel.of(None)
    for k, node in enumerate([*crew.pool.nodes, None]):
        crew.give(k, "have", parcel, have, node=node)
    found = []
    while len(crew):
        found += crew.wait(1.0)
    assert {done.ticket: done.value for done in found} == {0: 4, 1: 1, 2: 1}
    with on_cores(16):
        assert cores() == 8


def test_nodes_get_tasks_in_turns():
    pool = Cluster(4, 1, script=["hang"] * 4)
    crew, parcel = Crew(pool), Parcel.of(None)
    for ahead, expected in ((0, "node 0"), (0, "node 1"), (0, None), (1, "node 0"), (1, "node 1")):
        node = crew.next_node(ahead)
        assert (node and node.name) == expected
        if node is not None:
            crew.give(len(pool.told), "have", parcel, have, node=node)
    # One that has been heard of, and is still to be taken, counts as if it had not ended.
    crew.end()
    first, second = pool.nodes
    assert crew.next_node(0, [Done(0, node=first)]) == second
    assert crew.next_node(0, [Done(0, node=first), Done(1, node=second)]) is None


def test_a_lost_task_frees_its_node():
    pool = Cluster(4, script=["lose", "hang"])
    crew, parcel = Crew(pool), Parcel.of(None)
    crew.give(0, "have", parcel, have, node=pool.nodes[0])
    assert crew.next_node(0) is None
    (done,) = crew.wait(1.0)
    assert done.lost and done.node == pool.nodes[0] == crew.next_node(0)
    crew.give(1, "have", parcel, have, node=pool.nodes[0], limit=0.01)
    (done,) = crew.wait(1.0)
    assert done.lost and crew.next_node(0) == done.node


def beside(kept):
    """How many tasks there are in this process now."""
    count = kept.once("count", lambda _: Counter())
    count["now"] += 1
    seen = count["now"]
    time.sleep(0.02)
    count["now"] -= 1
    return seen


def test_tasks_of_whole_nodes_follow_each_other():
    """A worker of four threads may be given two of them: each is to have all cores."""
    task = (outrange.__version__, "here", "whole nodes", packed((beside, ())), b"")
    with ThreadPoolExecutor(4) as pool:
        for count, most in ((4, 1), (1, 4)):
            found = [pool.submit(call, *task, count) for _ in range(4)]
            assert max(one.result() for one in found) == most


@pytest.mark.parametrize("curve", ["relu", "tanh"])
def test_a_tree_on_nodes_of_unequal_size(curve):
    graph = net(curve, 5 if curve == "relu" else 2).graph
    pool = Cluster(4, 1, 2)
    found = ask(graph, pool)
    same(found, ask(graph))
    assert {node for node, _ in pool.told} == {"node 0", "node 1", "node 2"}
    assert {(f"node {k}", count) for k, count in enumerate((4, 1, 2))} == set(pool.told)


def a_task(seed):
    """What the first task with many boxes is given."""
    kept, graph = [], net(inputs=6, width=24, seed=seed).graph
    explore = subtree.explore

    def watched(*task):
        if len(task[1]) >= 8 and not kept:
            kept.append(task[:3])
        return explore(*task)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subtree, "explore", watched)
        ask(graph, ExecutorPool(Scripted(workers=1)))
    return kept[0]


@pytest.mark.parametrize("seed", range(cases(2, 30)))
def test_no_box_is_lost_between_calls_that_overlap(seed, monkeypatch):
    """A task that ends while a call of the kernel is under way takes up what that leaves."""
    machine, boxes, known = a_task(seed)
    monkeypatch.setattr("outrange.executors.cores.os.sched_getaffinity", lambda _: range(4))
    ends, drain = [], subtree.StepKernelSearch.drain

    def watched(search):
        ends.append(search.frontier.lent)
        drain(search)
        assert not search.frontier.lent

    monkeypatch.setattr(subtree.StepKernelSearch, "drain", watched)
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(boxes), 2000)
    at = rng.uniform(boxes.lo[rows], boxes.hi[rows])
    values = machine.kernel.evaluate(at)
    # With this mark a box is closed where nothing is below it, or its least value is known.
    mark = np.quantile(values, 0.5, axis=0)
    asked = replace(known, target=mark, goal=np.full(mark.shape, -np.inf))
    below = (values < mark) & (boxes.open[rows] != 0)
    for budget in (8, 16, 24, 32):
        report = subtree.explore(machine, boxes, asked, budget, 60.0, [seed], 4)
        left = report.boxes
        within = ((left.lo <= at[:, None]) & (at[:, None] <= left.hi)).all(axis=2)
        covered = np.einsum("pb,bm->pm", within, left.open) > 0
        assert (covered | (values >= report.closed - 1e-9))[below].all()
    assert any(ends)


def test_any_executor_may_have_nodes():
    graph = net().graph
    with ThreadPoolExecutor(1) as one:
        nodes = Nodes(one, cores=4)
        pool = pool_of(nodes)
        assert pool.nodes == (WorkerNode(4),) and pool.cores == 4
        same(ask(graph, pool), ask(graph))
        for executor, count in ((one, 0), (one, True), (one, 2.0), (3, 2)):
            with pytest.raises(InputError):
                Nodes(executor, count)
    assert pool_of(Scripted(workers=3)).nodes == (WorkerNode(1),) * 3


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
    # The end: what is left is given as a whole rather than by halves.
    end = Standing(30, 10**6, 100, 2, 2)
    roots = Roots()
    assert roots.of_task(end, 1, 40_000) == 7
    roots.learn(40_000, 16, 160, 0)
    assert roots.of_task(end, 1, 40_000) >= 24


def test_bounds_rise_everywhere_where_time_may_end_them():
    """As far as one process can serve all reports; a decision has no bounds on the way."""
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
    # What is found at the end is to be heard before it.
    assert policy.seconds_of_task(1.0, 0) == 1.0
    assert policy.seconds_of_task(1.0, 100) < policy.seconds_of_task(1.0, 2) < 1.0
    assert policy.seconds_of_task(0.01, 2) == 0.0


@pytest.mark.parametrize("seed", range(cases(1, 2)))
def test_bounds_on_the_way_are_tighter_where_they_rise_everywhere(monkeypatch, seed):
    graph, means, kept = net(inputs=7, width=32, seed=seed).graph, [], spread.SpreadSearch._take
    for few in (0, 4):
        lower = []

        def take(search, done, lower=lower):
            boxes = 0 if done.value is None else done.value.bounded
            lower.append(search.lower().sum() * boxes)
            kept(search, done)

        with monkeypatch.context() as patch:
            patch.setattr(policy, "FEW", few)
            patch.setattr(spread.SpreadSearch, "_take", take)
            found = ask(graph, ScriptedPool(Scripted()), time_limit=1e6)
        assert found.status == "exact"
        means.append(np.sum(lower) / found.boxes)
    assert means[1] > means[0]


def test_bounds_rise_everywhere_while_there_is_room(monkeypatch):
    """What comes back is kept by the process that asks."""
    wide = []

    def of_task(self, now, cores, budget):
        wide.append(now.is_wide)
        return kept(self, now, cores, budget)

    kept = Roots.of_task
    monkeypatch.setattr(Roots, "of_task", of_task)
    graph = net(inputs=7, width=32).graph
    for most, seen in ((1 << 30, {True}), (0, {False})):
        wide.clear()
        monkeypatch.setattr(frontier, "MOST_BYTES", most)
        assert ask(graph, ScriptedPool(Scripted()), time_limit=1e6).status == "exact"
        assert set(wide) == seen


def test_a_deep_search_leaves_little(monkeypatch):
    """The kernel takes the least urgent box first where asked to, and proves the same."""
    machine, boxes, known = a_task(5)
    counts = []
    for limit in (0, 1 << 30):
        for name in ("DEEP", "WIDE"):
            monkeypatch.setattr(subtree, name, (4, 2, 32))
        report = subtree.explore(machine, boxes, known, 200, 60.0, [0, 1], 1, limit)
        counts.append(len(report.boxes))
    assert counts[0] < counts[1]
