"""Tests that questions without a limit end by themselves and say so."""

import math
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


@pytest.fixture
def default_limit(monkeypatch):
    """Return a function that sets the default limit."""
    return lambda seconds: monkeypatch.setenv(decorators.LIMIT_VARIABLE, str(seconds))


@pytest.mark.parametrize("seconds", [1e-3, 60.0])
@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_a_default_limit(name, seconds, default_limit):
    default_limit(seconds)
    assert isinstance(QUESTIONS[name](), Answer)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_may_have_no_limit(name, default_limit):
    default_limit(1e-9)
    answer = QUESTIONS[name](time_limit=math.inf)
    assert not answer.late and ("time_limit", "inf") in answer.provenance.arguments


def test_a_default_limit_that_ended_a_search_is_named(default_limit):
    default_limit(1e-3)
    hard = net(30, 60)
    answer = outrange.output_range(hard, BOX)
    assert answer.status == "time" and "the default limit" in answer.late
    assert "math.inf" in answer.late
    rows = np.random.default_rng(0).uniform(-1, 1, (50, 30))
    share = outrange.robust_accuracy(hard, rows, np.zeros(50, int), 0.2)
    assert "the default limit" in share.late


@pytest.mark.slow
def test_a_search_whose_gap_hardly_falls_ends_before_the_default_limit(monkeypatch, default_limit):
    monkeypatch.setattr(tolerance, "PATIENCE", 0.0)
    monkeypatch.setattr(tolerance, "STALLED", 0.9)
    default_limit(1000.0)
    answer = outrange.output_range(net(30, 60), BOX)
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


def test_a_limit_replaces_the_default_one(default_limit):
    default_limit(1e-3)
    assert not outrange.output_range(SMALL, BOX, time_limit=60.0).late


def test_the_default_is_45_seconds(monkeypatch):
    monkeypatch.delenv(decorators.LIMIT_VARIABLE)
    assert decorators._default_limit() == 45.0


@pytest.mark.parametrize("text", ["hard", "0", "-1", "nan", ""])
def test_wrong_default_limits_are_refused(text, default_limit):
    default_limit(text)
    with pytest.raises(InputError, match="OUTRANGE_TIME_LIMIT"):
        outrange.output_range(SMALL, BOX)


def test_the_former_efforts_are_refused(monkeypatch):
    with pytest.raises(InputError, match=r"time_limit=math\.inf"):
        outrange.output_range(SMALL, BOX, effort="exact")
    monkeypatch.setenv("OUTRANGE_EFFORT", "exact")
    with pytest.raises(InputError, match="`OUTRANGE_EFFORT` is now `OUTRANGE_TIME_LIMIT`"):
        outrange.output_range(SMALL, BOX)
