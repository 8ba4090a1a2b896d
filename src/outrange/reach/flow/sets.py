"""The states at an instant as a set over which a network is bounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import down, gamma, up
from ...domains.backward import BoxBatch, LinearForm, dots
from ..polynomials.models import Models, paid


@dataclass(frozen=True, eq=False)
class FormBatch(BoxBatch):
    """Sets `center + generators [-1, 1]^g + [-reach, reach]` in the place of boxes.

    Args:
        generators: `(B, n, g)`.
        place: `(d,)` of each initial variable the generator that it multiplies; -1 if it has none.
        middle: `(B, d)` the middle of each initial variable in the set, exactly.
        half: `(B, d)` how far it may be from there, exactly.
    """

    generators: np.ndarray
    place: np.ndarray
    middle: np.ndarray
    half: np.ndarray

    @staticmethod
    def over(models: Models) -> FormBatch:
        """The values of models at an instant.

        A square of a variable is a half more and less a half: its own range is [0, 1].
        """
        assert models.rest is not None
        coef, even = models.coef, models.frame.even
        center = coef[..., 0] + 0.5 * coef[..., even].sum(axis=-1)
        generators = np.concatenate(
            [coef[..., 1:] * np.where(even[1:], 0.5, 1.0), models.sym[:, :, 0]], axis=-1
        )
        size = np.abs(coef).sum(axis=-1)
        # The sum of one number is rounded nowhere.
        several = (coef[..., 1:] != 0).any(axis=-1)
        pad = models.rest + np.where(several, gamma(coef.shape[2] + 2) * size, 0.0)
        # Generators that no state has would only be carried along.
        used = (generators != 0).any(axis=(0, 1))
        linear = models.frame.linear - 1
        place = np.where(used[linear], np.cumsum(used)[linear] - 1, -1)
        shape = (models.count, linear.size)
        variables = place, np.zeros(shape), np.ones(shape)
        return FormBatch._of_parts(center, generators[..., used], pad, *variables)

    @staticmethod
    def _of_parts(
        center: np.ndarray, generators: np.ndarray, pad: np.ndarray, *variables: np.ndarray
    ) -> FormBatch:
        """Sets of these parts, with the rounding of `least` and of the hull in their reach.

        `least` takes a sum of `n` products with the center, of `g` absolute values of such sums
        with the generators, and of `n` with the reach.
        """
        spread = np.abs(generators).sum(axis=-1)
        g = gamma(2 * center.shape[1] + generators.shape[-1] + 16)
        reach = paid(pad + g * (np.abs(center) + spread + pad))
        wide = paid(spread + reach)
        # What is one number, the time say, has no hull.
        one = (spread == 0) & (pad == 0)
        ends = np.where(one, center, down(center - wide)), np.where(one, center, up(center + wide))
        return FormBatch(*ends, center, reach, generators, *variables)

    @property
    def count(self) -> int:
        """How many sets there are."""
        return len(self.center)

    def take(self, index: np.ndarray) -> FormBatch:
        """Some of the sets, repeats allowed."""
        return FormBatch(
            self.lo[index], self.hi[index], self.center[index], self.reach[index],
            self.generators[index], self.place, self.middle[index], self.half[index],
        )  # fmt: skip

    def least(self, form: LinearForm) -> np.ndarray:
        """A lower bound of each form over each set, `(B, R)`; `-inf` where there is none."""
        return self.least_beside(form, None)

    def least_beside(self, form: LinearForm, along: np.ndarray | None) -> np.ndarray:
        """The same of `form - along . xi`, `xi` the multipliers of the generators.

        The caller pays for the rounding of `along` `(B, R, g)` and of its subtraction.
        """
        a = form.rows
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.matmul(a, self.generators)
            spread = np.abs(apart if along is None else apart - along).sum(axis=-1)
            low = down(dots(a, self.center) - spread - dots(np.abs(a), self.reach))
            low = down(low + form.constant)
        return np.where(low < np.inf, low, -np.inf)

    def halved(self, which: np.ndarray) -> FormBatch:
        """Both halves of each set across one of its generators `(B,)`, one after the other."""
        twice = np.repeat(np.arange(self.count), 2)
        sets, column, rows = self.take(twice), np.repeat(which, 2), np.arange(2 * self.count)
        generators, half = sets.generators.copy(), sets.half.copy()
        part = 0.5 * generators[rows, :, column]
        generators[rows, :, column] = part
        sign = np.where(rows % 2, 1.0, -1.0)[:, None]
        center = sets.center + sign * part
        # A half of a half of ... is a number with few bits: nothing is rounded here.
        mine = self.place == column[:, None]
        half = np.where(mine, 0.5 * half, half)
        middle = np.where(mine, sets.middle + sign * half, sets.middle)
        pad = sets.reach + gamma(1) * np.abs(center)
        return FormBatch._of_parts(center, generators, pad, self.place, middle, half)


def samples(models: Models, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Initial variables `(count, d)`, and states `(B, count, n)` there; for fits, not for proofs.

    Half of the points are corners.
    """
    rng, frame = np.random.default_rng(0), models.frame
    at = rng.uniform(-1.0, 1.0, (count, frame.variables + models.sym.shape[-1]))
    at[count // 2 :] = np.sign(at[count // 2 :])
    eps, s = at[:, : frame.variables], at[:, frame.variables :]
    powers = np.prod(eps[:, None] ** frame.exponents, axis=-1)
    found = np.matmul(powers, models.coef.transpose(0, 2, 1))
    return eps, found + np.matmul(s, models.sym[:, :, 0].transpose(0, 2, 1))
