"""Directions of outputs with inputs in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...answers.monotone import FallingPair, Monotone, Trend
from ...answers.render.document import (
    GOOD,
    MOST_PRINTED,
    OPEN,
    Block,
    Document,
    Fold,
    Listing,
    Paragraph,
    Table,
    Word,
)
from .reader import OUTPUT_DIGITS, Reader, decimals, flattened, rounded
from .words import UNKNOWN, basis, counted, remedy


RULES = {
    "rises": "never falls",
    "falls": "never rises",
    "constant": "does not change",
    "neither": "can fall and can rise",
}
"""What an output does when an input rises."""

MOST_ENTRIES = 64
"""An example of more numbers is not written out."""


def trend_outcome(answer: Monotone, reader: Reader) -> str:
    """How many directions are known, or which."""
    known = [trend for trend in answer.trends if trend.direction != "unknown"]
    if not answer.trends:
        return "there is no pair of an output and an input"
    if not known:
        return "no direction is known yet"
    left = len(answer.trends) - len(known)
    more = f"; {left:,} unknown" if left else ""
    if len(known) <= 3:
        return f"{'; '.join(_rule(trend, reader) for trend in known)}{more}"
    counts = [
        f"{count:,} {RULES[kind]}"
        for kind in RULES
        if (count := sum(trend.direction == kind for trend in known))
    ]
    return f"of {len(answer.trends):,} pairs of an output and an input: {', '.join(counts)}{more}"


def trend_document(answer: Monotone, reader: Reader) -> Document:
    """The directions that are known, examples, and what is unknown."""
    known = [trend for trend in answer.trends if trend.direction != "unknown"]
    open_ = [trend for trend in answer.trends if trend.direction == "unknown"]
    several = len({trend.output for trend in answer.trends}) > 1
    blocks: list[Block] = []
    if known:
        head = (*["output"] * several, "what the output does", "when one of these rises")
        groups: dict[tuple[str, str], list[str]] = {}
        for trend in known:
            key = _output(trend, reader), trend.direction
            groups.setdefault(key, []).append(reader.input_called(trend.input))
        rows = [
            (*[name] * several, Word(RULES[kind], "" if kind == "neither" else GOOD),
             ", ".join(inputs))
            for (name, kind), inputs in groups.items()
        ]  # fmt: skip
        table = Table(head, rows, "l")
        blocks.append(table if len(rows) <= MOST_PRINTED else
                      Fold(f"The {len(known):,} directions that are known", [table]))  # fmt: skip
    examples = [b for trend in answer.trends for b in _examples(trend, reader)]
    blocks += [Fold("Examples: where it falls, where it rises", examples)] if examples else []
    if open_:
        blocks.append(_unknown(answer, open_, reader))
    lead = "All other inputs are held still. What is listed holds for every input covered: "
    lead += '"never" is proved, "can" is shown by examples.'
    tone = OPEN if open_ else ""
    return Document("In which direction the output moves", lead, [*blocks, basis(answer)], tone)


def _output(trend: Trend, reader: Reader) -> str:
    return reader.output(reader.output_number(trend.output), trend.output)


def _rule(trend: Trend, reader: Reader) -> str:
    told = RULES[trend.direction]
    return f"{_output(trend, reader)} {told} when {reader.input_called(trend.input)} rises"


def _examples(trend: Trend, reader: Reader) -> list[Block]:
    """An example of a fall and one of a rise."""
    return [
        block
        for word, pair in (("falls", trend.fall), ("rises", trend.rise))
        if pair is not None
        for block in _example(trend, word, pair, reader)
    ]


def _example(trend: Trend, word: str, pair: FallingPair, reader: Reader) -> list[Block]:
    """What changes in a sentence; what is held still, as a table."""
    first, second = flattened(pair.x), flattened(pair.then)
    i = int(np.argmax(first != second))
    k = reader.output_number(trend.output)
    places = decimals(abs(pair.then_y - pair.y), 2)
    least = decimals(max(abs(pair.y), abs(pair.then_y)), OUTPUT_DIGITS)
    if places is not None and least is not None:
        places = max(places, least)
    ends = (f"{rounded(y, places)}{reader.unit(k)}" for y in (pair.y, pair.then_y))
    name = reader.input(i) if i < len(reader.inputs) else trend.input
    told = Paragraph(
        f"{_output(trend, reader)} {word} from {' to '.join(ends)} when {name} rises from "
        f"{reader.value(i, first[i])} to {reader.value(i, second[i])}."
    )
    if first.size > MOST_ENTRIES:
        return [told]
    rows = [row for row in reader.point(first) if row[0] != name]
    return [told, *([Fold("The other inputs", [Table(("input", "value"), rows)])] if rows else [])]


def _unknown(answer: Monotone, trends: Sequence[Trend], reader: Reader) -> Fold:
    """The pairs whose direction is unknown, and what is known of them."""
    half = {
        _output(t, reader) + " when " + reader.input_called(t.input) + " rises": t for t in trends
    }
    items = [
        f"{pair}: it can {'fall' if t.rises is False else 'rise'}; whether it can also "
        f"{'rise' if t.rises is False else 'fall'} is unknown"
        if False in (t.rises, t.falls) else pair
        for pair, t in half.items()
    ]  # fmt: skip
    return Fold(
        f"Unknown directions ({len(trends):,} of {len(answer.trends):,}), and what it would take",
        [Paragraph(UNKNOWN), Listing(counted("Unknown", len(items)), items[:MOST_PRINTED]),
         Paragraph(remedy(answer.reason, answer.cost.seconds))],
    )  # fmt: skip
