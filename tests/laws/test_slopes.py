"""Laws of slopes: of every registered curve, and of graphs of every kind of op."""

import mpmath
import numpy as np
import pytest
from scipy.optimize import linprog

from cases import cases, combine, function_name, some
from curve_cases import CASES, by_name, identify
from outrange.domains import bounds
from outrange.domains.tangents import TangentPlan, slopes, tangents
from outrange.graph import Builder, Slot
from outrange.ops import curve
from outrange.ops.relaxation.slopes import slope_range
from outrange.questions.gradients.gradients import gradient_range, lipschitz
from outrange.questions.gradients.monotone import monotone
from outrange.search.exact_regions.forms import ArrangementCell, integers
from questions.nets import Net
from small_graphs import NETS, dense_net, describable


def intervals(facts, rng):
    """Return intervals all over the curve's domain; many start, end or pass at a knot."""
    least, most = max(facts.on[0], -30.0), min(facts.on[1], 30.0)
    ends = rng.normal(size=(40, 2)) * 10.0 ** rng.uniform(-3, 1.3, (40, 1))
    for i, knot in enumerate((*facts.knots, *facts.turns)[:12]):
        ends[3 * i : 3 * i + 3] = [[knot, knot + 1], [knot - 1, knot], [knot - 0.25, knot + 0.5]]
    ends = np.sort(np.clip(ends, least, most), axis=1)
    with np.errstate(all="ignore"):
        endless = [not np.isfinite(facts.df(np.array(end))) for end in (least, most)]
    # An infinite slope has no quotients near it.
    ends = np.clip(ends, least + 1e-3 * endless[0], most - 1e-3 * endless[1])
    bad = ends[:, 0] == ends[:, 1]
    for hole in facts.holes:
        bad |= (ends[:, 0] <= hole) & (hole <= ends[:, 1])
    return ends[~bad].T


@pytest.mark.parametrize("case", some(CASES, 0, by_name), ids=identify)
def test_difference_quotients_lie_in_the_range_of_the_slope(case, rng):
    facts = curve(case[0], **case[1])
    lo, hi = intervals(facts, rng)
    least, most = slope_range(facts, lo, hi)
    with mpmath.workdps(80):
        for a, b, low, high in zip(lo, hi, least, most, strict=True):
            a, w = mpmath.mpf(float(a)), mpmath.mpf(float(b)) - mpmath.mpf(float(a))
            for start, step in ((0, 1e-30), (1 - 1e-30, 1e-30), (0, 1), (rng.random(), 1e-30)):
                first = a + mpmath.mpf(start) * w
                last = first + mpmath.mpf(step) * (a + w - first if step == 1 else w)
                if last > a + w:
                    first, last = a + w * (1 - mpmath.mpf(10) ** -30), a + w
                rise = facts.exact(mpmath.mp, last) - facts.exact(mpmath.mp, first)
                slack = mpmath.mpf(10) ** -25 * (1 + abs(rise / (last - first)))
                assert low - slack <= rise / (last - first) <= high + slack, (a, w, start)


@pytest.mark.parametrize("case", some(CASES, 0, by_name), ids=identify)
def test_the_range_of_the_slope_is_not_too_wide(case, rng):
    facts = curve(case[0], **case[1])
    lo, hi = intervals(facts, rng)
    keep = np.ones(lo.size, bool)
    for jump in facts.jumps:
        keep &= (hi < jump) | (lo > jump)
    lo, hi = lo[keep], hi[keep]
    least, most = slope_range(facts, lo, hi)
    with np.errstate(all="ignore"):
        seen = facts.df(np.linspace(lo, hi, 2001))
    fine = np.isfinite(least) & np.isfinite(most)
    size = 1e-2 * (1e-6 + (seen.max(axis=0) - seen.min(axis=0)) + np.abs(seen).max(axis=0))
    assert (seen.min(axis=0) - least <= size)[fine].all()
    assert (most - seen.max(axis=0) <= size)[fine].all()


