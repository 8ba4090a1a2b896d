"""The battery is tested: nearly every wrong fact about any curve must break a law."""

import pytest

from cases import cases
from curve_cases import CASES, identify
from mutants.perturb import build, equivalent, perturb_curve
from outrange.core import OutrangeError
from outrange.ops import curve
from outrange.testing import CURVE_LAWS, Oracle


LEAST_RATE = 0.95

SKIP = cases(16, 2)
"""Of every curve each so many-th mutant is tried, not the same ones of the next curve."""


def survives(facts, change, oracle) -> bool:
    """Whether every law holds for the wrong facts."""
    try:
        wrong = build(facts, change)
        for law in CURVE_LAWS:
            law(wrong, oracle)
    except OutrangeError:
        return False
    return True


@pytest.mark.slow
def test_wrong_facts_break_a_law(capsys):
    total, survivors, excluded = 0, [], []
    for i, case in enumerate(CASES):
        facts = curve(case[0], **case[1])
        oracle = Oracle(facts)
        for label, change in list(perturb_curve(facts))[i % SKIP :: SKIP]:
            reason = equivalent(facts, change)
            name = f"{identify(case)}: {label}"
            if reason:
                excluded.append(f"{name} ({reason})")
                continue
            total += 1
            if survives(facts, change, oracle):
                survivors.append(name)
    rate = 1 - len(survivors) / total
    with capsys.disabled():
        print(
            f"\n{total - len(survivors)} of {total} mutants of {len(CASES)} curves killed "
            f"({rate:.1%}); {len(excluded)} equivalent ones left out"
        )
        print("\n".join(f"  survived: {name}" for name in survivors))
    assert rate >= LEAST_RATE, survivors
