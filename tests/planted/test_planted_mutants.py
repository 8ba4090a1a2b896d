"""The suite can fail: break one thing in the search or the checks, and planted problems notice."""

import numpy as np
import pytest

from cases import cases
from outrange.questions import verify as asking
from outrange.questions.evidence import check_point as witness
from outrange.search import decide_group
from outrange.search.common.problem import Problem
from planted import (
    test_planted_formulas,
    test_planted_needles,
    test_planted_peers,
    test_planted_sets,
    test_planted_smooth,
    test_planted_thresholds,
    test_planted_truths,
)
from planted.planted_check import HOLDS, VIOLATED
from planted.planted_open import OPEN
from planted.test_planted_needles import one_needle
from planted.test_planted_thresholds import near_the_end


def wrong(engine="auto"):
    """Count the clear problems that get a wrong or no answer, or fail a check."""
    problems = [
        near_the_end(sizes, seed, side, delta)
        for sizes in ((1, 5, 1), (2, 5, 3, 1))
        for seed in cases((0,), (0, 1))
        for side in ("least", "most")
        for delta in (1e-6, -1e-6)
    ]
    problems += [one_needle(kind, 2, 2.0**14) for kind in ("inside", "above")]
    failed = 0
    for problem in problems:
        try:
            verdict = problem.ask(engine, 2.0)
            problem.look_through(verdict)
            failed += verdict.status != problem.expect
        except Exception:
            failed += 1
    return failed


@pytest.mark.parametrize("engine", ["auto", "array"])
def test_nothing_is_wrong_as_it_is(engine):
    assert wrong(engine) == 0


def test_a_target_that_is_too_low(monkeypatch):
    original = decide_group.GroupSearch.__init__

    def ease_target(self, *args):
        original(self, *args)
        self.target = self.target - 0.1
        self.incumbent.target = self.target

    monkeypatch.setattr(decide_group.GroupSearch, "__init__", ease_target)
    assert wrong() > 3


def test_bounds_that_are_too_high(monkeypatch):
    monkeypatch.setattr(Problem, "by_intervals", lambda self, graph: np.full(len(self.rows), 1.0))
    assert wrong() > 3


def test_half_of_the_box_forgotten(monkeypatch):
    original = asking.expand_clauses

    def halve_question(*args):
        for group in (question := original(*args)).groups:
            group.roots.hi[:] = group.roots.hi / 2 + group.roots.lo / 2
        return question

    monkeypatch.setattr(asking, "expand_clauses", halve_question)
    assert wrong() > 3


@pytest.mark.slow
def test_a_property_turned_around(monkeypatch):
    from outrange.core.formula import negate

    original = asking.expand_clauses
    monkeypatch.setattr(
        asking, "expand_clauses", lambda unsafe, *rest: original(negate(unsafe), *rest)
    )
    assert wrong() > 3


def test_a_witness_nobody_looks_at(monkeypatch):
    monkeypatch.setattr(witness, "holds", lambda *args: True)
    monkeypatch.setattr(decide_group, "ABOVE_ZERO", 1.0)
    original = decide_group.GroupSearch.__init__

    def eager(self, *args):
        original(self, *args)
        self.incumbent.goal = self.incumbent.goal + 1.0

    monkeypatch.setattr(decide_group.GroupSearch, "__init__", eager)
    assert wrong() > 3


def test_an_overlooked_activation(monkeypatch):
    """The exact arithmetic of this folder is an independent voice: change a net behind its back."""
    problem = one_needle("inside", 2, 2.0**14)
    other = one_needle("low", 2, 2.0**14)
    problem.net.network = other.net.network
    assert problem.ask("auto").status == HOLDS != problem.expect
    problem, other = one_needle("low", 2, 2.0**14), one_needle("inside", 2, 2.0**14)
    problem.net.network = other.net.network
    verdict = problem.ask("auto")
    assert verdict.status == VIOLATED
    with pytest.raises(AssertionError, match="not broken"):
        problem.look_through(verdict)


def test_few_questions_stay_open():
    modules = (
        test_planted_needles,
        test_planted_truths,
        test_planted_thresholds,
        test_planted_peers,
        test_planted_sets,
        test_planted_smooth,
    )
    problems = sum(len(module.CASES) for module in modules) + len(test_planted_formulas.RANDOM)
    assert problems >= 600
    assert len(OPEN) <= 0.04 * problems
