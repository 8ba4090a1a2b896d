"""Differential verification: planes of counterparts, passes over both copies, and pairing."""

import mpmath
import numpy as np
import pytest

from cases import cases, combine, function_name
from curve_cases import CASES, identify
from outrange.core import Box
from outrange.domains.backward import BoxBatch, back_substitute
from outrange.domains.crown import CrownPass, CrownPlan
from outrange.domains.rounding import OperationCounts
from outrange.graph import Builder, Slot
from outrange.graph.difference import difference
from outrange.graph.rewrites.gates import simplify
from outrange.ops import CURVES, Step, curve
from outrange.ops.relaxation.slopes import slope_range
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.method import leave_out
from outrange.search.methods.differential import kernel_search
from outrange.search.methods.differential.engine import DifferentialEngine
from outrange.search.methods.differential.pairs import PairedCurve, pair_counterparts
from outrange.search.methods.differential.sweep import PairedCrownPass, relax_paired
from outrange.search.methods.table import DIFFERENTIAL
from outrange.search.solve import solve
from small_graphs import NETS, dense_net, residual_net, run_exactly


ACTS = [name for name in ("relu", "tanh", "hard_sigmoid", "gelu", "leaky_relu") if name in CURVES]
SMOOTH_OR_BENT = [
    case for case in CASES if not isinstance(curve(case[0], **case[1]), Step)
    and not curve(case[0], **case[1]).jumps
]  # fmt: skip


class Near:
    """Numbers of a generator, each slightly perturbed."""

    def __init__(self, seed, rel):
        self._same, self._own, self._rel = (
            np.random.default_rng(seed), np.random.default_rng(seed + 1), rel,
        )  # fmt: skip

    def standard_normal(self, shape):
        factor = 1 + self._rel * self._own.uniform(-1, 1, shape)
        return self._same.standard_normal(shape) * factor


def apart(net, act, seed, rel):
    """Build the difference of a network and a copy with slightly perturbed weights."""
    return simplify(difference(net(Near(seed, 0.0), act), net(Near(seed, rel), act)))


def engine_of(graph, rows):
    pairs = pair_counterparts(graph)
    assert pairs is not None
    return DifferentialEngine(pairs, graph, rows, np.zeros(len(rows)))


def bound(engine, lo, hi):
    status, wanted = np.zeros((len(lo), 0), np.int8), np.ones((len(lo), engine.objectives), bool)
    return engine.bound(lo, hi, status, wanted, np.full(engine.objectives, np.inf))


@pytest.mark.parametrize("case", SMOOTH_OR_BENT, ids=identify)
def test_planes_enclose_the_curve_wherever_its_counterpart_is(case):
    op = curve(case[0], **case[1])
    rng = np.random.default_rng(1)
    w = np.sort(rng.uniform(-3, 3, (2, 64)) * rng.choice([0.01, 1.0], 64), axis=0)
    off = np.sort(rng.uniform(-1, 1, (2, 64)) * rng.choice([1e-6, 0.1, 1.0], 64), axis=0)
    if (op.on != (-np.inf, np.inf) and op.beyond is None) or op.holes or op.part:
        w, off = np.abs(w) + 1.5, np.abs(off)
        w, off = np.sort(w, axis=0), np.sort(off, axis=0)
        if op.on[1] <= 0:
            w, off = -w[::-1], -off[::-1]
    z = np.stack([w[0] + off[0], w[1] + off[1]])
    with np.errstate(all="ignore"):
        a = np.stack(op.range(*w))
        slopes = slope_range(op, np.minimum(w[0], z[0]), np.maximum(w[1], z[1]))
    sources = [(e[0][None], e[1][None]) for e in (z, w, a)]
    planes = relax_paired(
        PairedCurve(op, 64), sources, (off[0][None], off[1][None]),
        (slopes[0][None], slopes[1][None]), OperationCounts((1, 1, 1), 8), [1, 1, 1],
    )  # fmt: skip
    assert planes.joint.any() or case[0] in ("exp", "sinh", "cosh", "reciprocal", "rsqrt")
    for t in (0.0, 1.0, 0.5, *rng.random(20)):
        for s in (0.0, 1.0, *rng.random(12)):
            x = w[0] + t * (w[1] - w[0])
            y = x + off[0] + s * (off[1] - off[0])
            with np.errstate(all="ignore"):
                here, there = op.f(y), op.f(x)
                ends = planes.slope[:, 0] * (y - planes.joint * x) + planes.offset[:, 0]
                ends = ends + np.where(planes.joint[0] > 0, there, 0.0)
            slack = 1e-12 * (1 + np.abs(here) + np.abs(there))
            assert (ends[0] <= here + slack).all()
            assert (here <= ends[1] + slack).all()


