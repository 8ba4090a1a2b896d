"""Models rebuilt from real questions: the cause is found, and the corrected program is clean."""

from collections import Counter

import pytest

import outrange
from diagnosis.real import CASES


keras = pytest.importorskip("keras")

FAST = ("SO 62641394", "SO 34229140", "SO 46926809", "SO 42516484")
"""What the project started from runs always; the others are slow together."""


def diagnose_both(case):
    """The diagnosis of both programs."""
    keras.utils.set_random_seed(0)
    return outrange.diagnose(*case.faulty(keras)), outrange.diagnose(*case.fixed(keras))


def detects(case, answer) -> bool:
    """Whether a rule that names the cause speaks, at a level above a suspicion."""
    return any(finding.code in case.codes for finding in answer.at_least("measured"))


@pytest.mark.parametrize("case", [c for c in CASES if c.source in FAST], ids=lambda c: c.source)
def test_the_first_questions(case):
    faulty, fixed = diagnose_both(case)
    assert detects(case, faulty), faulty
    assert not fixed.at_least("measured"), fixed


@pytest.mark.slow
def test_the_scorecard():
    detected, alarms = 0, Counter()
    missed = []
    chosen = CASES[::2]
    for case in chosen:
        faulty, fixed = diagnose_both(case)
        detected += detects(case, faulty)
        missed += [] if detects(case, faulty) else [case.source]
        alarms.update(finding.level.name for finding in fixed)
    assert len(CASES) >= 60
    assert detected >= 0.8 * len(chosen), missed
    assert alarms["PROVED"] == 0
    assert alarms["MEASURED"] <= 1


def test_every_question_is_cited_once():
    sources = [case.source for case in CASES]
    assert len(sources) == len(set(sources))
    assert all(case.about and case.codes for case in CASES)
