"""Input sets with integers and one-hot groups, as in tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ....core import Atom, Box, InputError, Region
from ....core.formula import Formula
from ...expressions.formulas import all_of
from ..parse_box import place
from ..rows import flat_rows, members, slots_of
from .base import InputSet, brief, cut, regions_of
from .features import as_list, flat_features


if TYPE_CHECKING:
    from ....graph import Slot


@dataclass(frozen=True, eq=False, repr=False)
class Mixed(InputSet):
    """Set of inputs with features that are restricted to integers, and with one-hot groups.

    Args:
        box: The limits, as for `outrange.output_range`.
        integers: The features restricted to integers: flat indices, `(name, index)` pairs (with
            an index into that input's shape), or names of whole inputs.
        one_hot: A list of groups, each a list of features as above (or the name of an input). In
            each group exactly one feature is 1, and the others are 0.
        at_most_one: A list of such groups, in each of which at most one feature is 1, and the
            others are 0. Dummy columns form such a group if the first category has no column.

    Raises:
        InputError: `one_hot` or `at_most_one` is not a list of groups.

    Example:
        >>> Mixed((0, 10), integers=[0], one_hot=[[2, 3, 4]])
        Mixed((0, 10), integers=[0], one_hot=[[2, 3, 4]])
    """

    box: Any
    integers: Any = ()
    one_hot: Any = ()
    at_most_one: Any = ()

    def __post_init__(self) -> None:
        for name, groups in (("one_hot", self.one_hot), ("at_most_one", self.at_most_one)):
            if not isinstance(groups, list | tuple) or not all(map(_is_group, groups)):
                raise InputError(
                    f"`{name}` must be a list of groups, each a list of features or an input's "
                    f"name: `{name}=[[2, 3, 4]]`. Received: {name}={brief(groups)}."
                )

    def __repr__(self) -> str:
        parts = [brief(self.box)]
        for name in ("integers", "one_hot", "at_most_one"):
            features = getattr(self, name)
            parts += [f"{name}={brief(features)}"] if len(as_list(features)) else []
        return f"Mixed({', '.join(parts)})"

    def contains(self, rows: Any) -> Any:
        """Return whether rows lie in the box and satisfy the integer and one-hot constraints.

        Args:
            rows: `(n, inputs)` or `(inputs,)`, a DataFrame, a row of a DataFrame, or a dict from
                name to values.

        Returns:
            A Boolean for one row, otherwise a Boolean array `(n,)`.

        Raises:
            InputError: The rows do not fit the box, or are not finite.

        Example:
            >>> cities = Mixed((np.zeros(3), np.array([9, 1, 1])), one_hot=[[1, 2]])
            >>> cities.contains([[2.5, 0, 1], [2.5, 1, 1]])
            array([ True, False])
        """
        slots = slots_of(self)
        flat, is_single = flat_rows(slots, rows)
        inside = members(self.regions(slots), flat)
        return bool(inside[0]) if is_single else inside

    def regions(self, slots: Sequence[Slot]) -> list[Region]:
        """Return the box's regions, with integer bounds and one or two inequalities per group."""
        integer = np.zeros(sum(slot.size for slot in slots), bool)
        integer[flat_features(slots, self.integers, "integers")] = True
        exact = [flat_features(slots, group, "one_hot") for group in self.one_hot]
        partial = [flat_features(slots, group, "at_most_one") for group in self.at_most_one]
        members = np.concatenate([np.zeros(0, int), *exact, *partial])
        used, counts = np.unique(members, return_counts=True)
        if (counts > 1).any():
            twice = place(slots, int(used[counts > 1][0]))
            raise InputError(
                f"A feature may occur only once, in a single group; {twice} occurs more than once. "
                f"Received: {self!r}."
            )
        integer[members] = True
        condition = all_of([*map(_exactly_one, exact), *map(_at_most_one, partial)])
        tightened = [
            self._tighten(slots, region, integer, exact, partial)
            for region in regions_of(slots, self.box)
        ]
        return cut(tightened, condition)

    def _tighten(
        self,
        slots: Sequence[Slot],
        region: Region,
        integer: np.ndarray,
        exact: list[np.ndarray],
        partial: list[np.ndarray],
    ) -> Region:
        """Round the bounds of integer inputs inward, and clip features of groups to [0, 1].

        Args:
            slots: The inputs of the model.
            region: A region of the box.
            integer: Mask of the inputs restricted to integers.
            exact: Flat indices of each group in which exactly one feature is 1.
            partial: Flat indices of each group in which at most one feature is 1.
        """
        integer = integer | region.integer
        lo, hi = region.box.lo.copy(), region.box.hi.copy()
        for group in exact + partial:
            lo[group], hi[group] = np.maximum(lo[group], 0), np.minimum(hi[group], 1)
        lo[integer], hi[integer] = np.ceil(lo[integer]), np.floor(hi[integer])
        empty = np.flatnonzero(lo > hi)
        if empty.size:
            i = int(empty[0])
            limits = f"lo={region.box.lo[i]:g}, hi={region.box.hi[i]:g}"
            raise InputError(
                "The bounds of an integer input must include an integer, and those of a one-hot "
                f"feature must include 0 or 1; the bounds of {place(slots, i)} do not. "
                f"Received: {limits}."
            )
        for k, group in enumerate(exact + partial):
            is_exact = k < len(exact)
            if lo[group].sum() > 1 or (is_exact and hi[group].sum() < 1):
                how_many = "Exactly one" if is_exact else "At most one"
                raise InputError(
                    f"{how_many} feature of a group must be 1, but the bounds exclude this; see "
                    f"{place(slots, int(group[0]))}. "
                    f"Received: lo={brief(lo[group])}, hi={brief(hi[group])}."
                )
        return replace(region, box=Box(lo + 0.0, hi + 0.0), integer=integer)


def _is_group(group: Any) -> bool:
    if isinstance(group, np.ndarray):
        return group.ndim == 1 and group.size > 0
    return isinstance(group, str | list | tuple | range) and len(group) > 0


def _exactly_one(group: np.ndarray) -> Formula:
    """Build two inequalities stating that the features of a group sum to 1."""
    at = np.sort(group).tolist()
    return all_of((_at_most_one(group), Atom(tuple((i, -1.0) for i in at), 1.0)))


def _at_most_one(group: np.ndarray) -> Formula:
    """Build the inequality stating that the features of a group sum to at most 1."""
    return Atom(tuple((i, 1.0) for i in np.sort(group).tolist()), -1.0)
