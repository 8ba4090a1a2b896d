"""Boxes dropped before any search hold nothing that was asked for."""

import numpy as np
import pytest

from outrange.core.formula import Atom
from outrange.graph.measure import measure
from outrange.search import prefilter
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.prefilter import open_boxes
from small_graphs import dense_net, gate_net


@pytest.mark.parametrize("net", [dense_net, gate_net])
@pytest.mark.parametrize("act", ["relu", "tanh"])
def test_on_dropped_boxes_every_value_reaches_its_target(net, act, monkeypatch):
    monkeypatch.setattr(prefilter, "ENTRIES", 512)
    rng = np.random.default_rng(4)
    graph = net(rng, act)
    d, count = graph.size, 60
    y = graph.run(rng.uniform(-1, 1, (500, d)))
    low, high = np.quantile(y[:, 0], [0.3, 0.7])
    asked = measure(graph, [(Atom(((d, 1.0),), -low),), (Atom(((d, -1.0),), high),)])
    lo = rng.uniform(-1, 1, (count, d))
    hi = lo + rng.uniform(0, 0.2, (count, d)) * (rng.random((count, d)) < 0.6)
    roots, target = DomainBoxes(lo, hi, np.zeros(d, bool)), np.zeros(2)
    left, apart = open_boxes(asked, roots, target, lambda: False)
    inside = (lo[:, None] <= left.lo) & (left.hi <= hi[:, None])
    kept = inside.all(axis=2).any(axis=1)
    assert inside.all(axis=2).any(axis=0).all()
    assert 0 < kept.sum() < count
    x = rng.uniform(lo[~kept], hi[~kept], (300, (~kept).sum(), d))
    least = asked.run(x.reshape(-1, d)).min(axis=0)
    assert (apart >= target).all() and (apart <= least).all()
    everywhere = asked.run(rng.uniform(lo, hi, (300, count, d)).reshape(-1, d))
    unsafe = (everywhere.reshape(300, count, 2) < 0).any(axis=(0, 2))
    assert (kept | ~unsafe).all()
    # No unsafe point is lost where boxes of one input were halved.
    points = rng.uniform(lo[kept], hi[kept], (300, kept.sum(), d)).reshape(-1, d)
    points = points[(asked.run(points) < 0).any(axis=1)]
    held = (left.lo <= points[:, None]) & (points[:, None] <= left.hi)
    assert held.all(axis=2).any(axis=1).all()
    late, nothing = open_boxes(asked, roots, target, lambda: True)
    assert len(late.lo) == count and np.isposinf(nothing).all()
