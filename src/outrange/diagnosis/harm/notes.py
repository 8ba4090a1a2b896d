"""A fact that is proved and does no harm in the program at hand becomes a note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...answers.diagnosis import Finding, Level
from ...core.progress import Stage, report_progress
from ..context import DiagnosisContext
from ..registry import RULES
from ..repairs.read_fix import plain, repairs_of
from ..wording import steps_said
from .order import harmless_order
from .rehearsed import Harmless, harmless


CALLED = {"right": "a balanced accuracy", "explained": "an R²", "loss": "a loss"}
"""What the numbers are called that are told, in the order in which they are."""

ORDER = "OR028"
"""The rule whose fix is another order of the rows; what it measures is the data alone."""

NOTHING = 0.005
"""Score below which a difference is none."""


def harmless_as_notes(case: DiagnosisContext, found: Sequence[Finding]) -> list[Finding]:
    """The findings, those that are proved and seen to do no harm as notes.

    Copies are trained only where nothing else is found for sure: beside another fault, a program
    that does as badly without one of them says nothing of this one. What was measured beside a
    proved fact may be its consequence, and is a note with it.

    Args:
        case: What was diagnosed.
        found: Findings and notes.
    """
    sure = [one for one in found if not one.note and one.level >= Level.MEASURED]
    if not any(map(_asked, sure)) or not all(map(_may_be_harmless, sure)) or _trained(case):
        return list(found)
    same = {(one.code, plain(one.fix)) for one in sure}
    layers = tuple(dict.fromkeys(one.layer for one in sure))
    report_progress(Stage(f"{sure[0].code}: training copies with and without it"))
    # One of several faults may hide what the others do: then nothing may be left to gain.
    if {one.code for one in sure} == {ORDER}:
        seen = harmless_order(case)
    else:
        seen = harmless(case, repairs_of(sure[0].fix, layers) if len(same) == 1 else ())
    if seen is None:
        return list(found)
    return [_as_note(one, seen) if one in sure else one for one in found]


def _trained(case: DiagnosisContext) -> bool:
    """Whether the weights may have seen the rows that copies would be asked about."""
    stepping = case.program.stepping
    return case.history is not None or (stepping is not None and stepping.taken > 0)


def _may_be_harmless(finding: Finding) -> bool:
    return RULES[finding.code].may_be_harmless


def _asked(finding: Finding) -> bool:
    return finding.level is Level.PROVED or finding.code == ORDER


def _as_note(finding: Finding, seen: Harmless) -> Finding:
    cost = {
        "steps": seen.steps, "rows": seen.rows, "with": dict(seen.before),
        "without": dict(seen.after),
    }  # fmt: skip
    return replace(
        finding, note=True, message=f"{finding.message} {said(seen)}",
        cost={**finding.cost, "harmless": cost},
    )  # fmt: skip


def said(seen: Harmless) -> str:
    """In the user's numbers, why nothing has to be done.

    Args:
        seen: What copies reached.
    """
    kinds = [kind for kind in CALLED if kind in seen.before]
    numbers = _listed([f"{CALLED[kind]} of {_number(seen.before[kind])}" for kind in kinds])
    harm = "no harm" if seen.lost <= NOTHING else "hardly any harm"
    text = (
        f"It does {harm} here: copies trained for {steps_said(seen.steps)} reach {numbers} on "
        f"{seen.rows} rows they have not seen"
    )
    if not seen.changed:
        return f"{text}, so there is hardly anything left to gain."
    fixed = _listed([_number(seen.after[kind]) for kind in kinds])
    return f"{text}; with {seen.changed} they reach {fixed}."


def _listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _number(value: float) -> str:
    return f"{float(f'{value:.3g}') + 0.0:g}"
