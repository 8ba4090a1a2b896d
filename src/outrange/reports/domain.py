"""The section of a report about its input set: names, units and bounds of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from ..answers.render.document import MOST_PRINTED, MOST_ROWS, Block, Fold, Paragraph, Table
from ..core.formula import atoms
from .plain.reader import Reader
from .plain.words import join_words, list_heading
from .section import Section, titled_section


if TYPE_CHECKING:
    from ..core import Region


ATOMS_A_GROUP = 2
"""Number of atomic conditions for a one-hot group: the sum of its inputs is at most 1 and at least
1. The second one is missing if all inputs of the group may be 0."""


CATEGORY = "category"
"""Kind of the rows of one-hot groups."""

MOST_LISTED = 4
"""Maximum number of inputs whose bounds the sentence on the input set lists."""


def domain_section(regions: Sequence[Region], reader: Reader, origin: str = "") -> Section:
    """Return the section about the input set.

    Args:
        regions: Regions whose union is the set.
        reader: Names, units, integers and categories of the inputs.
        origin: Sentence on the origin of the set; if empty, a standard sentence is used.
    """
    lo = np.min([region.box.lo for region in regions], axis=0)
    hi = np.max([region.box.hi for region in regions], axis=0)
    alone = [i for i in range(lo.size) if not any(i in group.members for group in reader.groups)]
    integer = np.all([region.integer for region in regions], axis=0)
    rows = [_row(run, lo, hi, integer, reader) for run in _runs_of_equal_inputs(alone, lo, hi)]
    for group in reader.groups:
        open_ = [
            name
            for name, i in zip(group.categories, group.members, strict=True)
            if hi[i] > 0 and _is_one_hot(regions, group.members)
        ]
        kind = "one of" if open_ else "any mixture of"
        none = " or none" * group.may_be_none
        shown_names = ", ".join(open_ or group.categories) + none
        rows.append((group.name, kind, shown_names, CATEGORY))
    shown = rows[:MOST_ROWS]
    blocks: list[Block] = [Paragraph(origin or "Every input lies between its two bounds.")]
    if len(rows) > len(shown):
        blocks.append(Paragraph(list_heading("Inputs", len(rows), len(shown))))
    table = Table(("input", "from", "to", ""), shown, "lrrl")
    few = len(rows) <= MOST_PRINTED + len(reader.groups)
    blocks.append(table if few else Fold(f"The bounds of {lo.size:,} inputs", [table]))
    blocks.append(Paragraph(_remarks(regions, reader)))
    sentences = (_sentence(rows, len(alone), reader), origin, _remarks(regions, reader))
    outcome = f"{len(alone) + len(reader.groups):,} inputs"
    return titled_section("domain", outcome, blocks, " ".join(filter(None, sentences)))


def _sentence(rows: Sequence[tuple[str, ...]], numbers: int, reader: Reader) -> str:
    """Return a sentence on the input set; it lists at most `MOST_LISTED` inputs.

    Args:
        rows: Rows of the table of inputs.
        numbers: Number of inputs that are in no one-hot group.
        reader: Names and categories of the inputs.
    """
    if len(rows) == 1 and numbers > 1:
        what = "All images whose {} pixel values" if reader.is_image else "All {} inputs"
        return f"{what.format(f'{numbers:,}')} lie between {rows[0][1]} and {rows[0][2]}."
    ends = [f"{name} from {low} to {high}" for name, low, high, kind in rows if kind != CATEGORY]
    if len(ends) > MOST_LISTED and len({row[1:] for row in rows if row[3] != CATEGORY}) == 1:
        ends = [f"{numbers:,} numbers, each from {rows[0][1]} to {rows[0][2]}"]
    elif len(ends) > MOST_LISTED:
        ends = [f"{numbers:,} numbers within their bounds (such as {ends[0]})"]
    each = " each" * (len(reader.groups) > 1)
    groups = [f"one category{each} of {join_words([group.name for group in reader.groups])}"]
    return f"All combinations of {join_words(ends + groups * bool(reader.groups))}."


def _row(
    run: Sequence[int], lo: np.ndarray, hi: np.ndarray, integer: np.ndarray, reader: Reader
) -> tuple[str, ...]:
    """Return the table row of an input, or of a run of inputs with equal bounds.

    Args:
        run: Flat indices of the inputs.
        lo: Lower bounds of all inputs.
        hi: Upper bounds of all inputs.
        integer: Mask of the inputs that the set restricts to integers.
        reader: Names and units of the inputs.
    """
    i, last = run[0], run[-1]
    name = reader.input(i)
    if len(run) > 1:
        name = f"{name} to {reader.input(last)} ({len(run):,} inputs)"
    kind = "integer" if integer[i] else "integer in the data" if i in reader.whole else ""
    # Rounded inward, so that every input within the printed bounds is covered.
    inward = (True, False) if lo[i] < hi[i] else (None, None)
    ends = (reader.value(i, end[i], up) for end, up in zip((lo, hi), inward, strict=True))
    return name, *ends, kind


def _runs_of_equal_inputs(alone: Sequence[int], lo: np.ndarray, hi: np.ndarray) -> list[list[int]]:
    """Group the indices of the inputs into runs; each run is a row of the table.

    If there are more than `MOST_PRINTED` inputs, consecutive inputs with equal bounds form one run.
    Otherwise, each input forms a separate run.
    """
    if len(alone) <= MOST_PRINTED:
        return [[i] for i in alone]
    return [list(run) for _, run in groupby(alone, key=lambda i: (lo[i], hi[i]))]


def _is_one_hot(regions: Sequence[Region], members: Sequence[int]) -> bool:
    """Return whether the input set restricts the inputs of a one-hot group to integers (0 or 1)."""
    return all(region.integer[list(members)].all() for region in regions)


def _remarks(regions: Sequence[Region], reader: Reader) -> str:
    """Return sentences about properties of the input set that its bounds do not express."""
    is_one_hot = all(_is_one_hot(regions, group.members) for group in reader.groups)
    sentences = []
    if reader.groups and not is_one_hot:
        sentences.append(
            "The input set also contains mixtures of categories, which the data does not have."
        )
    if not all(region.integer[list(reader.whole)].all() for region in regions):
        sentences.append(
            "The input set also contains fractions for inputs that are integers in the data."
        )
    of_groups = sum(ATOMS_A_GROUP - group.may_be_none for group in reader.groups) * is_one_hot
    counts = [len(list(atoms(region.condition))) for region in regions]
    if len(regions) > 1 or regions[0].distances or counts[0] > of_groups:
        sentences.append("Further conditions restrict the input set.")
    return " ".join(sentences)
