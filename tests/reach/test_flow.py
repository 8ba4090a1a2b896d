"""Flows that fail report time and reason; questions are decided by splitting the initial set."""

from fractions import Fraction

import numpy as np
import pytest

from outrange.core import Clock, InputError
from outrange.reach.flow import AllOf, AnyOf, Rows, Window, cover, decide_by_splits, flow_pipe
from reach.plants import controller, layers, plant


H = Fraction(1, 10)
INFINITY = np.array([np.inf])


def vanishing(m, x, u, t, w):
    """Return `x' = 1 / x` with x falling, which reaches 0."""
    return [-1.0 / x[0], x[0]]


def test_a_division_by_zero_is_a_failure_with_time_and_state():
    pipe = flow_pipe(plant(vanishing, 2), None, [[(0.3, 0.0), (0.31, 0.0)]], H, 5)
    (failure,) = pipe.failures
    # x^2 = 0.09 - 2 t: the end is at 0.045.
    assert failure.cause == "domain" and "zero" in failure.text
    assert Fraction(1, 40) < failure.time < Fraction(9, 200) == Fraction(45, 1000)
    assert 0 < failure.lo[0] < failure.hi[0] < 0.31
    assert pipe.reached == [failure.time] and not pipe.complete
    assert max(s.end for s in pipe.segments) == failure.time


def bursting(m, x, u, t, w):
    """Return `x' = x^2`, which is infinite at 1 / x0."""
    return [x[0] * x[0]]


def test_a_burst_is_a_failure_and_other_boxes_go_on():
    boxes = ([[1.9], [0.1]], [[2.0], [0.2]])
    pipe = flow_pipe(plant(bursting, 1), None, tuple(map(np.array, boxes)), H, 6)
    (failure,) = pipe.failures
    assert failure.box == 0 and failure.cause == "step"
    assert Fraction(2, 5) < failure.time < Fraction(1, 2)
    assert pipe.reached[1] == Fraction(3, 5)
    assert pipe.instants[-1].boxes.tolist() == [1]
    assert pipe.instants[-1].lo[0, 0] <= 0.1 / (1 - 0.06)


def test_time_runs_out():
    graph = plant(bursting, 1)
    pipe = flow_pipe(graph, None, [[(0.1,), (0.2,)]], H, 10, deadline=0.0)
    assert [failure.cause for failure in pipe.failures] == ["time"]
    assert pipe.reached == [0]


def decay(m, x, u, t, w):
    """Return two states that rotate and fall, driven by a controller."""
    return [x[1] - 0.5 * x[0], -x[0] + u[0] * x[1]]


def _loop():
    rng = np.random.default_rng(5)
    return plant(decay, 2, 1), controller(layers(rng, 2, 1, "relu"))


def test_the_result_for_the_whole_is_kept_when_time_runs_out_for_its_parts(monkeypatch):
    run, runs = cover._CoverSearch.run, []

    def twice(search, pieces):
        pipes = run(search, pieces)
        runs.append(pieces)
        if len(runs) == 2:
            search.clock = Clock(0.0)
        return pipes

    monkeypatch.setattr(cover._CoverSearch, "run", twice)
    monkeypatch.setattr(cover, "AT_ONCE", 1)
    graph = plant(lambda m, x, u, t, w: [-1.0 / x[0]], 1)
    result = decide_by_splits(graph, None, [[(0.3,), (0.31,)]], H, 5, None, 60)
    # One part, and the whole instead of the others.
    assert len(runs) == 2 and not result.complete and result.share == 0.0
    assert result.lo.min() == 0.3 and result.hi.max() == 0.31 and len(result.lo) == 2
    assert result.undecided is not None and result.undecided > Fraction(1, 40)


