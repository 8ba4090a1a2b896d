"""Laws of cones: bounds of rows in a part of the graph equal those of the whole, or are sound."""

import numpy as np
import pytest

from cases import cases, combine
from laws.test_convolutions import image_net
from laws.test_domains import boxes, violations
from outrange.domains import bounds, cone as cones, crown as linear
from outrange.domains.backward import BoxBatch
from outrange.domains.cone import cone, costs_at_most
from outrange.domains.crown import CrownPass, CrownPlan
from outrange.graph import Builder, Slot
from small_graphs import NETS


GRAPHS = {f.__name__: lambda f=f: f(np.random.default_rng(2), "relu") for f in NETS}
GRAPHS |= {f"image {seed}": lambda s=seed: image_net(s) for seed in range(2)}


def every_value(graph):
    return frozenset(range(len(graph.nodes) + 1))


def swept(graph, lo, hi, **options):
    sweep = CrownPass(CrownPlan.of(graph), BoxBatch.of(lo, hi), extra=every_value(graph), **options)
    sweep.run()
    return sweep.ends


@pytest.mark.parametrize("name", GRAPHS)
def test_a_cone_computes_its_entries(name):
    graph = GRAPHS[name]()
    rng = np.random.default_rng(0)
    values = graph.run_all(rng.normal(size=(3, graph.size)))
    for v in range(1, len(graph.nodes) + 1):
        size = graph.value_size(v)
        wanted = np.unique(rng.integers(0, size, 3))
        for floor in (0, v // 2, v - 1):
            part = cone(graph, v, wanted, floor)
            leaves = [values[j][:, some] for j, some in part.leaves]
            cone_values = part.graph.run_all(np.concatenate(leaves, axis=1))
            for whole, some, entries in zip(part.values, part.entries, cone_values, strict=True):
                if whole > 0:
                    np.testing.assert_allclose(entries, values[whole][:, some], 1e-12, 1e-12)
            np.testing.assert_array_equal(part.entries[-1][part.units(wanted)], wanted)
            assert max(j for j, _ in part.leaves) <= floor


@pytest.mark.parametrize("name", GRAPHS)
def test_cones_give_the_bounds_of_the_whole(name, monkeypatch):
    graph = GRAPHS[name]()
    lo, hi = boxes(np.random.default_rng(4), graph, 0.4)
    whole = swept(graph, lo, hi)
    monkeypatch.setattr(linear, "_WIDE", 0)
    monkeypatch.setattr(linear, "_AT_ONCE", 64)
    for (a, b), (c, d) in zip(whole, swept(graph, lo, hi), strict=True):
        np.testing.assert_allclose(c, a, 1e-9, 1e-9)
        np.testing.assert_allclose(d, b, 1e-9, 1e-9)


@pytest.mark.parametrize(("name", "effort"), combine(GRAPHS, [0.0, 300.0, 3000.0]))
def test_less_effort_stays_between_the_whole_and_intervals(name, effort, monkeypatch):
    graph = GRAPHS[name]()
    rng = np.random.default_rng(4)
    lo, hi = boxes(rng, graph, 0.4)
    plain = bounds(graph, lo, hi, "intervals")
    monkeypatch.setattr(linear, "_WIDE", 0)
    sweep = CrownPass(CrownPlan.of(graph), BoxBatch.of(lo, hi), effort=effort)
    sweep.run()
    x = np.where(rng.random((200, *lo.shape)) < 0.5, lo, hi)
    values = graph.run_all(x.reshape(-1, graph.size))
    for (a, b), (c, d), seen in zip(plain, sweep.ends, values, strict=True):
        seen = seen.reshape(200, len(lo), -1)
        slack = 1e-12 * (1 + np.abs(seen))
        assert (c <= seen + slack).all() and (seen - slack <= d).all()
        slack = 1e-12 * (1 + np.abs(a) + np.abs(b))
        assert (c >= a - slack).all() and (d <= b + slack).all()


@pytest.mark.slow
@pytest.mark.parametrize("effort", [np.inf, 60.0])
def test_every_rounding_is_paid_for_in_cones(effort, monkeypatch):
    monkeypatch.setattr(linear, "_WIDE", 0)

    def run(graph, lo, hi, radii=True):
        extra = every_value(graph) if effort == np.inf else frozenset()
        cells = BoxBatch.of(lo, hi, radii)
        sweep = CrownPass(CrownPlan.of(graph), cells, extra=extra, radii=radii, effort=effort)
        sweep.run()
        return sweep.ends

    assert violations(cases(60, 150), run) == 0
    if effort == np.inf:
        assert violations(60, lambda *args: run(*args, radii=False)) > 3


def largest_of(slopes: np.ndarray, shift: np.ndarray):
    """Return the largest of some forms minus their mean: it depends on planes, not on constants."""
    b = Builder([Slot("x", (slopes.shape[0],))])
    (x,) = b.input_values()
    y = b.dense(x, slopes, shift)
    top = b.largest(y, np.arange(y.size)[None], (1, 1))
    mean = b.reduce("mean", y, [1], True)
    return b.finish([b.subtract(top, mean)], ["y"])


def test_the_plane_above_a_maximum_beats_its_constant():
    # max(x, 0) - x / 2 is |x| / 2: a constant above the maximum gives 1.5.
    graph = largest_of(np.array([[1.0, 0.0]]), np.zeros(2))
    least, most = bounds(graph, [-1.0], [1.0])[graph.output]
    assert abs(most[0, 0] - 0.5) < 1e-12 and abs(least[0, 0] + 0.5) < 1e-12


@pytest.mark.parametrize("seed", range(cases(8, 30)))
def test_planes_above_maxima_enclose(seed):
    rng = np.random.default_rng(seed)
    size = 10.0 ** rng.uniform(-3, 3)
    count = int(rng.integers(2, 6))
    graph = largest_of(size * rng.normal(size=(3, count)), size * rng.normal(size=count))
    lo = rng.normal(size=(8, 3))
    hi = lo + rng.uniform(0, 1, lo.shape) * (rng.random(lo.shape) < 0.8)
    least, most = bounds(graph, lo, hi)[graph.output]
    x = np.where(rng.random((400, *lo.shape)) < 0.3, rng.uniform(lo, hi, (400, *lo.shape)), lo)
    x = np.where(rng.random(x.shape) < 0.4, hi, x)
    seen = graph.run(x.reshape(-1, 3)).reshape(400, 8, 1)
    slack = 1e-12 * size
    assert (least - slack <= seen).all() and (seen <= most + slack).all()


@pytest.mark.parametrize("name", GRAPHS)
def test_a_cone_costs_what_its_work_is(name):
    graph = GRAPHS[name]()
    rng = np.random.default_rng(1)
    for v in range(1, len(graph.nodes) + 1):
        wanted = np.unique(rng.integers(0, graph.value_size(v), 3))
        for floor in (0, v // 2):
            work = cone(graph, v, wanted, floor).work
            assert costs_at_most(graph, v, wanted, floor, work)
            assert not costs_at_most(graph, v, wanted, floor, work - 1)


def residual_net(depth: int):
    """Build a net whose blocks are all residual, so that back-substitution reaches the input."""
    rng = np.random.default_rng(0)
    b = Builder([Slot("x", (8,))])
    y = b.input_values()[0]
    for _ in range(depth):
        y = b.add(y, b.dense(b.curve("relu", b.dense(y, rng.normal(size=(8, 8)))),
                             rng.normal(size=(8, 8))))  # fmt: skip
    return b.finish([y], ["y"])


@pytest.mark.parametrize("effort", [0.0, 3000.0])
def test_bounds_of_a_graph_twice_as_deep_look_at_twice_the_nodes(effort, monkeypatch):
    monkeypatch.setattr(linear, "_WIDE", 0)
    looked, restrict = [], cones._restrict_node
    monkeypatch.setattr(cones, "_restrict_node", lambda *a: (looked.append(1), restrict(*a))[1])
    counts = []
    for depth in (32, 64):
        graph = residual_net(depth)
        looked.clear()
        cells = BoxBatch.of(np.full((1, 8), -0.1), np.full((1, 8), 0.1))
        CrownPass(CrownPlan.of(graph), cells, effort=effort).run()
        counts.append(len(looked))
    assert 0 < counts[1] <= 2.2 * counts[0]
