"""The certificate of a range: every lower end, every upper end, and values attained near them."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np

from ..answers.range import Range
from ..core import Box, InputError, Warrant
from .certificates import Subject, certify, told
from .file import Claim
from .missing import NoCertificateError


SLACK = 4e-9
"""A claim stays this much, relative to its size, below what the search found, so that what float64
rounds while the tree is chosen does not matter."""

LEAST = 1e-9
"""The size of a claim about values of no size, relative to that of the inputs."""

LEAST_SHARE = 1e-6
"""A range smaller than this share of its magnitude counts as that: so its tolerance is stated."""

DIGITS = 1e-4
"""The size of a claim is the range attained, and this share of the values' magnitude: a range much
smaller than its values is known to float64 no better than the values are."""


def certified_range(
    path: str | os.PathLike,
    about: Subject,
    answer: Range,
    box: Box,
    rows: np.ndarray | None,
    check: bool,
    notes: dict[str, Any],
) -> Range:
    """Write the certificate of a range, and return the range that it claims.

    Args:
        path: Where to.
        about: The network.
        answer: What the search found.
        box: The flat input set.
        rows: `(k, outputs)`: forms of the outputs; None for the outputs themselves.
        check: Whether to run the checker.
        notes: Kept in the file, and not part of what is certified.

    Raises:
        OutOfTime: The ambient deadline passed.
        NoCertificateError: See `certify`.
    """
    count = answer.lo.size
    rows = np.eye(len(about.network.outputs)) if rows is None else np.asarray(rows, np.float64)
    if rows.shape != (count, len(about.network.outputs)):
        raise InputError(
            f"The checker reads {len(about.network.outputs)} outputs of the model, outrange "
            f"{count}: this model cannot be certified."
        )
    lo, hi, seen_lo, seen_hi = (
        np.asarray(a, np.float64).ravel()
        for a in (answer.lo, answer.hi, answer.seen_lo, answer.seen_hi)
    )
    if not np.isfinite([lo, hi]).all():
        raise NoCertificateError("an end of the range is not known yet")
    scale = np.maximum(seen_hi - seen_lo, 0) + DIGITS * np.maximum(abs(lo), abs(hi))
    most = _most_scale(answer, scale)
    scale = scale + np.minimum(least_scale(box), most)
    # With less room than usual nobody but the checker knows whether it is enough.
    judged = check or bool((most < least_scale(box)).any())
    lo, hi = lo - SLACK * scale, hi + SLACK * scale
    at_lo, at_hi = (flat(at, count) for at in (answer.at_lo, answer.at_hi))
    claims = []
    for sign, ends, seen, at in ((1.0, lo, seen_lo, at_lo), (-1.0, hi, seen_hi, at_hi)):
        for row, end, value, x, size in zip(rows, ends, seen, at, scale, strict=True):
            known = np.isfinite(x).all() and np.isfinite(value)
            claim = Claim(
                sign * row[None], np.zeros(1), sign * end, at=x if known else None,
                value=sign * value,
            )  # fmt: skip
            claims.append((claim, float(size)))
    is_checked = certify(path, about, [(box, claims)], notes, judged) and check
    return replace(
        answer,
        lo=lo.reshape(answer.lo.shape),
        hi=hi.reshape(answer.hi.shape),
        warrant=Warrant.CERTIFIED if is_checked else answer.warrant,
        certificate=told(path, is_checked),
    )


def _most_scale(answer: Range, normal: np.ndarray) -> np.ndarray:
    """`(outputs,)`: see `most_scale`; a value that is always 0 is measured by the largest other."""
    seen_lo, seen_hi, gap = (
        np.asarray(a, np.float64).ravel() for a in (answer.seen_lo, answer.seen_hi, answer.gap)
    )
    size = range_size(seen_lo, seen_hi)
    size = np.where(size > 0, size, size.max(initial=0.0) or 1.0)
    return most_scale(normal, gap, answer.tol * size, answer.is_exact)


def range_size(seen_lo: np.ndarray, seen_hi: np.ndarray) -> np.ndarray:
    """What a tolerance is relative to: the ranges seen."""
    return np.maximum(seen_hi - seen_lo, LEAST_SHARE * np.maximum(abs(seen_lo), abs(seen_hi)))


def most_scale(
    normal: np.ndarray, gap: np.ndarray, open_: np.ndarray, is_exact: bool
) -> np.ndarray:
    """How much an end may give way to what the checker rounds, over `SLACK`.

    As much as it gives way to what float64 rounds; and more, as long as an exact answer stays
    exact, and one that is open opens by no more than what would count as exact.

    Args:
        normal: How much it gives way in any case.
        gap: How far the answer is open.
        open_: How far an exact one may be.
        is_exact: Whether it is.
    """
    room = open_ - gap if is_exact else open_
    return np.maximum(room / SLACK - normal, normal)


def least_scale(box: Box) -> float:
    """The size of a claim about a value that is always 0: the checker rounds, too."""
    return LEAST * (1.0 + float(np.abs([box.lo, box.hi]).max(initial=0.0)))


def flat(at: np.ndarray | dict[str, np.ndarray], count: int) -> np.ndarray:
    """`(outputs, inputs)` points, of one input or several."""
    parts = at.values() if isinstance(at, dict) else [at]
    return np.concatenate([np.asarray(p, np.float64).reshape(count, -1) for p in parts], axis=1)
