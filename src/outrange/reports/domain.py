"""The input set of a report: the ends of every input, with its name and its unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from ..answers.render.document import MOST_PRINTED, MOST_ROWS, Cell, Paragraph, Table
from ..answers.render.text import entry_names
from .section import Section, titled_section
from .units import units_of


if TYPE_CHECKING:
    from ..core import Region
    from ..graph import Slot


def domain_section(
    slots: Sequence[Slot],
    regions: Sequence[Region],
    names: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    told: str = "",
) -> Section:
    """The input set.

    Args:
        slots: The model's inputs.
        regions: Whose union the set is.
        names: What each entry of the inputs stands for, flat.
        units: From the name of an input, or of an entry of it, to its unit.
        told: Where the set came from, in words.
    """
    entries = entry_names({slot.name: slot.shape for slot in slots})
    homes = [slot.name for slot in slots for _ in range(slot.size)]
    lo = np.min([region.box.lo for region in regions], axis=0).tolist()
    hi = np.max([region.box.hi for region in regions], axis=0).tolist()
    called = list(names or entries)
    unit = units_of(slots, names, units)
    groups = _alike(list(zip(homes, lo, hi, unit, strict=True)), bool(names))
    rows: list[tuple[Cell, ...]] = []
    for group in groups[:MOST_ROWS]:
        i = group[0]
        name, measure = ([called[i]] if names else []), ([unit[i]] if units else [])
        rows.append((_several(entries, group), *name, lo[i], hi[i], *measure))
    head = ("input", *(["name"] if names else []), "low", "high", *(["unit"] if units else []))
    align = "l" + ("l" if names else "") + "rrl"
    table = Table(head, rows, align, len(groups) - len(rows))
    about = Paragraph(told or "Every input lies between its two ends.")
    limits = Paragraph(_further(regions))
    return titled_section("domain", f"{len(entries):,} inputs", [about, table, limits])


def _alike(ends: Sequence[tuple], named: bool) -> list[list[int]]:
    """The numbers of the inputs, those in a row with the same ends together if they are many."""
    if named or len(ends) <= MOST_PRINTED:
        return [[i] for i in range(len(ends))]
    return [list(run) for _, run in groupby(range(len(ends)), key=ends.__getitem__)]


def _several(entries: Sequence[str], group: Sequence[int]) -> str:
    """What a row is about."""
    if len(group) == 1:
        return entries[group[0]]
    return f"{entries[group[0]]} to {entries[group[-1]]} ({len(group):,} inputs)"


def _further(regions: Sequence[Region]) -> str:
    """What the ends do not say."""
    told = []
    if len(regions) > 1 or not all(region.is_box for region in regions):
        told.append("The set is a part of this box: further conditions hold on it.")
    whole = int(np.count_nonzero(regions[0].integer))
    if whole:
        told.append(f"Whole numbers only: {whole:,} of the inputs.")
    return " ".join(told)