@pytest.mark.parametrize(
    ("net", "act", "rel", "scale"), combine([dense_net, residual_net, *NETS[2:4]], ACTS,
    [1e-6, 1e-2, 0.2], [0.01, 0.5, 2.0], rounds=2), ids=function_name,
)  # fmt: skip
def test_bounds_lie_below_the_difference(net, act, rel, scale):
    graph = apart(net, act, 3, rel)
    outputs = graph.value_size(graph.output)
    rows = np.concatenate([np.eye(outputs), -np.eye(outputs)])
    engine, rng = engine_of(graph, rows), np.random.default_rng(0)
    middle = rng.uniform(-1, 1, (40, graph.size))
    half = scale * rng.uniform(0, 1, middle.shape)
    result = bound(engine, middle - half, middle + half)
    x = middle + half * rng.uniform(-1, 1, (200, *middle.shape))
    x = np.concatenate([x, middle + half * np.sign(rng.uniform(-1, 1, x.shape))])
    seen = engine.evaluate(x.reshape(-1, graph.size)).reshape(*x.shape[:2], -1)
    slack = 1e-13 * (1 + np.abs(graph.run(np.zeros((1, graph.size)))).max())
    assert np.isfinite(result.least).all()
    assert (result.least <= seen.min(axis=0) + slack).all()
    forms = np.einsum("bmd,sbd->sbm", result.slopes, x) + result.offset
    assert (forms <= seen + slack).all()


@pytest.mark.parametrize("seed", range(6))
def test_rounding_errors_are_covered(seed):
    """On boxes of one point, where nothing is relaxed, bounds lie below 400-bit values."""
    graph = apart(dense_net, "relu", seed, 1e-3)
    rows = np.concatenate([np.eye(2), -np.eye(2)]) * 1e3
    x = np.random.default_rng(seed).uniform(-1, 1, (4, graph.size))
    result = bound(engine_of(graph, rows), x, x)
    assert not result.undecided.any()
    for point, least in zip(x, result.least, strict=True):
        values = run_exactly(graph, point)[graph.output]
        for row, bound_of in zip(rows, least, strict=True):
            exact = sum(mpmath.mpf(float(r)) * v for r, v in zip(row, values, strict=True))
            assert mpmath.mpf(float(bound_of)) <= exact
            assert exact - mpmath.mpf(float(bound_of)) < 1e-8


@pytest.mark.parametrize("act", ["relu", "tanh"])
def test_differential_bounds_are_tighter_than_separate_ones(act):
    graph = apart(dense_net, act, 5, 1e-4)
    rows = np.eye(2)
    lo, hi = np.full((1, graph.size), -1.0), np.full((1, graph.size), 1.0)
    sweep = CrownPass(CrownPlan.of(graph), BoxBatch.of(lo, hi))
    plain = sweep.cells.least(back_substitute(sweep.run(), graph.output, rows))
    assert (bound(engine_of(graph, rows), lo, hi).least > 0.05 * plain).all()


FALLING = ["abs", "silu", "gelu", "mish", "sin", "cos", "square", "relu", "elu", "tanh"]


