"""Asks outrange, and checks all it says by arithmetic of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import outrange
from outrange.answers.verdict import Verdict
from outrange.api.arguments import resolve_question
from outrange.questions.verify import verify as ask_engine
from planted.planted_nets import Net
from planted.planted_open import OPEN


LIMIT = 120.0
"""Seconds: far more than any planted question takes, so that a slow machine changes nothing."""

EDGE_LIMIT = 0.5
"""Where no verdict is expected, or where the question is known to stay open."""

HOLDS, VIOLATED = "HOLDS", "VIOLATED"
NOT_VIOLATED, NOT_HOLDS = "not VIOLATED", "not HOLDS"
"""Answers at a threshold that is met exactly: it may stay open, but not go the other way."""


@dataclass
class Problem:
    """A question with a known answer.

    Args:
        claim: The property, as outrange takes it.
        box: The input set, as outrange takes it.
        expect: The expected verdict, or `NOT_VIOLATED` or `NOT_HOLDS` at a threshold.
        broken: Returns whether exact numbers `(x, y)` break the property.
        inside: Whether an exact `x` is in the set; by default the plain box `(lo, hi)`.
        where: A condition on `x`.
        least: Exact least distance from breaking the property, where known: no margin is larger.
        number: The arithmetic of the check; `Fraction` for piecewise-linear nets.
        vacuous: What the verdict shall say of it.
    """

    net: Net
    claim: Any
    box: Any
    expect: str
    broken: Callable[[list, list], bool]
    inside: Callable[[list], bool] | None = None
    where: Any = None
    least: Any = None
    number: Callable = Fraction
    vacuous: bool | None = False

    def ask(self, engine: str, time_limit: float = LIMIT) -> Verdict:
        """The verdict of one engine."""
        network = self.net.network
        assert network is not None
        if engine == "auto":
            return outrange.verify(
                network, self.claim, self.box, where=self.where, time_limit=time_limit
            )
        question, _ = resolve_question(network, self.claim, self.box, self.where)
        return ask_engine(
            question.network,
            question.unsafe,
            question.regions,
            text=question.text,
            time_limit=time_limit,
            engine=engine,
        )

    def check(self, engine: str) -> None:
        """Ask, and fail where the answer is wrong, or missing and not known to be open."""
        edge = self.expect in (NOT_VIOLATED, NOT_HOLDS)
        verdict = self.ask(engine, EDGE_LIMIT if edge or current_test() in OPEN else LIMIT)
        self.look_through(verdict)
        if edge:
            assert verdict.status != self.expect[4:], str(verdict)
        elif verdict.status == "UNKNOWN" and current_test() in OPEN:
            pytest.skip(f"open ({verdict.reason}): {self.expect} was planted; {verdict}")
        else:
            assert verdict.status == self.expect, str(verdict)

    def look_through(self, verdict: Verdict) -> None:
        """Every field agrees with the verdict, with the others and with exact arithmetic."""
        low, near = verdict.margin, verdict.nearest
        assert not np.isnan(low)
        assert verdict.as_dict()["status"] == verdict.status
        assert str(verdict) and repr(verdict) and "Traceback" not in str(verdict)
        if near is not None:
            assert low <= near + 1e-9 * (1 + abs(near)), str(verdict)
        if verdict.status == HOLDS:
            assert low >= 0 and bool(verdict) and self.vacuous in (None, verdict.vacuous)
            assert near is None or near >= -1e-9
            if self.least is not None:
                assert low <= self.least + 1e-9 * abs(self.least), str(verdict)
        elif verdict.status == VIOLATED:
            assert low <= 0 and not bool(verdict) and near is not None and near <= 1e-9
            self.witness(verdict)
        else:
            assert verdict.reason in ("time", "rounding") and verdict.holds is None

    def witness(self, verdict: Verdict) -> None:
        """The counterexample lies in the set and breaks the property, exactly."""
        example = verdict.counterexample
        assert example is not None
        x = [Fraction(float(e)) for e in example.flat_x]
        inside = self.inside or self.in_box
        assert inside(x), f"outside of the set: {example.flat_x}"
        y = self.net.run(example.flat_x.tolist(), self.number)
        point = x if self.number is Fraction else [self.number(e) for e in example.flat_x.tolist()]
        assert self.broken(point, y), f"not broken: {example.flat_x} gives {y}"
        shown = example.y.values() if isinstance(example.y, dict) else [example.y]
        for a, b in zip(y, np.concatenate([np.ravel(part) for part in shown]), strict=True):
            assert abs(float(a) - b) <= 1e-6 * (1 + abs(float(a)))

    def in_box(self, x: list) -> bool:
        """For a box `(lo, hi)`."""
        lo, hi = (np.broadcast_to(end, len(x)).tolist() for end in self.box)
        return all(Fraction(a) <= e <= Fraction(b) for a, e, b in zip(lo, x, hi, strict=True))


def current_test() -> str:
    """`test_name[id]` of the test that runs."""
    return os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].removesuffix(" (call)")


def sort_of(planted: Any) -> str:
    """The name of a case less its numbers: sizes, seeds, distances."""
    return re.sub(r"\d[\d.e+-]*", "", planted.id)


def case(name: str, make: Callable[..., Problem], *args: Any) -> Any:
    """One test: `make(*args)` is made when it runs."""
    return pytest.param(make, args, id=name)
