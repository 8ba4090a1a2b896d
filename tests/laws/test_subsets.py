"""Bounds over a subset are no looser than bounds over its superset."""

import numpy as np
import pytest

import outrange
from cases import cases
from outrange.core import Region
from outrange.graph import Builder, Slot
from outrange.questions.conditions.integer_cases import MOST_CASES, integer_cases, union_of_boxes
from outrange.questions.inputs.sets import regions
from outrange.questions.optimize import range_of_set
from outrange.search.common.solution import Solution, Status


KINDS = ("one-hot", "integer", "mixed", "union", "box", "cut")

LOOSER = 0.01
"""Share of the range seen over the set by which bounds over a subset may be looser: searches take
turns, so that less of the work goes to each."""

OPEN = 0.05
"""The same where both searches are far from closed: a turn more or less moves their bounds."""


def net(rng, inputs, widths):
    b = Builder([Slot("x", (inputs,))])
    (x,) = b.input_values()
    for n, m in zip((inputs, *widths), widths, strict=False):
        weight = rng.normal(size=(n, m)) * np.sqrt(2 / n)
        x = b.curve("relu", b.dense(x, weight, 0.3 * rng.normal(size=m)))
    return b.finish([b.dense(x, rng.normal(size=(widths[-1], 2)))], ["y"])


def subset(rng, kind, d):
    """Return a subset of a kind, and the box around it."""
    lo = rng.uniform(-2, 0, d)
    hi = lo + rng.uniform(0.2, 2.5, d)
    if kind == "box":
        fixed = rng.random(d) < 0.4
        at = rng.uniform(lo, hi)
        return (np.where(fixed, at, lo), np.where(fixed, at, hi)), (lo, hi)
    if kind == "union":
        middles, radii = rng.uniform(lo, hi, (3, d)), rng.uniform(0.1, 0.5, (3, 1)) * (hi - lo)
        parts = zip(np.maximum(middles - radii, lo), np.minimum(middles + radii, hi), strict=True)
        return outrange.Union(*parts), (lo, hi)
    if kind == "cut":
        w = rng.normal(size=d)
        return outrange.Polytope([w], [float(w @ (lo + hi) / 2)], (lo, hi)), (lo, hi)
    lo, hi = np.floor(lo), np.ceil(hi) + 1
    integers = [0] if kind != "one-hot" else []
    groups = [[1, 2, 3]] if kind != "integer" else []
    for group in groups:
        lo[group], hi[group] = 0, 1
    return outrange.Mixed((lo, hi), integers=integers, one_hot=groups), (lo, hi)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", range(cases(1, 8)))
def test_a_subset_has_no_looser_bounds(kind, part):
    rng = np.random.default_rng([KINDS.index(kind), part])
    d = int(rng.integers(4, 9))
    graph = net(rng, d, tuple(rng.integers(6, 15, size=2)))
    some, whole = subset(rng, kind, d)
    inner = outrange.output_range(graph, some, budget=3.0)
    outer = outrange.output_range(graph, whole, budget=3.0)
    slack = LOOSER * (outer.seen_hi - outer.seen_lo)
    assert (inner.lo >= outer.lo - slack).all() and (inner.hi <= outer.hi + slack).all()
    assert (inner.seen_lo >= outer.lo - 1e-9).all() and (inner.seen_hi <= outer.hi + 1e-9).all()


@pytest.mark.slow
def test_categories_do_not_cost_the_bounds_of_the_box():
    """With 12 numbers and a group of 4, the group's answer was three times as wide as the box's."""
    rng = np.random.default_rng(5)
    graph = net(rng, 16, (32, 16))
    lo, hi = np.full(16, -2.5), np.full(16, 2.5)
    lo[12:], hi[12:] = 0, 1
    some = outrange.output_range(
        graph, outrange.Mixed((lo, hi), one_hot=[[12, 13, 14, 15]]), budget=8.0
    )
    whole = outrange.output_range(graph, (lo, hi), budget=8.0)
    slack = OPEN * (whole.seen_hi - whole.seen_lo)
    assert (some.lo >= whole.lo - slack).all() and (some.hi <= whole.hi + slack).all()
    for at in (some.at_lo, some.at_hi):
        group = np.asarray(at)[..., 12:]
        assert np.isin(group, (0, 1)).all() and (group.sum(axis=-1) == 1).all()


def test_groups_become_boxes_and_integers_stay_integers():
    mixed = outrange.Mixed((0, 5), integers=[0, 1], one_hot=[[2, 3, 4], [5, 6]])
    parts = regions([Slot("x", (8,))], mixed)
    domain = union_of_boxes(parts)
    assert domain is not None
    assert domain.lo.shape == (6, 8)
    assert domain.whole.tolist() == [True, True] + [False] * 6
    assert (domain.lo[:, 2:7] == domain.hi[:, 2:7]).all()
    assert len(np.unique(domain.lo[:, 2:7], axis=0)) == 6
    assert (domain.lo[:, 2:5].sum(axis=1) == 1).all()


def test_sums_of_integers_are_expanded_exactly():
    """Every integer point of a region lies in one of its boxes, and no other point does."""
    rng = np.random.default_rng(3)
    for _ in range(30):
        a, b = rng.integers(-3, 4, (2, 4)), rng.integers(-2, 6, 2)
        some = outrange.Polytope(a, b, outrange.Mixed((0, 3), integers=[0, 1, 2, 3]))
        boxes = integer_cases(regions([Slot("x", (4,))], some))
        grid = np.stack(np.meshgrid(*[np.arange(4.0)] * 4, indexing="ij"), -1).reshape(-1, 4)
        inside = (grid @ a.T <= b).all(axis=1)
        held = [
            np.sum([((region.box.lo <= x) & (x <= region.box.hi)).all() for region in boxes])
            for x in grid
        ]
        if all(np.count_nonzero(row) > 1 for row in a):
            assert (np.array(held) == inside).all()


def test_what_would_be_too_many_boxes_keeps_its_condition():
    groups = [list(range(10 * i, 10 * i + 10)) for i in range(4)]
    (region,) = regions([Slot("x", (40,))], outrange.Mixed((0, 1), one_hot=groups))
    assert isinstance(region, Region) and MOST_CASES < 10**4
    assert integer_cases([region]) == [region]


def test_an_interrupt_ends_a_cut_set_at_once(monkeypatch):
    """Ctrl-C in the search of the boxes ended only that search; one for each end followed."""
    solution = Solution.unknown(Status.INTERRUPTED, 2, 4, lower=-7.0)
    monkeypatch.setattr(range_of_set, "solve", lambda *args, **options: solution)
    monkeypatch.setattr(range_of_set, "least", lambda *args, **options: pytest.fail("searched on"))
    graph = net(np.random.default_rng(0), 2, (4, 4))
    parts = regions(graph.inputs, outrange.Polytope([[1.0, 1.0]], [0.5], (0.0, 1.0)))
    answer = range_of_set.range_over(graph, parts, tol=None, time_limit=None)
    assert answer.status is Status.INTERRUPTED and (answer.lower == -7.0).all()
