"""A search that is stopped at any point still publishes valid bounds."""

import numpy as np
import pytest

from outrange.core import Box
from outrange.graph import Builder, Slot
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.solution import Stop
from outrange.search.engines.array_engine import ArrayEngine
from outrange.search.input_split import array_search as engine_search, kernel_search
from outrange.search.input_split.array_search import ArraySearch
from outrange.search.kernel.binding import library
from outrange.search.solve import solve


pytestmark = pytest.mark.wallclock


def _graph():
    rng = np.random.default_rng(3)
    b = Builder([Slot("x", (4,))])
    (value,) = b.input_values()
    for n, m in ((4, 20), (20, 20)):
        value = b.curve("relu", b.dense(value, rng.normal(size=(n, m)), rng.normal(size=m)))
    return b.finish([b.dense(value, rng.normal(size=(20, 2)))], ["y"])


PLACES = {
    "before": (kernel_search.KernelSearch, "_call"),
    "between": (kernel_search.KernelCall, "run"),
    "after": (kernel_search.KernelSearch, "_store"),
    "array": (engine_search, "_split_boxes"),
}


@pytest.fixture
def ahead(monkeypatch):
    """Start calls of the kernel before the last one has ended, however short they are."""
    monkeypatch.setattr(kernel_search, "LONG", 1)
    monkeypatch.setattr(kernel_search, "AHEAD", 1)
    monkeypatch.setattr(kernel_search, "MOST_TASKS", 8)
    monkeypatch.setattr(kernel_search, "threads", lambda: 2)


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "interrupted"), (MemoryError, "memory")]
)
@pytest.mark.parametrize("calls", [1, 2, 4, 9])
@pytest.mark.parametrize("place", PLACES)
def test_boxes_in_hand_at_an_interrupt_still_count(place, calls, error, status, ahead, monkeypatch):
    engine = "array" if place == "array" else "auto"
    if engine == "auto" and library() is None:
        pytest.skip("needs the compiled kernel")
    module, name = PLACES[place]
    graph, left, work = _graph(), [calls], getattr(module, name)
    box, rows = Box(-np.ones(4), np.ones(4)), np.eye(2)
    whole = solve(graph, box, rows, tol=0.01, engine=engine)

    def fail_once(*arguments):
        left[0] -= 1
        if not left[0]:
            raise error
        return work(*arguments)

    monkeypatch.setattr(module, name, fail_once)
    solution = solve(graph, box, rows, tol=1e-9, engine=engine)
    assert solution.status == status
    assert (solution.lower <= whole.seen).all()


@pytest.mark.skipif(library() is None, reason="needs the compiled kernel")
def test_calls_begun_ahead_hold_at_every_step(ahead, monkeypatch):
    graph, rows = _graph(), np.concatenate([np.eye(2), -np.eye(2)])
    box, lent, bounds = Box(-np.ones(4), np.ones(4)), [], []
    advance = kernel_search.KernelSearch.advance

    def record_advance(self):
        going = advance(self)
        lent.append(self.frontier.lent)
        bounds.append(self.lower())
        return going

    with monkeypatch.context() as patch:
        patch.setattr(kernel_search.KernelSearch, "advance", record_advance)
        solution = solve(graph, box, rows, tol=1e-3)
    alone = solve(graph, box, rows, tol=1e-3, engine="array")
    assert max(lent) == 1 and lent[-1] == 0 and solution.status == alone.status == "exact"
    assert all((lower <= alone.seen + 1e-12).all() for lower in bounds)
    np.testing.assert_allclose(solution.lower, alone.lower, atol=4e-3 * np.abs(alone.seen).max())


def test_boxes_lost_at_an_interrupt_still_count_after_resuming(monkeypatch):
    graph, rows, calls = _graph(), np.eye(2), [0]
    box, split = Box(-np.ones(4), np.ones(4)), engine_search._split_boxes

    def interrupt_third(*arguments):
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt
        return split(*arguments)

    monkeypatch.setattr(engine_search, "_split_boxes", interrupt_third)
    state = Incumbent(rows, 0.05, None, None)
    machine = ArrayEngine(graph, rows, np.zeros(2), box)
    search = ArraySearch(machine, DomainBoxes.of(box), state, seed=0)
    with np.errstate(all="ignore"):
        assert search.run() is Stop.INTERRUPTED
        before = search.lower()
        assert (before < state.best - state.tolerance()).any()
        assert search.run() is Stop.FINISHED
    whole = solve(graph, box, rows, tol=0.01)
    assert (search.lower() <= whole.seen).all()
    # The boxes that were being split at the interrupt are lost: no better bound can follow.
    assert (search.lower() == before).any()
