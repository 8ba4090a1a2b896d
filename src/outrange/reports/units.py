"""Units beside the names of inputs, wherever an answer of a report shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..answers.answer import Answer
from ..answers.monotone import Monotone
from ..answers.range import Range
from ..answers.render.text import entry_names
from ..answers.verdict import Verdict


if TYPE_CHECKING:
    from ..graph import Slot


def units_of(
    slots: Sequence[Slot], names: Sequence[str] | None, units: Mapping[str, str] | None
) -> list[str]:
    """The unit of each entry of the inputs, flat; empty where none is known.

    Args:
        slots: The model's inputs, as the model names them.
        names: What each entry stands for.
        units: From the name of an input, or of an entry of it, to its unit.
    """
    entries = entry_names({slot.name: slot.shape for slot in slots})
    homes = [slot.name for slot in slots for _ in range(slot.size)]
    known = units or {}
    return [
        next((known[name] for name in whose if name in known), "")
        for whose in zip(names or entries, entries, homes, strict=True)
    ]


def with_units(answer: Answer, units: Mapping[str, str]) -> Answer:
    """The answer as a page shows it: `speed [km/h]` for `speed`.

    Args:
        answer: Any; of what names no inputs nothing changes.
        units: From the name of an input to its unit, where it has one.
    """

    def told(names: Any) -> Any:
        if isinstance(names, Mapping):
            return {_beside(name, units): part for name, part in names.items()}
        return names

    if not units:
        return answer
    if isinstance(answer, Range):
        return replace(
            answer, inputs=told(answer.inputs), at_lo=told(answer.at_lo), at_hi=told(answer.at_hi)
        )
    if isinstance(answer, Monotone):
        steps = [
            [s if s is None else replace(s, x=told(s.x), then=told(s.then)) for s in pair]
            for pair in ((trend.fall, trend.rise) for trend in answer.trends)
        ]
        trends = (
            replace(trend, input=_beside(trend.input, units), fall=fall, rise=rise)
            for trend, (fall, rise) in zip(answer.trends, steps, strict=True)
        )
        return replace(answer, trends=tuple(trends))
    if isinstance(answer, Verdict):
        found = answer.counterexample
        found = None if found is None else replace(found, x=told(found.x))
        return replace(answer, counterexample=found)
    return answer


def _beside(name: str, units: Mapping[str, str]) -> str:
    return f"{name} [{units[name]}]" if name in units else name
