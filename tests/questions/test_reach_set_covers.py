"""Reach sets without an exact map, due to time, curves, jumps or strict conditions."""

import itertools

import numpy as np
import pytest

from outrange.graph import Builder, Slot
from outrange.questions.expressions import x
from outrange.search.reach_sets import decide_units, regions as module
from questions.nets import Net, dense_net
from questions.reach_sets import ask, check_cover, elbow, net_of


@pytest.mark.slow
def test_time_ends_it_with_a_cover():
    net = dense_net([4, 40, 40, 40, 2], ["relu"] * 3 + [None], 0)
    answer = ask(net, (-1, 1), time_limit=0.3, most_pieces=1_000_000)
    assert answer.status == "time" and not answer.is_exact
    assert answer.cost.seconds < 8
    check_cover(net, answer, 4)


@pytest.mark.parametrize("checks", [0, 1, 2, 5, 12, 30])
def test_time_is_the_reason_wherever_it_ends(checks, monkeypatch):
    """This includes the cuts of the last layer."""
    calls = itertools.count()
    for place in (module, decide_units):
        monkeypatch.setattr(place, "seconds_left", lambda: checks - next(calls) - 0.5)
    net = net_of([2, 12, 1], "relu", 0)
    answer = ask(net, (-1, 1))
    assert answer.status == "time" and not answer.is_exact
    assert answer.reason == "the search ended early"
    check_cover(net, answer, 2)


@pytest.mark.parametrize("most", [1, 7, 30])
def test_pieces_end_it_with_a_cover(most):
    net = net_of([2, 8, 8, 2], "relu", 0)
    answer = ask(net, (-1, 1), most_pieces=most)
    assert answer.status == "pieces" and len(answer.pieces) <= most
    check_cover(net, answer, 2)
    whole = ask(net, (-1, 1))
    assert (answer.lo <= whole.lo + 1e-11).all() and (answer.hi >= whole.hi - 1e-11).all()


def test_an_interrupt_ends_it_with_a_cover(monkeypatch):
    net, calls, plain = net_of([2, 8, 8, 2], "relu", 0), [], module.cut_by_knots

    def interrupt(*given):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(*given)

    monkeypatch.setattr(module, "cut_by_knots", interrupt)
    answer = ask(net, (-1, 1))
    assert answer.status == "interrupted"
    check_cover(net, answer, 2)


def test_curved_networks_are_covered_to_the_tolerance():
    net = dense_net([2, 8, 2], ["tanh", None], 1)
    rough, fine = (ask(net, (-1, 1), tol=tol) for tol in (0.1, 0.01))
    assert rough.status == fine.status == "known" and len(fine.pieces) > len(rough.pieces)
    wide = fine.hi - fine.lo
    assert (fine.error <= 0.0101 * wide).all() and not fine.is_exact
    check_cover(net, fine, 2)
    points = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    # Well inside, it is proved that an output is attained, though no piece is exact.
    assert np.equal(fine.contains(net.graph.run(points)), True).any()
    assert fine.contains(fine.hi + wide) is False
    assert "each piece is known to within 0.01" in str(fine)


def test_what_is_attained_is_not_what_is_covered():
    """A cover that is far too large proves no output attained, except those that are."""
    b = Builder([Slot("x", (2,))])
    (v,) = b.input_values()
    square = b.curve("square", v)
    net = Net(b.finish([square], ["y"]))
    answer = ask(net, (-1, 1), tol=0.5)
    points = np.random.default_rng(0).uniform(-0.6, 1.2, (400, 2))
    is_reached = answer.contains(points)
    attained = ((points >= 0) & (points <= 1)).all(axis=1)
    assert not (np.equal(is_reached, True) & ~attained).any()
    assert not (np.equal(is_reached, False) & attained).any()


def test_what_a_condition_leaves_out_is_not_attained():
    """Boxes of a curved network reach beyond the condition; outputs there are not proved."""
    b = Builder([Slot("x", (2,))])
    (v,) = b.input_values()
    net = Net(b.finish([b.curve("tanh", v)], ["y"]))
    answer = ask(net, (-1, 1), where=x[0] + 2 * x[1] <= 0.3, tol=0.005)
    points = np.random.default_rng(0).uniform(-1, 1, (600, 2))
    is_reached = answer.contains(np.tanh(points))
    inside = points @ [1, 2] <= 0.3
    assert not (np.equal(is_reached, True) & ~inside).any()
    assert not (np.equal(is_reached, False) & inside).any()
    assert np.equal(is_reached, True).any() and np.equal(is_reached, False).any()


