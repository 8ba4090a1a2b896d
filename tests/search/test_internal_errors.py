"""An internal error of one search is reported, and the bounds of others are kept."""

import importlib
import pkgutil
import warnings
from itertools import combinations

import numpy as np
import pytest

import outrange.search
from laws.test_conflicts import formula_network
from outrange.core import Atom, Box, InputError, InternalErrorWarning
from outrange.graph import Builder, Slot
from outrange.graph.difference import difference
from outrange.graph.rewrites.gates import simplify
from outrange.search.common import task
from outrange.search.common.clause_groups import ClauseGroup
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.failures import SearchFailedError
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.portfolio import DeferredSearch, Portfolio, begin_in_turns
from outrange.search.common.search import Search
from outrange.search.common.solution import Status, Stop
from outrange.search.decide import decide
from outrange.search.input_split.attack_open_boxes import OpenBoxAttack
from outrange.search.kernel.binding import library
from outrange.search.methods.differential.kernel_search import RidgeAttack
from outrange.search.milp.turns import MilpTurns
from outrange.search.solve import solve
from search.test_cone_of_influence import windows
from search.test_differential import Near
from small_graphs import dense_net


def box(graph, half=1.0):
    return Box(np.full(graph.size, -half), np.full(graph.size, half))


def mlp(inputs, curve, outputs=1):
    rng = np.random.default_rng(5)
    b = Builder([Slot("x", (inputs,))])
    (x,) = b.input_values()
    for n, m in ((inputs, 6), (6, 4)):
        x = b.curve(curve, b.dense(x, rng.normal(size=(n, m)) / np.sqrt(n), rng.normal(size=m)))
    return b.finish([b.dense(x, rng.normal(size=(4, outputs)))], ["y"])


def range_of(graph, half=1.0, **options):
    count = graph.value_size(graph.output)
    return solve(graph, box(graph, half), np.eye(count), tol=1e-3, time_limit=60, **options)


def decide_reaching(graph, least, half=1.0):
    """Decide whether the first output can be `least` or below."""
    roots = DomainBoxes.of(box(graph, half))
    clause = (Atom.of({graph.size: 1.0}, -least),)
    return decide(graph, [ClauseGroup([clause], np.zeros(1, bool), roots)], lambda x: True)


def pigeons(count):
    """Decide whether all pigeons find a hole, of which there is one too few."""
    holes = count - 1
    rows = [[float(p == q) for p in range(count) for _ in range(holes)] for q in range(count)]
    for hole in range(holes):
        for pair in combinations(range(count), 2):
            rows.append(
                [-float(h == hole and p in pair) for p in range(count) for h in range(holes)]
            )
    # One more variable, in no clause: with 12 inputs at most, inputs are split.
    graph, unit = formula_network(np.pad(rows, ((0, 0), (0, 1))))
    clause = tuple(Atom.of({graph.size + k: 1.0}, 0.0) for k in range(2))
    return decide(
        graph, [ClauseGroup([clause], np.zeros(1, bool), DomainBoxes.of(unit))], lambda x: True
    )


def copies():
    return simplify(difference(*(dense_net(Near(0, rel), "relu") for rel in (0.0, 0.05))))


def wide(graph):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "WIDE_ENTRIES", 1)
        return range_of(graph, half=1e-3)


def solver(graph):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("outrange.search.milp.turns.PATIENCE", -1.0)
        return range_of(graph)


PROBLEMS = {
    "few inputs": lambda: range_of(mlp(3, "relu")),
    "solver": lambda: solver(mlp(3, "relu")),
    "smooth": lambda: range_of(mlp(3, "tanh"), half=0.1),
    "some inputs": lambda: range_of(mlp(14, "relu"), half=0.2),
    "many inputs": lambda: range_of(mlp(41, "relu"), half=0.1),
    "parts": lambda: range_of(windows(4)),
    "wide": lambda: wide(mlp(14, "relu")),
    "counterparts": lambda: range_of(copies(), half=0.5),
    "conjunction": lambda: pigeons(4),
}

BESIDE = {
    "some inputs": {"BisectionSearch", "BisectionSearch()", "KernelSearch", "CaseSearch()"},
    "counterparts": {"DifferenceSearch()", "RidgeAttack"},
    "conjunction": {"ConflictSearch", "ConflictSearch()"},
    "solver": {"MilpTurns._take_turn"},
}
"""Places where other searches compensate for an error, so that the answer is the same."""


class BrokenError(Exception):
    """Simulated bug."""


