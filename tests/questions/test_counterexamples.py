"""Several counterexamples: each is valid, all differ, and the remaining set is accounted for."""

import json
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from cases import cases, combine
from outrange.core import And, Atom, InputError, Or
from outrange.core.formula import holds
from outrange.graph import Builder, Slot
from outrange.questions.evidence.check_point import are_contained, contains
from outrange.questions.evidence.evaluate import enclose
from outrange.questions.expressions import resolve, x, y
from outrange.questions.inputs.sets import L2Ball, Mixed, Union, regions
from outrange.questions.violations import counterexamples as module
from outrange.questions.violations.counterexamples import counterexamples
from questions.nets import Net, dense_net, two_in_two_out
from small_graphs import run_exactly


def exactly(graph, at):
    """Return the outputs at a point, as fractions."""
    with mpmath.workprec(400):
        parts = [value._mpf_ for value in run_exactly(graph, at)[graph.output]]
    return [(-1) ** sign * Fraction(int(man)) * Fraction(2) ** exp for sign, man, exp, _ in parts]


def ask(net, unsafe, box, *, where=None, **options):
    """Find counterexamples where `unsafe` holds, and check each of them independently."""
    graph = net.graph
    if not isinstance(unsafe, Atom | And | Or):
        unsafe = resolve(unsafe, graph.inputs, graph.outputs)
    within = regions(graph.inputs, box, where=where)
    answer = counterexamples(net, unsafe, within, text="p", **options)
    points = np.array([e.flat_x for e in answer]).reshape(-1, graph.size)
    for example, at in zip(answer, points, strict=True):
        assert any(contains(region, at) for region in within)
        lo, hi = (end[0] for end in enclose(graph, at[None]))
        verdict = holds(unsafe, np.concatenate([at, lo]), np.concatenate([at, hi]))
        if verdict is None:  # a threshold met exactly: the 400-bit oracle says so
            exact = [*at, *exactly(graph, at)]
            verdict = holds(unsafe, exact, exact)
        assert verdict is True
        if net.predict is not None:
            returned = np.asarray(net.predict(np.float32(at[None]))).ravel()
            np.testing.assert_allclose(example.flat_y, returned)
    gaps = np.abs(points[:, None] - points[None]).max(axis=2)
    assert np.all(gaps[~np.eye(len(points), dtype=bool)] > 0)
    return answer


def points_of(answer):
    return np.array([e.flat_x for e in answer])


def level(net, share, d, rng):
    return float(np.quantile(net.graph.run(rng.uniform(-1, 1, (20_000, d)))[:, 0], share))


@pytest.mark.parametrize(("seed", "act", "d"), combine(range(4), ["relu", "tanh"], [1, 2, 5]))
def test_as_many_as_asked_for(seed, act, d, rng):
    net = dense_net((d, 10, 10, 1), (act, act, None), seed)
    answer = ask(net, Atom(((d, 1.0),), -level(net, 0.3, d, rng)), (-1, 1), count=12)
    assert len(answer) == 12
    assert answer.status == "all"
    assert answer.holds is False
    assert all(e.reproduced for e in answer)


@pytest.mark.parametrize("engine", ["auto", "array"])
def test_none_is_a_proof(engine):
    net = dense_net((3, 8, 1), ("relu", None))
    answer = ask(net, y[0] >= 100, (-1, 1), engine=engine)
    assert (len(answer), answer.status, answer.holds) == (0, "none", True)


def test_they_are_spread_over_the_bad_set():
    net = dense_net((2, 1), (None,), weights=[([[1.0], [0.0]], [0.0])])
    at = points_of(ask(net, y[0] >= 0, (-1, 1), count=16))
    # Sixteen points of the right half: every quarter of it has at least two.
    for low in (-1.0, 0.0):
        for left in (0.0, 0.5):
            inside = (at >= [left, low]) & (at <= [left + 0.5, low + 1.0])
            assert inside.all(axis=1).sum() >= 2


@pytest.mark.parametrize("apart", [0.05, 0.3])
def test_they_are_as_far_apart_as_asked(apart, rng):
    net = dense_net((2, 10, 1), ("relu", None), 1)
    answer = ask(net, Atom(((2, 1.0),), -level(net, 0.4, 2, rng)), (-1, 1), count=300, apart=apart)
    at = points_of(answer)
    gaps = np.abs(at[:, None] - at[None]).max(axis=2) / 2
    assert np.all(gaps[~np.eye(len(at), dtype=bool)] >= apart)
    assert answer.status == "no more"
    assert len(answer) >= 0.1 / apart**2
    # No other bad input is that far from all of them, but for slivers as thin as float64.
    tried = rng.uniform(-1, 1, (20_000, 2))
    bad = tried[net.graph.run(tried)[:, 0] <= level(net, 0.4, 2, rng) - 1e-3]
    nearest = np.abs(bad[:, None] - at[None]).max(axis=2).min(axis=1) / 2
    assert nearest.max() < apart


def test_the_only_one_is_found_once():
    net = dense_net((2, 1), (None,), weights=[([[1.0], [1.0]], [0.0])])
    answer = ask(net, And((Atom(((0, -1.0),), 1.0), Atom(((1, -1.0),), 1.0))), (0, 1), count=5)
    assert points_of(answer).tolist() == [[1, 1]]
    assert answer.status == "no more"


