"""Answers in a notebook: tables with small bar pictures, no script, no style sheet."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from .text import entry_names, number, size


if TYPE_CHECKING:
    from ..optimum import Optimum
    from ..range import Range
    from ..sampled import SampledRange
    from ..summary import Summary
    from ..verdict import Verdict

WIDTH, HEIGHT = 160, 14
MOST_ROWS = 100
CLAIM, SEEN = "#b7c9e8", "#1f4e9c"


def bar(lo: float, hi: float, left: float, right: float, seen=None) -> str:
    """An SVG bar of `[lo, hi]` on the axis `[left, right]`, `seen` inside it, a mark at 0."""
    if not (np.isfinite([lo, hi, left, right]).all()):
        return "unbounded"
    span = right - left

    def at(x):
        return 1 + (WIDTH - 2) * ((x - left) / span if span > 0 else 0.5)

    def rect(a, b, color, height):
        return (
            f'<rect x="{at(a):.1f}" y="{(HEIGHT - height) / 2:.1f}" '
            f'width="{max(at(b) - at(a), 1.0):.1f}" height="{height}" fill="{color}"/>'
        )

    parts = [rect(lo, hi, CLAIM, 10)]
    if seen is not None and seen[0] <= seen[1]:
        parts.append(rect(seen[0], seen[1], SEEN, 4))
    if left <= 0 <= right:
        parts.append(f'<path d="M{at(0.0):.1f} 0V{HEIGHT}" stroke="#888"/>')
    return f'<svg width="{WIDTH}" height="{HEIGHT}">{"".join(parts)}</svg>'


def html_table(head, rows, caption: str, note: str = "") -> str:
    """A plain table; cells that start with `<svg` are taken as they are."""

    def cell(text, tag):
        return f"<{tag}>{text if str(text).startswith('<svg') else escape(str(text))}</{tag}>"

    def line(row, tag):
        return f"<tr>{''.join(cell(text, tag) for text in row)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    below = f"<p>{escape(note)}</p>" if note else ""
    return (
        f"<div><table><caption>{escape(caption)}</caption>"
        f"<thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>{below}</div>"
    )


def _limits(lo: np.ndarray, hi: np.ndarray) -> tuple[float, float]:
    lo, hi = lo[np.isfinite(lo)], hi[np.isfinite(hi)]
    return (float(lo.min()), float(hi.max())) if lo.size and hi.size else (0.0, 0.0)


def _left_out(count: int) -> str:
    return f" {count - MOST_ROWS} further outputs are not shown." if count > MOST_ROWS else ""


def range_html(answer: Range) -> str:
    """The table of a `Range`."""
    lo, hi = (np.ravel(a) for a in answer.shown())
    seen_lo, seen_hi = np.ravel(answer.seen_lo), np.ravel(answer.seen_hi)
    gap = np.ravel(answer.relative_gap)
    left, right = _limits(lo, hi)
    rows = [
        [
            name,
            number(lo[i]),
            number(hi[i]),
            number(gap[i]),
            bar(lo[i], hi[i], left, right, (seen_lo[i], seen_hi[i])),
        ]
        for i, name in enumerate(entry_names(answer.outputs)[:MOST_ROWS])
    ]
    note = (
        f"{answer.reason}; {answer.warrant.name}; {size(answer.cost.seconds)}, "
        f"{answer.cost.boxes:,} boxes.{_left_out(lo.size)}"
    )
    head = ["output", "lo", "hi", "relative gap", "range (dark: seen)"]
    return html_table(head, rows, f"Output range of {answer.model}", note)


def sampled_html(answer: SampledRange) -> str:
    """The table of a `SampledRange`."""
    lo, hi = np.ravel(answer.lo), np.ravel(answer.hi)
    left, right = _limits(lo, hi)
    rows = [
        [name, number(lo[i]), number(hi[i]), bar(lo[i], hi[i], left, right)]
        for i, name in enumerate(entry_names(answer.outputs)[:MOST_ROWS])
    ]
    note = f"{answer.samples:,} samples; {answer.warrant.name}: the true range may be wider."
    caption = f"Outputs of {answer.model} seen"
    return html_table(
        ["output", "least seen", "largest seen", "range"], rows, caption, note + _left_out(lo.size)
    )


def summary_html(answer: Summary) -> str:
    """The table of a `Summary`, a bar of each layer's output range behind each row."""
    head, cells = answer.cells()
    ends = [
        (float(row.after[0].min()), float(row.after[1].max())) if row.after[0].size else (0.0, 0.0)
        for row in answer.layers
    ]
    both = np.array(ends).reshape(-1, 2)
    left, right = _limits(both[:, 0], both[:, 1])
    rows = [[*row, bar(*end, left, right)] for row, end in zip(cells, ends, strict=True)]
    note = f"Total params: {answer.parameters:,}. {answer.warrant.name}."
    return html_table([*head, "after"], rows, f"Model: {answer.model}", note)


def verdict_html(answer: Verdict) -> str:
    """The table of a `Verdict`."""
    note = f"{answer.warrant.name}; {size(answer.cost.seconds)}, {answer.cost.boxes:,} boxes."
    rows = [[answer.status, answer.claim, answer.sentence]]
    return html_table(["verdict", "property", "why"], rows, f"Property of {answer.model}", note)


def optimum_html(answer: Optimum) -> str:
    """The table of an `Optimum`."""
    note = f"{answer.reason}; {answer.warrant.name}; {size(answer.cost.seconds)}."
    rows = [[f"{answer.sense} {answer.objective}", number(answer.lo), number(answer.hi)]]
    return html_table(["form", "at least", "at most"], rows, f"Optimum of {answer.model}", note)
