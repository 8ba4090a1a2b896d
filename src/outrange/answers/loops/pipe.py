"""The reachable sets of a closed loop over time, as boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import Box, InputError
from ..render.numbers import short


@dataclass(frozen=True, eq=False)
class Invariant:
    """Box that is proved to contain all states of a loop from some time on, forever.

    Args:
        lo: `(states,)`, lower bounds on the states from `start` on.
        hi: `(states,)`, upper bounds on the states from `start` on.
        start: Step (in continuous time: time) from which the box contains all states.
        period: Number of steps (in continuous time: duration) after which the states are again in
            the set that contains them at `start`.
    """

    lo: np.ndarray
    hi: np.ndarray
    start: float
    period: float

    def box_text(self, names: Sequence[str]) -> str:
        """Return the bounds of the box on each state as text, rounded outward to four digits.

        Args:
            names: Names of the states.

        Returns:
            A sentence fragment: `x1 in [0, 1], x2 in [2, 3]`.
        """
        ends = zip(names, self.lo, self.hi, strict=True)
        return ", ".join(
            f"{name} in [{short(a, 4, -1):g}, {short(b, 4, 1):g}]" for name, a, b in ends
        )


@dataclass(frozen=True, eq=False)
class Pipe:
    """The reachable sets of a closed loop, one box per time (or interval of time).

    Every trajectory from the initial set lies in `[lo, hi]` at each time of the box's interval.
    `seen_lo` and `seen_hi` come from simulated trajectories, some of which were selected for their
    extreme values.

    Args:
        states: Names of the states.
        controls: Names of the controls.
        start: `(times,)`, first time of each box.
        stop: `(times,)`, last time of each box; equal to `start` in discrete time.
        lo: `(times, states)`, proved lower bounds.
        hi: `(times, states)`, proved upper bounds.
        seen_lo: `(times, states)`, smallest values on the simulated trajectories.
        seen_hi: `(times, states)`, largest values on the simulated trajectories.
        control_lo: `(steps, controls)`, proved lower bounds on the controls that reach the plant.
        control_hi: `(steps, controls)`, proved upper bounds on these controls.
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
        """Return the box that encloses all possible states at a given time.

        Args:
            time: A step of a loop in discrete time, or a time in continuous time.

        Returns:
            A box with `lo` and `hi`, each `(states,)`.

        Raises:
            InputError: The pipe does not contain this time.
        """
        holds = (self.start == time) & (time == self.stop)
        if not holds.any():
            holds = (self.start <= time) & (time <= self.stop)
        if not holds.any():
            raise InputError(
                f"`time` must lie between {self.start.min():g} and {self.stop.max():g}. "
                f"Received: {time!r}."
            )
        return Box(self.lo[holds].max(axis=0), self.hi[holds].min(axis=0))

    @property
    def final(self) -> Box:
        """The box that encloses all possible states at the end."""
        return self.at(float(self.stop.max()))

    def range(self, row: Any) -> tuple[np.ndarray, np.ndarray]:
        """Bound a linear form of the states at every time.

        Args:
            row: Coefficients `(states,)`, or the name of a state.

        Returns:
            Lower and upper bounds, each `(times,)`, rounded outward.

        Raises:
            InputError: There is not one coefficient per state, or the name does not exist.
        """
        if isinstance(row, str):
            i = self.index(row)
            return self.lo[:, i], self.hi[:, i]
        row = np.asarray(row, np.float64)
        if row.shape != (len(self.states),):
            raise InputError(
                "`row` must be the name of a state, or a list with one coefficient for each of the "
                f"states {', '.join(self.states)}. Received: shape {row.shape}."
            )
        rising, falling = np.maximum(row, 0.0), np.minimum(row, 0.0)
        size = np.maximum(np.abs(self.lo), np.abs(self.hi)) @ np.abs(row)
        pad = 4 * (row.size + 2) * np.finfo(np.float64).eps * size
        with np.errstate(invalid="ignore"):
            lo = self.lo @ rising + self.hi @ falling - pad
            hi = self.hi @ rising + self.lo @ falling + pad
        return np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi)

    def index(self, state: str | int) -> int:
        """Return the index of a state.

        Args:
            state: Name or index of the state.

        Returns:
            The index.

        Raises:
            InputError: The state does not exist.
        """
        if isinstance(state, str) and state in self.states:
            return self.states.index(state)
        if isinstance(state, int | np.integer) and 0 <= state < len(self.states):
            return int(state)
        raise InputError(
            f"`state` must be one of {', '.join(self.states)}, or an index from 0 to "
            f"{len(self.states) - 1}. Received: {state!r}."
        )

    @property
    def looseness(self) -> np.ndarray:
        """`(times, states)`, ratio of proved to simulated width, at least 1."""
        proved, seen = self.hi - self.lo, self.seen_hi - self.seen_lo
        size = np.maximum(np.abs(self.seen_lo), np.abs(self.seen_hi))
        flat = proved <= 1e-9 * np.maximum(size, 1e-300)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(flat, 1.0, np.maximum(proved / seen, 1.0))

    def __repr__(self) -> str:
        loose = self.looseness
        shown = f"{loose.max():.3g}" if np.isfinite(loose).all() else "unbounded"
        what = f"states {', '.join(self.states)} at {len(self)} times"
        return f"Pipe({what}, looseness at most {shown})"