def test_both_ends_of_a_disjunction_are_found(rng):
    net = dense_net((2, 1), (None,), weights=[([[1.0], [0.0]], [0.0])])
    answer = ask(net, (y[0] >= 0.9) | (y[0] <= -0.9), (-1, 1), count=8)
    ends = np.sign(points_of(answer)[:, 0])
    assert set(ends) == {-1.0, 1.0}


def test_needles(rng):
    net = dense_net((2, 12, 12, 1), ("relu", "relu", None), 3)
    answer = ask(net, Atom(((2, 1.0),), -level(net, 2e-4, 2, rng)), (-1, 1), count=10)
    assert len(answer) == 10


def test_sets_of_every_kind():
    net = dense_net((2, 1), (None,), weights=[([[1.0], [1.0]], [0.0])])
    for box in (
        Mixed((0, 3), integers=[0, 1]), L2Ball([1.0, 1.0], 0.9), Union((0, 1), (2, 3)), (0, 2),
    ):  # fmt: skip
        assert len(ask(net, y[0] >= 2, box, count=3)) == 3
    cut = ask(net, y[0] >= 1, (0, 2), where=x[0] >= 1.5, count=6)
    assert np.all(points_of(cut)[:, 0] >= 1.5)


def test_whole_numbers_are_told_one_by_one():
    net = dense_net((2, 1), (None,), weights=[([[1.0], [1.0]], [0.0])])
    answer = ask(net, y[0] >= 4.5, Mixed((0, 3), integers=[0, 1]), count=10)
    assert sorted(map(tuple, points_of(answer).tolist())) == [(2, 3), (3, 2), (3, 3)]
    assert answer.status == "no more"


def test_several_inputs():
    answer = ask(two_in_two_out(), y["sum"] >= 2, {"x": (0, 1), "u": (0, 1)}, count=4)
    assert set(answer[0].x) == {"x", "u"}
    assert answer[0].reproduced is None


def test_many_inputs(rng):
    net = dense_net((40, 16, 1), ("relu", None), 5)
    answer = ask(net, Atom(((40, 1.0),), -level(net, 0.2, 40, rng)), (-1, 1), count=6)
    assert len(answer) == 6


def test_the_same_seed_finds_the_same():
    net = dense_net((2, 8, 1), ("relu", None), 2)
    first, second = (ask(net, y[0] >= 0, (-1, 1), seed=7) for _ in range(2))
    assert points_of(first).tolist() == points_of(second).tolist()


def test_what_float32_does_not_repeat_is_said():
    b = Builder([Slot("x", (1,))])
    graph = b.finish([b.dense(b.input_values()[0], np.ones((1, 1)))], ["y"])
    other = Net(graph, lambda points: np.float32(graph.run(points)) - np.float32(1e-7))
    # Bad by less than the model is off: no input of it is bad for the model.
    answer = ask(other, y[0] >= 1 - 1e-9, (0, 1), count=2, time_limit=cases(0.8, 4.0))
    assert len(answer) >= 1
    assert answer[0].reproduced is False


@pytest.mark.parametrize("calls", [1, 2, 4])
def test_an_interrupt_keeps_what_was_found(calls, monkeypatch):
    net, left, work = dense_net((2, 8, 1), ("relu", None), 2), [calls], module.violations_in

    def interrupt(*arguments):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return work(*arguments)

    monkeypatch.setattr(module, "violations_in", interrupt)
    answer = ask(net, y[0] >= 0, (-1, 1), count=500)
    assert answer.status == "interrupted"
    assert len(answer) >= calls


def test_time_and_effort_end_it(monkeypatch):
    net = dense_net((6, 16, 16, 1), ("relu", "relu", None), 2)
    answer = ask(net, y[0] >= 0, (-1, 1), count=100_000, time_limit=0.5)
    assert answer.status == "time"
    assert len(answer) > 10
    monkeypatch.setattr(module, "MOST_BOXES", 100)
    answer = ask(net, y[0] >= 0, (-1, 1), count=100_000)
    assert answer.status == "effort"


@pytest.mark.parametrize(("options", "word"), [
    ({"count": 0}, "count"), ({"count": 1.5}, "count"), ({"apart": -1}, "apart"),
    ({"apart": np.nan}, "apart"), ({"time_limit": -1}, "time"), ({"seed": -1}, "seed"),
])  # fmt: skip
def test_bad_arguments(options, word):
    with pytest.raises(InputError, match=word):
        ask(dense_net((2, 1), (None,)), y[0] >= 0, (-1, 1), **options)


def test_the_record_renders_everywhere():
    net = dense_net((2, 1), (None,), weights=[([[1.0], [1.0]], [0.0])])
    answer = ask(net, y[0] >= 1, (0, 1), count=3)
    record = json.loads(json.dumps(answer.as_dict(), allow_nan=False))
    assert len(record["examples"]) == 3
    assert repr(answer) == "Counterexamples('p', 3 of 3, as many as requested)"
    assert "3 of 3 inputs that break: p" in str(answer)
    assert "<table" in answer._repr_html_()
    assert list(answer[:2]) == list(answer)[:2]


def test_many_points_lie_where_each_of_them_does(rng):
    ball, box = L2Ball(np.zeros(2), 0.6), (np.full(2, 0.4), np.ones(2))
    within = regions([Slot("x", (2,))], Union(ball, box))
    points = np.concatenate([rng.uniform(-1, 1, (200, 2)), [[0.6, 0.0], [0.4, 0.4], [1.0, 1.0]]])
    answer = are_contained(within, points)
    assert answer.tolist() == [any(contains(region, at) for region in within) for at in points]
    assert 0 < answer.sum() < len(points)
