"""The certificate of an optimum: its proved bound and the attained value."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np

from ..answers.optimum import Optimum
from ..core import Atom, Box, Warrant
from .certificates import Subject, certify, describe_certificate
from .errors import NoCertificateError
from .file import Claim
from .ranges import DIGITS, SLACK, flat, least_scale, most_scale, range_size


def certify_optimum(
    path: str | os.PathLike,
    about: Subject,
    answer: Optimum,
    form: Atom,
    box: Box,
    notes: dict[str, Any],
) -> Optimum:
    """Write the certificate of an optimum's proved bound, and return the certified optimum.

    The certified bound is slightly weaker than the proved bound of `answer`.

    Args:
        path: The file to write.
        about: The network in exact numbers.
        answer: The result of the search.
        form: The objective over `[x, y]`, which involves only outputs.
        box: The flat input set.
        notes: Notes that are stored in the file but not certified.

    Raises:
        OutOfTime: The ambient deadline passed.
        NoCertificateError: The proved bound is infinite, or `certify` failed.
    """
    sign = 1.0 if answer.sense == "min" else -1.0
    proved, attained = (answer.lo, answer.hi) if sign > 0 else (answer.hi, answer.lo)
    if not np.isfinite(proved):
        raise NoCertificateError("no finite bound has been proved yet")
    row = np.zeros(len(about.network.outputs))
    for at, coefficient in form.terms:
        row[at - about.network.inputs] = sign * coefficient
    spread = abs(attained - proved) if np.isfinite(attained) else 0.0
    normal = spread + DIGITS * abs(proved)
    scale = normal + min(least_scale(box), _most_scale(answer, normal))
    end = proved - sign * SLACK * scale
    at = None if answer.at is None else flat(answer.at, 1)[0]
    claim = Claim(
        row[None], np.array([sign * form.offset]), sign * end, at=at, value=sign * attained
    )
    certify(path, about, [(box, [(claim, scale)])], notes)
    return replace(
        answer,
        **{"lo" if sign > 0 else "hi": end},
        warrant=Warrant.CERTIFIED,
        certificate=describe_certificate(path),
    )


def _most_scale(answer: Optimum, normal: float) -> float:
    """Return how far an optimum's bound may move to absorb checker rounding, divided by `SLACK`.

    See `most_scale`. The tolerance is relative to the objective's range, which is estimated from
    the objective's values in `answer.seen` and the finite bounds.
    """
    values = np.ravel([] if answer.seen is None else answer.seen)
    values = np.append(values, [end for end in (answer.lo, answer.hi) if np.isfinite(end)])
    size = float(range_size(values.min(), values.max())) or 1.0
    normal_, gap, open_ = (np.array(part) for part in (normal, answer.gap, answer.tol * size))
    return float(most_scale(normal_, gap, open_, answer.is_exact))