@pytest.mark.slow
def test_splits_decide_what_one_box_cannot():
    graph, network = _loop()
    lo, hi = np.array([[0.5, -0.5]]), np.array([[1.5, 0.5]])
    whole = flow_pipe(graph, network, (lo, hi), H, 10)
    row = np.array([[1.0, 1.0]])
    rough = whole.range(row, whole.segments)[1][0, 0]
    fine = decide_by_splits(
        graph, network, (lo, hi), H, 10, None, 60, keep=True, most=40, tighten=lambda _: 3.0
    )
    sharp = fine.pipe.range(row, fine.pipe.segments)[1].max()
    assert fine.complete and sharp < rough
    limit = 0.1 * rough + 0.9 * sharp
    rows = Rows(row, -INFINITY, np.array([limit]), Window(Fraction(0), Fraction(1)))
    cover = decide_by_splits(graph, network, (lo, hi), H, 10, rows, 60)
    assert cover.complete and cover.share == 1.0 and cover.undecided is None and len(cover.lo) > 1
    # The pieces partition the initial set.
    assert np.isclose((cover.hi - cover.lo).prod(axis=1).sum(), 1.0)
    assert cover.lo.min(axis=0).tolist() == [0.5, -0.5]


@pytest.mark.slow
def test_proved_pieces_are_not_run_again(monkeypatch):
    graph, network = _loop()
    lo, hi = np.array([[0.5, -0.5]]), np.array([[1.5, 0.5]])
    row = np.array([[1.0, 0.0]])
    rows = Rows(row, -INFINITY, np.array([1.2]), Window(Fraction(0), Fraction(1)))
    first = decide_by_splits(graph, network, (lo, hi), H, 10, rows, 60, most=20)
    assert 0 < first.share < 1
    ran, run = [], cover._CoverSearch.run
    monkeypatch.setattr(
        cover._CoverSearch, "run", lambda *arguments: (ran.extend(arguments[1]), run(*arguments))[1]
    )
    second = decide_by_splits(graph, network, (lo, hi), H, 10, rows, 60, most=20, since=first)
    assert second.share >= first.share and not second.complete
    # Only open pieces run again, and the pieces still partition the set.
    assert sum(piece.share for piece in ran if piece.origin in first.leaves) == pytest.approx(
        1 - first.share
    )
    assert np.isclose((second.hi - second.lo).prod(axis=1).sum(), 1.0)


@pytest.mark.slow
def test_a_false_claim_stays_open_with_its_first_time():
    graph, network = _loop()
    lo, hi = np.array([[0.5, -0.5]]), np.array([[1.5, 0.5]])
    rows = Rows(
        np.array([[1.0, 0.0]]), -INFINITY, np.array([1.2]), Window(Fraction(0), Fraction(1))
    )
    cover = decide_by_splits(graph, network, (lo, hi), H, 10, rows, 60, most=60)
    assert not cover.complete and 0.4 < cover.share <= 0.7 + 1e-9
    assert cover.undecided == 0 and cover.failures[0].cause == "open"
    assert (cover.hi[~cover.proved, 0] > 1.2).all()


def test_rows_count_at_their_times_alone():
    graph, network = _loop()
    lo, hi = np.array([[0.9, -0.1]]), np.array([[1.0, 0.0]])
    row, end = np.array([[1.0, 0.0]]), Fraction(1)
    last = flow_pipe(graph, network, (lo, hi), H, 10).instants[-1]
    limit = np.array([0.5 * (last.hi[0, 0] + 0.9)])
    assert limit[0] < 0.9
    late = Rows(row, -INFINITY, limit, Window(end, end, H))
    assert decide_by_splits(graph, network, (lo, hi), H, 10, late, 60).complete
    early = Rows(row, -INFINITY, limit, Window(Fraction(0), end))
    assert not decide_by_splits(graph, network, (lo, hi), H, 10, early, 60, most=4).complete


def test_forms_are_narrower_than_hulls():
    graph, network = _loop()
    lo, hi = np.array([[0.9, -0.1]]), np.array([[1.0, 0.0]])
    pipe = flow_pipe(graph, network, (lo, hi), H, 10)
    last = pipe.instants[-1]
    row = np.array([[1.0, -1.0], [1.0, 1.0]])
    least, most = last.range(row)
    width = (most - least)[0]
    assert width.min() < 0.9 * (last.hi - last.lo)[0].sum()
    square = plant(lambda m, x, u, t, w: [x[0] * x[0] - x[1]], 2)
    low, high = last.measure(square)
    assert low[0, 0] < high[0, 0]
    sums = pipe.segments[0].measure(plant(lambda m, x, u, t, w: [x[0] + t], 2, clock=True))
    assert sums[0][0, 0] <= 0.9 and sums[1][0, 0] >= pipe.instants[1].lo[0, 0] + 0.1
    light = flow_pipe(graph, network, (lo, hi), H, 2, keep=False)
    with pytest.raises(ValueError, match="keep"):
        light.segments[0].range(row)


