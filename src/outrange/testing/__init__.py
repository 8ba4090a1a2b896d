"""Assertions for tests of models, and a test suite that every op must pass, for authors of ops.

The test suite requires the `mpmath` package.
"""

from ..api.asserts import assert_holds as assert_holds, assert_range as assert_range
from .broken import LawBroken as LawBroken
from .definition import Oracle as Oracle
from .facts import (
    check_bends as check_bends,
    check_definition as check_definition,
    check_domain as check_domain,
    check_jumps as check_jumps,
    check_range as check_range,
    check_saturated as check_saturated,
    check_slope as check_slope,
    check_turns as check_turns,
)
from .kinds import (
    check_absolute as check_absolute,
    check_affine as check_affine,
    check_largest as check_largest,
    check_part as check_part,
    check_planes as check_planes,
    check_product as check_product,
    check_rearrange as check_rearrange,
)
from .laws import CURVE_LAWS as CURVE_LAWS, check_curve as check_curve
from .lines import check_relax as check_relax, check_tightness as check_tightness
from .steps import check_step as check_step