@pytest.mark.parametrize(("act", "rel"), combine([*FALLING, "leaky"], [0.02, 0.2]))
def test_every_value_and_how_far_it_is_from_its_counterpart_is_enclosed(act, rel):
    """This includes falling curves, where the larger argument may have the smaller value."""

    def net(seed, off):
        rng, b = Near(seed, off), Builder([Slot("x", (2,))])
        (x,) = b.input_values()
        for n in (4, 4):
            x = b.dense(x, rng.standard_normal((x.shape[1], n)), rng.standard_normal(n))
            named = {"negative_slope": -0.7} if act == "leaky" else {}
            x = b.curve("leaky_relu" if act == "leaky" else act, x, **named)
        return b.finish([b.dense(x, rng.standard_normal((4, 1)))], ["y"])

    met, seeds = 0, cases(6, 12)
    for seed in range(seeds):
        graph = simplify(difference(net(seed, 0.0), net(seed, rel)))
        engine = engine_of(graph, np.ones((1, 1)))
        lo = np.random.default_rng(seed).uniform(-1, 0.5, (8, 2))
        hi = lo + np.random.default_rng(seed + 1).uniform(0, 0.8, lo.shape)
        sweep = PairedCrownPass(engine.plan, BoxBatch.of(lo, hi), pairs=engine.pairs)
        sweep.run()
        x = np.random.default_rng(0).uniform(lo, hi, (400, *lo.shape))
        x = np.concatenate([x, lo[None], hi[None]])
        values = [v.reshape(*x.shape[:2], -1) for v in graph.run_all(x.reshape(-1, 2))]
        for v, (least, most) in enumerate(sweep.ends):
            slack = 1e-12 * (1 + np.abs(values[v]))
            assert (values[v] >= least - slack).all() and (values[v] <= most + slack).all()
        for v, (least, most) in sweep.apart.items():
            off = values[v] - values[engine.pairs.counterparts[v]]
            slack = 1e-12 * (1 + np.abs(values[v]))
            assert (off >= least - slack).all() and (off <= most + slack).all()
            met += 1
    assert met >= seeds


def branches(make, *constants):
    """Build two networks of one input from the parts in which they differ."""

    def net(value):
        b = Builder([Slot("x", (1,))])
        (x,) = b.input_values()
        return b.finish([make(b, x, value)], ["y"])

    return difference(*map(net, constants))


def abs_then_relu(b, x, value):
    w, o = value
    return b.curve("relu", b.dense(b.curve("abs", b.dense(x, [[w]], [o])), [[1.1]], [-2.75]))


def fill(b, x, value):
    both = b.concat([x, np.array([[value]])], axis=1)
    return b.dense(b.curve("tanh", b.dense(both, [[1.0], [1.0]], [0.1])), [[1.0]])


def across_a_hole(b, x, value):
    y = b.curve("reciprocal", b.dense(x, [[1.0]], [value]))
    return b.dense(b.curve("relu", b.dense(y, [[1.0]], [0.3])), [[1.0]])


def twice(b, x, value):
    """Build two curves that read the later copy, and none that reads the earlier one."""
    weight = np.array([[1.0, 0.3]])
    h, k = b.dense(x, weight, [0.0, 0.1]), b.dense(x, 1.1 * weight, [0.5, 0.4])
    parts = [b.curve("tanh", k), b.curve("tanh", k), b.curve("sigmoid", h)]
    return b.dense(b.combine([-1.0, value, 1.0], parts), [[1.0], [1.0]])


@pytest.mark.parametrize(
    ("make", "first", "second"),
    [
        (abs_then_relu, (1.0, -4.2), (1.3, -3.2)),
        (fill, 0.5, 0.8),
        (across_a_hole, 3.0, -3.0),
        (twice, 1.0, 0.25),
    ],
)
def test_lookalikes_of_counterparts_are_bounded_soundly(make, first, second):
    graph = branches(make, first, second)
    rows, box = np.array([[1.0], [-1.0]]), Box(np.array([-1.0]), np.array([1.0]))
    solution = solve(graph, box, rows, tol=1e-4)
    seen = (graph.run(np.linspace(-1, 1, 4001)[:, None]) @ rows.T).min(axis=0)
    assert (solution.lower <= seen + 1e-12).all()
    pairs = pair_counterparts(simplify(graph))
    if pairs is not None:
        engine = DifferentialEngine(pairs, simplify(graph), rows, np.zeros(2))
        assert (bound(engine, box.lo[None], box.hi[None]).least <= seen + 1e-12).all()


