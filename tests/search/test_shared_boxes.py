"""Boxes that the outputs of a decoder share."""

import numpy as np
import pytest

from outrange.core import Box
from outrange.graph import Builder, Slot
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.problem import Problem
from outrange.search.methods.shared_boxes.search import LEAST_WORK, SharedBoxSearch, shares_boxes
from outrange.search.select_search import select_search


def decoder(act, outputs=300, widths=(40, 60)):
    rng = np.random.default_rng(0)
    b = Builder([Slot("z", (2,))])
    (x,) = b.input_values()
    for n, m in zip((2, *widths), widths, strict=False):
        x = b.curve(act, b.dense(x, rng.normal(size=(n, m)) / np.sqrt(n), rng.normal(size=m)))
    weight = rng.normal(size=(widths[-1], outputs)) / np.sqrt(widths[-1])
    return b.finish([b.curve("sigmoid", b.dense(x, weight))], ["y"])


def problem(graph):
    n = graph.value_size(graph.output)
    rows = np.concatenate([np.eye(n), -np.eye(n)])
    return Problem(graph, rows, np.zeros(2 * n), DomainBoxes.of(Box(-np.ones(2), np.ones(2))))


def test_many_outputs_share_boxes():
    large, small = problem(decoder("relu", 1500)), problem(decoder("relu", 20))
    assert len(large.rows) * large.small.entries >= LEAST_WORK
    assert shares_boxes(large) and not shares_boxes(small)
    search = select_search(large, Incumbent(large.rows, 1e-3, None, None))
    search.advance()
    assert any("shared boxes" in method for method in search.methods)


@pytest.mark.slow
def test_bounds_hold_and_close():
    """After 1,000 boxes, the mean gap is at most 5 % of the range; no sample is outside."""
    for act in ("relu", "tanh"):
        decoding = problem(decoder(act))
        incumbent = Incumbent(decoding.rows, 1e-6, None, None)
        search = SharedBoxSearch(decoding, incumbent)
        before = search.lower()
        while incumbent.boxes < 1000:
            assert search.advance()
        after = search.lower()
        assert (after >= before).all()
        x = np.random.default_rng(1).uniform(-1, 1, (20_000, 2))
        y = decoding.graph.run(x) @ decoding.rows.T
        assert (y.min(axis=0) >= after).all()
        gap = (incumbent.best - after) / incumbent.spread()
        assert gap.mean() < 0.05


def test_a_closed_search_ends():
    decoding = problem(decoder("relu", 40))
    incumbent = Incumbent(decoding.rows, 0.05, None, None)
    search = SharedBoxSearch(decoding, incumbent)
    while not search.finished:
        assert search.advance()
    assert (incumbent.best - search.lower() <= incumbent.tolerance() * (1 + 1e-9)).all()