@pytest.mark.parametrize(
    ("boxes", "dt", "words"),
    [
        ([[(0.0,), (1.0,)]], H, "2 states"),
        ([[(0.0, 1.0), (1.0, 0.0)]], H, "lo <= hi"),
        ([[(0.0, 0.0), (np.nan, 1.0)]], H, "finite"),
        ([(0.0, 1.0)], H, "pairs"),
        ([[(0.0, 0.0), (1.0, 1.0)]], Fraction(0), "period"),
    ],
)
def test_wrong_inputs(boxes, dt, words):
    graph, network = _loop()
    with pytest.raises(InputError, match=words):
        flow_pipe(graph, network, boxes, dt, 2)


def test_a_controller_of_other_states():
    graph, _ = _loop()
    other = controller(layers(np.random.default_rng(0), 3, 1, "relu"))
    with pytest.raises(InputError, match="observe"):
        flow_pipe(graph, other, [[(0.0, 0.0), (1.0, 1.0)]], H, 2)


def test_a_point_has_no_initial_variables():
    graph, network = _loop()
    pipe = flow_pipe(graph, network, [[(0.5, 0.5), (0.5, 0.5)]], H, 5)
    last = pipe.instants[-1]
    assert pipe.complete and (last.hi - last.lo <= 1e-6).all()


def test_an_instant_that_is_no_end_of_a_period_is_asked_about_in_its_segment():
    graph, network = _loop()
    lo, hi = np.array([[0.9, -0.1]]), np.array([[1.0, 0.0]])
    limit = np.array([0.0])
    for time in (Fraction(7, 20), Fraction(1, 3), Fraction(3, 10)):
        for period in (H, None):
            rows = Rows(np.eye(2)[:1], -INFINITY, limit, Window(time, time, period))
            cover = decide_by_splits(graph, network, (lo, hi), H, 10, rows, 60, most=2)
            assert not cover.complete and cover.undecided <= time


@pytest.mark.slow
def test_any_of_several_parts_may_hold():
    graph, network = _loop()
    lo, hi = np.array([[0.9, -0.1]]), np.array([[1.0, 0.0]])
    always = Window(Fraction(0), Fraction(1))
    right = Rows(np.eye(2)[:1], np.array([0.6]), INFINITY, always)
    below = Rows(np.eye(2)[1:], -INFINITY, np.array([-0.2]), always)
    high = Rows(np.eye(2)[1:], np.array([1.0]), INFINITY, always)
    for parts, holds in (([right, below], True), ([right, high], False), ([right], False)):
        cover = decide_by_splits(graph, network, (lo, hi), H, 10, AnyOf(parts), 60, most=8)
        assert cover.complete == holds
    both = AllOf([AnyOf([right, below]), right])
    assert not decide_by_splits(graph, network, (lo, hi), H, 10, both, 60, most=8).complete


def turning(m, x, u, t, w):
    """Return a rotation, whose solution turns around a corner."""
    return [-x[1], x[0]]


def test_a_corner_is_turned_within_a_segment():
    # One segment rotates (1, 0) by a quarter turn; the box ends at (0.65, 0.65).
    graph, period = plant(turning, 2), Fraction(8, 5)
    always = Window(Fraction(0), period)
    parts = [Rows(np.eye(2)[i : i + 1], np.array([0.65]), INFINITY, always) for i in (0, 1)]
    start = [[(1.0, 0.0), (1.01, 0.0)]]
    each = [decide_by_splits(graph, None, start, period, 1, p, 60, most=4) for p in parts]
    assert not each[0].complete and not each[1].complete
    assert decide_by_splits(graph, None, start, period, 1, AnyOf(parts), 60, most=4).complete
    far = [Rows(np.eye(2)[i : i + 1], np.array([0.75]), INFINITY, always) for i in (0, 1)]
    assert not decide_by_splits(graph, None, start, period, 1, AnyOf(far), 60, most=4).complete
