"""All laws of one kind of op, in one call each."""

from ..ops import Curve
from .definition import Oracle
from .facts import (
    check_bends,
    check_crossings,
    check_definition,
    check_domain,
    check_jumps,
    check_range,
    check_saturated,
    check_slope,
    check_turns,
)
from .lines import check_relax, check_tightness


CURVE_LAWS = (
    check_definition,
    check_domain,
    check_jumps,
    check_slope,
    check_turns,
    check_bends,
    check_crossings,
    check_saturated,
    check_range,
    check_tightness,
    check_relax,
)
"""Cheap ones first."""


def check_curve(curve: Curve, oracle: Oracle | None = None) -> None:
    """Every law of a `Curve`.

    Args:
        curve: The facts, `exact` included.
        oracle: Reused between curves that share their definition; a new one by default.

    Raises:
        LawBroken: With the witness.
    """
    oracle = oracle or Oracle(curve)
    for law in CURVE_LAWS:
        law(curve, oracle)
