"""Long conjunctions of bounds are read as arrays, with the same meaning as one by one."""

import numpy as np
import pytest

from outrange.core import And, Atom, Box, Or
from outrange.core.region import Region
from outrange.questions.conditions import clause_groups, input_bounds


def _input_bound(rng, inputs):
    """Draw a bound on an input or an output: mostly plain, some with other factors, some strict."""
    factor = float(rng.choice([1.0, -1.0, 3.0, -0.7], p=[0.45, 0.45, 0.05, 0.05]))
    variable = int(rng.integers(0, inputs + 2))
    end = float(np.round(rng.uniform(-0.2, 1.2), rng.integers(0, 3)))
    return Atom(((variable, factor),), -factor * end + 0.0, bool(rng.random() < 0.1))


def _box(rng, inputs):
    lo = np.round(rng.uniform(0, 1, inputs), 1)
    hi = np.round(lo + rng.uniform(-0.05, 0.6, inputs), 1)
    ends = [Atom(((i, -1.0),), float(a)) for i, a in enumerate(lo)]
    ends += [Atom(((i, 1.0),), -float(b)) for i, b in enumerate(hi)]
    pair = Or((Atom(((0, 1.0), (inputs, 1.0)), -0.5), _input_bound(rng, inputs)))
    return And((*ends, *(_input_bound(rng, inputs) for _ in range(2)), pair))


def _expand(formula, region):
    expanded = clause_groups.expand_clauses(formula, [region], str)
    boxes = set()
    for group in expanded.groups:
        for lo, hi in zip(group.roots.lo, group.roots.hi, strict=True):
            for clause in group.clauses:
                boxes.add((tuple(lo), tuple(hi), frozenset(clause)))
    return boxes, expanded.apart


@pytest.mark.parametrize("seed", range(6))
def test_boxes_and_clauses_are_those_of_one_bound_after_the_other(seed, monkeypatch):
    rng, inputs = np.random.default_rng(seed), 3
    whole = np.array([False, False, seed % 2 == 1])
    box = Box(np.zeros(inputs), np.array([1.0, 1.0, 4.0]))
    region = Region(box, integer=whole)
    formula = Or(tuple(_box(rng, inputs) for _ in range(40)))
    monkeypatch.setattr(input_bounds, "LONG", 10**9)
    expected, apart = _expand(formula, region)
    monkeypatch.setattr(input_bounds, "LONG", 2)
    expanded, farther = _expand(formula, region)
    assert expected and expanded == expected
    assert farther >= apart >= 0.0


def test_atoms_are_known_by_identity_only_while_they_live():
    bounds = input_bounds.InputBounds(2, lambda formula: -np.inf)
    for end in np.linspace(0.0, 1.0, 200):
        part = And(tuple(Atom(((0, 1.0),), -float(end)) for _ in range(input_bounds.LONG)))
        split = bounds.split(part)
        assert split is not None and (split.end == end).all()
