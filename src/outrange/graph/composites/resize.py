"""Resizing with linear interpolation: each result is a weighted mean of its neighbors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...core import UnsupportedError
from ..values import Operand


if TYPE_CHECKING:
    from ..builder import Builder


Weights = tuple[np.ndarray, np.ndarray]
"""Entries and weights of each result along one axis, `(results, terms)` each."""


MOST_ALONG = 2**16
"""Largest number of results along one axis; their positions are computed as exact fractions."""


def check_along(sizes: Sequence[int], where: str) -> None:
    """Reject sizes with more than `MOST_ALONG` results along an axis, which would take too long.

    Raises:
        UnsupportedError: An axis has more than `MOST_ALONG` results.
    """
    if max(sizes, default=0) > MOST_ALONG:
        raise UnsupportedError(
            f"{where} resizes an axis to more than {MOST_ALONG} entries; resize to fewer. "
            f"Received: sizes {tuple(sizes)}."
        )


def linear_weights(positions: Sequence[Fraction], length: int, reach: Fraction) -> Weights:
    """Return triangular weights of half width `reach` around `positions`, normalized to sum 1.

    Args:
        positions: Position of each result among the entries `0 .. length - 1`.
        length: The number of entries.
        reach: With 1, a result interpolates between two neighbors. A larger number averages over
            more entries, for use when the axis shrinks.

    Returns:
        The entries read and their weights; unused terms read entry 0 with weight 0.
    """
    rows = []
    for at in positions:
        near = range(max(math.ceil(at - reach), 0), min(math.floor(at + reach), length - 1) + 1)
        weights = {j: 1 - abs(j - at) / reach for j in near if abs(j - at) < reach}
        if not weights:  # Beyond the border, use the border itself.
            weights = {0 if at < 0 else length - 1: Fraction(1)}
        total = sum(weights.values())
        rows.append({j: float(w / total) for j, w in weights.items()})
    terms = max(len(row) for row in rows)
    index = np.zeros((len(rows), terms), np.int64)
    weight = np.zeros((len(rows), terms))
    for i, row in enumerate(rows):
        index[i, : len(row)] = list(row)
        weight[i, : len(row)] = list(row.values())
    return index, weight


def half_pixel(length: int, count: int) -> list[Fraction]:
    """Return the positions of `count` results over `length` entries by the half-pixel rule."""
    return [(i + Fraction(1, 2)) * Fraction(length, count) - Fraction(1, 2) for i in range(count)]


def resample(b: Builder, x: Operand, along: dict[int, Weights], *, ulps: int = 2) -> Operand:
    """Replace the entries along some axes of `x` by weighted sums of them.

    Args:
        b: The graph under construction.
        x: The operand to resample.
        along: Maps an axis to the entries and the weights of each result.
        ulps: Error of the weights of one axis, in units of roundoff.
    """
    for axis, (index, weight) in along.items():
        count, terms = index.shape
        if terms == 1 and (weight == 1.0).all():
            x = b.structural(lambda a, i=index, k=axis: np.take(a[0], i[:, 0], k), [x])
            continue
        places = np.arange(x.size).reshape(x.shape)
        picked = np.moveaxis(np.take(places, index, axis=axis), axis + 1, -1)
        each = np.moveaxis(
            np.broadcast_to(weight, (*np.delete(x.shape, axis), count, terms)), -2, axis
        )
        windows = np.where(each.reshape(-1, terms) == 0.0, -1, picked.reshape(-1, terms))
        x = b.gather_sum(
            x, windows, each.reshape(-1, terms), picked.shape[:-1], name="resize", ulps=ulps
        )
    return x
