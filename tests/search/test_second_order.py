"""Second-order forms of products: below the network everywhere, and tight where terms cancel."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest

from outrange.core import Box, OutOfTime
from outrange.domains.backward import BoxBatch
from outrange.domains.crown import CrownPass, CrownPlan
from outrange.graph import Builder, Slot
from outrange.search.engines.alpha_crown import AlphaAscent
from outrange.search.engines.array_engine import ArrayEngine
from outrange.search.methods.second_order import quadratic_ascent, tangents
from outrange.search.methods.second_order.quadratic_ascent import QuadraticAscent
from outrange.search.methods.table import SECOND_ORDER
from small_graphs import PIECEWISE, gate_net, run_exactly, wild_graph


ACTS = [*PIECEWISE, "tanh", "sin"]


def both(graph, lo, hi, rows, radii=True, steps=2):
    """Return the planes' bounds and the second-order bounds of the rows, over each box."""
    sweep = CrownPass(CrownPlan.of(graph), BoxBatch.of(lo, hi, radii), radii=radii)
    net = sweep.run()
    box, which = np.divmod(np.arange(len(lo) * len(rows)), len(rows))
    plain = AlphaAscent(sweep, net, rows, box, which)
    plain.run(np.full(box.size, np.inf), steps)
    by_value = tangents.tangents(sweep, net)
    net = replace(net, lines=net.lines | {v: t.planes for v, t in by_value.items()})
    second = QuadraticAscent(sweep, net, rows, box, which, tangents=by_value)
    second.run(np.full(box.size, np.inf), steps)
    shape = (len(lo), len(rows))
    return plain, second, shape


def with_products(rng):
    while True:
        graph = wild_graph(rng, PIECEWISE, products=True)
        if CrownPlan.of(graph).products:
            return graph


def exact_violations(count, **options):
    """Count wild graphs whose exact value is below the second-order bound or form at a corner."""
    rng = np.random.default_rng(3)
    broken = finite = 0
    with mpmath.workprec(400):
        for _ in range(count):
            graph = with_products(rng)
            lo = rng.normal(size=(3, graph.size))
            hi = lo + 10.0 ** rng.uniform(-12, 0, lo.shape)
            rows = rng.standard_normal((2, graph.value_size(graph.output)))
            _, second, shape = both(graph, lo, hi, rows, **options)
            for p, (i, k) in enumerate(np.ndindex(shape)):
                x = np.where(second.form_rows[p] > 0, lo[i], hi[i])
                y = run_exactly(graph, x)[graph.output]
                exact = mpmath.fdot([mpmath.mpf(float(r)) for r in rows[k]], y)
                finite += np.isfinite(second.least[p])
                broken += not exact >= float(second.least[p])
    assert finite > 3 * count
    return broken


@pytest.mark.slow
def test_every_rounding_error_is_covered():
    assert exact_violations(60) == 0


@pytest.mark.slow
def test_the_rounding_law_fails_without_the_radii():
    assert exact_violations(60, radii=False) > 3


@pytest.mark.parametrize("error", [OutOfTime, MemoryError])
def test_running_out_before_all_lines_are_drawn_ends_the_ascent(monkeypatch, error):
    """Tangents were computed for missing lines, which ended the search with a KeyError."""

    def substitute(self, *_):
        raise error

    monkeypatch.setattr(CrownPass, "_substitute", substitute)
    graph = gate_net(np.random.default_rng(0), "tanh")
    sweep = CrownPass(CrownPlan.of(graph), BoxBatch.of(-np.ones((2, 3)), np.ones((2, 3))))
    net, rows = sweep.run(), np.eye(graph.value_size(graph.output))
    box = which = np.zeros(1, int)
    assert isinstance(sweep.late, error) and tangents.tangents(sweep, net) == {}
    for ascent in (
        AlphaAscent(sweep, net, rows, box, which),
        QuadraticAscent(sweep, net, rows, box, which, tangents={}),
    ):
        with pytest.raises(error):
            ascent.run(np.full(1, np.inf), 1)


def sampled_violations(rounds=3):
    rng, broken = np.random.default_rng(4), 0
    for act in ACTS:
        for _ in range(rounds):
            graph = gate_net(rng, act)
            lo = rng.uniform(-1, 1, (12, 3))
            hi = lo + rng.uniform(0, 1.5, lo.shape) * rng.uniform(0, 1, (12, 1))
            rows = rng.standard_normal((2, graph.value_size(graph.output)))
            _, second, shape = both(graph, lo, hi, rows)
            x = rng.uniform(lo, hi, (300, *lo.shape))
            x = np.concatenate([x, np.where(rng.random((200, *lo.shape)) < 0.5, lo, hi)])
            y = graph.run(x.reshape(-1, 3)).reshape(*x.shape[:2], -1) @ rows.T
            slack = 1e-9 * (1 + np.abs(y))
            forms = second.form_rows.reshape(*shape, -1)
            at = np.einsum("bkd,sbd->sbk", forms, x) + second.constant.reshape(shape)
            broken += (second.least.reshape(shape) > y + slack).sum() + (at > y + slack).sum()
    return int(broken)


@pytest.mark.slow
def test_bounds_and_forms_lie_below_the_network():
    assert sampled_violations() == 0


BROKEN = {
    "errors of factors forgotten": lambda t: replace(t, error=np.zeros_like(t.error)),
    "rows doubled": lambda t: replace(t, rows=2.0 * t.rows),
    "half the reach": lambda t: replace(t, reach=0.5 * t.reach, error=0.5 * t.error),
}


