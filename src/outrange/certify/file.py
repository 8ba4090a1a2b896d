"""The certificate file: claim, network and trees, as specified in `docs/certificates.md`."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from outrange_check.build import text
from outrange_check.certificate import FORMAT, MEMBERS
from outrange_check.network import Network

from ..core import Box


STAMP = (1980, 1, 1, 0, 0, 0)
"""Time stamp of the archive's members, constant so that equal certificates yield identical
files."""

LEVEL = 5
"""Compression level: files are about 1% larger than at level 6, but are written in about half the
time."""


@dataclass(frozen=True, eq=False)
class Claim:
    """The claim that at every input in a box, some linear form of the outputs is at least `least`.

    Args:
        rows: Coefficients of the outputs in each form, `(forms, outputs)`.
        plus: Constants of the forms, `(forms,)`.
        least: The lower bound.
        strict: Whether some form is claimed to be strictly above `least`.
        at: An input at which each form is at most `value`, or None.
        value: See `at`; unused if `at` is None.
        by: Index of an input, or None. If set, `least` is a lower bound on the form's growth per
            unit of this input, with the other inputs fixed, instead of on the form. All claims of a
            box have the same `by`.
    """

    rows: np.ndarray
    plus: np.ndarray
    least: float
    strict: bool = False
    at: np.ndarray | None = None
    value: float = 0.0
    by: int | None = None


@dataclass(frozen=True, eq=False)
class ProvedBox:
    """A box, its claims, and the tree that proves them."""

    box: Box
    claims: Sequence[Claim]
    tree: bytes


def write_certificate(
    path: str | os.PathLike,
    network: Network,
    parts: Sequence[ProvedBox],
    model: tuple[str, str] | None,
    about: dict[str, Any],
) -> None:
    """Write a certificate.

    Args:
        network: The network in exact numbers.
        parts: The proved boxes, in order.
        model: Name and SHA-256 of the model's file, or None.
        about: Additional notes to store, such as the version and the question as text.
    """
    body = text(network).encode()
    claim = {
        "format": FORMAT,
        "semantics": "real",
        "network": hashlib.sha256(body).hexdigest(),
        "model": None if model is None else {"name": model[0], "sha256": model[1]},
        "parts": [_part(part) for part in parts],
        "about": about,
    }
    members = (json.dumps(claim, indent=1).encode(), body, b"".join(part.tree for part in parts))
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in zip(MEMBERS, members, strict=True):
            archive.writestr(zipfile.ZipInfo(name, STAMP), data, zipfile.ZIP_DEFLATED, LEVEL)


def _number(value: float) -> list[Any]:
    return [float(value), float(value).hex()]


def _part(part: ProvedBox) -> dict[str, Any]:
    ends = zip(part.box.lo, part.box.hi, strict=True)
    by = part.claims[0].by
    return {
        "box": [[_number(low), _number(high)] for low, high in ends],
        **({} if by is None else {"by": by}),
        "claims": [_claim(claim) for claim in part.claims],
    }


def _claim(claim: Claim) -> dict[str, Any]:
    forms = [
        {"y": {str(i): _number(row[i]) for i in np.flatnonzero(row)}, "plus": _number(plus)}
        for row, plus in zip(claim.rows, claim.plus, strict=True)
    ]
    out: dict[str, Any] = {
        "any": forms, "least": _number(claim.least), "strict": claim.strict,
    }  # fmt: skip
    if claim.at is not None:
        point = [_number(value) for value in claim.at]
        out["attained"] = {"x": point, "value": _number(claim.value)}
    return out