@pytest.mark.parametrize(("net", "act"), combine(NETS, describable()), ids=function_name)
def test_steps_lie_in_the_tangents(net, act):
    rng = np.random.default_rng(11)
    graph = net(rng, act)
    plan, directions = TangentPlan.of(graph), np.arange(graph.size)
    lo = rng.uniform(-1, 1, (4, graph.size))
    hi = lo + rng.uniform(0, 0.5, lo.shape)
    ends = bounds(graph, lo, hi)
    slopes_found = tangents(plan, slopes(graph, ends), ends, directions)[graph.output]
    x = rng.uniform(lo, hi, (50, *lo.shape))
    for i in directions:
        then = x.copy()
        then[..., i] = rng.uniform(x[..., i], hi[:, i])
        flat = (p.reshape(-1, graph.size) for p in (x, then))
        before, after = (graph.run(p).reshape(*x.shape[:2], -1) for p in flat)
        step = (then - x)[..., i, None]
        slack = 1e-12 * (1 + np.abs(before) + np.abs(after))
        with np.errstate(invalid="ignore"):
            low, high = (np.where(step == 0, 0, step * end[:, i]) for end in slopes_found)
        assert (low - slack <= after - before).all()
        assert (after - before <= high + slack).all()


def patterns_by_programs(weight, bias, out):
    """Return gradients of `out @ relu(weight x + bias)` on every cell of [-1, 1]^d, by LPs."""
    units, d = weight.shape
    slopes_found = []
    for bits in np.ndindex(*(2,) * units):
        sign = np.where(np.array(bits) > 0, 1.0, -1.0)
        a = np.concatenate([-sign[:, None] * weight, np.ones((units, 1))], axis=1)
        done = linprog(
            [0.0] * d + [-1.0], A_ub=a, b_ub=sign * bias, bounds=[(-1, 1)] * d + [(None, 1)]
        )
        if -done.fun > 1e-9:
            slopes_found.append((out * np.array(bits)) @ weight)
    return np.min(slopes_found, axis=0), np.max(slopes_found, axis=0)


@pytest.mark.parametrize("seed", range(6))
def test_exact_gradients_are_those_of_linear_programs(seed):
    rng = np.random.default_rng(seed)
    d = 1 + seed % 3
    weight, bias, out = rng.normal(size=(6, d)), rng.normal(size=6) * 0.5, rng.normal(size=6)
    if seed % 2:
        weight[1], bias[1] = -weight[0], -bias[0]  # a plane two units share
    b = Builder([Slot("x", (d,))])
    h = b.curve("relu", b.dense(b.input_values()[0], weight.T, bias))
    graph = b.finish([b.dense(h, out[:, None])], ["y"])
    answer = gradient_range(Net(graph), (-1, 1))
    least, most = patterns_by_programs(weight, bias, out)
    assert answer.is_exact
    np.testing.assert_allclose(answer.lo[0], least, atol=1e-9)
    np.testing.assert_allclose(answer.hi[0], most, atol=1e-9)
    np.testing.assert_allclose(answer.seen_lo[0], least, atol=1e-9)


@pytest.mark.parametrize("act", ["relu", "tanh", "hard_sigmoid"])
def test_gradients_enclose_those_of_samples(act):
    rng = np.random.default_rng(5)
    graph = dense_net(rng, act)
    answer = gradient_range(Net(graph), (-0.4, 0.3), tol=0.2, time_limit=cases(0.4, 3.0))
    x = rng.uniform(-0.4, 0.3, (5000, 3))
    for i in range(3):
        step = np.where(np.arange(3) == i, 1e-6, 0.0)
        slope = (graph.run(x + step) - graph.run(x - step)) / 2e-6
        assert (answer.lo[:, i] - 1e-6 <= slope).all()
        assert (slope <= answer.hi[:, i] + 1e-6).all()


@pytest.mark.parametrize("seed", range(2))
def test_slopes_of_units_beside_a_product_enclose_those_of_samples(seed):
    """Between the kinks such a network is not affine, so its slope varies there."""
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    left = b.curve("relu", b.dense(x, rng.normal(size=(2, 2)), rng.normal(size=2)))
    both = b.multiply(left, b.dense(x, rng.normal(size=(2, 2)), rng.normal(size=2)))
    graph = b.finish([b.dense(b.combine((1.0, 1.0), [both, left]), np.ones((2, 1)))], ["y"])
    answer = gradient_range(Net(graph), (-1, 1), tol=0.05, time_limit=0.3)
    steep = lipschitz(Net(graph), (-1, 1), tol=0.05, time_limit=0.3)
    falls = monotone(Net(graph), (-1, 1), time_limit=0.3)
    x = rng.uniform(-1 + 1e-6, 1 - 1e-6, (4000, 2))
    slopes = np.concatenate(
        [(graph.run(x + step) - graph.run(x - step)) / 2e-6 for step in 1e-6 * np.eye(2)], axis=1
    )
    assert (answer.lo.ravel() <= slopes.min(axis=0) + 1e-6).all()
    assert (answer.hi.ravel() >= slopes.max(axis=0) - 1e-6).all()
    assert (np.abs(slopes).sum(axis=1) <= steep.hi + 1e-6).all()
    for trend, slope in zip(falls.trends, slopes.T, strict=True):
        assert not (trend.rises and slope.min() < -1e-6), trend
        assert not (trend.falls and slope.max() > 1e-6), trend


