"""Constructors of `Affine` ops.

Each constructor defines `apply`, its transpose, and the number of terms in the longest sum.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from ..core import work
from ..core.clock import charge
from .kinds import Affine, Entries, SubOp
from .numerics.grid import grid_of
from .numerics.scatter import Scatter


MOST_SEEN = 1 << 20
"""Total number of terms above which sums are not searched for duplicate entries."""


SPARSE_FROM = 1 << 16
"""Number of coefficients at or above which a matrix is searched for zeros."""

SPARSE = 16
"""A large matrix is stored in sparse form if each result reads at most `1 / SPARSE` of the inputs.
"""


def dense(
    weight: ArrayLike, bias: ArrayLike | None = None, *, copies: int = 1, name: str = "dense"
) -> Affine:
    """Return the op `y = x W + b` on the last axis; `copies` rows of the input share the weights.

    Args:
        weight: Matrix `W`, `(inputs, outputs)`.
        bias: Vector `b`, `(outputs,)`, or None.
        copies: The product of the lengths of the input's leading axes, such as a time axis.
        name: Name of the op in reports.
    """
    weight = np.ascontiguousarray(weight, np.float64)
    rows, columns = weight.shape
    bias = np.zeros(columns) if bias is None else np.asarray(bias, np.float64)
    few = _few_terms(weight) if copies == 1 else None
    if few is not None:
        return gather_sum(*few, rows, bias, name=name)
    size_of = np.abs(weight)

    def apply(xs: Sequence[np.ndarray], absolute: bool) -> np.ndarray:
        x = xs[0]
        charge(x.size * columns)
        matrix = (size_of if absolute else weight).astype(x.dtype, copy=False)
        # One flat product costs a fraction of a stack of thin ones.
        return (x.reshape(-1, rows) @ matrix).reshape(x.shape[:-1] + (copies * columns,))

    def adjoint(y: np.ndarray) -> tuple[np.ndarray, ...]:
        charge(y.size * rows)
        out = y.reshape(-1, columns) @ weight.T
        return (out.reshape(y.shape[:-1] + (copies * rows,)),)

    def part(outputs: np.ndarray) -> SubOp:
        used = np.unique(outputs // columns)
        op = dense(weight, bias, copies=len(used), name=name)
        whole = [(used[:, None] * n + np.arange(n)).ravel() for n in (columns, rows)]
        return SubOp(op, whole[0], (whole[1],))

    return Affine(
        name,
        apply,
        adjoint,
        (copies * rows,),
        copies * columns,
        np.tile(bias, copies),
        max(rows, columns),
        part=part if copies > 1 else None,
        plain=True,
        grid=grid_of(weight),
    )


def _few_terms(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the row indices and the weights of the nonzero entries in each column, or None.

    Both arrays are `(columns, k)`, padded with -1 and 0. The result is None if the matrix has fewer
    than `SPARSE_FROM` entries, or if more than `1 / SPARSE` of the entries of any column are not 0.
    """
    if weight.size < SPARSE_FROM:
        return None
    counts = np.count_nonzero(weight, axis=0)
    most = max(1, int(counts.max()))
    if most * SPARSE > len(weight):
        return None
    column, row = np.nonzero(weight.T)
    place = np.arange(row.size) - (np.cumsum(counts) - counts)[column]
    index, value = np.full((counts.size, most), -1), np.zeros((counts.size, most))
    index[column, place], value[column, place] = row, weight[row, column]
    return index, value


