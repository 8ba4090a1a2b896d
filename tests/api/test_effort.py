"""Tests that questions without a limit end by themselves and say so."""

from dataclasses import replace

import numpy as np
import pytest

import outrange
from answers.record_cases import KINDS
from outrange import y
from outrange.answers.answer import Answer
from outrange.answers.bad_inputs import BadInputs
from outrange.answers.counterexamples import Counterexamples
from outrange.answers.monotone import Monotone
from outrange.answers.optimum import Optimum
from outrange.answers.range import Range
from outrange.answers.reach_sets.reach_set import ReachSet
from outrange.answers.robustness import Robustness
from outrange.answers.tables.help import ENDED_EARLY
from outrange.answers.verdict import Verdict
from outrange.api import decorators
from outrange.core import InputError
from outrange.graph import Builder, Slot
from outrange.search.common import tolerance


def net(inputs=2, width=4, outputs=2):
    rng = np.random.default_rng(0)
    b = Builder([Slot("x", (inputs,))])
    (x,) = b.input_values()
    for n in (inputs, width):
        x = b.curve("relu", b.dense(x, rng.normal(size=(n, width)), rng.normal(size=width)))
    return b.finish([b.dense(x, rng.normal(size=(width, outputs)))], ["y"])


SMALL, BOX = net(), (-1.0, 1.0)
ROWS, LABELS = np.random.default_rng(1).uniform(-1, 1, (3, 2)), np.array([0, 1, 0])

QUESTIONS = {
    "output_range": lambda **o: outrange.output_range(SMALL, BOX, **o),
    "difference_range": lambda **o: outrange.difference_range(SMALL, SMALL, BOX, **o),
    "verify": lambda **o: outrange.verify(SMALL, y[0] <= 100.0, BOX, **o),
    "minimize": lambda **o: outrange.minimize(SMALL, y[0], BOX, **o),
    "maximize": lambda **o: outrange.maximize(SMALL, y[0], BOX, **o),
    "monotone": lambda **o: outrange.monotone(SMALL, BOX, **o),
    "gradient_range": lambda **o: outrange.gradient_range(SMALL, BOX, **o),
    "lipschitz": lambda **o: outrange.lipschitz(SMALL, BOX, **o),
    "robustness": lambda **o: outrange.robustness(SMALL, ROWS[0], **o),
    "robust_accuracy": lambda **o: outrange.robust_accuracy(SMALL, ROWS, LABELS, 0.01, **o),
    "curve": lambda **o: outrange.robust_accuracy(SMALL, ROWS, LABELS, [0.01, 0.1], **o),
    "counterexamples": lambda **o: outrange.counterexamples(SMALL, y[0] <= 0.0, BOX, **o),
    "bad_inputs": lambda **o: outrange.bad_inputs(SMALL, y[0] <= 0.0, BOX, **o),
    "reach_set": lambda **o: outrange.reach_set(SMALL, BOX, **o),
}


@pytest.mark.parametrize("seconds", [1e-3, 60.0])
@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_takes_an_effort(name, seconds, monkeypatch):
    monkeypatch.setitem(decorators.EFFORTS, "quick", seconds)
    assert isinstance(QUESTIONS[name](effort="quick"), Answer)


def test_an_effort_that_ended_a_search_is_named(monkeypatch):
    monkeypatch.setitem(decorators.EFFORTS, "quick", 1e-3)
    hard = net(30, 60)
    answer = outrange.output_range(hard, BOX, effort="quick")
    assert answer.status == "time" and "effort quick" in answer.late and "exact" in answer.late
    rows = np.random.default_rng(0).uniform(-1, 1, (50, 30))
    share = outrange.robust_accuracy(hard, rows, np.zeros(50, int), 0.2, effort="quick")
    assert "effort quick" in share.late


@pytest.mark.slow
def test_a_search_whose_gap_hardly_falls_ends_before_its_effort(monkeypatch):
    monkeypatch.setattr(tolerance, "PATIENCE", 0.0)
    monkeypatch.setattr(tolerance, "STALLED", 0.9)
    monkeypatch.setitem(decorators.EFFORTS, "quick", 1000.0)
    answer = outrange.output_range(net(30, 60), BOX, effort="quick")
    assert answer.status == "time" and "twice the time" in answer.late
    assert answer.cost.seconds < 500.0


@pytest.mark.parametrize(
    "kind", [Range, Verdict, Optimum, Robustness, Counterexamples, BadInputs, ReachSet, Monotone]
)
def test_a_search_that_may_have_stalled_is_not_said_to_run_out_of_time(kind):
    changes = {"status": "UNKNOWN", "counterexample": None} if kind is Verdict else {}
    changes |= {"reason" if kind in (Verdict, Monotone) else "status": "time"}
    text = str(replace(next(iter(KINDS[kind]().values())), **changes))
    assert ENDED_EARLY in text.lower() and "time ran out" not in text


@pytest.mark.slow
def test_a_search_with_a_time_limit_never_counts_as_stalled(monkeypatch):
    monkeypatch.setattr(tolerance, "PATIENCE", 0.0)
    monkeypatch.setattr(tolerance, "STALLED", 1.0)
    answer = outrange.output_range(net(30, 60), BOX, time_limit=1.0)
    assert answer.status == "time" and answer.cost.seconds > 0.8


def test_gaps_that_stand_still_for_half_the_time_have_stalled():
    search = tolerance.Convergence(tolerance.Tolerance.of(None, curved=False))
    for seconds in np.arange(0.5, 40.0, 0.5):
        gap = max(0.3, 1.0 - 0.1 * seconds)  # falls until 7 s
        search.watch(np.array([gap, np.inf]), seconds)
        assert search.has_stalled() == (seconds >= 14.0)


def test_the_environment_sets_the_default(monkeypatch):
    monkeypatch.setitem(decorators.EFFORTS, "quick", 1e-3)
    monkeypatch.setenv(decorators.EFFORT_VARIABLE, "quick")
    assert "effort quick" in outrange.output_range(net(30, 60), BOX).late
    assert not outrange.output_range(SMALL, BOX, time_limit=60.0).late


def test_wrong_efforts_are_refused():
    with pytest.raises(InputError, match="one of"):
        outrange.output_range(SMALL, BOX, effort="hard")
    for limit in ({"time_limit": 1.0}, {"budget": 1.0}):
        with pytest.raises(InputError, match="must not be combined"):
            outrange.output_range(SMALL, BOX, effort="quick", **limit)
