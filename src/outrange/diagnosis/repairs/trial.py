"""Tries fixes: trains copies with and without a fix for a few steps and compares them."""

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
from .read_fix import Repair, parse_joint_repairs, strip_comments


SECONDS = 60.0
"""Time limit, in seconds, after which no further fix is tried."""

BETTER = 0.98
"""A fix lowers the loss if the loss with it is less than this fraction of the loss without it."""

POWERS = {"mean_squared_error": 2, "mean_absolute_error": 1}
"""Map from the name of a loss that scales with a power of the targets' unit to the exponent."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """The effect of a fix, measured by training a copy of the model.

    Args:
        repair: The fix that was applied.
        steps: Numbers of training steps: with the fix, and without it.
        before: The final loss without the fix; NaN if it was not measured.
        after: The final loss with the fix, in the same unit as `before` if `comparable`.
        comparable: Whether `before` and `after` are comparable.
        shares: The losses without and with the fix, each divided by the best constant's loss as in
            `Trials.ratio`; NaN if unknown.
        gone: Whether the fix makes the finding disappear.
    """

    repair: Repair
    steps: tuple[int, int]
    before: float
    after: float
    comparable: bool
    shares: tuple[float, float]
    gone: bool

    @property
    def lowers(self) -> bool:
        """Whether the fix lowers the loss."""
        if not np.isfinite(self.after):
            return False
        if self.comparable:
            return not np.isfinite(self.before) or self.after < BETTER * self.before
        before, after = self.shares
        return bool(np.isfinite(after) and (not np.isfinite(before) or after < BETTER * before))

    def __str__(self) -> str:
        fix = f"`{self.repair.text.split('#')[0].strip()}`"
        if len({change.layer for change in self.repair.model}) > 1:
            fix += f" in {names(self.repair.layers)}"
        if self.comparable and np.isfinite(self.before):
            text = f"{short(self.after)} instead of {short(self.before)}"
            if self.repair.plan is not None:
                text += f" after {self.steps[1]} steps"
        elif np.isfinite(self.shares).all():
            without, share = self.shares
            text = (
                f"{short(self.after)}, which is {short(100 * share)} % of the best constant "
                f"prediction's loss; without the fix, the percentage is {short(100 * without)} %"
            )
        elif np.isfinite(self.shares[1]):
            text = (
                f"{short(self.after)}, which is {short(100 * self.shares[1])} % of the best "
                "constant prediction's loss"
            )
        else:
            text = short(self.after)
        gone = ""
        if self.gone:
            gone = "; this finding is gone"
            gone += "" if self.lowers else ", but the loss is not lower"
        return (
            f"The fix was tried on a copy of the model: with {fix}, the loss after "
            f"{self.steps[0]} steps is {text}{gone}."
        )


def add_trials(case: DiagnosisContext, findings: Iterable[Finding]) -> list[Finding]:
    """Try the fixes of findings and add the outcomes to the findings; notes are unchanged.

    After `SECONDS`, no further fix is tried, and the remaining findings are unchanged.
    """
    start, result, outcomes = read_clock(), [], {}
    findings, layers = list(findings), {}
    for finding in findings:
        if not finding.note:
            layers.setdefault(_group_key(finding), {})[finding.layer] = None
    for finding in findings:
        outcome = None
        if not finding.note and read_clock() - start < SECONDS:
            key = _group_key(finding)
            if key not in outcomes:
                report_progress(Stage(f"{finding.code}: trying `{finding.fix.splitlines()[0]}`"))
                outcomes[key] = try_fix(case, finding, tuple(layers[key]))
            outcome = outcomes[key]
        result.append(finding if outcome is None else _add_outcome(finding, outcome))
    return result


def _group_key(finding: Finding) -> tuple[str, str]:
    """Return a key of a finding: its rule code and its fix without comments.

    The layers of findings with equal keys are repaired together in the same copy.
    """
    return finding.code, strip_comments(finding.fix)


def _add_outcome(finding: Finding, outcome: Outcome) -> Finding:
    tried = {
        "fix": outcome.repair.text, "steps": outcome.steps[0], "loss": outcome.after,
        "loss_without": outcome.before, "lowers": outcome.lowers, "gone": outcome.gone,
    }  # fmt: skip
    return replace(finding, tried=str(outcome), cost={**finding.cost, "tried": tried})


def try_fix(case: DiagnosisContext, finding: Finding, layers: Sequence[str] = ()) -> Outcome | None:
    """Try the fix of a finding; return None if no alternative could be applied and trained.

    Args:
        layers: Paths of all layers to repair together; empty for the layer of the finding.

    Returns:
        The outcome of the first alternative that lowers the loss. If none does, the outcome of the
        first alternative that makes the finding disappear; otherwise the outcome of the first
        alternative that was applied.
    """
    outcomes = []
    for repair in parse_joint_repairs(finding.fix, layers or (finding.layer,)):
        outcome = _outcome(case, finding, repair)
        if outcome is not None:
            outcomes.append(outcome)
            if outcome.lowers:
                return outcome
    return next(
        (outcome for outcome in outcomes if outcome.gone), outcomes[0] if outcomes else None
    )


def _outcome(case: DiagnosisContext, finding: Finding, repair: Repair) -> Outcome | None:
    fixed = apply_repair(case, repair)
    if fixed is None:
        return None
    training = fixed.trials.run()
    if training is None or not training.looks:
        return None
    reference = case.trials.run()
    # A longer training run is compared with one of the planned length.
    ends = [
        len(run.losses) if repair.plan is None or of.plan is None
        else min(len(run.losses), of.plan.steps(of.rows))
        for run, of in ((training, fixed), (reference, case)) if run is not None
    ]  # fmt: skip
    before = np.nan if reference is None or not reference.looks else _loss_at(reference, ends[1])
    after, comparable = _loss_at(training, ends[0]), _are_comparable(case, fixed)
    unit = _unit(case, repair)
    if unit is not None and comparable:
        after *= unit
    elif any(change.of == "y" for change in repair.data):
        comparable = False
    shares = _relative_loss(case, reference), _relative_loss(fixed, training)
    if any(loss.name.endswith("crossentropy") for loss in case.program.losses) and after < 0:
        # Labels outside [0, 1] allow a negative cross-entropy, for which lower is not better.
        comparable, shares = False, (np.nan, np.nan)
    steps = ends[0], 0 if reference is None else ends[1]
    outcome = Outcome(repair, steps, before, after, comparable, shares, _disappears(fixed, finding))
    # Even if the first part of a longer training run shows no gain, its remaining steps may.
    short_of = repair.plan is not None and ends[0] < repair.plan.steps(fixed.rows)
    return None if short_of and not outcome.lowers else outcome


def _loss_at(training: Rehearsal, step: int) -> float:
    """Return the last loss that `Rehearsal.looks` records at or before a step.

    If there is none, returns the first measured loss.
    """
    return next((loss for at, loss in reversed(training.looks) if at <= step), training.looks[0][1])


def apply_repair(case: DiagnosisContext, repair: Repair) -> DiagnosisContext | None:
    """Apply a fix to a copy of the program and its data; return None if that fails."""
    if case.program.repair is None:
        return None
    x, y = case.user_data
    try:
        for change in repair.data:
            x, y = change.apply(x, y)
        program = case.program.repair(repair.model, x, y)
    except (InputError, ModelError, ValueError, TypeError):
        return None
    if program is None or not len(leaves(x)[0]):
        return None
    fixed = DiagnosisContext(
        program, leaves(x), leaves(y), (x, y), case.steps, names=case.names,
        plan=repair.plan or case.plan,
    )  # fmt: skip
    if case.mixed_row is not None:
        look_for_mixed_rows(fixed)
    return fixed


def _are_comparable(case: DiagnosisContext, fixed: DiagnosisContext) -> bool:
    """Return whether both programs have losses with the same names and weights."""
    names = [[loss.name for loss in item.program.losses] for item in (case, fixed)]
    weights = [
        [loss.options.get("weight") for loss in item.program.losses] for item in (case, fixed)
    ]
    return names[0] == names[1] and weights[0] == weights[1] and bool(names[0])


def _unit(case: DiagnosisContext, repair: Repair) -> float | None:
    """Return the factor that converts a loss on scaled targets to the unit of the user's targets.

    Returns None if there is no such factor.
    """
    scaling = [change for change in repair.data if change.of == "y"]
    names = [loss.name for loss in case.program.losses]
    if len(scaling) != 1 or len(names) != 1 or names[0] not in POWERS:
        return None
    unit = scaling[0].unit
    return None if unit is None else float(unit(leaves(case.user_data[1])[0]) ** POWERS[names[0]])


def _relative_loss(case: DiagnosisContext, training: Rehearsal | None) -> float:
    """Return the `Trials.ratio` of a training run, or NaN if it is unknown."""
    ratio = None if training is None or not training.losses else case.trials.ratio(training)
    return np.nan if ratio is None else float(ratio)


def _disappears(fixed: DiagnosisContext, finding: Finding) -> bool:
    """Return whether the finding's rule reports no certain finding for the repaired program.

    A finding is certain here if its level is at least measured, or at least that of `finding`.
    """
    least = min(finding.level, Level.MEASURED)
    findings: Any = RULES[finding.code].check(fixed)
    return not any(other.level >= least and not other.note for other in findings)
