"""Where a closed loop can be at every time: the reachable sets, as boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import Box, InputError


@dataclass(frozen=True, eq=False)
class Invariant:
    """Where a loop stays for ever, proved.

    Args:
        lo: `(states,)` the least values from `start` on.
        hi: `(states,)` the largest.
        start: The step (with `dt`: the time) from which on it holds.
        period: After so much more it is in the set again that it was in at `start`.
    """

    lo: np.ndarray
    hi: np.ndarray
    start: float
    period: float

    def told(self, names: Sequence[str]) -> str:
        """Say the box in words.

        Args:
            names: Of the states.

        Returns:
            A part of a sentence.
        """
        ends = zip(names, self.lo, self.hi, strict=True)
        return ", ".join(f"{name} in [{a:.4g}, {b:.4g}]" for name, a, b in ends)


@dataclass(frozen=True, eq=False)
class Pipe:
    """The reachable sets of a closed loop, one box per time (or interval of time).

    Every trajectory from the initial set lies in `[lo, hi]` at each time of its interval. What was
    seen are simulated trajectories, among them those that a search found to go furthest.

    Args:
        states: Names.
        controls: Names.
        start: `(times,)` the first time that a box holds for.
        stop: `(times,)` the last; the same in discrete time.
        lo: `(times, states)` proved.
        hi: `(times, states)` proved.
        seen_lo: `(times, states)` the least value of all trajectories seen.
        seen_hi: `(times, states)` the largest.
        control_lo: `(steps, controls)` proved: what the plant receives at each step.
        control_hi: `(steps, controls)` proved.
    """

    states: tuple[str, ...]
    controls: tuple[str, ...]
    start: np.ndarray
    stop: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    seen_lo: np.ndarray
    seen_hi: np.ndarray
    control_lo: np.ndarray
    control_hi: np.ndarray

    def __len__(self) -> int:
        return len(self.lo)

    def at(self, time: float) -> Box:
        """Where the state can be at a time.

        Args:
            time: A step of a loop in discrete time, a time of one in continuous time.

        Returns:
            A box: `lo` and `hi`, each `(states,)`.

        Raises:
            InputError: The pipe does not reach that far.
        """
        holds = (self.start == time) & (time == self.stop)
        if not holds.any():
            holds = (self.start <= time) & (time <= self.stop)
        if not holds.any():
            raise InputError(
                f"The pipe holds for the times {self.start.min():g} to {self.stop.max():g}. "
                f"Received: {time!r}."
            )
        return Box(self.lo[holds].max(axis=0), self.hi[holds].min(axis=0))

    @property
    def final(self) -> Box:
        """Where the state can be at the end."""
        return self.at(float(self.stop.max()))

    def range(self, row: Any) -> tuple[np.ndarray, np.ndarray]:
        """Bound a linear form of the states at every time, from the boxes.

        Args:
            row: `(states,)` coefficients, or the name of a state.

        Returns:
            Least and largest, each `(times,)`, rounded outwards.

        Raises:
            InputError: There are more or fewer states, or none of that name.
        """
        if isinstance(row, str):
            i = self.index(row)
            return self.lo[:, i], self.hi[:, i]
        row = np.asarray(row, np.float64)
        if row.shape != (len(self.states),):
            raise InputError(
                f"A row has one coefficient for each of {', '.join(self.states)}. "
                f"Received: shape {row.shape}."
            )
        rising, falling = np.maximum(row, 0.0), np.minimum(row, 0.0)
        size = np.maximum(np.abs(self.lo), np.abs(self.hi)) @ np.abs(row)
        pad = 4 * (row.size + 2) * np.finfo(np.float64).eps * size
        with np.errstate(invalid="ignore"):
            lo = self.lo @ rising + self.hi @ falling - pad
            hi = self.hi @ rising + self.lo @ falling + pad
        return np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi)

    def index(self, state: str | int) -> int:
        """Find a state by its name or its place.

        Args:
            state: Either.

        Returns:
            Its place.

        Raises:
            InputError: There is none.
        """
        if isinstance(state, str) and state in self.states:
            return self.states.index(state)
        if isinstance(state, int | np.integer) and 0 <= state < len(self.states):
            return int(state)
        raise InputError(
            f"The loop has the states {', '.join(self.states)}, also known as 0 to "
            f"{len(self.states) - 1}. Received: {state!r}."
        )

    @property
    def looseness(self) -> np.ndarray:
        """Proved width over seen width, `(times, states)`; 1 is exact, and no pipe is narrower."""
        proved, seen = self.hi - self.lo, self.seen_hi - self.seen_lo
        size = np.maximum(np.abs(self.seen_lo), np.abs(self.seen_hi))
        flat = proved <= 1e-9 * np.maximum(size, 1e-300)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(flat, 1.0, np.maximum(proved / seen, 1.0))

    def __repr__(self) -> str:
        loose = self.looseness
        shown = f"{loose.max():.3g}" if np.isfinite(loose).all() else "unbounded"
        return f"Pipe({len(self)} times of {', '.join(self.states)}, looseness at most {shown})"
