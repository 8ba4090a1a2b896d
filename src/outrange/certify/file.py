"""The file of a certificate: claim, network and trees, as `docs/certificates.md` states them."""

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
"""Time of the members: the same certificate is the same file, bit for bit."""

LEVEL = 5
"""How hard a file is compressed: one hundredth larger than by 6, in half of the time; 9 takes ten
times as long as 6 for two hundredths less."""


@dataclass(frozen=True, eq=False)
class Claim:
    """That one of some forms of the outputs is at least a number, all over a box.

    Args:
        rows: `(forms, outputs)`.
        plus: `(forms,)`.
        least: The number.
        strict: Whether the form is above it.
        at: An input at which each of the forms is at most `value`, or None.
        value: See `at`.
        by: An input: not the form itself is at least that, but how much it grows per unit of this
            input while the others stay. All claims of a box are by the same input, or by none.
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
    """A box, what is claimed there, and the tree that proves it."""

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
        path: The file.
        network: In exact numbers.
        parts: In order.
        model: Name and SHA-256 of the model's file, or None.
        about: Whatever else is to be kept: versions, the question in words, hashes.
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
