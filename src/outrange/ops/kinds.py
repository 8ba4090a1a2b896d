"""Three kinds of ops: affine maps, rearrangements of entries, and maxima of windows.

An op states properties of a real function. It never refers to a domain, a framework or an
algorithm. Domains read these properties, so a new op is one new file, and a new domain is one new
file elsewhere.

Every value is a flat vector; a batch axis of sub-problems may precede it.
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
    """An op restricted to some of its results and to the input entries that these results read.

    Args:
        op: An op of the same kind, from the entries `inputs` to the entries `outputs` of the whole
            op.
        outputs: Indices of the whole op's results that `op` computes, increasing.
        inputs: For each input, the indices of the entries that `op` reads, increasing.
    """

    op: Any
    outputs: np.ndarray
    inputs: tuple[np.ndarray, ...]


Entries = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rows, columns and values of the non-zero entries of a matrix."""


@dataclass(frozen=True, eq=False)
class Affine:
    """The affine map `y = sum_i A_i x_i + b`.

    Args:
        name: Name of the op in reports.
        apply: `apply(xs, absolute)` returns the linear part without `b`, `(..., m)`; `xs` is a
            tuple of arrays `(..., n_i)`. With `absolute=True` it applies `|A_i|` instead.
        adjoint: `adjoint(rows)` applies the transpose: it maps rows `(..., m)` to a tuple of
            arrays `(..., n_i)`.
        sizes: Length `n_i` of each input.
        size: Length `m` of the result.
        bias: Vector `b`, shape `(m,)`.
        terms: The largest number of products that `apply` or `adjoint` adds into one entry, plus
            `ulps`.
        ulps: Relative error of each coefficient in units of roundoff, if it had to be computed (a
            batch norm's `gamma / sqrt(variance + epsilon)`).
        factor: `(m,)`, if the op has one input and is elementwise, `y = factor * x + b`: bounds can
            then be exact to the last bit. None otherwise.
        part: `part(outputs)` returns a `SubOp` with the results `outputs` (increasing) and perhaps
            others; its op's bias is ignored. None if the op is computed only as a whole.
        plain: Whether `adjoint` of unit rows returns the coefficients themselves, not rounded sums.
        coefficients: The numbers `c_i`, one per input, if the op is elementwise,
            `y = sum_i c_i x_i + b`; None otherwise.
        grid: A power of two that divides every coefficient; 0 if none is known.
        entries: `entries()` returns, for each input, the nonzero coefficients as
            `(results, inputs, coefficients)`, listing each position once. None if the op does not
            list them.
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
        """Return the value of the op at `xs`; the linear part is computed in their precision."""
        return self.apply(xs, False) + self.bias

    def restrict(self, outputs: np.ndarray) -> SubOp:
        """Return a `SubOp` that computes the results `outputs` of this op, and perhaps others."""
        if self.part is not None:
            part = self.part(outputs)
            # The op's bias may have been replaced after its construction.
            return replace(part, op=replace(part.op, bias=self.bias[part.outputs]))
        return SubOp(self, np.arange(self.size), tuple(np.arange(n) for n in self.sizes))


@dataclass(frozen=True, eq=False)
class Rearrange:
    """An op in which each output entry is one input entry, or a constant.

    Args:
        name: Name of the op in reports.
        index: `(m,)` positions in the concatenation of all inputs; `-1` selects `fill`.
        sizes: Length of each input.
        fill: Constants, `(m,)`, used only where `index == -1`.
    """

    name: str
    index: np.ndarray
    sizes: tuple[int, ...]
    fill: np.ndarray

    @property
    def size(self) -> int:
        return self.index.size

    def run(self, xs: Sequence[np.ndarray], fill: bool = True) -> np.ndarray:
        """Return the result; with `fill=False`, only its linear part, with 0 for constants."""
        flat = np.concatenate(xs, axis=-1) if len(xs) > 1 else xs[0]
        if not (self.index < 0).any():
            return flat[..., self.index]
        out = flat[..., np.maximum(self.index, 0)]
        return np.where(self.index < 0, self.fill if fill else 0.0, out)

    def adjoint(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Apply the linear part's transpose to rows `(..., m)`; return `(..., n_i)` per input."""
        out = self._scatter.sums(np.take(rows, self._scatter.order, axis=-1))
        ends = np.cumsum((0, *self.sizes))
        return tuple(out[..., a:b] for a, b in pairwise(ends))

    def restrict(self, outputs: np.ndarray) -> SubOp:
        """Return a `SubOp` that computes only the results `outputs`; unread inputs become empty."""
        index = self.index[outputs]
        ends = np.cumsum((0, *self.sizes))
        # An op needs an input, even if it is constant.
        used = np.unique(index[index >= 0]) if (index >= 0).any() else np.zeros(1, np.int64)
        inputs = tuple(used[(used >= a) & (used < b)] - a for a, b in pairwise(ends))
        moved = np.where(index < 0, -1, np.searchsorted(used, index))
        sizes = tuple(len(entries) for entries in inputs)
        return SubOp(Rearrange(self.name, moved, sizes, self.fill[outputs]), outputs, inputs)

    @cached_property
    def reads(self) -> tuple[int, ...]:
        """Indices of the inputs that the op reads; empty if the op is constant."""
        ends = np.cumsum((0, *self.sizes))
        indices = np.unique(np.searchsorted(ends, self.index, side="right") - 1)
        return tuple(i for i in indices.tolist() if i >= 0)

    @cached_property
    def _scatter(self) -> Scatter:
        return Scatter(self.index, sum(self.sizes))

    @property
    def terms(self) -> int:
        """The largest number of outputs that read the same input entry.

        `adjoint` adds at most this many terms into one entry.
        """
        return max(1, self._scatter.most)


@dataclass(frozen=True, eq=False)
class Largest:
    """An op in which each result is the maximum of a window of input entries.

    Args:
        name: Name of the op in reports.
        windows: `(m, k)` positions in the input; `-1` marks an absent entry.
    """

    name: str
    windows: np.ndarray

    def __post_init__(self) -> None:
        if not (self.windows >= 0).any(axis=1).all():
            raise OutrangeError(
                f"Each window of the operation `{self.name}` must have at least one entry. "
                "Received: an empty window."
            )

    @property
    def size(self) -> int:
        return len(self.windows)

    def restrict(self, outputs: np.ndarray) -> SubOp:
        """Return a `SubOp` that computes only the results `outputs` of this op."""
        windows = self.windows[outputs]
        used = np.unique(windows[windows >= 0])
        moved = np.where(windows < 0, -1, np.searchsorted(used, windows))
        return SubOp(Largest(self.name, moved), outputs, (used,))

    def scatter_add(self, parts: np.ndarray, size: int) -> np.ndarray:
        """Return, for each input entry, the sum of `parts` over its window positions, `(..., n)`.

        Args:
            parts: One number per window position, `(..., m, k)`; numbers for absent entries are
                ignored.
            size: Length `n` of the input.
        """
        scatter = self._scatters(size)
        return scatter.sums(parts.reshape(*parts.shape[:-2], -1)[..., scatter.order])

    @cached_property
    def _scatters(self) -> Callable[[int], Scatter]:
        return cache(lambda size: Scatter(self.windows.ravel(), size))

    def run(self, xs: Sequence[np.ndarray]) -> np.ndarray:
        """Return the value of the op at the inputs `xs`, in their precision."""
        picked = xs[0][..., np.maximum(self.windows, 0)]
        return np.where(self.windows < 0, -np.inf, picked).max(axis=-1)
