"""Input sets, their unions, and their intersections with conditions on `x`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ....core import Box, Formula, InputError, Region
from ...expressions import Condition, Terms, resolve
from ...expressions.formulas import all_of
from ...expressions.resolve import apply_property, uses_outputs
from ...expressions.scope import Scope
from ..boxes import describe_value
from ..columns import column_names
from ..parse_box import input_box, whole_entries


if TYPE_CHECKING:
    from ....graph import Slot


class InputSet(ABC):
    """Base class of sets of inputs. The method `regions` translates a set for a model.

    `a | b` is the union of two sets. `a & condition` is the part of `a` where a condition on `x`
    holds.
    """

    is_input_set = True
    __array_ufunc__ = None

    @abstractmethod
    def regions(self, slots: Sequence[Slot]) -> list[Region]:
        """Translate the set to regions over the concatenated inputs `slots`.

        Raises:
            InputError: The set does not fit the model, or is evidently empty.
        """

    def __or__(self, other: Any) -> Union:
        return unite(self, other)

    def __ror__(self, other: Any) -> Union:
        return unite(other, self)

    def __and__(self, other: Any) -> Cut:
        return restrict(self, other)

    def __rand__(self, other: Any) -> Cut:
        return self & other


@dataclass(frozen=True, eq=False, repr=False)
class Union(InputSet):
    """Union of several sets of inputs.

    Args:
        *sets: Sets of inputs, each in a form that `outrange.output_range` accepts as `box`.

    Raises:
        InputError: No set is passed, or a condition is passed as a set.

    Example:
        >>> Union((0, 1), (5, 6)) | (8, 9)
        Union((0, 1), (5, 6), (8, 9))
    """

    sets: tuple[Any, ...]

    def __init__(self, *sets: Any) -> None:
        if not sets:
            raise InputError("A union needs at least one set. Received: none.")
        flat: list[Any] = []
        for member in sets:
            flat += member.sets if isinstance(member, Union) else [_not_condition(member)]
        object.__setattr__(self, "sets", tuple(flat))

    def __repr__(self) -> str:
        return f"Union({', '.join(brief(member) for member in self.sets)})"

    def regions(self, slots: Sequence[Slot]) -> list[Region]:
        return [region for member in self.sets for region in regions_of(slots, member)]


@dataclass(frozen=True, eq=False, repr=False)
class Cut(InputSet):
    """Part of a set where a condition on `x` holds, written `set & condition`.

    Args:
        whole: The set, in a form that `outrange.output_range` accepts as `box`.
        condition: A condition on `x`, or a function of `x` that returns one.
    """

    whole: Any
    condition: Any

    def __repr__(self) -> str:
        return f"{brief(self.whole)} & ({self.condition!r})"

    def regions(self, slots: Sequence[Slot]) -> list[Region]:
        return cut(regions_of(slots, self.whole), on_inputs(slots, self.condition))


def unite(first: Any, second: Any) -> Union:
    """Return the union of two sets of inputs.

    Raises:
        InputError: A set is a condition, or a dict that names only some columns of the other set.
    """
    for whole, other in ((first, second), (second, first)):
        names = column_names(whole) or ()
        missing = [name for name in names if isinstance(other, dict) and name not in other]
        if missing:
            column = str(next(iter(other), missing[0]))
            raise InputError(
                "A dict in a union must name every column. To fix a column, write "
                f"`set & (x[{column!r}] == value)`, with `from outrange import x`. Received: "
                f"{brief(other)} without `{missing[0]}`."
            )
    return Union(first, second)


def restrict(whole: Any, condition: Any) -> Cut:
    """Return the part of a set where a condition on `x` holds.

    Raises:
        InputError: `condition` is neither a condition nor a function.
    """
    if not isinstance(condition, Condition) and not _is_function(condition):
        raise InputError(
            "A set of inputs must be cut by a condition on `x`: `set & (x[0] <= 1)`, with "
            f"parentheses around each comparison. Received: {describe_value(condition)} after `&`."
        )
    return Cut(whole, condition)


def regions_of(slots: Sequence[Slot], inputs_set: Any) -> list[Region]:
    """Translate any value of the argument `box` to regions."""
    regions = _regions_of(slots, inputs_set)
    if not any(slot.whole for slot in slots):
        return regions
    whole = whole_entries(slots)
    return [
        replace(region, box=input_box(slots, region.box), integer=region.integer | whole)
        for region in regions
    ]


def _regions_of(slots: Sequence[Slot], inputs_set: Any) -> list[Region]:
    if isinstance(inputs_set, InputSet):
        return inputs_set.regions(slots)
    if isinstance(inputs_set, Condition):
        raise InputError(
            "A condition alone is not an input set: pass a box, and the condition as `where=`. "
            f"Received: {inputs_set!r}."
        )
    if isinstance(inputs_set, Region):
        input_box(slots, inputs_set.box)
        return [inputs_set]
    return [Region(input_box(slots, inputs_set))]


def on_inputs(
    slots: Sequence[Slot], condition: Any, outputs: Sequence[Slot] = (), terms: Terms | None = None
) -> Formula:
    """Resolve a condition on `x` to a formula over the flat input.

    Args:
        slots: The inputs of the model.
        condition: A condition, or a function of `x` that returns one.
        outputs: The model's outputs, which an error message lists.
        terms: Collection to which the condition's nonlinear terms are added; None if the condition
            must be piecewise linear.

    Raises:
        InputError: `condition` uses `y`, or is not a condition.
    """
    node = apply_property(condition, Scope(slots, ()))
    if isinstance(node, Condition) and uses_outputs(node):
        names = f" (the outputs {', '.join(f'`{s.name}`' for s in outputs)})" if outputs else ""
        raise InputError(
            "A condition on the set of inputs must use only `x`; move conditions on "
            f"`y`{names} to the property, for example with `implies`. Received: {node!r}."
        )
    return resolve(node, slots, (), terms)


def cut(regions: Sequence[Region], condition: Formula) -> list[Region]:
    """Restrict every region by an additional condition."""
    return [replace(region, condition=all_of((region.condition, condition))) for region in regions]


def brief(value: Any) -> str:
    """Describe a value briefly, for the `repr` of a set."""
    if isinstance(value, InputSet):
        return repr(value)
    if isinstance(value, Box):
        return f"Box of {value.size} inputs"
    if isinstance(value, tuple):
        return f"({', '.join(brief(part) for part in value)})"
    if isinstance(value, dict):
        shown = [f"{name!r}: {brief(part)}" for name, part in list(value.items())[:6]]
        return "{" + ", ".join(shown + ["..."] * (len(value) > 6)) + "}"
    text = repr(value.tolist() if hasattr(value, "tolist") and value.size <= 8 else value)
    if len(text) <= 60:
        return text
    return describe_value(value) if hasattr(value, "shape") else text[:57] + "..."


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, InputSet)


def _not_condition(value: Any) -> Any:
    if isinstance(value, Condition):
        raise InputError(
            "`|` unites sets, not conditions: write `set & condition`, or join the conditions "
            f"first. Received: {value!r}."
        )
    return value
