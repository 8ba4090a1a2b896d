"""Runs the rules on one program and collects the findings in a diagnosis."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..answers.diagnosis import Diagnosis, Finding, Level
from ..core import InputError
from ..core.clock import read_clock
from ..core.progress import Stage, report_progress
from ..program import Program
from . import rules
from .context import DiagnosisContext
from .harm.consequences import set_consequences_aside
from .harm.notes import demote_harmless
from .plan import Plan
from .registry import RULES
from .repairs.read_fix import parse_repairs
from .repairs.trial import add_trials
from .rules.rows import look_for_mixed_rows
from .wording import names as listed


for _module in pkgutil.iter_modules(rules.__path__):
    importlib.import_module(f"{rules.__name__}.{_module.name}")


SEE_OTHERS = "see the other findings, or "
"""Start of a fix that other findings may replace; the rest of the fix applies if there are none."""

CONSEQUENCES = ("OR025", "OR030")
"""Rules whose findings may follow from bad initial weights or data, which other rules report."""

DATA_RULES = ("OR036", "OR037")
"""Rules about the data whose findings come first within a level, because bad data may cause dead
units."""


def resolve_references(findings: Sequence[Finding]) -> list[Finding]:
    """Complete each finding whose fix refers to other findings.

    Such a finding gets the layer and the fix of the first other finding that may be its cause. A
    cause is a measured or proved finding, is not a note, and has a fix that can be parsed. Its rule
    is not in `CONSEQUENCES`. If there is no cause, only the rest of the finding's own fix remains.

    Args:
        findings: The findings, with the most certain ones first.
    """
    causes = [
        f for f in findings
        if not f.note and not f.fix.startswith(SEE_OTHERS) and f.code not in CONSEQUENCES
        and f.level >= Level.MEASURED and parse_repairs(f.fix, f.layer)
    ]  # fmt: skip
    resolved = []
    for finding in findings:
        if finding.fix.startswith(SEE_OTHERS) and causes:
            cause = causes[0]
            lines = "\n".join(line.split("   #")[0] for line in cause.fix.splitlines())
            finding = replace(finding, layer=cause.layer, fix=f"{lines}   # see {cause.code}")
        resolved.append(replace(finding, fix=finding.fix.removeprefix(SEE_OTHERS)))
    return resolved


STILL = "OR021"
"""The rule about programs in which training changes no weight."""

BUDGET = "OR030"
"""The rule that proves a lower bound on the loss after the planned number of steps."""

REDUNDANT = 1.05
"""A bound for the planned steps is redundant if it is at most this multiple of a bound that holds
for all weights."""


def drop_vain_advice(case: DiagnosisContext, findings: Sequence[Finding]) -> list[Finding]:
    """Drop findings about the length or the pace of training that a proved loss bound contradicts.

    The bound is one that another finding proves for all weights. A finding is dropped if its fix
    aims at a loss below the bound (`target_loss` in its `cost`), or if rule OR021 reports that
    training changes no weight. A finding about too few steps is also dropped if its own bound is
    nearly the same. More epochs would not help in these cases, but the fix of the other finding
    may.
    """
    still = any(f.code == STILL for f in findings)
    heads = [head.layer for head in case.program.heads]
    single = len(case.program.losses) == 1
    remaining = []
    for finding in findings:
        if still and "target_loss" in finding.cost:
            continue
        if not single and heads.count(finding.layer) != 1:
            remaining.append(finding)  # the finding may be about another loss than the bound
            continue
        floor = max(
            (
                float(f.cost["loss_floor"]) for f in findings
                if f.level is Level.PROVED and f.code != BUDGET and "loss_floor" in f.cost
                and (single or f.layer == finding.layer)
            ), default=-np.inf,
        )  # fmt: skip
        bound = finding.cost.get("loss_floor", np.inf) if finding.code == BUDGET else np.inf
        if finding.cost.get("target_loss", np.inf) >= floor and bound > REDUNDANT * floor:
            remaining.append(finding)
    return remaining


def merge_notes(notes: Sequence[Finding]) -> tuple[Finding, ...]:
    """Merge notes of a rule that have the same message for several layers or calls of a layer."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for note in notes:
        groups.setdefault((note.code, note.message), []).append(note)
    merged = []
    for same in groups.values():
        layers = list(dict.fromkeys(note.layer for note in same))
        first = same[0]
        if len(layers) > 1:
            first = replace(
                first, message=f"{first.message} The same holds for {listed(layers[1:])}."
            )
        elif len(same) > 1:
            first = replace(first, message=f"{first.message} ({len(same)} calls.)")
        merged.append(first)
    return tuple(merged)


def diagnose(
    program: Program,
    x: list[np.ndarray],
    y: list[np.ndarray] | None,
    given: tuple[Any, Any],
    *,
    ignore: Iterable[str] = (),
    steps: int | None = None,
    names: Sequence[str] = (),
    plan: Plan | None = None,
    history: Mapping[str, np.ndarray] | None = None,
    held_out: tuple[list[np.ndarray], list[np.ndarray]] | None = None,
    try_fixes: bool = False,
) -> Diagnosis:
    """Apply the rules and return the findings as a diagnosis; see `outrange.diagnose`.

    The argument `train` of `outrange.diagnose` is `steps` and `try_fixes` here.
    """
    if isinstance(ignore, str) or not isinstance(ignore, Iterable):
        raise InputError(
            '`ignore` must be a list of rule codes, such as ["OR014"]. '
            f"Received: ignore={ignore!r}."
        )
    left_out = tuple(ignore)
    for code in left_out:
        if code not in RULES:
            raise InputError(
                "Every entry of `ignore` must be one of these rule codes: "
                f"{', '.join(sorted(RULES))}. Received: {code!r}."
            )
    start = read_clock()
    case = DiagnosisContext(
        program,
        x,
        y,
        given,
        steps,
        names=tuple(names),
        plan=plan,
        history=history,
        held_out=held_out,
    )
    look_for_mixed_rows(case)
    if program.measure is None:
        what = "pass the targets `y`" if y is None else "compile the model with a loss"
        case.unread.append(f"the loss, the targets and the training: to check them, {what}")
    applied = {code: rule for code, rule in sorted(RULES.items()) if code not in left_out}
    findings: list[Finding] = []
    for code, rule in applied.items():
        report_progress(Stage(f"checking {code}: {rule.title}"))
        findings += rule.check(case)
    findings.sort(
        key=lambda finding: (-finding.level, finding.code not in DATA_RULES, finding.code)
    )
    findings = demote_harmless(case, drop_vain_advice(case, findings))
    findings = resolve_references(set_consequences_aside(case, findings))
    if try_fixes:
        findings = add_trials(case, findings)
    return Diagnosis(
        model=program.name,
        backend=program.backend,
        findings=tuple(f for f in findings if not f.note),
        notes=merge_notes([f for f in findings if f.note]),
        unread=tuple(dict.fromkeys([*program.unread, *case.unread])),
        rules={code: rule.title for code, rule in applied.items()},
        explanations={code: rule.text for code, rule in RULES.items()},
        ignored=left_out,
        rows=case.rows,
        seconds=read_clock() - start,
    )