def dense_sum(weights: Sequence[ArrayLike], bias: ArrayLike, *, name: str = "dense") -> Affine:
    """Return the op `y = sum_i x_i W_i + b` with several inputs `x_i`.

    Args:
        weights: Matrices `W_i`, `(inputs_i, outputs)` each.
        bias: Vector `b` that is added once, `(outputs,)`.
        name: Name of the op in reports.
    """
    weights = [np.ascontiguousarray(weight, np.float64) for weight in weights]
    bias = np.asarray(bias, np.float64)
    sizes = tuple(len(weight) for weight in weights)

    def apply(xs: Sequence[np.ndarray], absolute: bool) -> np.ndarray:
        charge(bias.size * sum(x.size for x in xs))
        parts = [
            x @ (np.abs(weight) if absolute else weight).astype(x.dtype, copy=False)
            for x, weight in zip(xs, weights, strict=True)
        ]
        return sum(parts[1:], parts[0])

    def adjoint(y: np.ndarray) -> tuple[np.ndarray, ...]:
        charge(y.size * sum(sizes))
        return tuple(y @ weight.T for weight in weights)

    terms = max(sum(sizes) + len(sizes), bias.size)
    grid = min(map(grid_of, weights))
    return Affine(name, apply, adjoint, sizes, bias.size, bias, terms, plain=True, grid=grid)


def without_zeros(op: Affine, outputs: np.ndarray) -> SubOp:
    """Restrict an op to the results `outputs`, without inputs that are multiplied only by zeros.

    The attribute `plain` of the op must be True, so that its adjoint returns its coefficients, not
    rounded sums of them. Cost: memory for all coefficients of these results.
    """
    units = np.zeros((outputs.size, op.size))
    units[np.arange(outputs.size), outputs] = 1.0
    rows, inputs = op.adjoint(units), []
    for row in rows:
        used = np.flatnonzero((row != 0).any(axis=0))
        # An op needs an input, even if it is constant.
        inputs.append(used if used.size else np.zeros(1, np.int64))
    weights = [row[:, used].T for row, used in zip(rows, inputs, strict=True)]
    bias = op.bias[outputs]
    is_single = len(weights) == 1
    small = (
        dense(weights[0], bias, name=op.name)
        if is_single
        else dense_sum(weights, bias, name=op.name)
    )
    small = replace(small, terms=small.terms + op.ulps, ulps=op.ulps, plain=op.plain)
    return SubOp(small, outputs, tuple(inputs))


def scale(
    factor: ArrayLike, shift: float | np.ndarray = 0.0, *, name: str = "scale", ulps: int = 0
) -> Affine:
    """Return the elementwise op `y = factor * x + shift`.

    `factor` is `(n,)`, with a relative error of at most `ulps` units of roundoff.
    """
    factor = np.asarray(factor, np.float64)
    size_of = np.abs(factor)

    def apply(xs: Sequence[np.ndarray], absolute: bool) -> np.ndarray:
        return xs[0] * (size_of if absolute else factor).astype(xs[0].dtype, copy=False)

    bias = np.broadcast_to(np.asarray(shift, np.float64), factor.shape)
    n = factor.size

    def part(outputs: np.ndarray) -> SubOp:
        op = scale(factor[outputs], bias[outputs], name=name, ulps=ulps)
        return SubOp(op, outputs, (outputs,))

    places = np.arange(n)
    return Affine(
        name,
        apply,
        lambda y: (y * factor,),
        (n,),
        n,
        bias,
        1 + ulps,
        ulps,
        factor,
        part,
        True,
        entries=lambda: ((places, places, factor),),
    )


def combine(
    coefficients: Iterable[float], size: int, shift: float | np.ndarray = 0.0, *, name: str = "add"
) -> Affine:
    """Return the op `y = sum_i c_i x_i + shift`.

    The coefficients `c_i` are floats, and all inputs have length `size`.
    """
    coefficients = tuple(float(c) for c in coefficients)

    def apply(xs: Sequence[np.ndarray], absolute: bool) -> np.ndarray:
        parts: list[np.ndarray] = [
            x * x.dtype.type(abs(c) if absolute else c)
            for c, x in zip(coefficients, xs, strict=True)
        ]
        return sum(parts[1:], parts[0])

    bias = np.broadcast_to(np.asarray(shift, np.float64), (size,))
    sizes, places = (size,) * len(coefficients), np.arange(size)

    def part(outputs: np.ndarray) -> SubOp:
        op = combine(coefficients, len(outputs), bias[outputs], name=name)
        return SubOp(op, outputs, (outputs,) * len(coefficients))

    return Affine(
        name,
        apply,
        lambda y: tuple(c * y for c in coefficients),
        sizes,
        size,
        bias,
        len(coefficients),
        factor=np.full(size, coefficients[0]) if len(coefficients) == 1 else None,
        part=part,
        coefficients=coefficients,
        plain=True,
        entries=lambda: tuple((places, places, np.full(size, c)) for c in coefficients),
    )


