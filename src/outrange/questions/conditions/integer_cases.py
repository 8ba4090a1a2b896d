"""Expansion of conditions on integer inputs into boxes, such as one per one-hot category."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice, product
from math import prod

import numpy as np

from ...core import And, Atom, Box, Formula, Region, check_deadline
from ...core.formula import TRUE
from ...search.common.domain_boxes import DomainBoxes
from ..expressions.formulas import all_of


MOST_CASES = 4096
"""Maximum number of boxes into which conditions are expanded; one search can handle this many."""

LARGEST_EXACT = 2.0**31
"""Limit on the total magnitude of a comparison's terms; below it, sums are exact in float64."""


def integer_cases(regions: Sequence[Region]) -> list[Region]:
    """Split regions into boxes that satisfy their comparisons of several integer inputs.

    A one-hot group of `k` columns becomes `k` boxes. Only comparisons with integer coefficients and
    exact sums are expanded. A region that would need more than `MOST_CASES` boxes keeps its
    conditions.

    Returns:
        Regions whose union contains the same inputs as the union of the given regions.

    Raises:
        OutOfTime: The deadline passed.
    """
    return [case for region in regions for case in _cases(region)]


def union_of_boxes(regions: Sequence[Region]) -> DomainBoxes | None:
    """Return the boxes whose union is the given input set.

    The result is None if a region is restricted by norm balls, or by conditions that
    `integer_cases` keeps. It is also None if regions differ in their integer inputs, or if a box or
    the whole set is empty.

    Raises:
        OutOfTime: The deadline passed.
    """
    cases = integer_cases(regions)
    plain = all(case.condition == TRUE and not case.distances for case in cases)
    if not plain or len({case.integer.tobytes() for case in cases}) != 1:
        return None
    integer = cases[0].integer
    lo, hi = (np.stack([getattr(case.box, end) for case in cases]) for end in ("lo", "hi"))
    lo, hi = np.where(integer, np.ceil(lo), lo), np.where(integer, np.floor(hi), hi)
    return None if (lo > hi).any() else DomainBoxes(lo, hi, integer)


def category_boxes(box: Box, groups: Sequence[np.ndarray]) -> DomainBoxes:
    """Return boxes of real inputs that contain all points of a set with one-hot groups.

    Each box fixes one category of every group. If this takes more than `MOST_CASES` boxes, the
    result is the box around the set.

    Args:
        box: The box around the set, which contains a category of every group.
        groups: Flat indices of each one-hot group, as `integers_and_groups` returns them.
    """
    choices = []
    for group in groups:
        # A category is possible if its own column may be 1 and all other columns may be 0.
        rows = np.eye(group.size)
        choices.append(rows[((box.lo[group] <= rows) & (rows <= box.hi[group])).all(axis=1)])
    if prod(len(rows) for rows in choices) > MOST_CASES:
        return DomainBoxes.of(box)
    lo, hi = [], []
    for chosen in product(*choices):
        ends = box.lo.copy(), box.hi.copy()
        for group, row in zip(groups, chosen, strict=True):
            for end in ends:
                end[group] = row
        lo.append(ends[0])
        hi.append(ends[1])
    return DomainBoxes(np.stack(lo), np.stack(hi), np.zeros(box.size, bool))


@lru_cache(maxsize=64)
def _cases(region: Region) -> list[Region]:
    """Split one region as `integer_cases` does.

    The result is cached, because a question and its answer both use it.
    """
    parts = list(_conjuncts(region.condition))
    atoms = [part for part in parts if isinstance(part, Atom) and _reads_integers(part, region)]
    if not atoms:
        return [region]
    lo = np.where(region.integer, np.ceil(region.box.lo), region.box.lo)
    hi = np.where(region.integer, np.floor(region.box.hi), region.box.hi)
    rows = np.zeros((len(atoms), region.box.size))
    for row, atom in zip(rows, atoms, strict=True):
        row[[i for i, _ in atom.terms]] = [c for _, c in atom.terms]
    most = np.array([-atom.offset - atom.strict for atom in atoms])
    rest = all_of(part for part in parts if part not in atoms)
    boxes = list(islice(_expand(rows, most, lo, hi), MOST_CASES + 1))
    if len(boxes) > MOST_CASES:
        return [region]
    # Inputs that every case fixes are integers already.
    free = np.any([box.lo < box.hi for box in boxes], axis=0) if boxes else False
    integer = region.integer & free
    return [replace(region, box=box, integer=integer, condition=rest) for box in boxes]


def _conjuncts(formula: Formula) -> Iterator[Formula]:
    if isinstance(formula, And):
        for part in formula.parts:
            yield from _conjuncts(part)
    else:
        yield formula


def _reads_integers(atom: Atom, region: Region) -> bool:
    """Return whether a comparison has several inputs, all integer, and integer coefficients.

    The total magnitude of its terms must also be below `LARGEST_EXACT`.
    """
    index = [i for i, _ in atom.terms]
    ends = np.abs([region.box.lo[index], region.box.hi[index]]).max(initial=1.0)
    numbers = np.array([c for _, c in atom.terms] + [atom.offset])
    exact = (numbers == np.rint(numbers)).all() and np.abs(numbers).sum() * ends < LARGEST_EXACT
    return len(index) > 1 and bool(region.integer[index].all() and exact)


def _expand(rows: np.ndarray, most: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> Iterator[Box]:
    """Yield parts of a box that contain all its integer points with `rows @ x <= most`.

    The parts are found by branching on one integer at a time.
    """
    stack = [(lo, hi)]
    while stack:
        check_deadline()
        lo, hi = (end.copy() for end in stack.pop())
        if not _propagate(rows, most, lo, hi):
            continue
        largest = np.where(rows > 0, rows * hi, rows * lo).sum(axis=1)
        unknown = rows[largest > most]
        if not len(unknown):
            yield Box(lo, hi)
            continue
        reads = (unknown != 0).any(axis=0) & (lo < hi)
        i = int(np.flatnonzero(reads)[0])
        for value in np.arange(lo[i], hi[i] + 1.0):
            branch = lo.copy(), hi.copy()
            branch[0][i] = branch[1][i] = value
            stack.append(branch)


def _propagate(rows: np.ndarray, most: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> bool:
    """Tighten in place the bounds of integers `x` that satisfy `rows @ x <= most`.

    Return False if one of these inequalities cannot hold within the bounds.
    """
    while True:
        parts = np.where(rows > 0, rows * lo, rows * hi)
        least = parts.sum(axis=1)
        if (least > most).any():
            return False
        slack = most - least
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(rows != 0, np.floor(slack[:, None] / np.abs(rows)), np.inf)
        top = np.where(rows > 0, lo + room, np.inf).min(axis=0)
        bottom = np.where(rows < 0, hi - room, -np.inf).max(axis=0)
        if not ((top < hi).any() or (bottom > lo).any()):
            return True
        np.minimum(hi, top, out=hi)
        np.maximum(lo, bottom, out=lo)
