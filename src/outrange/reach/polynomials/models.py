"""Batches of Taylor models, with arithmetic that accounts for all truncation and rounding.

A model stands for all functions `f(tau, eps, s)` on [0, 1] x [-1, 1]^d x [-1, 1]^S with

    |f - (sum_k c_k mono_k + sum_t tau^t g_t . s)| <= rest,

so `rest` covers the truncation and the rounding of float64. The symbols `s` are remainders of
earlier steps that are propagated linearly instead of by absolute value.

*Rounding.* All monomials are at most 1, so the error of a polynomial is at most the sum of the
errors of its coefficients. A coefficient that is a sum of `n` products is off by `gamma(n)` times
the sum of their absolute values (Higham, 3.1). The sum over all coefficients is at most `gamma(n)
|a| |b|` with the norms `|a| = sum_k |a_k|`. Computations of remainders are sums of non-negative
products with fewer than 2^16 roundings each: `with_rounding` covers these and underflow.

Reference: K. Makino, M. Berz, *Taylor models and other validated functional inclusion methods*,
International Journal of Pure and Applied Mathematics 4 (2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...core import gamma, work
from ...core.clock import charge
from ...ops import Affine, Rearrange
from .frame import MonomialFrame


EXCESS = 1.0 + 2.0**-36
"""A factor larger than `1 + gamma(2^16)`."""

MANY = 64
"""Smallest number of coefficients constant in `eps`, counted over a batch, for which matrix
products are faster than products of pairs of monomials."""

FLOOR = 2.0**-1000
"""A summand larger than the total error of all underflows."""


def with_rounding(rest: np.ndarray) -> np.ndarray:
    """Enlarge a remainder by the rounding error of its own computation; NaN becomes infinity."""
    out = rest * EXCESS + FLOOR
    return np.where(np.isnan(out), np.inf, out)


@dataclass(frozen=True, eq=False)
class Models:
    """Vectors of Taylor models over a batch of boxes.

    Args:
        coef: `(B, n, size)`: coefficients of the monomials.
        sym: `(B, n, T, S)`: coefficients of the symbols, by power of `tau`.
        rest: `(B, n)`: the remainders; None for plain polynomials, which are not used in proofs.
    """

    frame: MonomialFrame
    coef: np.ndarray
    sym: np.ndarray
    rest: np.ndarray | None

    @property
    def count(self) -> int:
        """Number of boxes."""
        return len(self.coef)

    @property
    def entries(self) -> int:
        """Number of entries of each vector."""
        return self.coef.shape[1]

    @cached_property
    def norms(self) -> np.ndarray:
        """Norms `(B, n, G)` of the coefficients, one for each group of the frame."""
        return np.add.reduceat(np.abs(self.coef), self.frame.groups, axis=-1)

    @cached_property
    def norm(self) -> np.ndarray:
        """Sum of the absolute coefficients of all monomials, `(B, n)`."""
        return self.norms.sum(axis=-1)

    @cached_property
    def sym_norms(self) -> np.ndarray:
        """Norms `(B, n, T)` of the coefficients of the symbols, one for each power of `tau`."""
        return np.abs(self.sym).sum(axis=-1)

    @cached_property
    def sym_norm(self) -> np.ndarray:
        """Sum of the absolute coefficients of all symbols, `(B, n)`."""
        return self.sym_norms.sum(axis=-1)

    @property
    def radius(self) -> np.ndarray:
        """Bound `(B, n)` on the distance of any value from the constant coefficient."""
        around = np.abs(self.coef[..., 1:]).sum(axis=-1) + self.sym_norm
        return with_rounding(around if self.rest is None else around + self.rest)

    def take(self, boxes: np.ndarray) -> Models:
        """Return the models over the boxes that `boxes` selects."""
        rest = None if self.rest is None else self.rest[boxes]
        return Models(self.frame, self.coef[boxes], self.sym[boxes], rest)

    def pick(self, index: np.ndarray) -> Models:
        """Return the models of the entries that `index` selects from the vectors."""
        rest = None if self.rest is None else self.rest[:, index]
        return Models(self.frame, self.coef[:, index], self.sym[:, index], rest)

    def pad(self, symbols: int) -> Models:
        """Pad the coefficients with zeros to at least `symbols` symbols."""
        short = symbols - self.sym.shape[-1]
        if short <= 0:
            return self
        return replace(self, sym=np.pad(self.sym, [(0, 0)] * 3 + [(0, short)]))

    def to_frame(self, frame: MonomialFrame) -> Models:
        """Convert the models to a frame with at least as many powers of `tau`."""
        more = frame.times - self.frame.times
        coef = np.pad(self.coef, [(0, 0), (0, 0), (0, more * frame.width)])
        return Models(frame, coef, np.pad(self.sym, [(0, 0), (0, 0), (0, more), (0, 0)]), self.rest)

    def plain(self) -> Models:
        """Return the models without their remainders."""
        return replace(self, rest=None)


def multiply(a: Models, b: Models) -> Models:
    """Return the elementwise product `a * b`."""
    frame = a.frame
    most = frame.product[3]
    charge(work.MODEL + work.TERM * len(a.coef) * a.coef.shape[1] * len(frame.product[0]))
    a0, b0 = a.coef[..., :: frame.width], b.coef[..., :: frame.width]
    by_a, by_b = _toeplitz(a0, frame), _toeplitz(b0, frame)
    if frame.order == 2 and a0.size >= MANY:
        coef = _quadratic(a.coef, b.coef, by_a, by_b, frame)
    else:
        left, right, starts, _ = frame.product
        parts = np.take(a.coef, left, axis=-1) * np.take(b.coef, right, axis=-1)
        coef = np.add.reduceat(parts, starts, axis=-1)
    sym = np.matmul(by_a, b.sym)
    sym += np.matmul(by_b, a.sym)
    if a.rest is None or b.rest is None:
        return Models(frame, coef, sym, None)
    with np.errstate(invalid="ignore", over="ignore"):
        rest = (np.matmul(a.norms, frame.lost) * b.norms).sum(axis=-1)
        # Symbols stay linear: only terms of the other factor that are constant in `eps` multiply
        # them.
        rest += _symbols_lost(a, b, np.abs(a0), np.abs(b0))
        count = max(most, 2 * frame.times) + 2
        whole_a, whole_b = a.norm + a.sym_norm, b.norm + b.sym_norm
        rest += gamma(count) * whole_a * whole_b
        rest += a.rest * (whole_b + b.rest) + b.rest * whole_a
    return Models(frame, coef, sym, with_rounding(rest))


def _quadratic(
    a: np.ndarray, b: np.ndarray, by_a: np.ndarray, by_b: np.ndarray, frame: MonomialFrame
) -> np.ndarray:
    """Compute the coefficients of a product of degree 2 in `eps` by matrix products.

    The terms that are constant in `eps` multiply all terms of the other factor, and the linear
    terms multiply each other. Each coefficient sums at most one product for each pair of monomials
    that contributes to it.

    Args:
        a: Coefficients of one factor, `(B, n, size)`.
        b: Coefficients of the other factor, `(B, n, size)`.
        by_a: Matrices of the truncated multiplication by `a`'s terms that are constant in `eps`,
            `(B, n, T, T)`.
        by_b: The same matrices for `b`.
    """
    d, shape = frame.variables, (*a.shape[:2], frame.times, frame.width)
    first, second = a.reshape(shape), b.reshape(shape)
    product = np.matmul(by_a, second)
    rest = first.copy()
    rest[..., 0] = 0.0
    product += np.matmul(by_b, rest)
    lines = np.moveaxis(first[..., 1 : 1 + d], -1, -2)
    pairs = np.matmul(_toeplitz(lines, frame), second[:, :, None, :, 1 : 1 + d])
    pairs = np.moveaxis(pairs, -2, 2)
    low, high = frame.factors
    product[..., 1 + d :] += pairs[..., low, high]
    mixed = np.flatnonzero(low != high)
    product[..., 1 + d + mixed] += pairs[..., high[mixed], low[mixed]]
    return product.reshape(a.shape)


def _toeplitz(powers: np.ndarray, frame: MonomialFrame) -> np.ndarray:
    """Return matrices of the truncated multiplication by polynomials in `tau`, `(..., T, T)`."""
    nothing = np.zeros((*powers.shape[:-1], 1))
    return np.concatenate([powers, nothing], axis=-1)[..., frame.shifts]


def _symbols_lost(a: Models, b: Models, a0: np.ndarray, b0: np.ndarray) -> np.ndarray:
    """Bound the products with symbols that are truncated.

    A product is truncated if its power of `tau` is too high, or if it contains an `eps` or a second
    symbol.
    """
    step = a.frame.order + 1
    a_rest = a.norm if step == 1 else _without(a.norms, step)
    b_rest = b.norm if step == 1 else _without(b.norms, step)
    if step == 1:
        a_rest = b_rest = np.zeros_like(a.norm)
    late = (np.matmul(a0, a.frame.late) * b.sym_norms).sum(axis=-1)
    late += (np.matmul(b0, a.frame.late) * a.sym_norms).sum(axis=-1)
    return late + a_rest * b.sym_norm + b_rest * a.sym_norm + a.sym_norm * b.sym_norm


def _without(norms: np.ndarray, step: int) -> np.ndarray:
    """Return the sum of the norms of all groups that are not constant in `eps`.

    Args:
        norms: Norms of the groups, `(..., G)`, ordered by the power of `tau`, then of `eps`.
        step: Number of groups per power of `tau`.
    """
    return norms.reshape(*norms.shape[:-1], -1, step)[..., 1:].sum(axis=(-2, -1))


def add(a: Models, b: Models) -> Models:
    """Return `a + b`."""
    coef, sym = a.coef + b.coef, a.sym + b.sym
    if a.rest is None or b.rest is None:
        return Models(a.frame, coef, sym, None)
    size = np.abs(coef).sum(axis=-1) + np.abs(sym).sum(axis=(-2, -1))
    return Models(a.frame, coef, sym, with_rounding(a.rest + b.rest + gamma(2) * size))


def shift(a: Models, middle: np.ndarray, off: np.ndarray) -> Models:
    """Return `a + middle`, where `middle` `(B, n)` is known up to `off` `(B, n)`."""
    coef = a.coef.copy()
    coef[..., 0] += middle
    rest = None if a.rest is None else with_rounding(a.rest + off + gamma(1) * np.abs(coef[..., 0]))
    return Models(a.frame, coef, a.sym, rest)


def scale(a: Models, factor: np.ndarray, off: np.ndarray) -> Models:
    """Return `factor * a`, where `factor` `(B, n)` is known up to `off` `(B, n)`."""
    coef, sym = a.coef * factor[..., None], a.sym * factor[..., None, None]
    if a.rest is None:
        return Models(a.frame, coef, sym, None)
    with np.errstate(invalid="ignore", over="ignore"):
        size = a.norm + a.sym_norm
        wide = np.abs(factor) * a.rest + off * (size + a.rest) + gamma(1) * np.abs(factor) * size
    return Models(a.frame, coef, sym, with_rounding(wide))


def constant(
    frame: MonomialFrame, middle: np.ndarray, off: np.ndarray | None, symbols: int
) -> Models:
    """Return models of the constants `middle`, `(B, n)`, known up to an error of `off`."""
    coef = np.zeros((*middle.shape, frame.size))
    coef[..., 0] = middle
    return Models(frame, coef, np.zeros((*middle.shape, frame.times, symbols)), off)


def known_rests(xs: Sequence[Models]) -> list[np.ndarray] | None:
    """Return the remainders of all models, or None if any is a plain polynomial."""
    rests = [x.rest for x in xs if x.rest is not None]
    return rests if len(rests) == len(xs) else None


def affine(op: Affine, xs: Sequence[Models]) -> Models:
    """Return models of `sum_i A_i x_i + b`.

    Each coefficient is a sum of at most `terms` products, whose factors may themselves be off by
    `ulps` units in the last place, and `b` is added to the constant: `gamma(2 terms + 6)` covers
    all of this.
    """
    frame = xs[0].frame
    flats = [np.concatenate([x.coef, x.sym.reshape(*x.coef.shape[:2], -1)], axis=-1) for x in xs]
    width = flats[0].shape[-1]
    columns = tuple(flat.transpose(0, 2, 1).reshape(-1, flat.shape[1]) for flat in flats)
    product = op.apply(columns, False).reshape(xs[0].count, width, op.size).transpose(0, 2, 1)
    coef = product[..., : frame.size].copy()
    coef[..., 0] += op.bias
    sym = product[..., frame.size :].reshape(*coef.shape[:2], frame.times, -1)
    rests = known_rests(xs)
    if rests is None:
        return Models(frame, coef, sym, None)
    g = gamma(2 * op.terms + 6)
    with np.errstate(invalid="ignore", over="ignore"):
        sizes = tuple(
            g * (x.norm + x.sym_norm) + (1.0 + g) * rest for x, rest in zip(xs, rests, strict=True)
        )
        rest = op.apply(sizes, True) + g * np.abs(op.bias)
    return Models(frame, coef, sym, with_rounding(rest))


def rearrange(op: Rearrange, xs: Sequence[Models]) -> Models:
    """Return models with rearranged entries; filled entries are constants."""
    frame = xs[0].frame
    index = np.maximum(op.index, 0)
    absent = op.index < 0
    coef = np.concatenate([x.coef for x in xs], axis=1)[:, index]
    sym = np.concatenate([x.sym for x in xs], axis=1)[:, index]
    rests = known_rests(xs)
    rest = None if rests is None else np.concatenate(rests, axis=1)[:, index]
    if absent.any():
        coef[:, absent], sym[:, absent] = 0.0, 0.0
        coef[:, absent, 0] = op.fill[absent]
        if rest is not None:
            rest[:, absent] = 0.0
    return Models(frame, coef, sym, rest)
