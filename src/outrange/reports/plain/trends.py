"""Plain sentences on the directions in which outputs move when inputs rise."""

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
from .reader import OUTPUT_DIGITS, Reader, decimals, flatten, round_text
from .words import UNKNOWN, basis, list_heading, remedy


RULES = {
    "rises": "never falls",
    "falls": "never rises",
    "constant": "does not change",
    "neither": "can fall and can rise",
    "fixed": "has no direction, because the input cannot change alone",
}
"""Dict from each direction to a phrase for an output's behavior when an input rises."""

MOST_NAMED = 3
"""Maximum number of known, and of unknown, directions that are named at the top of the page."""

MOST_ENTRIES = 64
"""Maximum number of inputs of a model for which an example lists the fixed inputs."""


def trend_outcome(answer: Monotone, reader: Reader) -> str:
    """Return a phrase on the known directions; more than `MOST_NAMED` are only counted."""
    decided = [trend for trend in answer.trends if trend.direction != "unknown"]
    if not answer.trends:
        return "there is no pair of an output and an input"
    if not decided:
        return "no direction is known yet"
    open_ = [_pair(trend, reader) for trend in answer.trends if trend.direction == "unknown"]
    named = f" ({'; '.join(open_)})" if len(open_) <= MOST_NAMED else ""
    more = f"; {len(open_):,} unknown{named}" if open_ else ""
    if len(decided) <= MOST_NAMED:
        return f"{'; '.join(_rule(trend, reader) for trend in decided)}{more}"
    counts = [
        f"{count:,} {RULES[kind]}"
        for kind in RULES
        if (count := sum(trend.direction == kind for trend in decided))
    ]
    return f"of {len(answer.trends):,} pairs of an output and an input: {', '.join(counts)}{more}"


def open_directions(answer: Monotone, reader: Reader) -> list[str]:
    """Return a clause for each pair of an output and an input of unknown direction."""
    clauses = []
    for trend in (trend for trend in answer.trends if trend.direction == "unknown"):
        move = "fall" if trend.falls is False else "rise" if trend.rises is False else ""
        name, pair = _output(trend, reader), f"when {reader.input_called(trend.input)} rises"
        clauses.append(f"whether {name} can {move} {pair}" if move else f"how {name} moves {pair}")
    return clauses


def trend_document(answer: Monotone, reader: Reader) -> Document:
    """Return a document that lists known directions, examples, and unknown directions."""
    decided = [trend for trend in answer.trends if trend.direction != "unknown"]
    open_ = [trend for trend in answer.trends if trend.direction == "unknown"]
    several = len({trend.output for trend in answer.trends}) > 1
    blocks: list[Block] = []
    half_known = [t for t in open_ if False in (t.rises, t.falls)]
    if decided or half_known:
        head = (*["output"] * several, "change of the output", "when one of these rises")
        groups: dict[tuple[str, str], list[str]] = {}
        for trend in decided:
            key = _output(trend, reader), trend.direction
            groups.setdefault(key, []).append(reader.input_called(trend.input))
        rows = [
            (*[name] * several, Word(RULES[kind], "" if kind == "neither" else GOOD),
             ", ".join(inputs))
            for (name, kind), inputs in groups.items()
        ]  # fmt: skip
        rows += [
            (*[_output(trend, reader)] * several, Word(_half_known(trend), OPEN),
             reader.input_called(trend.input))
            for trend in half_known
        ]  # fmt: skip
        table = Table(head, rows, "l")
        blocks.append(table if len(rows) <= MOST_PRINTED else
                      Fold(f"The {len(decided):,} directions that are known", [table]))  # fmt: skip
    examples = _examples(answer, reader)
    blocks += (
        [Fold("Examples: where the output falls, and where it rises", examples)] if examples else []
    )
    if open_:
        blocks.append(_unknown(answer, open_, reader))
    lead = "All other inputs stay fixed. The results hold for every input of the input set: "
    lead += '"never" is proved, and "can" is shown by examples.'
    tone = OPEN if open_ else ""
    return Document("In which direction the output moves", lead, [*blocks, basis(answer)], tone)


