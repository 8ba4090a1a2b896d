"""Tests the array engine against samples, exact arithmetic and itself."""

import mpmath
import numpy as np
import pytest

from cases import combine, function_name
from outrange.core import Box, InputError
from outrange.graph import Builder, Slot
from outrange.ops import CURVES
from outrange.search.engines.array_engine import ArrayEngine
from outrange.search.methods.table import SECOND_ORDER
from small_graphs import NETS, PIECEWISE, dense_net, normal, run_exactly, wild_graph


ACTS = [name for name in ("relu", "tanh", "hard_sigmoid", "gelu", "sin") if name in CURVES]


def engine(graph, rng, radius=1.0, objectives=3, **options):
    outputs = graph.value_size(graph.output)
    rows = rng.standard_normal((objectives, outputs))
    box = Box(np.full(graph.size, -radius), np.full(graph.size, radius))
    return ArrayEngine(
        graph, rows, rng.standard_normal(objectives), box, refine=SECOND_ORDER.hook, **options
    )


def part_of(box, rng, count, scale):
    width = scale * (box.hi - box.lo) * rng.uniform(0, 1, (count, box.size))
    lo = box.lo + rng.uniform(0, 1, width.shape) * (box.hi - box.lo - width)
    return lo, lo + width


def ask(tested, lo, hi, status=None, wanted=None, cutoff=np.inf):
    if status is None:
        status = np.zeros((len(lo), tested.units), np.int8)
    if wanted is None:
        wanted = np.ones((len(lo), tested.objectives), bool)
    return tested.bound(lo, hi, status, wanted, np.full(tested.objectives, cutoff))


def samples(rng, lo, hi, count=200):
    inner = rng.uniform(lo, hi, (count, *lo.shape))
    return np.concatenate([inner, np.where(rng.random((count, *lo.shape)) < 0.5, lo, hi)])


@pytest.mark.parametrize(
    ("net", "act", "scale"), combine(NETS, ACTS, [0.05, 0.7], rounds=2), ids=function_name
)
def test_bounds_and_forms_lie_below_the_objectives(net, act, scale):
    rng = np.random.default_rng(0)
    tested = engine(net(rng, act), rng)
    lo, hi = part_of(tested.box, rng, 70, scale)
    result = ask(tested, lo, hi)
    x = samples(rng, lo, hi)
    seen = tested.evaluate(x.reshape(-1, tested.inputs)).reshape(*x.shape[:2], -1)
    slack = 1e-12 * (1 + np.abs(seen))
    assert (result.least <= seen + slack).all()
    forms = np.einsum("bmd,sbd->sbm", result.slopes, x) + result.offset
    assert (forms <= seen + slack).all()
    corner = np.where(result.slopes > 0, lo[:, None], hi[:, None])
    at_corner = (result.slopes * corner).sum(-1) + result.offset
    np.testing.assert_allclose(at_corner, result.least, atol=1e-9)
    assert np.isfinite(result.scores).all() and (result.scores >= 0).all()


@pytest.mark.parametrize(("net", "act"), combine(NETS, ACTS, rounds=2), ids=function_name)
def test_sub_boxes_inherit_what_is_settled(net, act):
    rng = np.random.default_rng(1)
    tested = engine(net(rng, act), rng)
    lo, hi = part_of(tested.box, rng, 40, 0.5)
    first = ask(tested, lo, hi)
    inner_lo, inner_hi = lo + 0.3 * (hi - lo), hi - 0.3 * (hi - lo)
    second = ask(tested, inner_lo, inner_hi, first.status)
    decided = first.status != 0
    assert (second.status[decided] == first.status[decided]).all()
    assert (second.undecided <= first.undecided).all()
    x = samples(rng, inner_lo, inner_hi)
    seen = tested.evaluate(x.reshape(-1, tested.inputs)).reshape(*x.shape[:2], -1)
    assert (second.least <= seen + 1e-12 * (1 + np.abs(seen))).all()


def test_a_box_without_undecided_units_is_bounded_exactly():
    rng = np.random.default_rng(2)
    tested = engine(dense_net(rng, "relu"), rng)
    lo, hi = part_of(tested.box, rng, 300, 0.02)
    result = ask(tested, lo, hi)
    (done,) = np.nonzero(result.undecided == 0)
    assert done.size > 20
    corner = np.where(result.slopes > 0, lo[:, None], hi[:, None])[done]
    seen = tested.evaluate(corner.reshape(-1, tested.inputs)).reshape(done.size, 3, 3)
    np.testing.assert_allclose(np.einsum("bkk->bk", seen), result.least[done], atol=1e-12)


@pytest.mark.parametrize("act", [name for name in ACTS if name != "hard_sigmoid"])
def test_ascent_only_improves(act):
    rng = np.random.default_rng(3)
    graph = dense_net(rng, act)
    plain, keen = (engine(graph, np.random.default_rng(4), steps=s) for s in (0, 4))
    lo, hi = part_of(plain.box, rng, 60, 0.6)
    before, after = ask(plain, lo, hi).least, ask(keen, lo, hi).least
    assert (after >= before - 1e-12).all()
    assert (after > before + 1e-6).any()


