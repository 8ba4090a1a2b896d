"""Laws of the phase search.

For any slopes, multipliers and splits, bounds enclose the samples inside the splits. Ranges under a
cutoff enclose the samples below it. A pruned net is the same function.
"""

import numpy as np
import pytest

from cases import cases, combine
from outrange.core import Box
from outrange.graph.rewrites.rewrite import fold, piecewise_to_pairs
from outrange.search.neuron_split import tighten_layers as phase_layers
from outrange.search.neuron_split.drop_inactive import drop_inactive
from outrange.search.neuron_split.node import Splits
from outrange.search.neuron_split.relaxed_net import RelaxedNet
from outrange.search.neuron_split.smooth_relaxations import activations_of
from outrange.search.neuron_split.tighten_layers import tighten_layer
from outrange.search.neuron_split.tighten_units import CutoffProblem, tighten
from outrange.search.neuron_split.tree import SplitTree
from random_graphs import LINES, SMOOTH, random_box, random_graph
from small_graphs import NETS


SAMPLES = 300


def _cases():
    for seed in range(cases(2, 12)):
        yield f"random-{seed}", seed
    acts = ("relu", "clip01", "tanh", "silu")
    for i, act in combine(range(len(NETS)), acts, rounds=2):
        yield f"{NETS[i].__name__}-{act}", (i, act)


def _net(what):
    """Return the net over its box, samples `(c, d)`, and all units' values there `(c, s)`."""
    if isinstance(what, int):
        rng = np.random.default_rng((41, what))
        graph = random_graph(rng, curves=LINES + SMOOTH if what % 2 else LINES, wild=what % 4 > 1)
        box = random_box(rng, graph)
    else:
        rng = np.random.default_rng((43, what[0]))
        act = "hard_sigmoid" if what[1] == "clip01" else what[1]
        graph = NETS[what[0]](rng, act)
        middle = rng.normal(size=graph.size)
        box = Box(middle - 0.7, middle + 0.7)
    graph = fold(piecewise_to_pairs(graph))
    if activations_of(graph) is None:
        pytest.skip("a bent value that phases do not describe")
    net = RelaxedNet.of(graph, box)
    x = box.sample(rng, SAMPLES)
    values = graph.run_all(x)
    z = np.zeros((len(x), net.units))
    for b in net.activations:
        z[:, b.place] = values[b.source]
    return net, rng, x, z, values[graph.output]


def _slack(values):
    """Return the error of plain float64 at a sample."""
    return 1e-11 * np.maximum(1.0, np.abs(values).max())


@pytest.mark.parametrize("what", [w for _, w in _cases()], ids=[name for name, _ in _cases()])
def test_bounds_enclose_the_samples_inside_the_cuts(what):
    net, rng, _, z, y = _net(what)
    if not net.units or not np.isfinite([net.lo, net.hi]).all():
        pytest.skip("nothing to cut")
    for _ in range(4):
        splits = net.unsplit(1)
        anchor = z[rng.integers(len(z))]
        beta = np.zeros((1, net.units))
        for unit in rng.choice(net.units, min(3, net.units), replace=False):
            point = rng.choice([0.0, float(np.float32(np.quantile(z[:, unit], rng.random())))])
            if anchor[unit] >= point:
                splits.low[0, unit], splits.lo[0, unit] = point, max(point, splits.lo[0, unit])
                beta[0, unit] = rng.exponential() * 10.0 ** rng.uniform(-3, 2)
            else:
                splits.high[0, unit], splits.hi[0, unit] = point, min(point, splits.hi[0, unit])
                beta[0, unit] = -rng.exponential() * 10.0 ** rng.uniform(-3, 2)
        splits.hi = np.maximum(splits.hi, splits.lo)
        inside = ((z >= splits.low) & (z <= splits.high)).all(axis=1)
        row = rng.normal(size=y.shape[1])
        start = {net.graph.output: row[None]}
        alpha = rng.random((1, net.units))
        least = net.proof(start, alpha, beta, splits).least[0]
        assert least <= (y[inside] @ row).min(initial=np.inf) + _slack(y)
        source = net.activations[0].source
        join = {**start, source: rng.normal(size=(1, net.activations[0].size))}
        least = net.proof(join, alpha, beta, splits).least[0]
        first = z[inside][:, net.activations[0].place] @ join[source][0]
        assert least <= (y[inside] @ row + first).min(initial=np.inf) + _slack(y) + _slack(z)


@pytest.mark.parametrize("what", [w for _, w in _cases()], ids=[name for name, _ in _cases()])
def test_ranges_under_a_cutoff_enclose_the_samples_below_it(what):
    net, rng, x, _z, y = _net(what)
    if not net.units or not np.isfinite([net.lo, net.hi]).all():
        pytest.skip("nothing to cut")
    net = drop_inactive(net)
    assert np.allclose(net.graph.run(x), y, rtol=1e-9, atol=1e-12 * np.abs(y).max(initial=1.0))
    values = net.graph.run_all(x)
    k = int(rng.integers(y.shape[1]))
    height = y[:, k]
    cutoff = float(np.quantile(height, 0.3))
    tree = SplitTree(net, k, np.inf)
    task = tree._stack([tree._heap[0][2]])
    wanted = CutoffProblem(tree.row, cutoff, np.array([cutoff - tree.lower]), task.alpha, task.beta)
    splits = Splits(task.splits.low, task.splits.high, task.splits.lo.copy(), task.splits.hi.copy())
    for b in net.activations:
        tighten(net, splits, b, 5, wanted)
    for b in net.activations:
        tighten_layer(net, b, 5)
    plain = net.unsplit(1)
    for b in net.activations:
        source = values[b.source]
        slack = 1e-11 * max(1.0, np.abs(source).max(initial=0.0))
        for bounds, which in ((plain, np.isfinite(height)), (splits, height < cutoff)):
            assert (source[which] >= bounds.lo[0, b.place] - slack).all()
            assert (source[which] <= bounds.hi[0, b.place] + slack).all()


@pytest.mark.parametrize("what", [w for _, w in _cases()], ids=[name for name, _ in _cases()])
def test_ranges_from_windows_are_those_of_the_whole(what, monkeypatch):
    net, _, x, _z, _y = _net(what)
    if not net.units or not np.isfinite([net.lo, net.hi]).all():
        pytest.skip("nothing to bound")
    values = net.graph.run_all(x)
    lo, hi = net.lo.copy(), net.hi.copy()
    ends = []
    for wide, room in ((1 << 30, 1), (0, 8)):
        monkeypatch.setattr(phase_layers, "_WIDE", wide)
        monkeypatch.setattr(phase_layers, "_ROOM", room)
        net.lo, net.hi = lo.copy(), hi.copy()
        for b in net.activations:
            tighten_layer(net, b, 3)
            slack = 1e-11 * max(1.0, np.abs(values[b.source]).max(initial=0.0))
            assert (values[b.source] >= net.lo[b.place] - slack).all()
            assert (values[b.source] <= net.hi[b.place] + slack).all()
        ends.append(np.concatenate([net.lo, net.hi]))
    assert np.allclose(*ends, rtol=1e-5, atol=1e-5 * np.abs(ends[0]).max())
