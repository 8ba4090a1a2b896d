"""First bounds of wide graphs and of products: only needed rows, once each, on all cores."""

import numpy as np
import pytest

from outrange.domains import cone_tiles, crown
from outrange.domains.backward import BoxBatch
from outrange.domains.cone import cone, entries_needed, restore_axes
from outrange.domains.cone_tiles import ConeTiles
from outrange.domains.crown import CrownPass, CrownPlan
from outrange.graph import Builder, Slot, convolve, softmax
from outrange.ops import Curve
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.parallel import parallel_batches, threads
from outrange.search.common.problem import Problem
from outrange.search.engines import first_bounds as module
from outrange.search.engines.array_engine import ArrayEngine


@pytest.fixture
def image(monkeypatch):
    """Build two convolutions on 8 x 8 pixels; every result sees a window."""
    monkeypatch.setattr(crown, "_WIDE", 1)
    rng = np.random.default_rng(0)
    b = Builder([Slot("x", (8, 8, 1))])
    (h,) = b.input_values()
    for channels in ((1, 3), (3, 2)):
        kernel = rng.normal(size=(3, 3, *channels))
        h = b.curve("relu", convolve(b, h, kernel, strides=[1, 1], padding=[(0, 0), (0, 0)],
                                     groups=1, dilation=[1, 1], channels_first=False))  # fmt: skip
    return b.finish([h], ["y"])


def _swept(graph, **options):
    cells = BoxBatch.of(np.full((1, graph.size), -0.4), np.full((1, graph.size), 0.6))
    sweep = CrownPass(CrownPlan.of(graph), cells, **options)
    sweep.run()
    return sweep


def test_only_rows_that_are_needed_are_substituted(image):
    needed = entries_needed(image, image.output, np.array([0]))
    some, every, plain = _swept(image, needed=needed), _swept(image), _swept(image, needed={})
    value = image.nodes[image.output - 1].inputs[0]
    for side in (0, 1):
        at = needed[value]
        ends = [sweep.ends[value][side][0] for sweep in (some, every, plain)]
        np.testing.assert_allclose(ends[0][at], ends[1][at], rtol=1e-12)
        others = np.setdiff1d(np.arange(ends[0].size), at)
        np.testing.assert_array_equal(ends[0][others], ends[2][others])
        assert (ends[1] != ends[2]).any()


def test_entries_needed_are_those_that_change_the_result(image):
    needed = entries_needed(image, image.output, np.array([0]))
    x = np.random.default_rng(1).normal(size=(1, image.size))
    moved = np.repeat(x, image.size, axis=0) + np.eye(image.size)
    changes = np.flatnonzero(image.run(moved)[:, 0] != image.run(x)[0, 0])
    assert set(changes) <= set(needed[0]) and needed[0].size == 25


def test_settled_units_are_not_substituted_again(image, monkeypatch):
    first = _swept(image)
    assert first.deep == set(range(len(image.nodes) + 1))
    monkeypatch.setattr(cone_tiles, "back_substitute", None)
    again = _swept(image, known=dict(enumerate(first.ends)), settled=frozenset(first.deep))
    for ours, theirs in zip(again.ends, first.ends, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(TypeError):
        _swept(image, known=dict(enumerate(first.ends)), settled=frozenset({0, 1, 2}))


def test_all_core_counts_give_the_same_bounds(image):
    for ours, theirs in zip(
        _swept(image, each=parallel_batches).ends, _swept(image).ends, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_batches_are_in_order_and_taken_as_needed():
    consumed = []
    parts = (consumed.append(k) or k for k in range(1000))
    result = parallel_batches(lambda k: k * k, parts)
    assert [next(result) for _ in range(3)] == [0, 1, 4]
    assert len(consumed) <= 8 * threads()
    assert list(result) == [k * k for k in range(3, 1000)]


def test_a_cone_keeps_its_axes(image):
    part = cone(image, image.output, np.array([0, 2]))
    graph = restore_axes(image, part)
    assert [node.shape for node in graph.nodes[:2]] == [(1, 3, 4, 3)] * 2
    x = np.random.default_rng(2).normal(size=(4, image.size))
    read = part.leaves[0][1]
    np.testing.assert_allclose(
        graph.run(x[:, read])[:, part.units(np.array([0, 2]))], image.run(x)[:, [0, 2]], atol=1e-12
    )


def _of_products(cutoff):
    """Build `x y - x - y + 3 > cutoff` on the unit square with many inputs; the minimum is 2."""
    size = 50
    b = Builder([Slot("x", (size,))])
    (x,) = b.input_values()
    left, right = (b.structural(lambda a, k=k: a[0][:, k : k + 1], [x]) for k in (0, 1))
    rest = b.dense(x, np.where(np.arange(size) < 2, -1.0, 0.001)[:, None], np.array([3 - cutoff]))
    graph = b.finish([b.add(b.multiply(left, right), rest)], ["y"])
    domain = DomainBoxes(np.zeros((1, size)), np.ones((1, size)), np.zeros(size, bool))
    problem = Problem(graph, np.eye(1), np.zeros(1), domain)
    incumbent = Incumbent(np.eye(1), 0.0, 60.0, None)
    incumbent.target = np.zeros(1)
    return problem, incumbent, ArrayEngine(graph, np.eye(1), np.zeros(1), domain.hull)


@pytest.mark.parametrize(
    "cutoff, steps, proved", [(1.9, 20, True), (1.9, 0, False), (2.1, 20, False)]
)
def test_slopes_of_products_ascend_at_once(monkeypatch, cutoff, steps, proved):
    monkeypatch.setattr(module, "STEPS", steps)
    monkeypatch.setattr(module, "MOST_FORMS", 0)
    monkeypatch.setattr(module, "FEW_ENTRIES", 0)
    problem, incumbent, machine = _of_products(cutoff)
    module.first_bounds(problem, machine, incumbent)
    assert incumbent.decided == proved
    assert incumbent.known[0] <= 2.0 - cutoff
    assert machine.first is not None or machine.graph is not problem.small


@pytest.mark.parametrize("count", [2, 3, 7, 8, 17])
def test_a_softmax_takes_few_steps(count):
    b = Builder([Slot("x", (2, count))])
    (x,) = b.input_values()
    graph = b.finish([softmax(b, x, -1)], ["y"])
    points = 5.0 * np.random.default_rng(count).normal(size=(20, 2 * count))
    exact = np.exp(points.reshape(20, 2, count))
    exact /= exact.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(graph.run(points), exact.reshape(20, -1), rtol=1e-12, atol=1e-14)
    bent = [node.size for node in graph.nodes if isinstance(node.op, Curve)]
    assert sum(bent) <= 2 * 4 * count, "one sum for each entry takes their square"


def test_depth_is_judged_by_neighbors_of_one_line(image):
    value = image.nodes[image.output - 1].inputs[0]
    # From the middle on, these are the last of one line and the first of the next.
    entries = np.array([2, 3, 4, 7, 8, 9])
    single = cone(image, value, entries[3:4]).work
    assert cone(image, value, entries[3:]).work > 1.6 * single
    tiles = ConeTiles(image, value, 1 << 20, 2 * entries.size * 1.6 * single)
    assert {part.floor for _, part in tiles.of(entries)} == {0}