def places():
    """Return the places at which to break each search: its start, and every piece of work."""
    for info in pkgutil.walk_packages(outrange.search.__path__, "outrange.search."):
        if "torch" not in info.name and "_kernel" not in info.name:
            importlib.import_module(info.name)
    kinds, waiting = [], [Search]
    while waiting:
        kind = waiting.pop()
        kinds.append(kind)
        waiting += kind.__subclasses__()
    by_name = {kind.__name__: (kind, "advance") for kind in kinds if "advance" in vars(kind)}
    by_name |= {f"{k.__name__}()": (k, "__init__") for k in kinds if "__init__" in vars(k)}
    by_name["RidgeAttack"] = (RidgeAttack, "begin")
    by_name["OpenBoxAttack"] = (OpenBoxAttack, "attempt")
    by_name["MilpTurns._take_turn"] = (MilpTurns, "_take_turn")
    return by_name


PLACES = places()


def unbroken(problem):
    """Return the answer, and the places that its search goes through."""
    reached = set()
    with pytest.MonkeyPatch.context() as patch:
        for name, (kind, method) in PLACES.items():

            def record_and_run(self, *args, name=name, work=getattr(kind, method), **options):
                reached.add(name)
                return work(self, *args, **options)

            patch.setattr(kind, method, record_and_run)
        return PROBLEMS[problem](), sorted(reached)


def broken_at(place, problem):
    """Return the answer and the warnings if a place raises."""

    def broken(*_args, **_options):
        raise BrokenError("on purpose")

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        patch.setattr(*PLACES[place], broken)
        answer = PROBLEMS[problem]()
    return answer, [str(w.message) for w in caught if w.category is InternalErrorWarning]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_an_error_in_a_search_is_reported_and_loses_no_proof(problem):
    whole, reached = unbroken(problem)
    if library() is not None:
        assert set(reached) >= BESIDE.get(problem, set())
    for place in reached:
        answer, caught = broken_at(place, problem)
        assert caught, place
        assert all("BrokenError" in text and "report it" in text for text in caught), place
        # Bounds are valid, and interval bounds always exist; a decision may have none.
        assert (answer.lower <= whole.seen + 1e-12).all() and not np.isnan(answer.lower).any(), (
            place
        )
        assert np.isfinite(answer.lower).all() or problem == "conjunction", place
        assert answer.status in (whole.status, Status.ERROR), place
        if place in BESIDE.get(problem, ()):
            assert answer.status is whole.status, place
            np.testing.assert_allclose(answer.lower, whole.lower, rtol=0.01, atol=1e-9)


class Scripted(Search):
    """Search that proves 1 for an objective of minimum 2; or breaks."""

    methods = ("scripted",)

    def __init__(self, incumbent, error=None):
        self.incumbent, self.error, self.known = incumbent, error, -np.inf

    def lower(self):
        return np.array([self.known])

    def advance(self):
        if self.error is not None:
            raise self.error
        self.known = 1.0
        return False

    def recover(self):
        pass


def incumbent():
    fresh = Incumbent(np.eye(1), 0.0, None, None)
    fresh.start(np.full(1, 2.0), np.zeros((1, 1)), np.full(1, 2.0))
    return fresh


@pytest.mark.parametrize("first", [True, False])
def test_in_turns_the_others_go_on(first):
    shared = incumbent()
    parts = Scripted(shared, BrokenError()), Scripted(shared)
    with pytest.warns(InternalErrorWarning, match="BrokenError in Scripted"):
        search = Portfolio(parts if first else parts[::-1])
        stop = search.run()
    assert stop is Stop.ERROR and search.lower() == [1.0]
    assert search.solution(stop).status is Status.ERROR


def test_a_search_that_fails_as_it_begins_is_left_out():
    shared = incumbent()

    def broken():
        raise BrokenError

    with pytest.warns(InternalErrorWarning):
        assert isinstance(begin_in_turns(broken, lambda: Scripted(shared)), Scripted)
    with pytest.warns(InternalErrorWarning), pytest.raises(SearchFailedError):
        begin_in_turns(broken, broken)
    with pytest.warns(InternalErrorWarning):
        late = Portfolio((Scripted(shared), DeferredSearch(broken, shared)))
        assert late.run() is Stop.ERROR
    assert late.lower() == [1.0]


@pytest.mark.parametrize("error", [InputError("a rule"), InternalErrorWarning("an error")])
def test_errors_for_the_user_pass(error):
    with pytest.raises(type(error)):
        Portfolio((Scripted(incumbent(), error),)).run()


def test_errors_of_the_users_own_functions_pass():
    shared = incumbent()
    shared.progress = lambda now: 1 / 0
    search = Scripted(shared)
    with pytest.raises(ZeroDivisionError):
        search.solution(search.run())
