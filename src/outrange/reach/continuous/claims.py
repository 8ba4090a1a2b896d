"""Temporal specifications of trajectories in continuous time."""

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
from ..specification import Trajectory, condition_at, spec_warnings


@dataclass(frozen=True, eq=False)
class TimedClaim:
    """A temporal specification in which negation applies only to conditions at a single time.

    Args:
        op: "always", "eventually", "all" or "any".
        parts: The claims that "all" or "any" combines; empty for "always" and "eventually".
        formula: The condition of "always" or "eventually", over `[states, controls]` at one time;
            None for "all" and "any".
        start: First time at which the condition applies.
        stop: Last time at which the condition applies.
    """

    op: str
    parts: tuple[TimedClaim, ...] = ()
    formula: Formula | None = None
    start: Fraction = Fraction(0)
    stop: Fraction = Fraction(0)

    def negation(self) -> TimedClaim:
        """Return the negated claim, which is true if and only if this claim is false."""
        other = {"always": "eventually", "eventually": "always", "all": "any", "any": "all"}
        formula = None if self.formula is None else negate(self.formula)
        parts = tuple(part.negation() for part in self.parts)
        return TimedClaim(other[self.op], parts, formula, self.start, self.stop)

    @property
    def chooses(self) -> bool:
        """Whether the claim contains "eventually" or "any".

        A proof of such a claim must choose a time or a part.
        """
        return self.op in ("eventually", "any") or any(part.chooses for part in self.parts)

    def leaves(self) -> Iterator[TimedClaim]:
        """Iterate over the "always" and "eventually" claims of which this claim is composed."""
        if self.formula is not None:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def robustness(self, times: Sequence[Fraction], flat: np.ndarray) -> np.ndarray:
        """Return the robustness of each trajectory: its signed distance from a violation.

        Args:
            times: Times of the trajectories.
            flat: States and controls of the trajectories, `(batch, times, states + controls)`.
        """
        if self.formula is None:
            values = [part.robustness(times, flat) for part in self.parts]
            return np.min(values, axis=0) if self.op == "all" else np.max(values, axis=0)
        each = self.robustness_by_time(times, flat)
        return each.min(axis=1) if self.op == "always" else each.max(axis=1)

    def robustness_by_time(self, times: Sequence[Fraction], flat: np.ndarray) -> np.ndarray:
        """Return the robustness of a condition at each time of its window, `(batch, times)`."""
        assert self.formula is not None
        index = self.index(times)
        some = flat[:, index]
        with np.errstate(all="ignore"):
            values = value(negate(self.formula), some.reshape(-1, flat.shape[2]))
        # Nothing is known about a trajectory whose values are NaN in float64.
        return np.where(np.isnan(values), np.inf, values).reshape(len(flat), len(index))

    def index(self, times: Sequence[Fraction]) -> np.ndarray:
        """Return the indices of the times that lie in the claim's window."""
        return np.array([k for k, t in enumerate(times) if self.start <= t <= self.stop])


def exact_time(time: float) -> Fraction:
    """Return the exact value of a time's shortest decimal form: 0.1 becomes 1/10."""
    return time if isinstance(time, Fraction) else Fraction(repr(float(time)))


def read_claim(spec: Any, where: Trajectory, end: Fraction) -> TimedClaim:
    """Convert a specification to a `TimedClaim`.

    Args:
        spec: A condition, a temporal condition, or several joined by `&`, `|` and `~`.
        where: Names of the states and controls that conditions may use.
        end: The last time of the loop.

    Raises:
        InputError: The specification uses an unknown name, or a time after `end`.
    """
    return _claim(as_temporal(spec), where, end)


def _claim(spec: Temporal, where: Trajectory, end: Fraction) -> TimedClaim:
    if spec.op == "~":
        return _claim(spec.parts[0], where, end).negation()
    if spec.op in ("&", "|"):
        parts = tuple(_claim(part, where, end) for part in spec.parts)
        return TimedClaim("all" if spec.op == "&" else "any", parts)
    start, stop = window(spec, end)
    return TimedClaim(spec.op, (), condition_at(spec.parts[0], where, 0), start, stop)


def window(spec: Temporal, end: Fraction) -> tuple[Fraction, Fraction]:
    """Return the first and the last time at which a temporal condition applies.

    Raises:
        InputError: One of the times is later than `end`, or not finite.
    """
    ends = (0.0 if spec.start is None else spec.start, spec.stop)
    are_finite = all(time is None or isfinite(time) for time in ends)
    start = exact_time(ends[0]) if are_finite else Fraction(0)
    stop = end if ends[1] is None or not are_finite else exact_time(ends[1])
    if not are_finite or max(start, stop) > end:
        raise InputError(
            "In continuous time, a specification must not refer to times after the end of the "
            f"loop, `steps * dt` = {float(end):g}. Increase `steps=`, or use an earlier time; "
            f"the unit is that of `dt`. Received: {spec!r}, which refers to the time "
            f"{max(t for t in ends if t is not None):g}."
        )
    return start, stop


def claim_warnings(spec: Any, where: Trajectory, end: Fraction) -> list[str]:
    """Return warnings about parts of a specification that are always true or always false."""
    spec, warnings = as_temporal(spec), []
    if spec.op == "&":
        for part in spec.parts:
            warnings += claim_warnings(part, where, end)
    elif spec.op in ("always", "eventually"):
        warnings += spec_warnings(spec, negate(condition_at(spec.parts[0], where, 0)))
    return warnings
