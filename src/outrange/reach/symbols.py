"""Operations on zonotopes with symbols: concatenation and order reduction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..domains.zonotopes import Zonotopes, form_of_boxes


NOISE = 6
"""Largest number of error symbols per state that order reduction keeps unmerged."""


def concatenate_values(parts: Sequence[tuple[Zonotopes, int]], total: int) -> Zonotopes:
    """Concatenate the entries of zonotopes that share symbols.

    Args:
        parts: Values, each with the index of its first symbol in the result.
        total: Number of symbols in the result.
    """
    rows = []
    for part, first in parts:
        count, symbols, n = part.rows.shape
        padded = np.zeros((count, total, n))
        padded[:, first : first + symbols] = part.rows
        rows.append(padded)
    return Zonotopes(
        np.concatenate([part.center for part, _ in parts], axis=1),
        np.concatenate(rows, axis=2),
        np.concatenate([part.rest for part, _ in parts], axis=1),
    )


def fresh_symbols(lo: np.ndarray, hi: np.ndarray, count: int) -> Zonotopes:
    """Return `count` copies of a box with fresh symbols, independent of all other values."""
    return form_of_boxes(np.tile(lo, (count, 1)), np.tile(hi, (count, 1)), every=True)


def reduce_symbols(form: Zonotopes, kept: int) -> Zonotopes:
    """Keep the largest error symbols, and merge all others into one for each state.

    Args:
        form: The states of a batch, `(B, n)`.
        kept: Number of leading symbols that are never merged.
    """
    n = form.center.shape[1]
    initial, errors = form.rows[:, :kept], form.rows[:, kept:]
    rest = form.rest
    if errors.shape[1] > NOISE * n:
        sizes = np.abs(errors).sum(axis=2)
        order = np.argsort(-sizes, axis=1, kind="stable")[:, :, None]
        ranked = np.take_along_axis(errors, order, axis=1)
        errors, small = ranked[:, : NOISE * n], ranked[:, NOISE * n :]
        rest = _up(rest + np.abs(small).sum(axis=1), small.shape[1])
    more = np.zeros((len(rest), n, n))
    more[:, np.arange(n), np.arange(n)] = rest
    return Zonotopes(
        form.center, np.concatenate([initial, errors, more], axis=1), np.zeros_like(rest)
    )


def _up(x: np.ndarray, terms: int) -> np.ndarray:
    return np.where(x == 0, 0.0, x * (1.0 + 2.0 * (terms + 4) * np.finfo(np.float64).eps) + 1e-300)
