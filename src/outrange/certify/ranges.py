"""The certificate of a range: all lower and upper bounds, and values attained near them."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np

from ..answers.range import Range
from ..core import Box, InputError, Warrant
from .certificates import Subject, certify, describe_certificate
from .errors import NoCertificateError
from .file import Claim


SLACK = 4e-9
"""Distance between a claim and the bound that the search proved, relative to the claim's scale. It
absorbs float64 rounding in the choice of the tree."""

LEAST = 1e-9
"""Part of a claim's scale that does not depend on its values, relative to 1 plus the largest
absolute value of an input."""

LEAST_SHARE = 1e-6
"""Minimum width to which a tolerance is relative, as a fraction of the range's magnitude. A
narrower range is treated as if it had this width."""

DIGITS = 1e-4
"""Fraction of the values' magnitude that is added to the width of the attained range in a claim's
scale. The float64 error of a narrow range depends on the magnitude of its values."""


def certify_range(
    path: str | os.PathLike,
    about: Subject,
    answer: Range,
    box: Box,
    rows: np.ndarray | None,
    notes: dict[str, Any],
) -> Range:
    """Write the certificate of a range, and return the certified range.

    The certified bounds are slightly wider than the bounds of `answer`.

    Args:
        path: The file to write.
        about: The network in exact numbers.
        answer: The result of the search.
        box: The flat input set.
        rows: `(k, outputs)`: forms of the outputs; None for the outputs themselves.
        notes: Notes that are stored in the file but not certified.

    Raises:
        OutOfTime: The ambient deadline passed.
        NoCertificateError: A bound is infinite, or `certify` failed.
        InputError: The number of outputs that the checker reads differs from that of the answer.
    """
    count = answer.lo.size
    rows = np.eye(len(about.network.outputs)) if rows is None else np.asarray(rows, np.float64)
    if rows.shape != (count, len(about.network.outputs)):
        raise InputError(
            f"This model cannot be certified: the checker reads {len(about.network.outputs)} "
            f"outputs, but outrange reads {count}. Leave out `certificate=`."
        )
    lo, hi, seen_lo, seen_hi = (
        np.asarray(a, np.float64).ravel()
        for a in (answer.lo, answer.hi, answer.seen_lo, answer.seen_hi)
    )
    if not np.isfinite([lo, hi]).all():
        raise NoCertificateError("at least one bound of the range is still infinite")
    scale = np.maximum(seen_hi - seen_lo, 0) + DIGITS * np.maximum(abs(lo), abs(hi))
    scale = scale + np.minimum(least_scale(box), _most_scale(answer, scale))
    lo, hi = lo - SLACK * scale, hi + SLACK * scale
    at_lo, at_hi = (flat(at, count) for at in (answer.at_lo, answer.at_hi))
    claims = []
    for sign, ends, seen, at in ((1.0, lo, seen_lo, at_lo), (-1.0, hi, seen_hi, at_hi)):
        for row, end, value, x, size in zip(rows, ends, seen, at, scale, strict=True):
            is_attained = np.isfinite(x).all() and np.isfinite(value)
            claim = Claim(
                sign * row[None], np.zeros(1), sign * end, at=x if is_attained else None,
                value=sign * value,
            )  # fmt: skip
            claims.append((claim, float(size)))
    certify(path, about, [(box, claims)], notes)
    return replace(
        answer,
        lo=lo.reshape(answer.lo.shape),
        hi=hi.reshape(answer.hi.shape),
        warrant=Warrant.CERTIFIED,
        certificate=describe_certificate(path),
    )


def _most_scale(answer: Range, normal: np.ndarray) -> np.ndarray:
    """Return how far each output's bounds may move to absorb rounding, divided by `SLACK`.

    See `most_scale`. The tolerance is relative to the size of the output's attained range (see
    `range_size`). An output of size 0 gets the size of the widest range, or 1 if all are 0.
    """
    seen_lo, seen_hi, gap = (
        np.asarray(a, np.float64).ravel() for a in (answer.seen_lo, answer.seen_hi, answer.gap)
    )
    size = range_size(seen_lo, seen_hi)
    size = np.where(size > 0, size, size.max(initial=0.0) or 1.0)
    return most_scale(normal, gap, answer.tol * size, answer.is_exact)


def range_size(seen_lo: np.ndarray, seen_hi: np.ndarray) -> np.ndarray:
    """Return the width to which the tolerances of each output are relative.

    It is `seen_hi - seen_lo`, or `LEAST_SHARE` times the larger absolute value of the two if that
    is larger.
    """
    return np.maximum(seen_hi - seen_lo, LEAST_SHARE * np.maximum(abs(seen_lo), abs(seen_hi)))


def most_scale(
    normal: np.ndarray, gap: np.ndarray, open_: np.ndarray, is_exact: bool
) -> np.ndarray:
    """Return how far a bound may move to absorb the checker's rounding, divided by `SLACK`.

    The bound moves this far in addition to `normal`, the distance that absorbs float64 rounding.
    The result is always at least `normal`. Beyond that, it is limited so that an exact answer
    remains exact, and the gap of an inexact answer grows by at most `open_`.

    Args:
        normal: How far the bound moves in any case, divided by `SLACK`.
        gap: The gap of the answer.
        open_: The largest gap at which an answer counts as exact.
        is_exact: Whether the answer is exact.
    """
    room = open_ - gap if is_exact else open_
    return np.maximum(room / SLACK - normal, normal)


def least_scale(box: Box) -> float:
    """Return the part of a claim's scale that grows with the inputs: `LEAST * (1 + |input|)`.

    `|input|` is the largest absolute value of an input in the box. This part absorbs the checker's
    rounding.
    """
    return LEAST * (1.0 + float(np.abs([box.lo, box.hi]).max(initial=0.0)))


def flat(at: np.ndarray | dict[str, np.ndarray], count: int) -> np.ndarray:
    """Return `count` points as rows of flat inputs, from one array or a dict of the inputs."""
    parts = at.values() if isinstance(at, dict) else [at]
    return np.concatenate([np.asarray(p, np.float64).reshape(count, -1) for p in parts], axis=1)
