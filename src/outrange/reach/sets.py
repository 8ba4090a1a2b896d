"""The states at an instant as a set over which a network is bounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import down, gamma, up
from ..domains.backward import BoxBatch, LinearForm, dots
from .polynomials.models import Models, paid


@dataclass(frozen=True, eq=False)
class FormBatch(BoxBatch):
    """Sets `center + generators [-1, 1]^g + [-reach, reach]` in the place of boxes.

    Args:
        generators: `(B, n, g)`.
    """

    generators: np.ndarray

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
        pad = models.rest + gamma(coef.shape[2] + 2) * size
        # Generators that no state has would only be carried along.
        return FormBatch.of_parts(center, generators[..., (generators != 0).any(axis=(0, 1))], pad)

    @staticmethod
    def of_parts(center: np.ndarray, generators: np.ndarray, pad: np.ndarray) -> FormBatch:
        """Sets of these parts, with the rounding of `least` and of the hull in their reach.

        `least` takes a sum of `n` products with the center, of `g` absolute values of such sums
        with the generators, and of `n` with the reach.
        """
        spread = np.abs(generators).sum(axis=-1)
        g = gamma(2 * center.shape[1] + generators.shape[-1] + 16)
        reach = paid(pad + g * (np.abs(center) + spread + pad))
        wide = paid(spread + reach)
        return FormBatch(down(center - wide), up(center + wide), center, reach, generators)

    @property
    def count(self) -> int:
        """How many sets there are."""
        return len(self.center)

    def take(self, index: np.ndarray) -> FormBatch:
        """Some of the sets, repeats allowed."""
        return FormBatch(
            self.lo[index], self.hi[index], self.center[index], self.reach[index],
            self.generators[index],
        )  # fmt: skip

    def least(self, form: LinearForm) -> np.ndarray:
        """A lower bound of each form over each set, `(B, R)`; `-inf` where there is none."""
        a = form.rows
        with np.errstate(invalid="ignore", over="ignore"):
            spread = np.abs(np.matmul(a, self.generators)).sum(axis=-1)
            low = down(dots(a, self.center) - spread - dots(np.abs(a), self.reach))
            low = down(low + form.constant)
        return np.where(low < np.inf, low, -np.inf)

    def halved(self, which: np.ndarray) -> FormBatch:
        """Both halves of each set across one of its generators `(B,)`, one after the other."""
        twice = np.repeat(np.arange(self.count), 2)
        sets = self.take(twice)
        column = np.repeat(which, 2)
        generators = sets.generators.copy()
        half = 0.5 * generators[np.arange(twice.size), :, column]
        generators[np.arange(twice.size), :, column] = half
        sign = np.where(np.arange(twice.size) % 2, 1.0, -1.0)[:, None]
        center = sets.center + sign * half
        return FormBatch.of_parts(center, generators, sets.reach + gamma(1) * np.abs(center))

    def samples(self, count: int) -> np.ndarray:
        """Points of the sets, `(B, count, n)`: half of them corners; for fits, not for proofs."""
        rng = np.random.default_rng(0)
        at = rng.uniform(-1.0, 1.0, (count, self.generators.shape[-1]))
        at[count // 2 :] = np.sign(at[count // 2 :])
        return self.center[:, None] + np.matmul(at, self.generators.transpose(0, 2, 1))
