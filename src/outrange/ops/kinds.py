"""The few kinds an op can be of.

An op states facts about a real function. It never names a domain, a framework or an algorithm:
domains read facts. So a new op is one new file, and a new domain is one new file elsewhere.

Every value is a flat vector; a batch axis of sub-problems may stand in front of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from ..core import OutrangeError
from .numerics.scatter import Scatter


@dataclass(frozen=True, eq=False)
class SubOp:
    """An op cut down to some of its results and to what those read.

    Args:
        op: Of the same kind; its results and inputs are the entries below, in that order.
        outputs: Results of the whole op that `op` computes, increasing.
        inputs: Of each input, the entries that `op` reads, increasing.
    """

    op: Any
    outputs: np.ndarray
    inputs: tuple[np.ndarray, ...]


Entries = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rows, columns and numbers of the entries of a matrix that are not zero."""


@dataclass(frozen=True, eq=False)
class Affine:
    """`y = sum_i A_i x_i + b`.

    Args:
        name: What the op is called in reports.
        apply: `apply(xs, absolute)`: the linear part without `b`; `xs` is a tuple of arrays
            `(..., n_i)`, the result `(..., m)`. With `absolute=True` it applies `|A_i|` instead.
        adjoint: `adjoint(rows)`: rows `(..., m)` to a tuple of `(..., n_i)`; the transpose.
        sizes: `n_i` of each input.
        size: `m`.
        bias: `b`, shape `(m,)`.
        terms: The largest number of products that `apply` or `adjoint` adds into one entry, plus
            `ulps`.
        ulps: How many units of roundoff each coefficient may be off by, relative to itself, where
            it had to be computed (a batch norm's `gamma / sqrt(variance + epsilon)`).
        factor: `(m,)` if the op is `y = factor * x + b`, entry by entry, of one input: bounds can
            then be exact to the last bit. None otherwise.
        part: `part(outputs)`: a `SubOp` with the results `outputs` (increasing) and perhaps more,
            where it is cheaper than the whole op; its bias is not read. None if nothing smaller
            is known.
        coefficients: One number per input if the op is `y = sum_i c_i x_i + b`, entry by entry.
        grid: A power of two that divides every coefficient; 0 where none is known.
        entries: `entries()`: of each input the coefficients that are not zero, as `(results,
            inputs, coefficients)`, no place twice; where they are few. None if that is not known.
    """

    name: str
    apply: Callable[[Sequence[np.ndarray], bool], np.ndarray]
    adjoint: Callable[[np.ndarray], tuple[np.ndarray, ...]]
    sizes: tuple[int, ...]
    size: int
    bias: np.ndarray
    terms: int
    ulps: int = 0
    factor: np.ndarray | None = None
    part: "Callable[[np.ndarray], SubOp] | None" = None
    plain: bool = False
    coefficients: tuple[float, ...] | None = None
    grid: float = 0.0
    entries: "Callable[[], tuple[Entries, ...]] | None" = None

    def run(self, xs: Sequence[np.ndarray]) -> np.ndarray:
        """The value, in the precision of `xs`."""
        return self.apply(xs, False) + self.bias

    def restricted(self, outputs: np.ndarray) -> SubOp:
        """The op cut down to at least the results `outputs`."""
        if self.part is not None:
            found = self.part(outputs)
            # The op may have been given another bias than the one it was made with.
            own = replace(found.op, bias=self.bias[found.outputs])
            return replace(found, op=own)
        return SubOp(self, np.arange(self.size), tuple(np.arange(n) for n in self.sizes))