def test_only_wanted_objectives_are_bounded_and_cutoffs_stop_the_work():
    rng = np.random.default_rng(5)
    graph = dense_net(rng, "relu")
    tested, plain = (engine(graph, np.random.default_rng(4), steps=s) for s in (3, 0))
    lo, hi = part_of(tested.box, rng, 20, 0.6)
    wanted = rng.random((20, 3)) < 0.5
    result = ask(tested, lo, hi, wanted=wanted)
    assert (result.least[~wanted] == -np.inf).all() and np.isfinite(result.least[wanted]).all()
    assert (ask(tested, lo, hi, wanted=wanted).least == result.least).all()
    easy = ask(tested, lo, hi, cutoff=-1e9)
    np.testing.assert_array_equal(easy.least, ask(plain, lo, hi).least)
    assert (ask(tested, lo, hi, wanted=np.zeros((20, 3), bool)).least == -np.inf).all()


def test_an_input_that_does_not_matter_has_no_blame():
    rng = np.random.default_rng(6)
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    y = b.curve("relu", b.dense(x, np.vstack([normal(rng, 2, 8), np.zeros((1, 8))])))
    graph = b.finish([b.dense(y, normal(rng, 8, 1))], ["y"])
    tested = engine(graph, rng, objectives=2)
    result = ask(tested, tested.box.lo[None], tested.box.hi[None])
    assert (result.scores[..., :2] > 0).all() and (result.scores[..., 2] == 0).all()


@pytest.mark.parametrize(("net", "act"), combine(NETS, ACTS, rounds=2), ids=function_name)
def test_gradient_is_that_of_the_objective(net, act):
    rng = np.random.default_rng(7)
    tested = engine(net(rng, act), rng)
    x = rng.uniform(-1, 1, (30, tested.inputs))
    k = rng.integers(0, 3, 30)
    values, gradient = tested.gradient(x, k)
    at = np.arange(30)
    np.testing.assert_allclose(values, tested.evaluate(x), atol=1e-12)
    step = 1e-6 * rng.standard_normal(x.shape)
    change = tested.evaluate(x + step)[at, k] - tested.evaluate(x - step)[at, k]
    error = np.abs(change - 2 * (gradient * step).sum(axis=1))
    assert np.median(error) < 1e-10 and (error < 1e-9).mean() > 0.9


def test_threads_change_nothing():
    rng = np.random.default_rng(8)
    graph = dense_net(rng, "relu")
    single, two = (engine(graph, np.random.default_rng(4), threads=n) for n in (1, 2))
    lo, hi = part_of(single.box, rng, 300, 0.5)
    a, b = ask(single, lo, hi), ask(two, lo, hi)
    np.testing.assert_allclose(a.least, b.least, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(a.status, b.status)


def violations(count, **options):
    """Count random wild graphs and sub-boxes whose objective falls below its bound at a corner."""
    rng = np.random.default_rng(9)
    broken = 0
    with mpmath.workprec(400):
        for _ in range(count):
            graph = wild_graph(rng, PIECEWISE)
            tested = engine(graph, rng, 1.0, **options)
            lo, hi = part_of(tested.box, rng, 3, 10.0 ** rng.uniform(-12, 0))
            ends = ask(tested, lo, hi)
            corner = np.where(ends.slopes > 0, lo[:, None], hi[:, None])
            for i in range(3):
                for k in range(tested.objectives):
                    y = run_exactly(graph, corner[i, k])[graph.output]
                    row = [mpmath.mpf(float(r)) for r in tested.rows[k]]
                    exact = mpmath.fdot(row, y) + mpmath.mpf(float(tested.offset[k]))
                    broken += not exact >= float(ends.least[i, k])
    return broken


@pytest.mark.slow
def test_every_rounding_of_the_objectives_is_paid_for():
    assert violations(100) == 0


@pytest.mark.slow
def test_the_rounding_law_fails_without_the_radii():
    assert violations(60, radii=False) > 5


def test_overflow_gives_minus_infinity_and_never_nan():
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    y = b.curve("relu", b.dense(x, [[1e200, 1.0], [-1e200, 1.0]]))
    y = b.curve("relu", b.dense(y, [[1e200, -1e200], [1.0, 1.0]]))
    graph = b.finish([b.dense(y, [[1.0], [-1.0]])], ["y"])
    tested = engine(graph, np.random.default_rng(0), objectives=2)
    lo, hi = part_of(tested.box, np.random.default_rng(1), 20, 0.5)
    result = ask(tested, lo, hi)
    for array in (result.least, result.slopes, result.offset, result.scores):
        assert not np.isnan(array).any()
    assert (result.least < np.inf).all()


def test_shapes_that_do_not_fit_are_errors():
    graph = dense_net(np.random.default_rng(0), "relu")
    box = Box(np.zeros(3), np.ones(3))
    with pytest.raises(InputError, match="Received"):
        ArrayEngine(graph, np.ones((1, 5)), np.zeros(1), box)
    with pytest.raises(InputError, match="Received"):
        ArrayEngine(graph, np.ones((1, 2)), np.zeros(1), Box(np.zeros(2), np.ones(2)))
