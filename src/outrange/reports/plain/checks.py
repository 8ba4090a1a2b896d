"""Answers about properties and robustness, in plain sentences."""

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
from .reader import OUTPUT_DIGITS, Reader, decimals, round_text
from .requirement import requirement
from .words import UNKNOWN, about, basis, join_words, remedy


MOST_NAMED = 3
"""Maximum number of properties that are named at the top of the page."""

MEANING = {
    ROBUST: "the decision stays right under every such change (proved)",
    UNDECIDED: "unknown: neither proved nor refuted",
    BROKEN: "a known small change makes the decision wrong",
    WRONG: "the decision is wrong even without a change",
}

TONES = {HOLDS: GOOD, VIOLATED: BAD}

LABELS = {ROBUST: "stays right", UNDECIDED: "unknown", BROKEN: "can become wrong", WRONG: "wrong"}


def verdict_outcome(verdicts: Sequence[Verdict], reader: Reader) -> str:
    """Return a phrase that says which properties are proved, not met and unknown.

    More than `MOST_NAMED` properties are only counted.
    """
    words = {HOLDS: "proved", VIOLATED: "not met", "UNKNOWN": "unknown"}
    if len(verdicts) <= MOST_NAMED:
        return "; ".join(f"{requirement(v.claim, reader)}: {words[v.status]}" for v in verdicts)
    counts = {word: sum(v.status == status for v in verdicts) for status, word in words.items()}
    return f"of {len(verdicts):,}: " + ", ".join(f"{n:,} {word}" for word, n in counts.items() if n)


def verdict_row(answer: Verdict, reader: Reader) -> tuple[str, Word, str]:
    """Return the requirement, the verdict and its reason in a few words, for a table."""
    claim, tone = requirement(answer.claim, reader), TONES.get(answer.status, OPEN)
    example = answer.counterexample
    if answer.status == HOLDS:
        reason = "no input satisfies its assumptions" if answer.vacuous else ""
        reason = reason or "holds for every input of the input set"
        return claim, Word("proved", tone), reason
    if answer.status == VIOLATED and example is not None:
        values = _outputs(example.flat_y, reader)
        shown = join_words([f"{name} is {value}" for name, value in values])
        if len(values) > MOST_NAMED:
            name, value = values[int(np.argmax(example.flat_y))]
            shown = f"the largest output is {name} with {value}"
        reason = f"at an input of the input set, {shown}" if values else "an input violates it"
        return claim, Word("not met", tone), reason
    return claim, Word("unknown", tone), "neither proved nor refuted so far"


def verdict_document(answer: Verdict, reader: Reader) -> Document:
    """Return the document of a property: the verdict, and a violating input if one is known."""
    blocks: list[Block] = []
    example = answer.counterexample
    if answer.status == HOLDS:
        lead = "Proved: this requirement holds for every input of the input set."
        if answer.vacuous:
            lead = "This requirement holds trivially: no input satisfies its assumptions."
    elif example is not None:
        lead = "Not met, as the input below shows."
        if example.reproduced is False:
            lead += (
                " At this input, the running model meets the requirement only because of its "
                "rounding errors."
            )
        rows = list(_outputs(example.flat_y, reader))
        if example.flat_x.size <= MOST_ENTRIES and not reader.is_image:
            table = Table(("input", "value"), [*rows, *reader.point(example.flat_x)], "lr")
            blocks += [table, *impossible(reader, example.flat_x)]
        else:
            blocks.append(Table(("output", "value"), rows, "lr"))
    else:
        lead = "Unknown: there is no proof, and no known input that violates this requirement."
        lead += _distance(answer)
        tried = " ".join(remark for remark in answer.remedies if not set(remark) & set("`="))
        smaller = f" A trial on a smaller set: {tried}" if tried else ""
        advice = remedy(answer.reason) + smaller
        blocks.append(Fold("What this means, and what would settle it",
                           [Paragraph(UNKNOWN), Paragraph(advice)]))  # fmt: skip
    tone = TONES.get(answer.status, OPEN)
    return Document(
        f"Requirement: {requirement(answer.claim, reader)}", lead, [*blocks, basis(answer)], tone
    )


def _distance(answer: Verdict) -> str:
    """Return sentences that say how close an undecided property is to violation and to proof.

    They state how close a tried input came to violating the property, and a proved bound on how far
    any input can violate it. Each is omitted if it is unknown.
    """
    text = ""
    if answer.nearest is not None and answer.nearest > 0:
        near = round_text(answer.nearest, decimals(answer.nearest, OUTPUT_DIGITS), False)
        text = (
            f" Of all inputs tried, the nearest one is {near} away from violating the requirement."
        )
    if np.isfinite(answer.margin) and answer.margin < 0:
        far = round_text(-answer.margin, decimals(-answer.margin, OUTPUT_DIGITS), True)
        text += f" It is proved that no input violates the requirement by more than {far}."
    return text


def _outputs(values: np.ndarray, reader: Reader) -> list[tuple[str, str]]:
    if values.size > MOST_ENTRIES:
        return []
    places = decimals(float(np.max(np.abs(values), initial=0.0)), OUTPUT_DIGITS)
    return [
        (reader.output(i), f"{round_text(value, places)}{reader.unit(i)}")
        for i, value in enumerate(values.tolist())
    ]


def open_rows(answer: RobustAccuracy) -> str:
    """Return a phrase for the number of rows whose robustness is not decided."""
    settled = sum(answer.count[name] for name in (ROBUST, BROKEN, WRONG))
    return f"whether the decision stays right at {len(answer.labels) - settled:,} rows of the data"


def accuracy_outcome(answer: RobustAccuracy) -> str:
    """Return a sentence that says how many rows stay correctly classified under small changes."""
    rows = answer.kept.replace("inputs", "rows").replace(".0%", "%")
    return f"{rows} keep the right decision under small changes"


def accuracy_document(answer: RobustAccuracy, reader: Reader) -> Document:
    """Return a document with one table row per outcome: its count, percentage and meaning."""
    total = len(answer.labels)
    rows = [
        (Word(LABELS[name], TONE[name]), answer.count[name],
         share(answer.count[name], total).replace(".0%", "%"), MEANING[name])
        for name in (ROBUST, UNDECIDED, BROKEN, WRONG)
    ]  # fmt: skip
    blocks: list[Block] = [Table(("rows of the data", "rows", "share", "meaning"), rows, "lrrl")]
    left = total - int((answer.status != "").sum())
    if answer.count[UNDECIDED] or left:
        blocks.append(Fold("What is not known, and what would settle it", _unknown(answer, left)))
    lead = f"{accuracy_outcome(answer)}."
    return Document("How many decisions stay right", lead, [*blocks, basis(answer)],
                    answer.document().tone)  # fmt: skip


def _unknown(answer: RobustAccuracy, left: int) -> list[Block]:
    spent = answer.seconds[np.isfinite(answer.seconds)]
    blocks = [Paragraph(UNKNOWN)]
    if left:
        time = f"{about(float(spent.mean()) * left)} more" if spent.size else "more time"
        blocks.append(Paragraph(f"{left:,} rows were not checked; to check them, allow {time}."))
    else:
        blocks.append(Paragraph("To settle the rest, allow more time for each row, or use a "
                                "smaller change."))  # fmt: skip
    return [*blocks]