@pytest.mark.parametrize("back", [-1.0, -0.2, 0.0, 0.2, 3.0])
def test_only_where_nothing_folds_a_face_is_surely_attained(back):
    """`(x0, x1)` right of 0 and `(back x0, x1)` left of it meet at `y0 = 0`."""
    b = Builder([Slot("x", (2,))])
    (v,) = b.input_values()
    halves = b.curve("relu", b.dense(v, np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]])))
    plain = b.dense(v, np.array([[0.0, 0.0], [0.0, 1.0]]))
    bent = b.dense(halves, np.array([[1.0, 0.0], [-back, 0.0], [0.0, 0.0]]))
    answer = ask(Net(b.finish([b.add(bent, plain)], ["y"])), (-1, 1))
    is_reached = answer.contains([[0.0, 0.3], [-1e-16, 0.3], [1e-16, -0.5]])
    assert np.equal(is_reached, True).all() if back > 0 else not np.equal(is_reached, True).any()


@pytest.mark.slow
@pytest.mark.parametrize("curve", ["heaviside", "sign"])
def test_what_a_jump_leaves_out_is_not_attained(curve):
    """`x + 0.01 step(x)` never takes 0.005, though a map is within 0.005 of it around 0."""
    b = Builder([Slot("x", (2,))])
    (v,) = b.input_values()
    jump = b.dense(b.curve(curve, v), 0.01 * np.eye(2))
    answer = ask(Net(b.finish([b.add(v, jump)], ["y"])), (-1, 1), tol=0.02)
    gap = [[0.005, y] for y in (-0.5, 0.3, 0.7)] if curve == "heaviside" else [[0.004, 0.5]]
    assert not np.equal(answer.contains(gap), True).any()
    assert answer.contains([0.005, 2.0]) is False
    fine = ask(Net(b.finish([b.add(v, jump)], ["y"])), (-1, 1), tol=0.001)
    assert np.equal(fine.contains([[0.5, 0.5], [-0.5, 0.25]]), True).any()  # far from the jump


@pytest.mark.parametrize("size", [1e60, 1e110, 1e160])
def test_what_overflows_may_be_anything(size):
    b = Builder([Slot("x", (2,))])
    (h,) = b.input_values()
    for _ in range(3):
        h = b.curve("relu", b.dense(h, size * np.array([[1.0, -2.0], [-1.0, 1.5]])))
    answer = ask(Net(b.finish([h], ["y"])), (-1, 1))
    assert answer.is_exact == (size < 1e100)
    assert answer.contains([size / 3, 0.0]) is not (False if size > 1e100 else 3)
    assert not np.isnan([answer.lo, answer.hi]).any()
    if not answer.is_exact:
        assert answer.status == "rounding" and "overflow" in str(answer)
        assert (answer.hi == np.inf).any()


@pytest.mark.parametrize(("where", "box"), [
    (x[0] > 1, (-1, 1)),
    ((x[0] > x[1]) & (x[0] <= x[1]), (-1, 1)),
    (x[0] != 0, ([0, -1], [0, 1])),
    ((x[0] + x[1] > 1.5) & (x[0] < 0.5), ([-1, -1], [1, 1])),
    ((x[0] > 0) & (x[1] > 0) & (x[0] + x[1] <= 0), (-1, 1)),
])  # fmt: skip
@pytest.mark.parametrize("curve", ["relu", "tanh"])
def test_strict_conditions_that_leave_nothing(where, box, curve):
    net = dense_net([2, 4, 2], [curve, None], 0)
    answer = ask(net, box, where=where)
    assert not answer.pieces
    assert answer.sentence == "The input set is empty, and so is its image."


def test_strict_conditions_leave_the_closure():
    strict = ask(elbow(), ([-1, 0], [1, 0.25]), where=(x[0] > 0.5) & (x[0] != 1) & (x[1] < 0.125))
    closed = ask(elbow(), ([-1, 0], [1, 0.25]), where=(x[0] >= 0.5) & (x[1] <= 0.125))
    assert strict.is_exact and len(strict.pieces) == len(closed.pieces) == 1
    assert (strict.lo == closed.lo).all() and (strict.hi == closed.hi).all()
    # A single point on the edge of a condition is none; one inside is.
    assert not ask(elbow(), ([0.5, 0], [0.5, 0]), where=x[0] > 0.5).pieces
    assert len(ask(elbow(), ([0.5, 0], [0.5, 0]), where=x[0] > 0.25).pieces) == 1
