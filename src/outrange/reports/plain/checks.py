"""Properties and robustness in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...answers.render.document import (
    BAD,
    GOOD,
    OPEN,
    Block,
    Document,
    Fold,
    Paragraph,
    Table,
    Word,
)
from ...answers.render.text import share
from ...answers.robust_accuracy import BROKEN, ROBUST, TONE, UNDECIDED, WRONG, RobustAccuracy
from ...answers.verdict import HOLDS, VIOLATED, Verdict
from .ranges import MOST_ENTRIES, impossible
from .reader import OUTPUT_DIGITS, Reader, decimals, rounded
from .words import UNKNOWN, about, basis, remedy


MEANING = {
    ROBUST: "the decision stays right under every such change (proved)",
    UNDECIDED: "unknown: neither proved nor broken",
    BROKEN: "a small change that turns the decision wrong is known",
    WRONG: "the decision is wrong already without a change",
}

LABELS = {ROBUST: "stays right", UNDECIDED: "unknown", BROKEN: "can be broken", WRONG: "wrong"}


def verdict_outcome(verdicts: Sequence[Verdict]) -> str:
    """How many properties hold, are broken, are unknown."""
    words = {HOLDS: "proved", VIOLATED: "broken", "UNKNOWN": "unknown"}
    counts = {word: sum(v.status == status for v in verdicts) for status, word in words.items()}
    return f"of {len(verdicts):,}: " + ", ".join(f"{n:,} {word}" for word, n in counts.items() if n)


def verdict_document(answer: Verdict, reader: Reader) -> Document:
    """What was demanded, what came of it, an input that breaks it."""
    blocks: list[Block] = []
    found = answer.counterexample
    if answer.status == HOLDS:
        lead = "Proved: this holds for every input that the report covers."
        if answer.vacuous:
            lead = "This holds, but says nothing: no input satisfies its assumptions."
    elif found is not None:
        lead = "Not true: the input below breaks it."
        if found.reproduced is False:
            lead += " The model itself, which rounds, just meets it there."
        rows = list(_outputs(found.flat_y, reader))
        if found.flat_x.size <= MOST_ENTRIES:
            table = Table(("input", "value"), [*rows, *reader.point(found.flat_x)], "lr")
            blocks += [table, *impossible(reader, found.flat_x)]
        else:
            blocks.append(Paragraph(f"The input has {found.flat_x.size:,} numbers; it is in the "
                                    "saved answer."))  # fmt: skip
            blocks.append(Table(("output", "value"), rows, "lr"))
    else:
        lead = "Unknown: it is neither proved nor is an input known that breaks it."
        lead += _distance(answer)
        tried = " ".join(one for one in answer.remedies if not set(one) & set("`="))
        told = f" On a smaller set it was tried: {tried}" if tried else ""
        advice = remedy(answer.reason, answer.cost.seconds) + told
        blocks.append(Fold("What this means, and what it would take",
                           [Paragraph(UNKNOWN), Paragraph(advice)]))  # fmt: skip
    tone = {HOLDS: GOOD, VIOLATED: BAD}.get(answer.status, OPEN)
    return Document(f"Demand: {reader.claim(answer.claim)}", lead, [*blocks, basis(answer)], tone)


def _distance(answer: Verdict) -> str:
    """How near the inputs tried come to breaking a demand, and how far a proof is from it."""
    told = ""
    if answer.nearest is not None and answer.nearest > 0:
        near = rounded(answer.nearest, decimals(answer.nearest, OUTPUT_DIGITS), False)
        told = f" The nearest input tried keeps a distance of {near} from breaking it."
    if np.isfinite(answer.margin) and answer.margin < 0:
        far = rounded(-answer.margin, decimals(-answer.margin, OUTPUT_DIGITS), True)
        told += f" What is proved so far: no input breaks it by more than {far}."
    return told


def _outputs(values: np.ndarray, reader: Reader) -> list[tuple[str, str]]:
    if values.size > MOST_ENTRIES:
        return []
    places = decimals(float(np.max(np.abs(values), initial=0.0)), OUTPUT_DIGITS)
    return [
        (reader.output(i), f"{rounded(value, places)}{reader.unit(i)}")
        for i, value in enumerate(values.tolist())
    ]


def accuracy_outcome(answer: RobustAccuracy) -> str:
    """How many inputs keep their right decision."""
    return f"{answer.kept} keep the right decision under small changes".replace("inputs", "rows")


def accuracy_document(answer: RobustAccuracy, reader: Reader) -> Document:
    """A row an outcome, and what it means."""
    total = len(answer.labels)
    rows = [
        (Word(LABELS[name], TONE[name]), answer.count[name], share(answer.count[name], total),
         MEANING[name])
        for name in (ROBUST, UNDECIDED, BROKEN, WRONG)
    ]  # fmt: skip
    blocks: list[Block] = [Table(("rows of the data", "rows", "share", "meaning"), rows, "lrrl")]
    left = total - int((answer.status != "").sum())
    if answer.count[UNDECIDED] or left:
        blocks.append(Fold("What is not known, and what it would take", _unknown(answer, left)))
    lead = f"{accuracy_outcome(answer)}."
    return Document("How many decisions stay right", lead, [*blocks, basis(answer)],
                    answer.document().tone)  # fmt: skip


def _unknown(answer: RobustAccuracy, left: int) -> list[Block]:
    spent = answer.seconds[np.isfinite(answer.seconds)]
    told = [Paragraph(UNKNOWN)]
    if left:
        each = float(spent.mean()) if spent.size else 1.0
        told.append(Paragraph(f"{left:,} rows were not looked at; to do so, allow "
                              f"{about(each * left)} more."))  # fmt: skip
    else:
        told.append(Paragraph("To settle the rest, allow more time for each row, or take a "
                              "smaller change."))  # fmt: skip
    return [*told]
