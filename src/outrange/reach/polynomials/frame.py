"""The monomials of a Taylor model, and the indices of their products.

A monomial is `tau^t eps^alpha`, where `tau` in [0, 1] is the time within a step and `eps` in [-1,
1]^d are the initial variables. The degrees in `tau` and in `eps` are truncated separately.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np


@dataclass(frozen=True, eq=False)
class MonomialFrame:
    """The monomials, ordered by time: entry `t * M + m` is `tau^t` times monomial `m` in `eps`.

    Args:
        variables: Number of initial variables `d`.
        order: Highest total degree in the initial variables.
        time: Highest degree in `tau`; 0 at an instant.
    """

    variables: int
    order: int
    time: int

    @cached_property
    def exponents(self) -> np.ndarray:
        """Exponents `(M, d)` of the monomials in `eps`, in order of degree, the constant first."""
        rows = []
        for degree in range(self.order + 1):
            for some in combinations_with_replacement(range(self.variables), degree):
                rows.append(np.bincount(some, minlength=self.variables))
        return np.array(rows, np.int64).reshape(len(rows), self.variables)

    @cached_property
    def degrees(self) -> np.ndarray:
        """Degrees `(M,)` of the monomials in `eps`."""
        return self.exponents.sum(axis=1)

    @property
    def width(self) -> int:
        """Number of monomials in `eps`, `M`."""
        return len(self.exponents)

    @property
    def times(self) -> int:
        """Number of powers of `tau`."""
        return self.time + 1

    @property
    def size(self) -> int:
        """Number of coefficients of a polynomial."""
        return self.times * self.width

    @cached_property
    def even(self) -> np.ndarray:
        """Mask `(M,)` of the monomials in `eps` that are squares, except the constant."""
        return (self.exponents % 2 == 0).all(axis=1) & (self.degrees > 0)

    @cached_property
    def linear(self) -> np.ndarray:
        """Indices `(d,)` of the first powers, the monomials that are a single variable."""
        return np.arange(1, 1 + self.variables) if self.order else np.zeros(0, np.int64)

    @cached_property
    def squares(self) -> np.ndarray:
        """Indices `(d,)` of the second powers, the squares of variables; empty below order 2."""
        if self.order < 2:
            return np.zeros(0, np.int64)
        pure = (self.degrees == 2) & (self.exponents == 2).any(axis=1)
        return np.flatnonzero(pure)

    @cached_property
    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the two variables of each monomial of second degree."""
        has_variable = self.exponents[self.degrees == 2] > 0
        return has_variable.argmax(axis=1), self.variables - 1 - has_variable[:, ::-1].argmax(
            axis=1
        )

    @cached_property
    def others(self) -> np.ndarray:
        """Indices of the monomials other than the constant and the first and second powers."""
        simple = np.concatenate([[0], self.linear, self.squares]).astype(np.int64)
        return np.setdiff1d(np.arange(self.width), simple)

    @cached_property
    def groups(self) -> np.ndarray:
        """First index `(G,)` of each group of monomials with equal degrees in `tau` and `eps`."""
        starts = np.searchsorted(self.degrees, np.arange(self.order + 1))
        return np.concatenate([t * self.width + starts for t in range(self.times)])

    @cached_property
    def lost(self) -> np.ndarray:
        """Matrix `(G, G)`: 1 where the product of two groups is truncated."""
        t = np.repeat(np.arange(self.times), self.order + 1)
        d = np.tile(np.arange(self.order + 1), self.times)
        late, high = np.add.outer(t, t) > self.time, np.add.outer(d, d) > self.order
        return (late | high).astype(np.float64)

    @cached_property
    def late(self) -> np.ndarray:
        """Matrix `(T, T)`: 1 where the product of two powers of `tau` is truncated."""
        t = np.arange(self.times)
        return (np.add.outer(t, t) > self.time).astype(np.float64)

    @cached_property
    def shifts(self) -> np.ndarray:
        """Matrix `(T, T)`: the power `t - r` for powers `t` and `r`, or `T` if `t < r`."""
        t = np.arange(self.times)
        powers = np.subtract.outer(t, t)
        return np.where(powers >= 0, powers, self.times)

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Indices of two monomials in `eps` and of their product, for products within the order."""
        place = {tuple(row): i for i, row in enumerate(self.exponents.tolist())}
        triples = []
        for i, a in enumerate(self.exponents):
            for j, b in enumerate(self.exponents):
                if self.degrees[i] + self.degrees[j] <= self.order:
                    triples.append((i, j, place[tuple((a + b).tolist())]))
        left, right, to = np.array(triples, np.int64).T
        return left, right, to

    @cached_property
    def product(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Table of products: both factors, first row of each product, and largest number of terms.

        The factors are two arrays `(P,)` of indices, sorted by the index of their product. The
        third array contains, for each monomial, the index of the first row whose product it is.
        The last number is the largest number of rows with the same product.
        """
        left, right, to = self._pairs
        parts = []
        for a in range(self.times):
            for b in range(self.times - a):
                w = self.width
                parts.append(np.stack([a * w + left, b * w + right, (a + b) * w + to]))
        left, right, to = np.concatenate(parts, axis=1)
        order = np.argsort(to, kind="stable")
        starts = np.searchsorted(to[order], np.arange(self.size))
        most = int(np.bincount(to).max())
        return left[order], right[order], starts, most


class MonomialFrames:
    """Cache of frames that have the same variables and order.

    Args:
        variables: Number of initial variables.
        order: Highest total degree in the initial variables.
    """

    def __init__(self, variables: int, order: int) -> None:
        self.variables, self.order = variables, order
        self._frames: dict[int, MonomialFrame] = {}

    def at(self, time: int) -> MonomialFrame:
        """Return the frame whose highest power of `tau` is `time`."""
        if time not in self._frames:
            self._frames[time] = MonomialFrame(self.variables, self.order, time)
        return self._frames[time]
