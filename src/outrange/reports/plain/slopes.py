"""Slopes in plain sentences: the largest change of an output per unit of one input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...answers.range import Range
from ...answers.render.document import GOOD, MOST_PRINTED, MOST_ROWS, Document, Fold, Table
from .reader import Reader, decimals, round_text
from .words import basis, list_heading


DIGITS = 3
"""Significant digits of the largest slope of a pair."""

MOST_NAMED = 2
"""Maximum number of pairs whose slopes are named in one phrase."""


@dataclass(frozen=True)
class Slope:
    """Bounds on the derivative of an output with respect to an input, as text with its unit.

    Args:
        output: Name of the output.
        input: Name of the input.
        per: Unit of the slope preceded by a space, such as `" kCHF per m²"`.
        lo: Proved lower bound of the derivative.
        hi: Proved upper bound of the derivative.
        seen_lo: Smallest derivative seen.
        seen_hi: Largest derivative seen.
        width: Width of the input's range.
    """

    output: str
    input: str
    per: str
    lo: float
    hi: float
    seen_lo: float
    seen_hi: float
    width: float

    @property
    def effect(self) -> float:
        """Bound on the change of the output over the range of the input."""
        return max(abs(self.lo), abs(self.hi)) * self.width

    def bounds(self) -> tuple[str, str, str, str]:
        """Return the proved and the seen rise, and the proved and the seen fall, as text."""
        places = decimals(max(abs(self.lo), abs(self.hi)), DIGITS)
        # If no derivative was evaluated, the record has the opposite bounds as values seen.
        seen = (self.seen_hi, -self.seen_lo) if self.seen_lo <= self.seen_hi else (0.0, 0.0)
        rise = self._side(self.hi, seen[0], places, "never rises")
        return *rise, *self._side(-self.lo, seen[1], places, "never falls")

    def _side(self, proved: float, seen: float, places: int | None, never: str) -> tuple[str, str]:
        if proved <= 0:
            return never, "-"
        limit = (
            f"{round_text(proved, places, True)}{self.per}" if np.isfinite(proved) else "none yet"
        )
        return limit, round_text(seen, places, False) if seen > 0 else "-"

    @property
    def phrase(self) -> str:
        """Clause such as `price rises by at most 12.3 kCHF and never falls per m² of area`."""
        if not np.isfinite([self.lo, self.hi]).all():
            return f"no bound on the change of {self.output} with {self.input} is proved yet"
        rise, _, fall, _ = self.bounds()
        parts = [f"rises by at most {rise}"] * (self.hi > 0)
        parts += [f"falls by at most {fall}"] * (self.lo < 0)
        return f"{self.output} {' and '.join(parts) or 'does not change'} of {self.input}"


def slopes_of(answer: Range, reader: Reader) -> list[Slope]:
    """Return the slopes of all pairs of an output and an input that is not in a one-hot group.

    Args:
        answer: Range of the gradient with respect to these inputs.
        reader: Names and units of the page.
    """
    inputs = reader.numbers
    ends = (answer.lo, answer.hi, answer.seen_lo, answer.seen_hi)
    columns = (np.ravel(end).tolist() for end in ends)
    pairs = [(k, i) for k in range(answer.lo.size // max(len(inputs), 1)) for i in inputs]
    return [
        Slope(
            reader.output(k), reader.input(i), reader.slope_unit(k, i), lo, hi, seen_lo, seen_hi,
            reader.widths[i],
        )
        for (k, i), lo, hi, seen_lo, seen_hi in zip(pairs, *columns, strict=True)
    ]  # fmt: skip


def slope_outcome(answer: Range, reader: Reader) -> str:
    """Return a phrase on the slopes with the largest effect over the range of their input."""
    every = slopes_of(answer, reader)
    largest = sorted(every, key=lambda slope: -slope.effect)[:MOST_NAMED]
    left = len(every) - len(largest)
    more = f" (the largest effects of {len(every):,} pairs of an output and an input)" * (left > 0)
    return "; ".join(slope.phrase for slope in largest) + more


def slope_document(answer: Range, reader: Reader) -> Document:
    """Return a document with a table of the slopes of every output."""
    every = slopes_of(answer, reader)
    names = list(dict.fromkeys(slope.output for slope in every))
    which = names[0] if len(names) == 1 else "the output"
    head = (
        *["output"] * (len(names) > 1), "input", f"{which} rises by at most", "seen",
        "falls by at most", "seen",
    )  # fmt: skip
    rows = [
        (*[slope.output] * (len(names) > 1), slope.input, *slope.bounds())
        for slope in every[:MOST_ROWS]
    ]
    align = "llrrrr" if len(names) > 1 else "lrrrr"
    table = Table(head, rows, align)
    lead = (
        "One input rises, and all others stay fixed. The bounds are proved for every such change "
        "within the input set, per unit of that input. Next to them are the steepest slopes seen."
    )
    heading = list_heading("Slopes", len(every), len(rows))
    shown = table if len(rows) <= MOST_PRINTED else Fold(heading.rstrip(":"), [table])
    tone = GOOD if answer.is_exact else ""
    return Document("How fast the output can change", lead, [shown, basis(answer)], tone)
