"""The laws of a curve, and a function that checks all of them."""

from ..ops import Curve
from .definition import Oracle
from .facts import (
    check_bends,
    check_crossings,
    check_definition,
    check_domain,
    check_infinite_ends,
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
    check_infinite_ends,
    check_tightness,
    check_relax,
)
"""The checks of a curve, in the order in which they run."""


def check_curve(curve: Curve, oracle: Oracle | None = None) -> None:
    """Check every law of a `Curve`.

    Args:
        curve: The curve, with an `exact` definition.
        oracle: An oracle to share between curves with the same definition; None for a new one.

    Raises:
        LawBroken: A law is broken.
    """
    oracle = oracle or Oracle(curve)
    for law in CURVE_LAWS:
        law(curve, oracle)
