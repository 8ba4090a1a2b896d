"""Boxes dropped before any search contain no violation."""

import numpy as np
import pytest

from cases import combine, function_name
from outrange.core.formula import Atom
from outrange.domains import bounds
from outrange.graph import Builder, Slot
from outrange.graph.measure import measure
from outrange.search.common import open_boxes as open_boxes_module
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.methods.pooled_clauses import subdivide
from outrange.search.methods.pooled_clauses.subdivide import open_boxes
from small_graphs import dense_net, gate_net


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "act"), combine([dense_net, gate_net], ["relu", "tanh"]), ids=function_name
)
def test_on_dropped_boxes_every_value_reaches_its_target(net, act, monkeypatch):
    monkeypatch.setattr(open_boxes_module, "ENTRIES", 512)
    rng = np.random.default_rng(4)
    graph = net(rng, act)
    d, count = graph.size, 60
    y = graph.run(rng.uniform(-1, 1, (500, d)))
    low, high = np.quantile(y[:, 0], [0.3, 0.7])
    values = measure(graph, [(Atom(((d, 1.0),), -low),), (Atom(((d, -1.0),), high),)])
    lo = rng.uniform(-1, 1, (count, d))
    hi = lo + rng.uniform(0, 0.2, (count, d)) * (rng.random((count, d)) < 0.6)
    roots, target = DomainBoxes(lo, hi, np.zeros(d, bool)), np.zeros(2)
    left, apart = open_boxes(values, roots, target, lambda: False)
    inside = (lo[:, None] <= left.lo) & (left.hi <= hi[:, None])
    remaining = inside.all(axis=2).any(axis=1)
    assert inside.all(axis=2).any(axis=0).all()
    assert 0 < remaining.sum() < count
    x = rng.uniform(lo[~remaining], hi[~remaining], (300, (~remaining).sum(), d))
    least = values.run(x.reshape(-1, d)).min(axis=0)
    assert (apart >= target).all() and (apart <= least).all()
    everywhere = values.run(rng.uniform(lo, hi, (300, count, d)).reshape(-1, d))
    unsafe = (everywhere.reshape(300, count, 2) < 0).any(axis=(0, 2))
    assert (remaining | ~unsafe).all()
    # No unsafe point is lost when boxes of one input are halved.
    points = rng.uniform(lo[remaining], hi[remaining], (300, remaining.sum(), d)).reshape(-1, d)
    points = points[(values.run(points) < 0).any(axis=1)]
    held = (left.lo <= points[:, None]) & (points[:, None] <= left.hi)
    assert held.all(axis=2).any(axis=1).all()
    late, nothing = open_boxes(values, roots, target, lambda: True)
    assert len(late.lo) == count and np.isposinf(nothing).all()


def _tiles(per_side):
    """Cut a square into tiles, with a third input that is fixed."""
    at = np.linspace(-1, 1, per_side + 1)
    x, y = (part.ravel() for part in np.meshgrid(at[:-1], at[:-1]))
    width = at[1] - at[0]
    lo = np.stack([x, y, np.zeros_like(x)], axis=1)
    return DomainBoxes(lo, lo + [width, width, 0.0], np.zeros(3, bool))


def _waves(second):
    """Build `tanh(2 x0) tanh(3 x_second)`."""
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    left, right = np.zeros((3, 1)), np.zeros((3, 1))
    left[0], right[second] = 2.0, 3.0
    return b.finish(
        [b.multiply(b.curve("tanh", b.dense(x, left)), b.curve("tanh", b.dense(x, right)))], ["y"]
    )


def test_boxes_of_two_free_inputs_are_halved_until_all_are_closed():
    b = Builder([Slot("x", (3,))])
    hidden = b.curve("tanh", b.dense(b.input_values()[0], [[3.0, 2.0], [2.0, 3.0], [0.0, 0.0]]))
    graph, roots = b.finish([b.dense(hidden, [[1.0], [-1.0]])], ["y"]), _tiles(4)
    x = np.random.default_rng(0).uniform(-1, 1, (4000, 3)) * [1, 1, 0]
    target = graph.run(x).min(axis=0) - 0.02
    least = bounds(graph, roots.lo, roots.hi, "forward")[graph.output][0]
    assert (least < target).any()
    left, apart = open_boxes(graph, roots, target, lambda: False)
    assert not len(left.lo)
    assert target[0] <= apart[0] <= graph.run(x).min()


def test_an_input_without_gain_is_rarely_halved(monkeypatch):
    widths = []

    def record_widths(graph, lo, hi, domain):
        widths.extend((hi - lo)[:, 1])
        return bounds(graph, lo, hi, domain)

    monkeypatch.setattr(open_boxes_module, "bounds", record_widths)
    left, _ = open_boxes(_waves(0), _tiles(4), np.array([-1e-3]), lambda: False)
    assert not len(left.lo)
    assert min(widths) >= 0.5 / 4


def test_an_accepted_midpoint_ends_subdivision():
    shown = []

    def accept(x, y):
        shown.append(y.min())
        return y.min() < -0.9

    left, _ = open_boxes(_waves(1), _tiles(4), np.array([-0.5]), lambda: False, accept)
    assert len(left.lo) and shown[-1] < -0.9 and all(value >= -0.9 for value in shown[:-1])


def test_boxes_that_no_bound_closes_end_subdivision():
    # The minimum is the target, and float64 bounds are slightly lower: needles stay open.
    graph, needle = _waves(1), np.array([[1.0, -1.0, 0.0]])
    left, _ = open_boxes(graph, _tiles(4), graph.run(needle)[0], lambda: False)
    held = ((left.lo <= needle) & (needle <= left.hi)).all(axis=1)
    assert held.any() and len(left.lo) < 64


def test_piecewise_linear_graphs_leave_boxes_of_two_inputs_to_the_kernel(monkeypatch):
    b = Builder([Slot("x", (3,))])
    y = b.curve("relu", b.dense(b.input_values()[0], np.array([[1.0], [1.0], [0.0]])))
    graph, roots = b.finish([y], ["y"]), _tiles(4)
    monkeypatch.setattr(subdivide, "library", object)
    left, _ = open_boxes(graph, roots, np.array([0.1]), lambda: False)
    assert set(np.unique(left.hi - left.lo).tolist()) == {0.0, 0.5}
    monkeypatch.setattr(subdivide, "library", lambda: None)
    left, _ = open_boxes(graph, roots, np.array([0.1]), lambda: False)
    assert (left.hi - left.lo)[:, :2].max() < 0.5
