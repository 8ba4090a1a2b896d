"""Runs every rule on one case."""

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
from .harm.notes import harmless_as_notes
from .plan import Plan
from .registry import RULES
from .repairs.read_fix import repairs
from .repairs.trial import with_fixes_tried
from .rules.rows import look_for_mixed_rows
from .wording import names as listed


for _found in pkgutil.iter_modules(rules.__path__):
    importlib.import_module(f"{rules.__name__}.{_found.name}")


SEE_OTHERS = "see the other findings"

CONSEQUENCES = ("OR025", "OR030")
"""Rules that tell what follows from a start or from data that other rules find at fault."""

OF_THE_DATA = ("OR036", "OR037")
"""Rules about what enters: they come first of what is as sure, as dead units may follow from it."""


def pointing(found: Sequence[Finding]) -> list[Finding]:
    """Findings that only point at the others, with the fix of the surest of those."""
    causes = [
        f for f in found
        if not f.note and not f.fix.startswith(SEE_OTHERS) and f.code not in CONSEQUENCES
    ]  # fmt: skip
    made = []
    for finding in found:
        sure = [c for c in causes if c.level >= Level.MEASURED and repairs(c.fix, c.layer)]
        if not finding.fix.startswith(SEE_OTHERS):
            made.append(finding)
            continue
        if sure:
            cause = sure[0]
            lines = "\n".join(line.split("   #")[0] for line in cause.fix.splitlines())
            finding = replace(finding, layer=cause.layer, fix=f"{lines}   # see {cause.code}")
        own = finding.fix.removeprefix(f"{SEE_OTHERS}, or ")
        made.append(finding if own == finding.fix else replace(finding, fix=own))
    return made


BUDGET = "OR030"
"""The rule of the floor after so many steps."""

NO_MORE = 1.05
"""Up to so much of a floor that holds after any number of steps, one after few tells no more."""


def without_vain_budget(case: DiagnosisContext, found: Sequence[Finding]) -> list[Finding]:
    """Findings, without a floor after few steps where one of all weights is as high.

    More epochs would not help: what else is found does.
    """
    floors = [
        float(f.cost["loss_floor"]) for f in found
        if f.level is Level.PROVED and f.code != BUDGET and "loss_floor" in f.cost
    ]  # fmt: skip
    if len(case.program.losses) != 1 or not floors:
        return list(found)
    beside = NO_MORE * max(floors)
    return [f for f in found if f.code != BUDGET or f.cost.get("loss_floor", np.inf) > beside]


def said_once(notes: Sequence[Finding]) -> tuple[Finding, ...]:
    """Notes that say the same of several layers, or of several calls of one, as one note."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for note in notes:
        groups.setdefault((note.code, note.message), []).append(note)
    made = []
    for same in groups.values():
        layers = list(dict.fromkeys(note.layer for note in same))
        first = same[0]
        if len(layers) > 1:
            first = replace(first, message=f"{first.message} So do {listed(layers[1:])}.")
        elif len(same) > 1:
            first = replace(first, message=f"{first.message} ({len(same)} calls.)")
        made.append(first)
    return tuple(made)


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
    """Apply every rule; see `outrange.diagnose`."""
    if isinstance(ignore, str) or not isinstance(ignore, Iterable):
        raise InputError(f'`ignore` is a list of codes, ["OR014"]. Received: ignore={ignore!r}.')
    if steps is not None and (not isinstance(steps, int) or isinstance(steps, bool) or steps < 0):
        raise InputError(f"`steps` is a whole number from 0 on. Received: steps={steps!r}.")
    left_out = tuple(ignore)
    for code in left_out:
        if code not in RULES:
            raise InputError(
                f"`ignore` lists codes of rules, {', '.join(sorted(RULES))}. Received: {code!r}."
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
        case.unread.append(f"the loss, the targets and the training: {what} to have them looked at")
    applied = {code: rule for code, rule in sorted(RULES.items()) if code not in left_out}
    found: list[Finding] = []
    for code, rule in applied.items():
        report_progress(Stage(f"{code} {rule.title}"))
        found += rule.check(case)
    found.sort(key=lambda one: (-one.level, one.code not in OF_THE_DATA, one.code))
    found = pointing(harmless_as_notes(case, without_vain_budget(case, found)))
    if try_fixes:
        found = with_fixes_tried(case, found)
    return Diagnosis(
        model=program.name,
        backend=program.backend,
        findings=tuple(f for f in found if not f.note),
        notes=said_once([f for f in found if f.note]),
        unread=tuple(dict.fromkeys([*program.unread, *case.unread])),
        rules={code: rule.title for code, rule in applied.items()},
        explanations={code: rule.text for code, rule in RULES.items()},
        ignored=left_out,
        rows=case.rows,
        seconds=read_clock() - start,
    )