def gather_sum(
    index: ArrayLike,
    weight: ArrayLike,
    size: int,
    shift: float | np.ndarray = 0.0,
    *,
    name: str = "sum",
    ulps: int = 0,
) -> Affine:
    """Return the op `y_j = sum_k weight[j, k] * x[index[j, k]] + shift_j`, a sparse matrix product.

    Args:
        index: `(m, k)` positions in the input; `-1` marks an absent term.
        weight: `(m, k)`, or anything that broadcasts to it.
        size: Length of the input.
        shift: Constants, `(m,)` or a float.
        name: Name of the op in reports.
        ulps: Bound on the error of each weight, in units of roundoff.
    """
    index = np.asarray(index, np.int64)
    present = index >= 0
    weight = np.where(present, np.broadcast_to(np.asarray(weight, np.float64), index.shape), 0.0)
    source, size_of, m = np.maximum(index, 0), np.abs(weight), len(index)

    def apply(xs: Sequence[np.ndarray], absolute: bool) -> np.ndarray:
        x = xs[0]
        charge(work.TERM * index.size * (x.size // size))
        return np.einsum(
            "...mk,mk->...m",
            x[..., source],
            (size_of if absolute else weight).astype(x.dtype, copy=False),
        )

    def adjoint(y: np.ndarray) -> tuple[np.ndarray, ...]:
        charge(work.TERM * index.size * (y.size // m))
        scatter, read, factor = transpose()
        products = np.take(y, read, axis=-1)
        products *= factor  # in place: a second large array costs more than the product
        return (scatter.sums(products),)

    @cache
    def transpose() -> tuple[Scatter, np.ndarray, np.ndarray]:
        """Return a `Scatter` that sums terms by input, and the output and weight of each term."""
        scatter = Scatter(index.ravel(), size)
        return scatter, scatter.order // index.shape[1], weight.ravel()[scatter.order]

    used = np.bincount(index[present], minlength=1)
    terms = int(max(index.shape[1], used.max(initial=1)))
    bias = np.broadcast_to(np.asarray(shift, np.float64), (m,))

    def part(outputs: np.ndarray) -> SubOp:
        places = index[outputs]
        # An op needs an input, even if no term is present.
        used = np.unique(places[places >= 0]) if (places >= 0).any() else np.zeros(1, np.int64)
        moved = np.where(places < 0, -1, np.searchsorted(used, places))
        op = gather_sum(moved, weight[outputs], len(used), bias[outputs], name=name, ulps=ulps)
        return SubOp(op, outputs, (used,))

    plain = _plain(index)

    def entries() -> tuple[Entries, ...]:
        row, place = np.nonzero(weight)
        return ((row, index[row, place], weight[row, place]),)

    grid = 0.0 if ulps else grid_of(weight)
    return Affine(
        name,
        apply,
        adjoint,
        (size,),
        m,
        bias,
        terms + ulps,
        ulps,
        part=part,
        plain=plain,
        grid=grid,
        entries=entries if plain else None,
    )


def _plain(index: np.ndarray) -> bool:
    """Return whether no row repeats an index; False if there are too many terms to check."""
    if index.size > MOST_SEEN:
        return False
    rows = np.sort(index, axis=1)
    return not bool(np.any((rows[:, 1:] == rows[:, :-1]) & (rows[:, 1:] >= 0)))