@pytest.mark.parametrize("name", BROKEN)
def test_wrong_forms_break_the_law(name, monkeypatch):
    real = tangents._select
    monkeypatch.setattr(tangents, "_select", lambda forms, at: BROKEN[name](real(forms, at)))
    assert sampled_violations(1) > 0


def test_a_form_without_its_mixed_terms_breaks_the_law(monkeypatch):
    real = QuadraticAscent._remainder

    def diagonal(self, *arguments):
        total, left, blame = real(self, *arguments)
        return total * np.eye(total.shape[1]), left, blame

    monkeypatch.setattr(quadratic_ascent.QuadraticAscent, "_remainder", diagonal)
    assert sampled_violations(1) > 0


def test_terms_of_curves_cancel_too():
    """Use a sum of squares minus the same sum a little later."""
    rng = np.random.default_rng(7)
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    weight = rng.normal(size=(3, 4))
    sizes = [b.curve("square", b.dense(x, weight * (1.0 - shift))) for shift in (0.0, 0.02)]
    graph = b.finish([b.reduce("sum", b.subtract(*sizes), [1], keepdims=True)], ["y"])
    lo = rng.uniform(-1, 1, (30, 3))
    hi = lo + 0.25
    plain, second, _ = both(graph, lo, hi, np.eye(1))
    x = rng.uniform(lo, hi, (2000, 30, 3))
    x[:1000] = np.where(rng.random((1000, 30, 3)) < 0.5, lo, hi)
    least = graph.run(x.reshape(-1, 3)).reshape(2000, 30).min(axis=0)
    assert (second.least <= least + 1e-9).all()
    assert np.median((least - plain.least) / (least - second.least)) > 5


SMOOTH = ("sin", "cos", "exp", "square")


def smooth_violations(radii=True, count=40):
    """Count random sums of smooth curves whose exact value falls below the bound at a corner."""
    rng, broken = np.random.default_rng(8), 0
    with mpmath.workprec(300):
        for _ in range(count):
            b = Builder([Slot("x", (2,))])
            (x,) = b.input_values()
            y = b.curve(str(rng.choice(SMOOTH)), b.dense(x, rng.normal(size=(2, 3))))
            y = b.curve(str(rng.choice(SMOOTH)), b.dense(y, rng.normal(size=(3, 3))))
            graph = b.finish([b.dense(y, rng.normal(size=(3, 1)))], ["y"])
            lo = rng.normal(size=(3, 2))
            hi = lo + 10.0 ** rng.uniform(-10, 0.5, lo.shape)
            _, second, _ = both(graph, lo, hi, np.eye(1), radii=radii)
            for i in range(3):
                for x in (
                    np.where(second.form_rows[i] > 0, lo[i], hi[i]),
                    *rng.uniform(lo[i], hi[i], (3, 2)),
                ):
                    y = run_exactly(graph, x)[graph.output][0]
                    broken += not y >= float(second.least[i])
    return broken


@pytest.mark.slow
def test_smooth_curves_pay_for_every_rounding():
    assert smooth_violations() == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mean", "spread"])
def test_wrong_bends_break_the_law(name, monkeypatch):
    real = tangents.bend_of

    def wrong(*arguments):
        result = real(*arguments)
        factor = {"mean": 3.0, "spread": 0.0}[name]
        return result and replace(result, **{name: factor * getattr(result, name)})

    monkeypatch.setattr(tangents, "bend_of", wrong)
    assert smooth_violations() > 0


def energy_and_next(rng, size=4, step=0.05):
    """Build the fall of a quadratic energy in a short step of a stable system: terms cancel."""
    root = rng.normal(size=(size, size))
    weight = root @ root.T + np.eye(size)
    b = Builder([Slot("x", (size,))])
    (x,) = b.input_values()

    def energy(z):
        return b.reduce("sum", b.multiply(z, b.dense(z, weight)), [1], keepdims=True)

    moved = b.combine((1.0, -step), [x, x])
    return b.finish([b.subtract(energy(x), energy(moved))], ["fall"]), weight, step


def test_cancelling_terms_give_tight_bounds():
    rng = np.random.default_rng(5)
    graph, weight, step = energy_and_next(rng)
    lo = rng.uniform(-1, 1, (20, 4))
    hi = lo + 0.3
    plain, second, _ = both(graph, lo, hi, np.eye(1))
    least = np.inf
    for _ in range(400):
        x = rng.uniform(lo, hi)
        least = np.minimum(least, (1 - (1 - step) ** 2) * np.einsum("bi,ij,bj->b", x, weight, x))
    gaps = least - plain.least, least - second.least
    assert (gaps[1] >= -1e-9).all()
    assert np.median(gaps[0] / gaps[1]) > 5


def test_a_search_keeps_the_better_bound():
    rng = np.random.default_rng(6)
    graph, _, _ = energy_and_next(rng)
    box = Box(-np.ones(4), np.ones(4))
    engine = ArrayEngine(graph, np.eye(1), np.zeros(1), box, refine=SECOND_ORDER.hook)
    lo = rng.uniform(-1, 0.7, (30, 4))
    hi = lo + 0.3
    status, wanted = np.zeros((30, engine.units), np.int8), np.ones((30, 1), bool)
    result = engine.bound(lo, hi, status, wanted, np.full(1, np.inf))
    plain, second, _ = both(graph, lo, hi, np.eye(1))
    assert (result.least[:, 0] >= np.maximum(plain.least, second.least) - 1e-9).all()
    assert (result.scores >= 0).all() and result.scores.any(axis=2).all()
    corner = np.where(result.slopes > 0, lo[:, None], hi[:, None])
    at = (result.slopes * corner).sum(-1) + result.offset
    np.testing.assert_allclose(at, result.least, atol=1e-9)