def _output(trend: Trend, reader: Reader) -> str:
    return reader.output(reader.output_number(trend.output), trend.output)


def _rule(trend: Trend, reader: Reader) -> str:
    rule = RULES[trend.direction]
    return f"{_output(trend, reader)} {rule} when {reader.input_called(trend.input)} rises"


def _half_known(trend: Trend) -> str:
    """Return a phrase for a pair of which one direction is refuted and the other is unknown."""
    can, other = ("fall", "rise") if trend.rises is False else ("rise", "fall")
    return f"can {can}; whether it can also {other} is unknown"


def _pair(trend: Trend, reader: Reader) -> str:
    return f"{_output(trend, reader)} when {reader.input_called(trend.input)} rises"


def _examples(answer: Monotone, reader: Reader) -> list[Block]:
    """Return examples in which outputs fall and rise, for the `MOST_NAMED` largest changes."""
    blocks: list[tuple[float, list[Block]]] = []
    for trend in answer.trends:
        pairs = [("falls", trend.fall), ("rises", trend.rise)]
        shown = [(word, pair) for word, pair in pairs if pair is not None]
        largest = max((abs(pair.then_y - pair.y) for _, pair in shown), default=0.0)
        blocks.append(
            (largest, [b for word, pair in shown for b in _example(trend, word, pair, reader)])
        )
    blocks.sort(key=lambda group: -group[0])
    return [block for _, group in blocks[:MOST_NAMED] for block in group]


def _example(trend: Trend, word: str, pair: FallingPair, reader: Reader) -> list[Block]:
    """Return an example: the change as a sentence, and the inputs that stay fixed as a table.

    If there are more than `MOST_ENTRIES` inputs, the table is omitted.

    Args:
        word: The behavior of the output, `"falls"` or `"rises"`.
        pair: The two inputs and the outputs at them.
    """
    first, second = flatten(pair.x), flatten(pair.then)
    i = int(np.argmax(first != second))
    k = reader.output_number(trend.output)
    places = decimals(abs(pair.then_y - pair.y), 2)
    least = decimals(max(abs(pair.y), abs(pair.then_y)), OUTPUT_DIGITS)
    if places is not None and least is not None:
        places = max(places, least)
    ends = (f"{round_text(y, places)}{reader.unit(k)}" for y in (pair.y, pair.then_y))
    name = reader.input(i) if i < len(reader.inputs) else trend.input
    sentence = Paragraph(
        f"{_output(trend, reader)} {word} from {' to '.join(ends)} when {name} rises from "
        f"{reader.value(i, first[i])} to {reader.value(i, second[i])}."
    )
    if first.size > MOST_ENTRIES:
        return [sentence]
    rows = [row for row in reader.point(first) if row[0] != name]
    others = [Fold("The other inputs", [Table(("input", "value"), rows)])] if rows else []
    return [sentence, *others]


def _unknown(answer: Monotone, trends: Sequence[Trend], reader: Reader) -> Fold:
    """Return a collapsible block with the pairs of an output and an input of unknown direction.

    For each pair, it states whether a rise or a fall of the output is known.

    Args:
        trends: The pairs of unknown direction.
    """
    half = {_pair(trend, reader): trend for trend in trends}
    items = [
        f"{pair}: it {_half_known(t)}"
        if False in (t.rises, t.falls) else pair
        for pair, t in half.items()
    ]  # fmt: skip
    return Fold(
        f"Unknown directions ({len(trends):,} of {len(answer.trends):,}), and what would settle "
        "them",
        [Paragraph(UNKNOWN), Listing(list_heading("Unknown", len(items)), items[:MOST_PRINTED]),
         Paragraph(remedy(answer.reason))],
    )  # fmt: skip
