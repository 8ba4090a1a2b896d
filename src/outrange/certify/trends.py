"""Certificates of slopes: bounds on the growth of outputs per unit of one input."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..answers.monotone import Monotone
from ..answers.range import Range
from ..core import Box, Warrant
from .certificates import Part, Subject, certify, describe_certificate
from .errors import NoCertificateError
from .file import Claim
from .ranges import SLACK


def certify_monotone(
    path: str | os.PathLike,
    about: Subject,
    answer: Monotone,
    pairs: Sequence[tuple[int, int]],
    box: Box,
    notes: dict[str, Any],
) -> Monotone:
    """Write one certificate of all proved trends, and return the answer that refers to it.

    Args:
        path: The file to write.
        about: The network in exact numbers.
        answer: The result of the search.
        pairs: Indices of the flat output and the flat input of each entry of `answer.trends`.
        box: The flat input set.
        notes: Notes that are stored in the file but not certified.

    Raises:
        OutOfTime: The ambient deadline passed.
        NoCertificateError: No trend is proved, or `certify` failed.
    """
    claims = [
        _claim(about, output, by, sign, 0.0)
        for trend, (output, by) in zip(answer.trends, pairs, strict=True)
        for sign, is_so in ((1.0, trend.rises), (-1.0, trend.falls))
        if is_so
    ]
    if not claims:
        raise NoCertificateError("no trend is proved")
    parts = _parts(box, [(claim, 0.0) for claim in claims])
    certify(path, about, parts, notes)
    sentence = describe_certificate(path)
    whole = all(trend.rises or trend.falls for trend in answer.trends)
    if not whole:
        sentence += " It covers the proved rises and falls, but not the refuted or undecided pairs."
    return replace(
        answer,
        warrant=Warrant.CERTIFIED if whole else answer.warrant,
        certificate=sentence,
    )


def certify_slopes(
    path: str | os.PathLike,
    about: Subject,
    answer: Range,
    pairs: Sequence[tuple[int, int]],
    box: Box,
    notes: dict[str, Any],
) -> Range:
    """Write the certificate of ranges of derivatives, and return the certified range.

    The certified bounds may be slightly wider than the bounds of `answer`.

    Args:
        path: The file to write.
        about: The network in exact numbers.
        answer: The result of the search.
        pairs: Indices of the flat output and the flat input of each entry of `answer`.
        box: The flat input set.
        notes: Notes that are stored in the file but not certified.

    Raises:
        OutOfTime: The ambient deadline passed.
        NoCertificateError: A bound is infinite, or `certify` failed.
    """
    lo, hi, seen_lo, seen_hi = (
        np.asarray(a, np.float64).ravel()
        for a in (answer.lo, answer.hi, answer.seen_lo, answer.seen_hi)
    )
    if not np.isfinite([lo, hi]).all():
        raise NoCertificateError("at least one bound of the range is still infinite")
    size = np.maximum(seen_hi - seen_lo, 0) + np.maximum(np.abs(lo), np.abs(hi))
    slack = SLACK * size
    # Signs prove a bound of 0 without rounding. If they do not suffice, 0 is treated like the rest.
    low, high = lo, hi
    for by_signs in (True, False) if ((lo == 0) | (hi == 0)).any() else (False,):
        low = np.where(by_signs & (lo == 0), lo, lo - slack)
        high = np.where(by_signs & (hi == 0), hi, hi + slack)
        claims = [
            (_claim(about, output, by, sign, sign * end), scale)
            for sign, ends in ((1.0, low), (-1.0, high))
            for end, scale, (output, by) in zip(ends.tolist(), size.tolist(), pairs, strict=True)
        ]
        try:
            certify(path, about, _parts(box, claims), notes)
            break
        except NoCertificateError:
            if not by_signs:
                raise
    return replace(
        answer,
        lo=low.reshape(answer.lo.shape),
        hi=high.reshape(answer.hi.shape),
        warrant=Warrant.CERTIFIED,
        certificate=describe_certificate(path),
    )


def _claim(about: Subject, output: int, by: int, sign: float, least: float) -> Claim:
    row = np.zeros((1, len(about.network.outputs)))
    row[0, output] = sign
    return Claim(row, np.zeros(1), least + 0.0, by=int(by))


def _parts(box: Box, claims: Sequence[tuple[Claim, float]]) -> list[Part]:
    """Group claims by their input into parts of the certificate, one part per input.

    The network of the derivatives with respect to one input has all outputs, so one part is enough
    for all claims about that input.
    """
    inputs = sorted({claim.by for claim, _ in claims if claim.by is not None})
    return [(box, [(claim, size) for claim, size in claims if claim.by == by]) for by in inputs]