def test_where_there_is_no_bound_none_is_proved():
    def exponentials(b, x, value):
        first = b.curve("exp", b.concat([x, x], axis=1))
        return b.dense(
            b.curve("exp", b.dense(first, [[value, 0.1], [0.1, value]])), np.ones((2, 1))
        )

    engine = engine_of(simplify(branches(exponentials, 1.0, 1.01)), np.array([[1.0]]))
    assert bound(engine, np.array([[0.0]]), np.array([[8.0]])).least[0, 0] == -np.inf


def test_residual_blocks_are_paired_at_once():
    """Structural keys are numbered: written out, they would double with every block."""
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    for _ in range(200):
        x = b.add(x, b.curve("relu", b.dense(x, np.eye(2))))
    assert pair_counterparts(b.finish([x], ["y"])) is None


def test_a_box_with_open_products_is_not_settled():
    def gate(b, x, value):
        u = b.curve("relu", b.dense(x, [[1.0 + value, 0.5]], [9.0, 9.0]))
        return b.dense(b.multiply(u, b.concat([x, x], axis=1)), [[1.0], [1.0]])

    graph = simplify(branches(gate, 0.0, 0.01))
    engine = engine_of(graph, np.array([[1.0]]))
    assert bound(engine, np.array([[-1.0]]), np.array([[1.0]])).undecided[0] > 0


def test_only_counterparts_are_paired():
    near, far = (apart(dense_net, "relu", 0, rel) for rel in (0.01, 2.0))
    pairs = pair_counterparts(near)
    assert pairs is not None and len(pairs.curves) == 2
    assert pair_counterparts(far) is None
    assert pair_counterparts(dense_net(np.random.default_rng(0), "relu")) is None


def test_curves_of_one_name_may_differ():
    """Two leaky units of different slopes are not counterparts, even if all else is equal."""

    def leaky(slope):
        b = Builder([Slot("x", (2,))])
        (x,) = b.input_values()
        weights = np.random.default_rng(0).standard_normal((2, 3))
        x = b.curve("leaky_relu", b.dense(x, weights), negative_slope=slope)
        return b.finish([b.dense(x, np.ones((3, 1)))], ["y"])

    assert pair_counterparts(simplify(difference(leaky(0.1), leaky(0.2)))) is None


@pytest.mark.parametrize(("inputs", "compiled"), [(2, True), (3, True), (2, False), (3, False)])
def test_differential_search_joins_and_ends_at_the_same_range(inputs, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(kernel_search, "library", lambda: None)
    rng = np.random.default_rng(2)
    weights = [rng.standard_normal(s) / np.sqrt(s[0]) for s in ((inputs, 24), (24, 16), (16, 1))]

    def net(off):
        b = Builder([Slot("x", (inputs,))])
        (x,) = b.input_values()
        for w in weights[:-1]:
            x = b.curve("relu", b.dense(x, w + off, np.full(w.shape[1], 0.1)))
        return b.finish([b.dense(x, weights[-1] - off)], ["y"])

    graph = difference(net(0.0), net(0.01))
    box, rows = Box(np.full(inputs, -1.0), np.full(inputs, 1.0)), np.array([[1.0], [-1.0]])
    monkeypatch.setattr("outrange.search.common.portfolio.FIRST_TURN", 1e-3)
    solution = solve(graph, box, rows, tol=1e-4)
    assert any("ReluDiff" in method for method in solution.methods)
    with leave_out(DIFFERENTIAL):
        usual = solve(graph, box, rows, tol=1e-4)
    assert not any("ReluDiff" in method for method in usual.methods)
    scale = float(-usual.seen.sum())
    np.testing.assert_allclose(solution.seen, usual.seen, atol=2e-4 * scale)
    assert solution.status == usual.status == "exact"


def test_bound_of_several_boxes_is_the_least():
    graph = apart(dense_net, "relu", 1, 0.01)
    engine = engine_of(graph, np.eye(2))
    lo = np.array([[-1.0] * 3, [0.5] * 3])
    domain = DomainBoxes(lo, lo + 0.2, np.zeros(3, bool))
    result = bound(engine, lo, lo + 0.2).least.min(axis=0)
    np.testing.assert_array_equal(engine.over(domain), result)
