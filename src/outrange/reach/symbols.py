"""Zonotopes from step to step: values side by side, fresh symbols, and fewer of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .zonotopes import Zonotopes, boxes


NOISE = 6
"""Symbols of errors that are kept, times the states."""


def beside(parts: Sequence[tuple[Zonotopes, int]], total: int) -> Zonotopes:
    """Values one after the other.

    Args:
        parts: Values, and the number of the first symbol of each.
        total: How many symbols there are.
    """
    rows = []
    for part, first in parts:
        count, own, n = part.rows.shape
        padded = np.zeros((count, total, n))
        padded[:, first : first + own] = part.rows
        rows.append(padded)
    return Zonotopes(
        np.concatenate([part.center for part, _ in parts], axis=1),
        np.concatenate(rows, axis=2),
        np.concatenate([part.rest for part, _ in parts], axis=1),
    )


def fresh(lo: np.ndarray, hi: np.ndarray, count: int) -> Zonotopes:
    """So many copies of a box, to stand for what no other value depends on."""
    return boxes(np.tile(lo, (count, 1)), np.tile(hi, (count, 1)))


def some(form: Zonotopes, which: np.ndarray) -> Zonotopes:
    """Some of the boxes of a batch."""
    return Zonotopes(form.center[which], form.rows[which], form.rest[which])


def reduced(form: Zonotopes, kept: int) -> Zonotopes:
    """The same states with fewer symbols: of errors the largest stay, the rest are joined.

    Args:
        form: `(B, n)` states.
        kept: Symbols that are never joined: the first.
    """
    n = form.center.shape[1]
    own, errors = form.rows[:, :kept], form.rows[:, kept:]
    rest = form.rest
    if errors.shape[1] > NOISE * n:
        sizes = np.abs(errors).sum(axis=2)
        order = np.argsort(-sizes, axis=1, kind="stable")[:, :, None]
        ranked = np.take_along_axis(errors, order, axis=1)
        errors, small = ranked[:, : NOISE * n], ranked[:, NOISE * n :]
        rest = _up(rest + np.abs(small).sum(axis=1), small.shape[1])
    more = np.zeros((len(rest), n, n))
    more[:, np.arange(n), np.arange(n)] = rest
    return Zonotopes(form.center, np.concatenate([own, errors, more], axis=1), np.zeros_like(rest))


def _up(x: np.ndarray, terms: int) -> np.ndarray:
    return np.where(x == 0, 0.0, x * (1.0 + 2.0 * (terms + 4) * np.finfo(np.float64).eps) + 1e-300)
