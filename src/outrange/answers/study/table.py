"""Document of a study: the winner, a table, and the reasons for failures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..render.document import (
    GOOD,
    MOST_PRINTED,
    OPEN,
    Block,
    Document,
    Fold,
    Interval,
    Listing,
    Paragraph,
    Table,
)
from ..render.text import number, short, size


if TYPE_CHECKING:
    from .trials import Combination


def study_document(study: Any) -> Document:
    """Return a document with the winner, the ranking, the reasons for failures, and remarks."""
    ranking, best = study.ranking, study.best
    head = ("Activation", "Loss", "Optimizer", "Solved", "Metric", "Median in", "Loss", "Epochs")
    rows = [_cells(c) for c in ranking]
    few = Table(head, rows[:MOST_PRINTED], "lllrr", max(len(rows) - MOST_PRINTED, 0))
    table: list[Block] = [few]
    if few.omitted:
        every = Table(head, rows, "lllrr")
        table.append(Fold(f"All {len(rows):,} combinations", [every], in_text=False))
    sense = "at least" if study.better == "higher" else "at most"
    goal = f"{study.metric} of {sense} {number(study.goal)}"
    title, lead = "Best", (
        f"{best.name} ({int(best.solved.sum())} of {len(best.trials)} starts reach {goal})."
    )  # fmt: skip
    if not study.solved:
        title, lead = "No candidate reaches the goal", (
            f"{f'{study.proof} (PROVED) No' if study.proof else 'no'} start reaches {goal}. The "
            f"closest candidate is {best.name}, with a median {study.metric} of "
            f"{number(best.metric)}."
        )  # fmt: skip
    return Document(
        title,
        lead,
        (
            *table,
            Listing("Why training runs fell short (one example each):", _reasons(study)),
            Paragraph("\n".join(_notes(study))),
        ),
        GOOD if study.solved else OPEN,
    )


def _reasons(study: Any) -> list[str]:
    """Return one line for each kind of reason why training runs missed the goal.

    A line contains one reason of its kind as an example, the name of the first combination to which
    the kind applies, and the number of the other combinations.
    """
    names_by_code: dict[str, list[str]] = {}
    sentences: dict[str, str] = {}
    for c in study.ranking:
        for reason in c.why:
            sentence = f"{reason}{f' Try: {reason.fix}' if reason.fix else ''}"
            sentences.setdefault(reason.code, sentence)
            names_by_code.setdefault(reason.code, []).append(c.name)
    return [
        f"{sentences[code]} ({names[0]}{f', and {len(names) - 1:,} more' if names[1:] else ''})"
        for code, names in sorted(names_by_code.items())
    ]


def _notes(study: Any) -> list[str]:
    best = study.best
    pairs = [" with ".join(pair) for pair in study.best_pairs]
    often = (
        f"{', '.join(pairs[:-1])} and {pairs[-1]} succeed" if pairs[1:] else f"{pairs[0]} succeeds"
    )
    confidence = best.interval()[2]
    median = (
        "; the interval in `Median in` contains the median over all possible starts with "
        f"{100 * confidence:.4g} % confidence"
        if confidence > 0 else ""
    )  # fmt: skip
    return [
        f"{len(study)} combinations x {len(best.trials)} starts, {study.epochs} epochs planned, "
        f"{study.status}; {size(study.seconds)} on {study.backend}. The "
        f"{study.metric} of the best constant prediction is {number(study.baseline)}.",
        f"Metric, Loss and Epochs (to the goal) are medians over the starts{median}. Across "
        f"all optimizers, {often} most often."
        if study.solved
        else f"Metric, Loss and Epochs (to the goal) are medians over the starts{median}.",
        *study.notes,
    ]


def _cells(c: Combination) -> tuple:
    """Return the table row of a combination, with numbers rounded to 3 or 4 digits.

    More digits would have no meaning, since they vary from start to start.
    """
    lo, hi, _ = c.interval()
    soon = None if math.isinf(c.epochs_to_goal) else round(c.epochs_to_goal)
    solved = f"{int(c.solved.sum())}/{len(c.trials)}"
    ends = Interval(short(lo, 3), short(hi, 3))
    metrics = (short(c.metric), ends, short(c.final_loss))
    return (c.activation, c.loss, c.optimizer, solved, *metrics, soon)