@dataclass(frozen=True, eq=False)
class Rearrange:
    """Each output entry is one input entry, or a constant.

    Args:
        name: What the op is called in reports.
        index: `(m,)` integers into the concatenation of all inputs; `-1` takes `fill`.
        sizes: Length of each input.
        fill: `(m,)`, read only where `index == -1`.
    """

    name: str
    index: np.ndarray
    sizes: tuple[int, ...]
    fill: np.ndarray

    @property
    def size(self) -> int:
        return self.index.size

    def run(self, xs: Sequence[np.ndarray], fill: bool = True) -> np.ndarray:
        """The value; `fill=False` puts 0 where there is no source (the linear part)."""
        flat = np.concatenate(xs, axis=-1) if len(xs) > 1 else xs[0]
        if not (self.index < 0).any():
            return flat[..., self.index]
        out = flat[..., np.maximum(self.index, 0)]
        return np.where(self.index < 0, self.fill if fill else 0.0, out)

    def adjoint(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Rows `(..., m)` to a tuple of `(..., n_i)`: the transpose of the linear part."""
        out = self._scatter.sums(np.take(rows, self._scatter.order, axis=-1))
        ends = np.cumsum((0, *self.sizes))
        return tuple(out[..., a:b] for a, b in pairwise(ends))

    def restricted(self, outputs: np.ndarray) -> SubOp:
        """The op cut down to the results `outputs`; inputs that it does not read stay, empty."""
        index = self.index[outputs]
        ends = np.cumsum((0, *self.sizes))
        # An op needs an input, also where all is constant.
        used = np.unique(index[index >= 0]) if (index >= 0).any() else np.zeros(1, np.int64)
        inputs = tuple(used[(used >= a) & (used < b)] - a for a, b in pairwise(ends))
        moved = np.where(index < 0, -1, np.searchsorted(used, index))
        sizes = tuple(len(entries) for entries in inputs)
        return SubOp(Rearrange(self.name, moved, sizes, self.fill[outputs]), outputs, inputs)

    @cached_property
    def reads(self) -> tuple[int, ...]:
        """Which inputs it reads at all: one of constants reads none."""
        ends = np.cumsum((0, *self.sizes))
        found = np.unique(np.searchsorted(ends, self.index, side="right") - 1)
        return tuple(i for i in found.tolist() if i >= 0)

    @cached_property
    def _scatter(self) -> Scatter:
        return Scatter(self.index, sum(self.sizes))

    @property
    def terms(self) -> int:
        """The largest number of outputs one input entry feeds (what `adjoint` adds up)."""
        return max(1, self._scatter.most)


@dataclass(frozen=True, eq=False)
class Largest:
    """`y_j = max` of a window of input entries.

    Args:
        name: What the op is called in reports.
        windows: `(m, k)` integers into the one input; `-1` marks an absent place.
    """

    name: str
    windows: np.ndarray

    def __post_init__(self) -> None:
        if not (self.windows >= 0).any(axis=1).all():
            raise OutrangeError(f"Op `{self.name}` has a window with no entry at all.")

    @property
    def size(self) -> int:
        return len(self.windows)

    def restricted(self, outputs: np.ndarray) -> SubOp:
        """The op cut down to the results `outputs`."""
        windows = self.windows[outputs]
        used = np.unique(windows[windows >= 0])
        moved = np.where(windows < 0, -1, np.searchsorted(used, windows))
        return SubOp(Largest(self.name, moved), outputs, (used,))

    def scattered(self, parts: np.ndarray, size: int) -> np.ndarray:
        """What stands at each place of each window, `(..., m, k)`, added up by entry: `(..., n)`.

        Args:
            parts: Numbers; those at absent places are left out.
            size: `n`, the length of the input.
        """
        scatter = self._scatters(size)
        return scatter.sums(parts.reshape(*parts.shape[:-2], -1)[..., scatter.order])

    @cached_property
    def _scatters(self) -> Callable[[int], Scatter]:
        return cache(lambda size: Scatter(self.windows.ravel(), size))

    def run(self, xs: Sequence[np.ndarray]) -> np.ndarray:
        """The value, in the precision of `xs`."""
        picked = xs[0][..., np.maximum(self.windows, 0)]
        return np.where(self.windows < 0, -np.inf, picked).max(axis=-1)
