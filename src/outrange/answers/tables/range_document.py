"""Conversion of a `Range` to the document that displays it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..render.document import (
    GOOD,
    MOST_PRINTED,
    OPEN,
    Bar,
    Block,
    Cell,
    Document,
    Fold,
    Paragraph,
    Table,
)
from ..render.text import bound, clipped_name, number, point, short, tidy
from .help import HELP, what_helps
from .overview import constant, overview


SUBJECTS = {
    "output": ("Output range of {model}", "output"),
    "gradient": ("Range of the derivatives of {model}", "derivative"),
    "lipschitz": ("Lipschitz constants of {model}", "Lipschitz constant"),
    "difference": ("Range of the difference {model}", "difference"),
}
"""Title of each subject, and the word for one of its bounded quantities."""

LEAST_SHOWN = 1 / 30
"""Relative gap below which the gap is narrower than one character of a bar."""

MOST_INPUTS, MOST_NAMED = 12, 10
"""Maximum number of input entries, and of outputs, for which extreme inputs are shown."""

MOST_GAP = 1000
"""Largest relative gap shown as a number; a larger one is shown as ">1000"."""


def range_document(answer: Any) -> Document:
    """Return a document with a table or a summary of the outputs, and the extreme inputs."""
    names = answer.names
    lo, hi = (np.ravel(ends) for ends in answer.display_bounds())
    gaps, seen_lo, seen_hi = map(np.ravel, (answer.relative_gap, answer.seen_lo, answer.seen_hi))
    title, word = SUBJECTS[answer.subject]
    head = (word, "lo", "hi", "relative gap", "range (dark: seen)")
    # A single bar from end to end only shows how much of it was seen.
    compared = len(names) > 1 or bool((gaps > LEAST_SHOWN).any())
    head = head if compared else head[:-1]

    def row(i: int) -> tuple[Cell, ...]:
        bar = Bar(lo[i], hi[i], seen_lo[i], seen_hi[i])
        gap = short(gaps[i], 2) if gaps[i] <= MOST_GAP else f">{MOST_GAP:g}"
        return (names[i], lo[i], hi[i], gap, bar)[: len(head)]

    blocks: list[Block] = [
        Table(head, list(map(row, range(min(len(names), MOST_PRINTED)))), "lrrrl")
    ]
    if len(names) > MOST_PRINTED:
        ends = np.ravel(answer.lo), np.ravel(answer.hi)
        blocks = overview(head, row, ends, names, _counts(answer), "lrrrl", proved=True)
    return Document(
        title.format(model=answer.model),
        f"{answer.reason}; {answer.warrant.name}, {answer.cost}.",
        (
            *blocks,
            Fold("Extreme inputs", [Paragraph("\n".join(_evidence(answer, names)))]),
            Paragraph(_open(answer)),
        ),
        GOOD if answer.is_exact else OPEN,
    )


def steepest(names: Sequence[str], most: float) -> str:
    """Return a sentence with the proved bound on Lipschitz constants over the set."""
    whose = f"The Lipschitz constants of {len(names):,} outputs"
    if len(names) == 1:
        whose = f"The Lipschitz constant of `{clipped_name(names[0], 40)}`"
    return f"{whose} over the set {'is' if len(names) == 1 else 'are'} at most {bound(most, 1)}"


def _counts(answer: Any) -> list[tuple[int, str]]:
    """Return the numbers of exact, constant, open and unbounded outputs, each with its label."""
    closed = answer.closed_lo & answer.closed_hi
    still = constant(answer.lo, answer.hi)
    bounded = np.isfinite(answer.lo) & np.isfinite(answer.hi)
    return [
        (int((closed & ~still).sum()), f"exact to {answer.tol:g}"),
        (int(still.sum()), "constant"),
        (int((~closed & ~still & bounded).sum()), "with an open gap"),
        (int((~bounded).sum()), "unbounded so far"),
    ]


def _open(answer: Any) -> str:
    """Return a sentence about the proved bounds, with advice; empty if there is no advice."""
    if answer.is_exact or answer.status not in HELP:
        return ""
    left = int((~(answer.closed_lo & answer.closed_hi)).sum())
    count = answer.lo.size
    if count == 1 and answer.subject != "lipschitz":
        return f"{_between(answer)} {what_helps(answer.status, answer.remedies)}"
    whose = f"of {left:,} of the {count:,} {SUBJECTS[answer.subject][1]}s"
    whose = whose if left < count else f"of all {count:,} {SUBJECTS[answer.subject][1]}s"
    return (
        f"lo and hi are proved; the true bounds {'' if count == 1 else f'{whose} '}lie between "
        f"the proved bounds and the values seen. {what_helps(answer.status, answer.remedies)}"
    )


def _between(answer: Any) -> str:
    """Return a sentence on the minimum and the maximum of a single output.

    If the minimum or the maximum is not known to within `tol`, the sentence states the proved
    interval that contains it.
    """
    ends = (
        ("minimum", answer.lo, answer.seen_lo, answer.closed_lo),
        ("maximum", answer.seen_hi, answer.hi, answer.closed_hi),
    )
    open_ = [
        f"the {end} is between {bound(float(np.ravel(least)[0]), -1)} and "
        f"{bound(float(np.ravel(most)[0]), 1)}"
        for end, least, most, closed in ends
        if not np.all(closed)
    ]
    return f"Proved: {', and '.join(open_)}." if open_ else "Proved: lo and hi."


def _evidence(answer: Any, names: list[str]) -> list[str]:
    """Return lines with the values seen, their inputs, and whether these values are extreme.

    A value that is extreme up to the tolerance is called least or most; any other is called least
    seen or most seen. Lipschitz constants have one line each, about the largest value seen. With
    more than `MOST_INPUTS` input entries or `MOST_NAMED` outputs, and for derivatives, a single
    line refers to the fields with these inputs.
    """
    closed_lo, closed_hi = np.ravel(answer.closed_lo), np.ravel(answer.closed_hi)
    width = sum(int(np.prod(shape, dtype=np.int64)) for shape in answer.inputs.values())
    if width > MOST_INPUTS or len(names) > MOST_NAMED or answer.subject == "gradient":
        closed = closed_lo.all() and closed_hi.all()
        what = "attain the bounds" if closed else "give the smallest and largest values seen"
        return [f"The inputs that {what} are in at_lo and at_hi."]
    if answer.subject == "lipschitz":  # Both bounds are about one constant.
        form = "is {}, attained near {}" if answer.is_exact else "is at least {}, seen near {}"
        return [
            f"{name} {form.format(number(float(seen)), _point(answer, answer.at_hi, i))}"
            for i, (name, seen) in enumerate(zip(names, answer.seen_lo.flat, strict=True))
        ]
    ends = (
        ("least", np.ravel(answer.seen_lo), closed_lo, answer.at_lo),
        ("most", np.ravel(answer.seen_hi), closed_hi, answer.at_hi),
    )
    lines = [
        f"{name} is {number(float(tidy(seen[i], abs(seen[i]))))} "
        f"({word if closed[i] else f'{word} seen'}) at {_point(answer, at, i)}"
        for i, name in enumerate(names)
        for word, seen, closed, at in ends
        if not any(np.isnan(row).any() for row in _rows(answer, at, i).values())
    ]
    return lines or ["No input of the set is known yet."] * bool(names)


def _point(answer: Any, at: np.ndarray | dict[str, np.ndarray], i: int) -> str:
    return point(_rows(answer, at, i), most=MOST_INPUTS)


def _rows(answer: Any, at: np.ndarray | dict[str, np.ndarray], i: int) -> dict[str, np.ndarray]:
    parts = at if isinstance(at, dict) else {next(iter(answer.inputs)): at}
    return {
        name: part.reshape(answer.lo.size, *answer.inputs[name])[i] for name, part in parts.items()
    }
