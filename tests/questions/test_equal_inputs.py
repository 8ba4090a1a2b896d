"""Inputs that a property equates are merged, and nothing else changes."""

from fractions import Fraction

import numpy as np
import pytest

from outrange.core import And, Atom, Or, Specification
from outrange.core.formula import holds
from outrange.questions.conditions.equal_inputs import equal_inputs, merge_equal_inputs
from outrange.questions.conditions.specification import own_box


def equal(i, j):
    return [Atom(((i, 1.0), (j, -1.0)), 0.0), Atom(((i, -1.0), (j, 1.0)), 0.0)]


def test_equal_inputs_share_a_place():
    unsafe = And((*equal(0, 3), *equal(3, 4), Atom(((1, 1.0), (2, -1.0)), 0.0)))
    assert equal_inputs(Specification("p", 5, 1, unsafe)).tolist() == [0, 1, 2, 0, 0]


@pytest.mark.parametrize(
    "unsafe",
    [
        Or(tuple(equal(0, 1))),  # either side alone
        And((equal(0, 1)[0],)),
        And((Atom(((0, 1.0), (1, -1.0)), -1.0), equal(0, 1)[1])),
        And((Atom(((0, 1.0), (1, 1.0)), 0.0), Atom(((0, -1.0), (1, -1.0)), 0.0))),
        And((Atom(((0, 1.0), (2, -1.0)), 0.0), Atom(((0, -1.0), (2, 1.0)), 0.0))),  # an output
    ],
)
def test_what_is_not_equality_of_inputs(unsafe):
    assert equal_inputs(Specification("p", 2, 1, unsafe)).tolist() == [0, 1]


def test_a_strict_equality_holds_nowhere():
    strict = And((Atom(((0, 1.0), (1, -1.0)), 0.0, True), equal(0, 1)[1]))
    shorter, index = merge_equal_inputs(Specification("p", 2, 1, strict))
    point = np.zeros(int(index.max()) + 2)
    assert holds(shorter.unsafe, point, point) is False


@pytest.mark.parametrize("seed", range(40))
def test_merged_properties_hold_where_they_held(seed):
    """Points of the merged property are exactly those of the first, with equal entries once."""
    rng = np.random.default_rng(seed)
    inputs, outputs = 5, 2
    parts = [part for _ in range(2) for part in equal(*rng.choice(inputs, 2, replace=False))]
    for _ in range(4):
        chosen = np.sort(rng.choice(inputs + outputs, rng.integers(1, 4), replace=False))
        terms = tuple((int(i), float(rng.choice([-2.0, -1, -0.1, 0.3, 1]))) for i in chosen)
        parts.append(Atom(terms, float(rng.integers(-3, 1)), bool(rng.integers(2))))
    nested = Or((Atom(((0, 1.0), (4, -1.0)), 0.0, True), Atom(((5, 1.0),), -0.5)))
    spec = Specification("p", inputs, outputs, And((*parts, nested)))
    shorter, index = merge_equal_inputs(spec)
    assert shorter.inputs == int(index.max()) + 1
    for _ in range(50):
        short = rng.integers(-4, 5, shorter.inputs + outputs) / 4
        long = np.concatenate([short[:-outputs][index], short[-outputs:]])
        assert holds(shorter.unsafe, short, short) is holds(spec.unsafe, long, long)


def test_sums_of_coefficients_that_are_no_double_tie_nothing():
    unsafe = And((*equal(0, 1), Atom(((0, 0.1), (1, 0.2)), -1.0)))
    shorter, index = merge_equal_inputs(Specification("p", 2, 1, unsafe))
    assert index.tolist() == [0, 1] and shorter.inputs == 2


def test_bounds_are_implied_outwards():
    """`0.1 u <= x + 0.3` and `x <= 1` bound `u` by a rational that no double is."""
    atoms = (Atom(((0, 1.0),), -1.0), Atom(((0, -1.0), (1, 0.1)), -0.3))
    shorter, _ = merge_equal_inputs(Specification("p", 2, 1, And(atoms)))
    (bound,) = shorter.unsafe.parts[1:]
    ((i, c),) = bound.terms
    end = -Fraction(bound.offset)
    exact = (1 + Fraction(0.3)) / Fraction(0.1)
    assert (i, c) == (1, 1.0) and exact <= end <= exact * (1 + Fraction(2) ** -52)


def test_the_box_of_a_property_holds_all_its_inputs():
    """Ends that are not doubles are rounded outward."""
    third = And((Atom(((0, 3.0),), -1.0), Atom(((0, -3.0),), -1.0), Atom(((1, -1.0),), 0.5, True),
                 Atom(((1, 1.0), (2, 1.0)), 0.0)))  # fmt: skip
    box = own_box(Specification("p", 2, 1, And((third,)))).box
    assert Fraction(box.hi[0]) >= Fraction(1, 3) >= -Fraction(box.lo[0]) - Fraction(2) ** -53
    assert Fraction(box.lo[0]) <= -Fraction(1, 3)
    assert (box.lo[1], box.hi[1]) == (0.5, np.inf)