@pytest.mark.parametrize("seed", range(3))
def test_a_cell_is_empty_where_a_linear_program_says_so(seed):
    rng = np.random.default_rng(seed)
    for _ in range(60):
        d, n = rng.integers(1, 5), rng.integers(1, 9)
        a = rng.normal(size=(n, d + 1)).round(rng.integers(0, 5))
        if n > 1 and rng.random() < 0.3:
            a[1] = -a[0]
        lo, hi = -rng.random(d), rng.random(d) + 0.1
        rows = [[int(c) for c in row] for row in integers(a)[0]]
        point = ArrangementCell(lo, hi).point(rows, best=bool(rng.integers(2)))
        margins = np.concatenate([-a[:, :d], np.ones((n, 1))], axis=1)
        best = -linprog(
            [0.0] * d + [-1.0], A_ub=margins, b_ub=a[:, d],
            bounds=[*zip(lo, hi, strict=True), (None, None)],
        ).fun  # fmt: skip
        assert (point is not None) == (best > 0) or abs(best) < 1e-9
        if point is not None:
            assert all(point.value(row) > 0 for row in rows)
            x = np.array([w / point.over for w in point.whole])
            assert (lo <= x).all() and (x <= hi).all()


@pytest.mark.parametrize("norm", ["inf", 1, 2])
@pytest.mark.parametrize("act", ["relu", "tanh"])
def test_steps_are_within_the_lipschitz_constant(norm, act):
    rng = np.random.default_rng(9)
    graph = dense_net(rng, act)
    answer = lipschitz(Net(graph), (-0.5, 0.5), norm=norm, tol=1e-6 if act == "relu" else 0.2,
                       time_limit=60)  # fmt: skip
    x, z = rng.uniform(-0.5, 0.5, (2, 4000, 3))
    z = np.where(rng.random((4000, 1)) < 0.5, np.clip(x + 1e-5 * z, -0.5, 0.5), z)
    length = np.linalg.norm(x - z, np.inf if norm == "inf" else norm, axis=1)
    quotient = np.abs(graph.run(x) - graph.run(z)) / length[:, None]
    assert (quotient <= answer.hi + 1e-9).all()
    assert (quotient.max(axis=0) >= 0.7 * answer.hi).all()
    assert (answer.lo >= 0.7 * answer.hi).all()
    if act == "relu":
        assert answer.is_exact


def test_slopes_at_a_point():
    b = Builder([Slot("x", (1,))])
    h = b.curve("relu", b.dense(b.input_values()[0], np.array([[1.0, 2.0]])))
    graph = b.finish([b.dense(h, np.array([[1.0], [-1.0]]))], ["y"])
    for at, lo, hi in ((-1.0, 0.0, 0.0), (1.0, -1.0, -1.0)):
        answer = gradient_range(Net(graph), ([at], [at]))
        assert answer.lo[0, 0] <= lo + 1e-12
        assert answer.hi[0, 0] >= hi - 1e-12


def test_the_slope_in_an_input_that_is_held():
    """Exact cells have no interior in a fixed input; its slope is bounded all the same."""
    b = Builder([Slot("x", (2,))])
    h = b.curve("relu", b.dense(b.input_values()[0], np.array([[1.0, -1.0], [2.0, 3.0]])))
    graph = b.finish([b.dense(h, np.array([[1.0], [1.0]]))], ["y"])
    answer = gradient_range(Net(graph), ([-1, 0], [1, 0]))
    np.testing.assert_allclose(answer.lo, [[-1, 2]], atol=1e-9)
    np.testing.assert_allclose(answer.hi, [[1, 3]], atol=1e-9)
