"""Fixes made on a copy and trained for a few steps, beside a copy without them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...core import InputError, ModelError
from ...core.clock import read_clock
from ...core.progress import Stage, report_progress
from ...program import Rehearsal
from ..context import DiagnosisContext
from ..registry import RULES
from ..rules.rows import look_for_mixed_rows
from ..wording import names, short
from .data_changes import leaves
from .read_fix import Repair, plain, repairs_of


SECONDS = 60.0
"""After so long no further fix is tried."""

BETTER = 0.98
"""Share of the loss without a fix below which it counts as lowered."""

POWERS = {"mean_squared_error": 2, "mean_absolute_error": 1}
"""Losses that a scaled target scales by a power."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a fix did.

    Args:
        repair: Which one.
        steps: Steps trained with it, and without it.
        before: The loss after them without it; NaN where there is none.
        after: The loss with it, in the same unit if `alike`.
        alike: Whether the two losses are of one kind.
        shares: Both as shares of the best constant's loss; NaN where that is not known.
        gone: Whether the finding is no longer made.
    """

    repair: Repair
    steps: tuple[int, int]
    before: float
    after: float
    alike: bool
    shares: tuple[float, float]
    gone: bool

    @property
    def lowers(self) -> bool:
        """Whether the loss is lower with it."""
        if not np.isfinite(self.after):
            return False
        if self.alike:
            return not np.isfinite(self.before) or self.after < BETTER * self.before
        before, after = self.shares
        return bool(np.isfinite(after) and (not np.isfinite(before) or after < BETTER * before))

    def __str__(self) -> str:
        fix = f"`{self.repair.text.split('#')[0].strip()}`"
        if len({change.layer for change in self.repair.model}) > 1:
            fix += f" in {names(self.repair.layers)}"
        if self.alike and np.isfinite(self.before):
            text = f"{short(self.after)} instead of {short(self.before)}"
            if self.repair.plan is not None:
                text += f" after {self.steps[1]}"
        elif np.isfinite(self.shares).all():
            without, share = self.shares
            text = (
                f"{short(self.after)}, {short(100 * share)} % of what the best constant has; "
                f"without it {short(100 * without)} %"
            )
        elif np.isfinite(self.shares[1]):
            text = f"{short(self.after)}, {short(100 * self.shares[1])} % of the best constant's"
        else:
            text = short(self.after)
        gone = (
            "" if not self.gone else f"; {'this' if self.lowers else 'only this'} finding is gone"
        )
        return f"Tried on a copy: with {fix} {self.steps[0]} steps reach a loss of {text}{gone}."


def with_fixes_tried(case: DiagnosisContext, found: Iterable[Finding]) -> list[Finding]:
    """The findings, each with what its fix did, where that could be tried.

    Args:
        case: What was diagnosed.
        found: Findings and notes; notes stay as they are.
    """
    start, made, known = read_clock(), [], {}
    found, layers = list(found), {}
    for finding in found:
        if not finding.note:
            layers.setdefault(_same(finding), {})[finding.layer] = None
    for finding in found:
        outcome = None
        if not finding.note and read_clock() - start < SECONDS:
            key = _same(finding)
            if key not in known:
                report_progress(Stage(f"{finding.code}: trying `{finding.fix.splitlines()[0]}`"))
                known[key] = attempt(case, finding, tuple(layers[key]))
            outcome = known[key]
        made.append(finding if outcome is None else _told(finding, outcome))
    return made


def _same(finding: Finding) -> tuple[str, str]:
    """What findings have in common whose layers are mended at once, by one copy."""
    return finding.code, plain(finding.fix)


def _told(finding: Finding, outcome: Outcome) -> Finding:
    tried = {
        "fix": outcome.repair.text, "steps": outcome.steps[0], "loss": outcome.after,
        "loss_without": outcome.before, "lowers": outcome.lowers, "gone": outcome.gone,
    }  # fmt: skip
    return replace(finding, tried=str(outcome), cost={**finding.cost, "tried": tried})


def attempt(case: DiagnosisContext, finding: Finding, layers: Sequence[str] = ()) -> Outcome | None:
    """What the fix of a finding does; None if no alternative of it could be made.

    The first alternative that lowers the loss counts, else the first that takes the finding away,
    else the first.
    """
    outcomes = []
    for repair in repairs_of(finding.fix, layers or (finding.layer,)):
        outcome = _outcome(case, finding, repair)
        if outcome is not None:
            outcomes.append(outcome)
            if outcome.lowers:
                return outcome
    return next((one for one in outcomes if one.gone), outcomes[0] if outcomes else None)


def _outcome(case: DiagnosisContext, finding: Finding, repair: Repair) -> Outcome | None:
    mended = repaired(case, repair)
    if mended is None:
        return None
    one = mended.trials.run()
    if one is None or not one.looks:
        return None
    own = case.trials.run()
    # A longer training is compared with one of the length that is planned.
    ends = [
        len(run.losses) if repair.plan is None or of.plan is None
        else min(len(run.losses), of.plan.steps(of.rows))
        for run, of in ((one, mended), (own, case)) if run is not None
    ]  # fmt: skip
    before = np.nan if own is None or not own.looks else _at(own, ends[1])
    after, alike = _at(one, ends[0]), _alike(case, mended)
    unit = _unit(case, repair)
    if unit is not None and alike:
        after *= unit
    elif any(change.of == "y" for change in repair.data):
        alike = False
    shares = _share(case, own), _share(mended, one)
    if any(loss.name.endswith("crossentropy") for loss in case.program.losses) and after < 0:
        # Of labels that are no probabilities: below 0, lower is not better.
        alike, shares = False, (np.nan, np.nan)
    steps = ends[0], 0 if own is None else ends[1]
    found = Outcome(repair, steps, before, after, alike, shares, _gone(mended, finding))
    # Of a longer training than is tried nothing is known where the part tried shows no gain.
    short_of = repair.plan is not None and ends[0] < repair.plan.steps(mended.rows)
    return None if short_of and not found.lowers else found


def _at(one: Rehearsal, step: int) -> float:
    """The loss of the first rows at the last look up to a step."""
    return next((loss for at, loss in reversed(one.looks) if at <= step), one.looks[0][1])


def repaired(case: DiagnosisContext, repair: Repair) -> DiagnosisContext | None:
    """The case with a fix; None if it cannot be made.

    Args:
        case: Model and data.
        repair: What to change.
    """
    if case.program.repair is None:
        return None
    x, y = case.given
    try:
        for change in repair.data:
            x, y = change.applied(x, y)
        program = case.program.repair(repair.model, x, y)
    except (InputError, ModelError, ValueError, TypeError):
        return None
    if program is None or not len(leaves(x)[0]):
        return None
    mended = DiagnosisContext(
        program, leaves(x), leaves(y), (x, y), case.steps, names=case.names,
        plan=repair.plan or case.plan,
    )  # fmt: skip
    if case.mixed is not None:
        look_for_mixed_rows(mended)
    return mended


def _alike(case: DiagnosisContext, mended: DiagnosisContext) -> bool:
    """Whether both have losses of the same names, and as many targets a row."""
    names = [[loss.name for loss in one.program.losses] for one in (case, mended)]
    weights = [
        [loss.options.get("weight") for loss in one.program.losses] for one in (case, mended)
    ]
    return names[0] == names[1] and weights[0] == weights[1] and bool(names[0])


def _unit(case: DiagnosisContext, repair: Repair) -> float | None:
    """By what a loss of the scaled targets is multiplied to be one of the user's targets."""
    scaling = [change for change in repair.data if change.of == "y"]
    names = [loss.name for loss in case.program.losses]
    if len(scaling) != 1 or len(names) != 1 or names[0] not in POWERS:
        return None
    unit = scaling[0].unit
    return None if unit is None else float(unit(leaves(case.given[1])[0]) ** POWERS[names[0]])


def _share(case: DiagnosisContext, one: Rehearsal | None) -> float:
    """What a training reached, over the loss of the best constant."""
    found = None if one is None or not one.losses else case.trials.ratio(one)
    return np.nan if found is None else float(found)


def _gone(mended: DiagnosisContext, finding: Finding) -> bool:
    """Whether the rule has nothing as sure to say of the mended program."""
    least = min(finding.level, Level.MEASURED)
    found: Any = RULES[finding.code].check(mended)
    return not any(other.level >= least and not other.note for other in found)
