"""Bounds on one goal over a batch of cases, by ascent on slopes and multipliers.

A case fixes the signs of some units. The ascent is that of alpha-beta-CROWN, in the formulation
that the checker reads. Every undecided unit has a line through its kink, with a free slope. The
unit's share is the position of this slope between the two slopes of the curve. Every decided unit
has a multiplier.

Reference: S. Wang et al. (beta-CROWN), NeurIPS 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.clock import check_deadline
from ...search.common.adam import AdamMoments
from .float_lines import turns_up
from .tree_bytes import multiplier, number
from .unstable_units import UnstableUnits


PACE, LAST_PACE = 0.15, 0.1
"""Size of the first step, in units of a share, and of the last step relative to the first."""

ADAM_WEIGHTS = 0.1, 0.001
"""Weights of a new gradient and of its square in the running means."""


@dataclass(eq=False)
class Cases:
    """Cases of one goal, with the best bound on the goal in each.

    Args:
        signs: `(cases, units)`: fixed sign of each unit's sum, -1 or 1; 0 if it is undecided.
        share: `(cases, units)`: positions of the free slopes of undecided units, from the slope
            below the kink (0) to the slope above it (1).
        pull: `(cases, units)`, at least 0: the multipliers of decided units.
        bound: `(cases,)`: the best lower bounds.
        score: `(cases, units)`: estimated benefit of deciding a unit.
    """

    signs: np.ndarray
    share: np.ndarray
    pull: np.ndarray
    bound: np.ndarray
    score: np.ndarray

    def take(self, index: np.ndarray) -> Cases:
        """Return the cases at the given indices."""
        return Cases(*(part[index] for part in vars(self).values()))


class PhaseAscent:
    """Gradient ascent that raises lower bounds on one goal's linear form, for many cases together.

    Args:
        units: The undecided units over the box.
        row: `(columns,)`: the form's coefficients.
    """

    def __init__(self, units: UnstableUnits, row: np.ndarray, constant: float) -> None:
        self.units, self.row, self.constant = units, row, constant
        self.inputs, self.count = units.net.inputs, units.count
        levels = units.levels

        def concatenate(parts: list[np.ndarray]) -> np.ndarray:
            return np.concatenate([np.zeros(0), *parts])

        self.low = concatenate([level.low for level in levels])
        self.high = concatenate([level.high for level in levels])
        self.lines = [concatenate([level.lines[i] for level in levels]) for i in range(4)]
        slopes = [level.block.slopes or (0.0, 0.0) for level in levels]
        sizes = [len(level.low) for level in levels]
        self.below = np.repeat([s[0] for s in slopes], sizes)
        self.above = np.repeat([s[1] for s in slopes], sizes)
        self.kinked = np.repeat([level.block.slopes is not None for level in levels], sizes)
        self.kinked &= (self.low < 0) & (self.high > 0)
        self.convex = self.above >= self.below
        self.middle, self.radius = (units.lo + units.hi) / 2, (units.hi - units.lo) / 2
        wide = np.maximum(self.high - self.low, 1e-300)
        self.first_share = turns_up(self.low, self.high).astype(float)
        self.gap = np.abs(self.above - self.below) * np.maximum(-self.low, 0) * self.high / wide

    def root(self) -> Cases:
        """Return the case in which no sign is fixed; it is not bounded yet."""
        shape = (1, self.count)
        cases = Cases(
            np.zeros(shape),
            self.first_share[None].copy(),
            np.zeros(shape),
            np.zeros(1),
            np.zeros(shape),
        )
        cases.bound[0] = -np.inf
        return cases

    def improve(self, cases: Cases, steps: int, target: float) -> None:
        """Raise the bounds of cases by changing their shares and multipliers in place.

        Args:
            cases: The cases to improve.
            steps: Number of ascent steps; with 0, the cases are only bounded.
            target: Cases whose bound reaches this value may be dropped from the ascent.
        """
        share, pull = cases.share.copy(), cases.pull.copy()
        cases.bound[:] = -np.inf
        going = np.arange(len(share))
        zeros = np.zeros_like(share)
        of_share, of_pull = (
            AdamMoments(zeros.copy(), zeros.copy(), ADAM_WEIGHTS) for _ in range(2)
        )
        scale = max(1e-9, float(np.abs(self.row).max(initial=0.0)))
        for step in range(steps + 1):
            check_deadline()
            signs = cases.signs[going]
            bound, reached, grads = self._pass(signs, share, pull, step < steps)
            better = bound > cases.bound[going]
            improved = going[better]
            cases.bound[improved], cases.share[improved] = bound[better], share[better]
            cases.pull[improved] = pull[better]
            cases.score[improved] = self._scores(signs[better], reached[better])
            if step == steps:
                return
            left = cases.bound[going] < target
            if not left.any():
                return
            pace = PACE * LAST_PACE ** (step / steps)
            share += pace * of_share.step(grads[0])
            pull += pace * scale * of_pull.step(grads[1])
            np.clip(share, 0.0, 1.0, out=share)
            np.maximum(pull, 0.0, out=pull)
            if left.mean() < 0.75:
                going, share, pull = going[left], share[left], pull[left]
                of_share.keep(left)
                of_pull.keep(left)

    def _lines(self, signs: np.ndarray, share: np.ndarray) -> list[np.ndarray]:
        """Return `low slope, low offset, high slope, high offset`, each `(cases, units)`."""
        turn = self.below + (self.above - self.below) * share
        ls, lt, hs, ht = (np.broadcast_to(part, signs.shape) for part in self.lines)
        ls = np.where(self.kinked & self.convex, turn, ls)
        hs = np.where(self.kinked & ~self.convex, turn, hs)
        slope = np.where(signs > 0, self.above, self.below)
        is_decided = signs != 0
        ls, hs = np.where(is_decided, slope, ls), np.where(is_decided, slope, hs)
        return [ls, np.where(is_decided, 0.0, lt), hs, np.where(is_decided, 0.0, ht)]

    def _pass(
        self, signs: np.ndarray, share: np.ndarray, pull: np.ndarray, gradients: bool
    ) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Compute the bounds, the coefficients of the units, and the gradients of the bounds.

        The gradients are taken with respect to the shares and to the multipliers.
        """
        ls, lt, hs, ht = self._lines(signs, share)
        count, d = len(signs), self.inputs
        form = np.tile(self.row, (count, 1))
        total = np.full(count, self.constant)
        slopes = np.empty(signs.shape)
        for level in reversed(self.units.levels):
            at = slice(level.start - d, level.stop - d)
            c, form_before = form[:, level.start : level.stop], form[:, : level.start]
            slopes[:, at] = np.where(c > 0, ls[:, at], hs[:, at])
            total += (c * np.where(c > 0, lt[:, at], ht[:, at])).sum(axis=1)
            put = c * slopes[:, at] - pull[:, at] * signs[:, at]
            total += put @ level.constant
            form_before += put @ level.form
        met, entry = form[:, d:], form[:, :d]
        bound = total + entry @ self.middle - np.abs(entry) @ self.radius
        if not gradients:
            return bound, met, (bound, bound)
        values = np.empty(form.shape)
        values[:, :d] = self.middle - np.sign(entry) * self.radius
        sums = np.empty(signs.shape)
        for level in self.units.levels:
            at = slice(level.start - d, level.stop - d)
            z = values[:, : level.start] @ level.form.T + level.constant
            sums[:, at] = z
            offset = np.where(met[:, at] > 0, lt[:, at], ht[:, at])
            values[:, level.start : level.stop] = slopes[:, at] * z + offset
        turned = self.kinked & (signs == 0) & ((met > 0) == self.convex)
        of_share = np.where(turned, met * (self.above - self.below) * sums, 0.0)
        return bound, met, (of_share, -signs * sums)

    def _scores(self, signs: np.ndarray, met: np.ndarray) -> np.ndarray:
        """Return how much the linear relaxation of each undecided unit loosens the bounds.

        It is the gap between the unit's lines, times the unit's coefficient `met` in the bound. The
        amount is halved where the line with the free slope is used.
        """
        certain = (met < 0) == self.convex
        score = np.abs(met) * self.gap * np.where(certain, 1.0, 0.5)
        return np.where(self.kinked & (signs == 0), score, 0.0)

    def write_leaves(self, cases: Cases) -> list[tuple[bytes, bytes]]:
        """Encode the shares and multipliers of each case; round `cases` to the encoded values."""
        out = []
        shares = np.rint(cases.share * 255).astype(np.uint8)
        cases.share = shares / 255.0
        for i in range(len(shares)):
            pulls = b""
            pulled = np.flatnonzero((cases.signs[i] != 0) & (cases.pull[i] > 0))
            cases.pull[i, cases.signs[i] == 0] = 0.0
            from_bytes = [multiplier(float(cases.pull[i, j])) for j in pulled]
            cases.pull[i, pulled] = [value for _, value in from_bytes]
            pulls = _pulls(pulled, [part for part, _ in from_bytes])
            out.append((shares[i].tobytes(), pulls))
        return out


def _pulls(units: np.ndarray, sizes: list[bytes]) -> bytes:
    parts = [number(int(i)) + size for i, size in zip(units, sizes, strict=True)]
    return number(len(parts)) + b"".join(parts)
