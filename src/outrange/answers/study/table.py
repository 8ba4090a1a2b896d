"""A study as a table, in plain text and in a notebook."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..render.html import html_table
from ..render.text import number, size, table


if TYPE_CHECKING:
    from .study import Study
    from .trials import Combination

MOST_ROWS = 40

HEAD = [
    "Activation",
    "Loss",
    "Optimizer",
    "Solved",
    "Metric",
    "(median of starts in)",
    "Final loss",
    "Epochs to goal",
    "Why not",
]


def study_text(study: Study) -> str:
    """The ranking as a table, and below it every reason once."""
    ranking = study.ranking
    rows = [cells(study, c) for c in ranking[:MOST_ROWS]]
    lines = [title(study), "", table(HEAD, rows, left=3)]
    if len(ranking) > MOST_ROWS:
        lines.append(f"... and {len(ranking) - MOST_ROWS} more; `study.rows()` has all of them.")
    reasons = {reason.code: reason for c in ranking for reason in c.why}
    if reasons:
        lines += ["", "Why trainings fell short (an example each):"]
        lines += [f"  {reasons[code]}" for code in sorted(reasons)]
    return "\n".join([*lines, "", *notes(study)])


def title(study: Study) -> str:
    """The outcome in a sentence."""
    best = study.best
    good = "at least" if study.better == "higher" else "at most"
    pair = " + ".join(study.best_pair)
    starts = len(best.trials)
    return (
        f"Best: {best.name} ({int(best.solved.sum())} of {starts} starts reach {study.metric} of "
        f"{good} {number(study.goal)}). Best pair over all optimizers: {pair}."
    )


def notes(study: Study) -> list[str]:
    """What to know when reading the table."""
    confidence = study.best.interval()[2]
    return [
        f"{len(study)} combinations x {len(study.best.trials)} starts, {study.epochs} epochs "
        f"planned, {study.status}; {size(study.seconds)} on {study.backend}. A constant prediction "
        f"has {study.metric} {number(study.baseline)}.",
        f"The interval holds the median over all starts with {100 * confidence:.4g} % confidence.",
        *study.notes,
    ]


def cells(study: Study, c: Combination) -> list[str]:
    """One row."""
    lo, hi, _ = c.interval()
    soon = c.epochs_to_goal
    return [
        c.activation,
        c.loss,
        c.optimizer,
        f"{int(c.solved.sum())}/{len(c.trials)}",
        short(c.metric),
        f"[{short(lo)}, {short(hi)}]",
        short(c.final_loss),
        "-" if math.isinf(soon) else f"{soon:.0f}",
        ", ".join(r.code for r in c.why) or "-",
    ]


def short(value: float) -> str:
    """Four digits are plenty beside the spread of starts."""
    return f"{value:.4g}"


def study_html(study: Study) -> str:
    """The ranking for a notebook."""
    rows = [cells(study, c) for c in study.ranking[:MOST_ROWS]]
    left = len(study) - MOST_ROWS
    extra = [f"{left} further combinations are not shown."] if left > 0 else []
    reasons = {reason.code: str(reason) for c in study.ranking for reason in c.why}
    listed = [reasons[code] for code in sorted(reasons)]
    return html_table(HEAD, rows, title(study), " ".join([*notes(study), *extra, *listed]))
