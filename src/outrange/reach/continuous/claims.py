"""Specifications in time about trajectories in continuous time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any

import numpy as np

from ...core import Formula, InputError
from ...core.formula import negate, value
from ...questions.expressions import Temporal, as_temporal
from ..specification import Trajectory, held_at, remarks


@dataclass(frozen=True, eq=False)
class TimedClaim:
    """A specification without negations.

    Args:
        op: "always", "eventually", "all" or "any".
        parts: Of "all" and "any".
        formula: Of the others, over `[states, controls]` at one time.
        start: The first time that counts.
        stop: The last.
    """

    op: str
    parts: tuple[TimedClaim, ...] = ()
    formula: Formula | None = None
    start: Fraction = Fraction(0)
    stop: Fraction = Fraction(0)

    def denied(self) -> TimedClaim:
        """What holds exactly where this does not."""
        other = {"always": "eventually", "eventually": "always", "all": "any", "any": "all"}
        formula = None if self.formula is None else negate(self.formula)
        parts = tuple(part.denied() for part in self.parts)
        return TimedClaim(other[self.op], parts, formula, self.start, self.stop)

    @property
    def chooses(self) -> bool:
        """Whether it leaves open when, or in which way, something holds."""
        return self.op in ("eventually", "any") or any(part.chooses for part in self.parts)

    def leaves(self) -> Iterator[TimedClaim]:
        """The conditions."""
        if self.formula is not None:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def worth(self, times: Sequence[Fraction], flat: np.ndarray) -> np.ndarray:
        """How far each of some trajectories is from breaking it; negative where it does.

        Args:
            times: At which they are known.
            flat: `(batch, times, states + controls)`.
        """
        if self.formula is None:
            found = [part.worth(times, flat) for part in self.parts]
            return np.min(found, axis=0) if self.op == "all" else np.max(found, axis=0)
        each = self.each(times, flat)
        return each.min(axis=1) if self.op == "always" else each.max(axis=1)

    def each(self, times: Sequence[Fraction], flat: np.ndarray) -> np.ndarray:
        """The same of a condition at each time of its window, `(batch, times)`."""
        assert self.formula is not None
        index = self.index(times)
        some = flat[:, index]
        with np.errstate(all="ignore"):
            found = value(negate(self.formula), some.reshape(-1, flat.shape[2]))
        # Of a trajectory that float64 could not follow nothing is known.
        return np.where(np.isnan(found), np.inf, found).reshape(len(flat), len(index))

    def index(self, times: Sequence[Fraction]) -> np.ndarray:
        """The times that count."""
        return np.array([k for k, t in enumerate(times) if self.start <= t <= self.stop])


def exact_time(given: float) -> Fraction:
    """A time as the decimal that was written: 0.1 is a tenth."""
    return given if isinstance(given, Fraction) else Fraction(repr(float(given)))


def claimed(spec: Any, where: Trajectory, end: Fraction) -> TimedClaim:
    """Read a specification.

    Args:
        spec: A condition, one in time, or several joined.
        where: Names, for conditions at one time.
        end: The last time of the loop.

    Raises:
        InputError: It names what is not there, or a time beyond the end.
    """
    return _claim(as_temporal(spec), where, end)


def _claim(spec: Temporal, where: Trajectory, end: Fraction) -> TimedClaim:
    if spec.op == "~":
        return _claim(spec.parts[0], where, end).denied()
    if spec.op in ("&", "|"):
        parts = tuple(_claim(part, where, end) for part in spec.parts)
        return TimedClaim("all" if spec.op == "&" else "any", parts)
    start, stop = window(spec, end)
    return TimedClaim(spec.op, (), held_at(spec.parts[0], where, 0), start, stop)


def window(spec: Temporal, end: Fraction) -> tuple[Fraction, Fraction]:
    """From when to when a condition counts.

    Raises:
        InputError: Later than the end.
    """
    ends = (0.0 if spec.start is None else spec.start, spec.stop)
    known = all(time is None or isfinite(time) for time in ends)
    start = exact_time(ends[0]) if known else Fraction(0)
    stop = end if ends[1] is None or not known else exact_time(ends[1])
    if not known or max(start, stop) > end:
        raise InputError(
            "In continuous time, the times of a specification are in the unit of `dt`, and the "
            f"loop ends at `steps * dt` = {float(end):g}: more `steps=`, or an earlier time. "
            f"Received: {spec!r}, about the time {max(t for t in ends if t is not None):g}."
        )
    return start, stop


def warned(spec: Any, where: Trajectory, end: Fraction) -> list[str]:
    """What is odd about a specification: a part of it that holds whatever the loop does."""
    spec, found = as_temporal(spec), []
    if spec.op == "&":
        for part in spec.parts:
            found += warned(part, where, end)
    elif spec.op in ("always", "eventually"):
        found += remarks(spec, negate(held_at(spec.parts[0], where, 0)))
    return found
