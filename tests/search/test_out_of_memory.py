"""If the system runs out of memory, the bounds proved so far are the answer."""

import os
import subprocess
import sys

import numpy as np
import pytest

from outrange.core import Box, OutOfTime
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.portfolio import Portfolio
from outrange.search.common.search import Search, ended_by, pass_on
from outrange.search.common.solution import Status, Stop
from outrange.search.methods.incomplete import search as wide_search
from outrange.search.methods.incomplete.search import WideSearch
from outrange.search.neuron_split.relaxed_net import RelaxedNet
from outrange.search.neuron_split.tree import SplitTree
from outrange.search.solve import solve
from small_graphs import dense_net


PROGRAM = """
import resource
import numpy as np
from outrange.core import Box
from outrange.graph import Builder, Slot
from outrange.search.solve import solve

rng = np.random.default_rng(0)
b = Builder([Slot("x", (900,))])
(value,) = b.input_values()
for n, m in ((900, 900), (900, 900), (900, 2)):
    value = b.dense(value, rng.normal(size=(n, m)) / 30, rng.normal(size=m))
    value = b.curve("relu", value) if m > 2 else value
graph = b.finish([value], ["y"])
box = Box(-np.ones(900), np.ones(900))
solve(graph, Box(np.zeros(900), np.zeros(900)), np.eye(2))  # everything is loaded
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
found = solve(graph, box, np.concatenate([np.eye(2), -np.eye(2)]), time_limit=6)
x = box.uniform(rng, 1000)
lo, hi = found.lower[:2], -found.lower[2:]
y = np.concatenate([graph.run(x[k : k + 50]) for k in range(0, 1000, 50)])
assert np.isfinite([lo, hi]).all() and (lo <= y).all() and (y <= hi).all(), (lo, hi)
print(found.status)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory as Linux has them")
def test_under_a_limit_bounds_are_looser_and_hold():
    # BLAS ends a process that has no memory for its buffers: tens of MiB for each thread.
    program = PROGRAM.replace("ROOM", str(256 << 20))
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] in ("memory", "time")


def _short(*_args, **_options):
    raise MemoryError


def _net():
    return dense_net(np.random.default_rng(0), "relu")


def test_passes_go_on_where_forms_do_not_fit(monkeypatch):
    graph, box = _net(), Box(-0.1 * np.ones(3), 0.1 * np.ones(3))
    monkeypatch.setattr(wide_search, "forward", _short)
    monkeypatch.setattr(WideSearch, "_forms_pay", lambda self: True)
    search = WideSearch(graph, box, Incumbent(np.eye(2), 1e-3, 0.5, None))
    with np.errstate(all="ignore"):
        assert search.run() in (Stop.TIME, Stop.FINISHED)
    y = graph.run(box.uniform(np.random.default_rng(1), 1000))
    assert np.isfinite(search.lower()).all() and (search.lower() <= y).all()


@pytest.mark.parametrize("error", [MemoryError, OutOfTime, KeyboardInterrupt, SystemError])
@pytest.mark.parametrize("work", ["sharpen", "step"])
def test_a_tree_keeps_its_sub_problems_whatever_ends_its_work(work, error, monkeypatch):
    def fail(*_args):
        raise error

    tree = SplitTree(RelaxedNet.of(_net(), Box(-np.ones(3), np.ones(3))), 0, np.inf)
    before = len(tree), tree.lower
    assert before[0] == 1 and np.isfinite(before[1])
    monkeypatch.setattr(SplitTree, "_bound_and_push", fail)
    with pytest.raises(error), np.errstate(all="ignore"):
        getattr(tree, work)(np.inf)
    assert (len(tree), tree.lower) == before


class Scripted(Search):
    """Search that proves `least` of one objective in one step, or runs out of memory."""

    def __init__(self, incumbent, least, fits):
        self.incumbent, self.least, self.fits, self.known = incumbent, least, fits, -np.inf
        self.methods = ("scripted",)

    def lower(self):
        return np.array([self.known])

    def advance(self):
        if not self.fits:
            raise MemoryError
        self.known = self.least
        return False

    def recover(self):
        pass


@pytest.mark.parametrize("fits", [True, False])
def test_portfolio_where_one_search_needs_too_much_memory(fits):
    incumbent = Incumbent(np.eye(1), 0.0, None, None)
    incumbent.start(np.zeros(1), np.zeros((1, 1)), np.zeros(1))
    parts = Scripted(incumbent, -9.0, False), Scripted(incumbent, -1.0, fits)
    stop = Portfolio(parts).run()
    assert stop is Stop.MEMORY
    assert incumbent.known[0] == (-1.0 if fits else -np.inf)


def test_before_any_search_there_are_intervals(monkeypatch):
    monkeypatch.setattr("outrange.search.solve.select_search", _short)
    graph, box = _net(), Box(-np.ones(3), np.ones(3))
    solution = solve(graph, box, np.eye(2))
    assert solution.status is Status.MEMORY
    y = graph.run(box.uniform(np.random.default_rng(1), 1000))
    assert (solution.lower <= y).all() and np.isfinite(solution.lower).all()


def test_an_error_of_a_nested_search_ends_the_outer_one():
    for stop, error in ((Stop.INTERRUPTED, KeyboardInterrupt), (Stop.MEMORY, MemoryError)):
        with pytest.raises(error):
            pass_on(stop)
    pass_on(Stop.TIME)
    pass_on(None)
    assert ended_by(MemoryError()) is Status.MEMORY
    assert ended_by(OutOfTime()) is Status.TIME
    assert ended_by(KeyboardInterrupt()) is Status.INTERRUPTED
