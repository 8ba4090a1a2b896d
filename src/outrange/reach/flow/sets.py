"""Sets of states at an instant, over which a network is bounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import down, gamma, up
from ...domains.backward import BoxBatch, LinearForm, dots
from ..polynomials.models import Models, with_rounding


@dataclass(frozen=True, eq=False)
class FormBatch(BoxBatch):
    """Sets `center + generators [-1, 1]^g + [-reach, reach]`, used in place of boxes.

    Args:
        generators: Generators of the sets as columns, `(B, n, g)`.
        place: `(d,)`: index of each initial variable's generator; -1 if there is none.
        middle: `(B, d)`: exact middle of each initial variable's range in the set.
        half: `(B, d)`: exact half width of this range.
    """

    generators: np.ndarray
    place: np.ndarray
    middle: np.ndarray
    half: np.ndarray

    @staticmethod
    def over(models: Models) -> FormBatch:
        """Return sets that contain all values of models at an instant.

        The square of a variable has the range [0, 1], so it is represented as one half plus or
        minus one half.
        """
        assert models.rest is not None
        coef, even = models.coef, models.frame.even
        center = coef[..., 0] + 0.5 * coef[..., even].sum(axis=-1)
        generators = np.concatenate(
            [coef[..., 1:] * np.where(even[1:], 0.5, 1.0), models.sym[:, :, 0]], axis=-1
        )
        size = np.abs(coef).sum(axis=-1)
        # A sum with one term is exact.
        several = (coef[..., 1:] != 0).any(axis=-1)
        pad = models.rest + np.where(several, gamma(coef.shape[2] + 2) * size, 0.0)
        # Generators that are zero for every state are dropped.
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
        """Build sets whose reach covers the rounding errors of `least` and of the hull.

        `least` adds a sum of `n` products with the center, `g` absolute values of such sums with
        the generators, and a sum of `n` products with the reach.
        """
        spread = np.abs(generators).sum(axis=-1)
        g = gamma(2 * center.shape[1] + generators.shape[-1] + 16)
        reach = with_rounding(pad + g * (np.abs(center) + spread + pad))
        wide = with_rounding(spread + reach)
        # A single number, such as the time, is its own hull.
        is_number = (spread == 0) & (pad == 0)
        ends = (
            np.where(is_number, center, down(center - wide)),
            np.where(is_number, center, up(center + wide)),
        )
        return FormBatch(*ends, center, reach, generators, *variables)

    @property
    def count(self) -> int:
        """Number of sets."""
        return len(self.center)

    def take(self, index: np.ndarray) -> FormBatch:
        """Return the sets with the given indices; an index may be repeated."""
        return FormBatch(
            self.lo[index], self.hi[index], self.center[index], self.reach[index],
            self.generators[index], self.place, self.middle[index], self.half[index],
        )  # fmt: skip

    def least(self, form: LinearForm) -> np.ndarray:
        """Return a lower bound on each form over each set, `(B, R)`; `-inf` if there is none."""
        return self.least_minus(form, None)

    def least_minus(self, form: LinearForm, along: np.ndarray | None) -> np.ndarray:
        """Return a lower bound on `form - along . xi`, where `xi` multiplies the generators.

        The caller accounts for the rounding errors of `along`, `(B, R, g)`, and of its subtraction.
        """
        a = form.rows
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.matmul(a, self.generators)
            spread = np.abs(apart if along is None else apart - along).sum(axis=-1)
            low = down(dots(a, self.center) - spread - dots(np.abs(a), self.reach))
            low = down(low + form.constant)
        return np.where(low < np.inf, low, -np.inf)

    def bisect(self, which: np.ndarray) -> FormBatch:
        """Bisect each set along generator `which`, `(B,)`; halves of a set are adjacent."""
        twice = np.repeat(np.arange(self.count), 2)
        sets, column, rows = self.take(twice), np.repeat(which, 2), np.arange(2 * self.count)
        generators, half = sets.generators.copy(), sets.half.copy()
        part = 0.5 * generators[rows, :, column]
        generators[rows, :, column] = part
        sign = np.where(rows % 2, 1.0, -1.0)[:, None]
        center = sets.center + sign * part
        # Repeated halving of 1 needs few bits, so nothing is rounded here.
        is_cut = self.place == column[:, None]
        half = np.where(is_cut, 0.5 * half, half)
        middle = np.where(is_cut, sets.middle + sign * half, sets.middle)
        pad = sets.reach + gamma(1) * np.abs(center)
        return FormBatch._of_parts(center, generators, pad, self.place, middle, half)


def samples(models: Models, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Sample initial variables `(count, d)` and the states `(B, count, n)`; not for proofs.

    In half of the points, every variable is -1 or 1.
    """
    rng, frame = np.random.default_rng(0), models.frame
    at = rng.uniform(-1.0, 1.0, (count, frame.variables + models.sym.shape[-1]))
    at[count // 2 :] = np.sign(at[count // 2 :])
    eps, s = at[:, : frame.variables], at[:, frame.variables :]
    powers = np.prod(eps[:, None] ** frame.exponents, axis=-1)
    states = np.matmul(powers, models.coef.transpose(0, 2, 1))
    return eps, states + np.matmul(s, models.sym[:, :, 0].transpose(0, 2, 1))
