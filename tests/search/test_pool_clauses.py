"""Pooled clauses, which differ only in constants, give the same answers as separate ones."""

import numpy as np
import pytest

from outrange.core.formula import And, Atom, Or, value
from outrange.search.common.clause_groups import ClauseGroup
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.decide import decide
from outrange.search.methods.pooled_clauses.pool import MANY, pool_clauses
from small_graphs import dense_net


COUNT = 3 * MANY


def intervals(rng, graph, margin):
    """Return boxes, each with the claim that an output stays near its samples there."""
    groups, d = [], graph.size
    for _ in range(COUNT):
        lo = rng.uniform(-1, 1, d)
        hi = lo + rng.uniform(0, 0.3, d) * (rng.random(d) < 0.7)
        y = graph.run(rng.uniform(lo, hi, (400, d)))[:, 0]
        spare = margin * max(1e-3, np.ptp(y))
        clauses = [
            (Atom(((d, 1.0),), -(y.min() - spare)),),
            (Atom(((d, -1.0),), y.max() + spare),),
        ]
        roots = DomainBoxes(lo[None], hi[None], np.zeros(d, bool))
        groups.append(ClauseGroup(clauses, np.zeros(2, bool), roots))
    return groups


def nested_claims(rng, graph):
    """Return such claims with several parts each; some constants are equal in all boxes."""
    d, groups = graph.size, []
    for group in intervals(rng, graph, 0.0):
        low, high = (rng.normal() for _ in range(2))
        parts = (
            Atom(((0, 1.0), (d, 2.0)), low),
            Or((Atom(((d + 1, 1.0),), high), group.clauses[0][0])),
        )
        clauses = [(And(parts),), (Atom(((1, 1.0),), -0.25, strict=True), group.clauses[1][0])]
        groups.append(ClauseGroup(clauses, np.array([False, False]), group.roots))
    return groups


@pytest.mark.parametrize("kind", [lambda r, g: intervals(r, g, 0.1), nested_claims])
def test_a_joined_condition_has_the_value_it_had(kind):
    rng = np.random.default_rng(3)
    graph = dense_net(rng, "relu")
    groups = kind(rng, graph)
    (joined,) = pool_clauses(graph, groups)
    roots, d = joined.group.roots, graph.size
    assert len(roots.lo) == COUNT and (roots.lo[:, d:] == roots.hi[:, d:]).all()
    for i, group in enumerate(groups):
        np.testing.assert_array_equal(roots.lo[i, :d], group.roots.lo[0])
        x = rng.uniform(group.roots.lo, group.roots.hi, (50, d))
        longer = np.concatenate([x, np.tile(roots.lo[i, d:], (50, 1))], axis=1)
        y = joined.graph.run(longer)
        np.testing.assert_array_equal(y, graph.run(x))
        for before, after in zip(group.clauses, joined.group.clauses, strict=True):
            ours = value(And(tuple(after)), np.concatenate([longer, y], axis=1))
            theirs = value(And(tuple(before)), np.concatenate([x, y], axis=1))
            np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("act", ["relu", "tanh"])
@pytest.mark.parametrize("margin", [2.0, -0.02])
def test_many_boxes_are_decided_as_each_alone(act, margin):
    rng = np.random.default_rng(8)
    graph = dense_net(rng, act)
    groups = intervals(rng, graph, margin)
    points = []
    solution = decide(graph, groups, lambda x: not points.append(x), time_limit=60)
    alone = [decide(graph, [group], lambda x: True, time_limit=60) for group in groups]
    statuses = {single.status for single in alone}
    assert solution.status == ("sat" if "sat" in statuses else "unsat")
    assert solution.status == ("unsat" if margin > 0 else "sat")
    if points:
        x = points[-1]
        assert x.shape == (graph.size,)
        y = np.concatenate([x, graph.run(x[None])[0]])[None]
        inside = [g for g in groups if ((g.roots.lo <= x) & (x <= g.roots.hi)).all()]
        values = [value(And(tuple(clause)), y) for g in inside for clause in g.clauses]
        assert min(values) < 0
    else:
        # A bound of all is a bound of each: at most the least value that occurs.
        assert 0 < solution.lower[0] <= min(single.seen[0] for single in alone)


def test_a_needle_among_many_boxes_is_found():
    rng = np.random.default_rng(5)
    graph = dense_net(rng, "relu")
    groups = intervals(rng, graph, 2.0)
    d, victim = graph.size, groups[COUNT // 2]
    middle = 0.5 * (victim.roots.lo + victim.roots.hi)
    clauses = [(Atom(((d, 1.0),), -graph.run(middle)[0, 0]),), victim.clauses[1]]
    groups[COUNT // 2] = ClauseGroup(clauses, victim.strict, victim.roots)
    solution = decide(graph, groups, lambda x: True, time_limit=60)
    assert solution.status == "sat"
    assert ((victim.roots.lo[0] <= solution.at[0]) & (solution.at[0] <= victim.roots.hi[0])).all()
