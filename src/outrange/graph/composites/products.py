"""Products and contractions of values, written with `Product` and sums."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ...core import UnsupportedError
from ...ops import Product
from ..values import Operand, Value


if TYPE_CHECKING:
    from ..builder import Builder


MOST_PRODUCTS = 1 << 24
"""Largest number of scalar products in one contraction."""


def multiply(b: Builder, x: Value, y: Value) -> Operand:
    """Return `x * y`, broadcast; a value times itself becomes a square."""
    if x.index == y.index and x.shape == y.shape:
        return b.curve("square", x)
    shape = np.broadcast_shapes(x.shape, y.shape)
    left, right = (np.broadcast_to(np.arange(z.size).reshape(z.shape), shape) for z in (x, y))
    return product(b, x, y, left, right)


def product(
    b: Builder,
    x: Value,
    y: Value,
    left: np.ndarray,
    right: np.ndarray,
    *,
    name: str = "multiply",
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> Value:
    """Return `x_flat[left] * y_flat[right]`, in the shape of `left`.

    The caller guarantees that the products lie within `limits`.
    """
    op = Product(name, np.ravel(left), np.ravel(right), (x.size, y.size), limits)
    return b.add_node(op, [x, y], left.shape)


def contract(b: Builder, first: str, second: str, out: str, x: Value, y: Value) -> Operand:
    """Return `einsum(f"{first},{second}->{out}", x, y)`; an index may repeat within a term.

    Raises:
        UnsupportedError: The contraction would need more than `MOST_PRODUCTS` products.
    """
    size = dict(zip(first, x.shape, strict=True)) | dict(zip(second, y.shape, strict=True))
    # An axis that only one operand has is summed first if the result does not have it.
    x, first = _sum_out(b, x, first, set(second) | set(out))
    y, second = _sum_out(b, y, second, set(first) | set(out))
    summed = [q for q in size if q not in out and (q in first or q in second)]
    labels = [*out, *summed]
    grid = [size[q] for q in labels]
    if np.prod(grid, dtype=float) > MOST_PRODUCTS:
        raise UnsupportedError(
            f"Layer `{b.source}` must need at most {MOST_PRODUCTS} products to contract two "
            "input-dependent tensors; use smaller tensors. Received: "
            f"{np.prod(grid, dtype=float):.3g} products, for shapes {x.shape} and {y.shape}."
        )
    places = np.indices(grid, sparse=True)
    at = dict(zip(labels, places, strict=True))

    def positions(names: str, z: Value) -> np.ndarray:
        numbers = np.arange(z.size).reshape(z.shape)
        return np.broadcast_to(numbers[tuple(at[q] for q in names)], grid)

    terms = product(b, x, y, positions(first, x), positions(second, y), name="contract")
    if not summed:
        return terms
    return b.reduce("sum", terms, range(len(out), len(labels)))


def _sum_out(b: Builder, x: Value, names: str, remaining: set[str]) -> tuple[Value, str]:
    lost = [q for q in names if q not in remaining and names.count(q) == 1]
    if not lost:
        return x, names
    total = b.reduce("sum", x, [names.index(q) for q in lost])
    assert isinstance(total, Value)
    return total, "".join(q for q in names if q not in lost)


def product_along(b: Builder, x: Operand, axes: Iterable[int], keepdims: bool = False) -> Operand:
    """Return the product of all entries along `axes`, by repeated halving."""
    rank = len(x.shape)
    axes = sorted({int(a) % rank for a in axes})
    for i in axes:
        while (n := x.shape[i]) > 1:
            half = n // 2
            first, second, rest = b.structural(
                lambda a, i=i, half=half: np.split(a[0], [half, 2 * half], axis=i), [x]
            )
            x = b.multiply(first, second)
            x = b.concat([x, rest], axis=i) if n % 2 else x
    if keepdims:
        return x
    return b.reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


def running_product(b: Builder, x: Operand, axis: int, *, reverse: bool = False) -> Operand:
    """Return the cumulative product along an axis, starting at its last entry if `reverse`."""
    parts = b.structural(lambda a: np.split(a[0], a[0].shape[axis], axis=axis), [x])
    parts = parts[::-1] if reverse else parts
    done = [parts[0]]
    for part in parts[1:]:
        done.append(b.multiply(done[-1], part))
    return b.concat(done[::-1] if reverse else done, axis=axis)
