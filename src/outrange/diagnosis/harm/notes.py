"""Demotes a proved finding to a note if the fault does no harm in the diagnosed program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...answers.diagnosis import Finding, Level
from ...core.progress import Stage, report_progress
from ..context import DiagnosisContext
from ..registry import RULES
from ..repairs.read_fix import parse_joint_repairs, strip_comments
from ..wording import format_steps
from .comparison import Harmless, compare_with_fixes
from .order import compare_with_shuffled


METRIC_NAMES = {"right": "a balanced accuracy", "explained": "an R²", "loss": "a loss"}
"""Phrases for the reported metrics, in the order of the message."""

ORDER = "OR028"
"""Code of the rule whose fix is to shuffle the rows. Copies are trained and compared for its
measured findings too; other rules need a proved finding."""

METRIC = "OR040"
"""Code of the rule about metrics, which have no effect on training."""

NEGLIGIBLE = 0.005
"""Largest improvement by a fix for which a message says that the fault does no harm."""


def demote_harmless(case: DiagnosisContext, findings: Sequence[Finding]) -> list[Finding]:
    """Turn proved findings that do no harm into notes.

    A finding is certain if it is proved or measured. Copies are trained only if every certain
    finding may be harmless. Otherwise another fault could keep a program bad even after one fault
    is fixed, which would prove nothing about the fixed fault. If the comparison shows no harm, all
    certain findings become notes, since a measured finding may be a consequence of a proved one.

    The findings are unchanged if the weights may already have been trained.
    """
    certain = [
        finding
        for finding in findings
        if not finding.note and finding.level >= Level.MEASURED and finding.code != METRIC
    ]
    if (
        not any(map(_needs_comparison, certain))
        or not all(map(_may_be_harmless, certain))
        or _is_trained(case)
    ):
        return list(findings)
    same = {(finding.code, strip_comments(finding.fix)) for finding in certain}
    layers = tuple(dict.fromkeys(finding.layer for finding in certain))
    report_progress(Stage(f"{certain[0].code}: training copies with and without it"))
    # One of several faults may hide the effects of the others, so no single fix is tried for them.
    if {finding.code for finding in certain} == {ORDER}:
        result = compare_with_shuffled(case)
    else:
        result = compare_with_fixes(
            case, parse_joint_repairs(certain[0].fix, layers) if len(same) == 1 else ()
        )
    if result is None:
        return list(findings)
    return [_as_note(finding, result) if finding in certain else finding for finding in findings]


def _is_trained(case: DiagnosisContext) -> bool:
    """Return whether the weights may have been trained on the rows used for scoring."""
    stepping = case.program.stepping
    return case.history is not None or (stepping is not None and stepping.taken > 0)


def _may_be_harmless(finding: Finding) -> bool:
    return RULES[finding.code].may_be_harmless


def _needs_comparison(finding: Finding) -> bool:
    return finding.level is Level.PROVED or finding.code == ORDER


def _as_note(finding: Finding, result: Harmless) -> Finding:
    cost = {
        "steps": result.steps, "rows": result.rows, "with": dict(result.before),
        "without": dict(result.after),
    }  # fmt: skip
    return replace(
        finding, note=True, message=f"{finding.message} {describe_harmless(result)}",
        cost={**finding.cost, "harmless": cost},
    )  # fmt: skip


def describe_harmless(result: Harmless) -> str:
    """Describe in a sentence, with metrics of trained copies, that a fault does hardly any harm."""
    kinds = [kind for kind in METRIC_NAMES if kind in result.before]
    numbers = _join([f"{METRIC_NAMES[kind]} of {_number(result.before[kind])}" for kind in kinds])
    harm = "no harm" if result.lost <= NEGLIGIBLE else "hardly any harm"
    text = (
        f"The fault does {harm} here: copies of the model trained for "
        f"{format_steps(result.steps)} reach {numbers} on {result.rows} held-out rows"
    )
    if not result.changed:
        return f"{text}, so there is little left to gain."
    fixed = _join([_number(result.after[kind]) for kind in kinds])
    return f"{text}; with {result.changed} they reach {fixed}."


def _join(parts: Sequence[str]) -> str:
    """Join phrases with commas and a final "and": `a, b and c`."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _number(value: float) -> str:
    return f"{float(f'{value:.3g}') + 0.0:g}"
