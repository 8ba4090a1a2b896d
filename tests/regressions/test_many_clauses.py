"""Disjunctions multiply, contradictions do not: what is ruled out goes while expanding."""

import numpy as np
import pytest

from outrange.core import Box, OutOfTime, Region, deadline
from outrange.core.formula import And, Atom, Or
from outrange.questions.conditions.clause_groups import expand_clauses
from outrange.questions.verify import verify
from questions.nets import dense_net


NET = dense_net(
    [2, 2, 2], ["relu", None], weights=[(np.eye(2), np.zeros(2)), (np.eye(2), np.zeros(2))]
)
REGION = Region(Box(-np.ones(2), np.ones(2)))


def at_most(variable, end):
    return Atom(((variable, 1.0),), -float(end))


def at_least(variable, end):
    return Atom(((variable, -1.0),), float(end))


def cross_choices(n, *others):
    """Return the conjunction of `n` disjunctions of three: `3 ** n` clauses."""
    choices = [
        Or((at_least(2, 0.9 + i / 1000), at_most(3, i / 1000 - 0.5), at_most(0, i / 1000 - 1)))
        for i in range(n)
    ]
    return And((*choices, *others))


def test_contradictions_leave_no_product():
    formula = cross_choices(40, at_most(2, 0.85), at_least(3, 0), at_least(0, -0.9))
    question = expand_clauses(formula, [REGION], str)
    assert question.groups == [] and question.apart == 0
    assert verify(NET, formula, [REGION], text="").status == "HOLDS"


def test_a_single_choice_left_is_taken():
    formula = cross_choices(40, at_most(2, 0.85), at_least(0, -0.9))
    (group,) = expand_clauses(formula, [REGION], str).groups
    assert len(group.clauses) == 1
    assert verify(NET, formula, [REGION], text="").status == "HOLDS"  # relu is at least 0


def test_time_ends_the_expansion_too():
    with pytest.raises(OutOfTime), deadline(0.0):
        expand_clauses(cross_choices(8), [REGION], str)
    verdict = verify(NET, cross_choices(12, at_least(2, 0.5)), [REGION], text="", time_limit=0.3)
    assert verdict.status in ("UNKNOWN", "VIOLATED")


@pytest.mark.parametrize("same", [True, False])
def test_many_boxes(same):
    count = 1000
    ends = np.linspace(-1, 1, 2 * count + 1)
    unsafe = Or(
        tuple(
            And((at_least(0, a), at_most(0, b), at_least(2, 2 if same else b + 0.01)))
            for a, b in zip(ends[:-1:2], ends[1::2], strict=True)
            if same or b > 0
        )
    )
    groups = expand_clauses(unsafe, [REGION], str).groups
    assert len(groups) == (1 if same else count // 2)
    assert sum(len(group.roots.lo) for group in groups) == (count if same else count // 2)
    assert verify(NET, unsafe, [REGION], text="").status == "HOLDS"
