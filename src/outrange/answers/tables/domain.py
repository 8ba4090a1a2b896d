"""Input set of an answer, as one line of text and as data for other programs."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ...core import InputDomain
from ..render.jsonable import jsonable
from ..render.text import clipped_name, number


MOST_NAMED, MOST_LISTED = 6, 1000
"""Maximum number of inputs named in a line, and listed in a dict."""

LONGEST_NAME = 40
"""Maximum number of characters of a name in the line."""

ALIKE = 1e-9
"""Largest difference between the half-widths of inputs that are described by one half-width,
relative to the largest absolute value of a bound."""


def domain_line(domain: InputDomain | None) -> str:
    """Describe a set in one line, such as `"over speed 0..30, load 0..1"`; empty if unknown."""
    if domain is None or not domain.names:
        return ""
    cuts = f" ({'; '.join(domain.cuts)})" if domain.cuts else ""
    return f"over {_box(domain)}{cuts}"


def _box(domain: InputDomain) -> str:
    lo, hi, count = domain.lo, domain.hi, len(domain.names)
    if count <= MOST_NAMED:
        return ", ".join(map(_entry, domain.names, lo.tolist(), hi.tolist()))
    if not np.isfinite([lo, hi]).all():
        return f"a set of {count:,} inputs"
    if (lo == lo[0]).all() and (hi == hi[0]).all():
        return f"{count:,} inputs in {number(float(lo[0]))}..{number(float(hi[0]))}"
    if (lo == hi).all():
        return f"a single point of {count:,} inputs"
    halves = hi / 2 - lo / 2
    half = float(np.median(halves))
    if np.all(np.abs(halves - half) <= ALIKE * np.maximum(np.abs(lo), np.abs(hi)).max()):
        return f"{count:,} inputs, each within ±{number(half)} of a point"
    return f"a box of {count:,} inputs"


def _entry(name: str, lo: float, hi: float) -> str:
    name = clipped_name(name, LONGEST_NAME)
    return f"{name} = {number(lo)}" if lo == hi else f"{name} {number(lo)}..{number(hi)}"


def domain_dict(domain: InputDomain | None) -> dict[str, Any] | None:
    """Convert a set to a dict for JSON; with many inputs, the dict identifies the box by a hash.

    Args:
        domain: The set; None if unknown.

    Returns:
        A dict of `names`, `lo`, `hi` and `cuts`. For more than 1,000 inputs: a dict of `inputs`
        (their number), `lo` (the smallest), `hi` (the largest), `cuts`, and `sha256` (the hash of
        all `lo` followed by all `hi` as little-endian float64). None for an unknown set.
    """
    if domain is None:
        return None
    if len(domain.names) <= MOST_LISTED:
        return jsonable(
            {"names": domain.names, "lo": domain.lo, "hi": domain.hi, "cuts": domain.cuts}
        )
    ends = np.concatenate([domain.lo, domain.hi]).astype("<f8") + 0.0
    return jsonable(
        {
            "inputs": len(domain.names),
            "lo": float(domain.lo.min()), "hi": float(domain.hi.max()),
            "sha256": hashlib.sha256(ends.tobytes()).hexdigest(),
            "cuts": domain.cuts,
        }
    )  # fmt: skip
