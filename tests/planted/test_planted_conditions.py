"""Nonlinear conditions whose truth is planted: no wrong verdict, and easy ones are decided."""

import pytest

import outrange
from cases import cases
from planted.planted_conditions import FAMILIES, draw


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", cases([7], [7, 8]))
def test_planted_conditions_are_decided(family, holds, seed):
    case = draw(family, holds, seed)
    verdict = outrange.verify(case.network, case.condition, case.box, budget=20)
    assert verdict.status == ("HOLDS" if holds else "VIOLATED")
