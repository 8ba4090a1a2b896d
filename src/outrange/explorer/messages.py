"""What a page may ask. Whatever else arrives is refused with a sentence, and does no harm."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from ..core import Box, InputError
from ..questions.inputs.parse_box import input_box


if TYPE_CHECKING:
    from ..graph import Graph


LONGEST = 1 << 16
"""Characters of a message that asks about a model of few inputs."""

AN_INPUT = 64
"""Characters that two ends of one input may take."""

PROPERTY = 4096
"""Characters of a property."""

MOST_SAMPLES = 1_000_000

LARGEST_ID = 2**53 - 1
"""Numbers of questions are whole numbers that JavaScript holds exactly."""

KINDS = ("range", "point", "end", "verify", "sample", "report")


@dataclass(frozen=True, eq=False)
class Ask:
    """One question of a page.

    Args:
        kind: One of `KINDS`.
        id: The page's number of the question; every answer repeats it.
        box: Of `range`, `verify`, `sample`: the input set.
        box_id: The page's number of that input set; what is said of it repeats it.
        point: Of `point`: `(inputs,)`.
        output: Of `end`: which output.
        side: Of `end`: `"lo"` or `"hi"`.
        property: Of `verify`: as it was typed.
        count: Of `sample`: how many inputs.
    """

    kind: str
    id: int
    box: Box | None = None
    box_id: int = 0
    point: np.ndarray | None = None
    output: int = 0
    side: str = "lo"
    property: str = ""
    count: int = 0


class Refused(InputError):
    """A message breaks a rule.

    Args:
        text: The sentence for the page.
        kind: What it asked, where that can be read.
        id: Its number, where that can be read.
    """

    def __init__(self, text: str, kind: str | None = None, id: int | None = None) -> None:
        super().__init__(text)
        self.kind, self.id = kind, id


def longest(graph: Graph) -> int:
    """How many characters a message about `graph` may have."""
    return LONGEST + AN_INPUT * graph.size


def read_message(message: str | bytes | None, graph: Graph) -> Ask:
    """The question in a message.

    Args:
        message: As it arrived.
        graph: What is asked about.

    Raises:
        Refused: The message breaks a rule.
    """
    fields = _fields(message, graph)
    kind, id = fields.get("ask"), fields.get("id")
    if not _is_id(id):
        raise Refused("`id` is a whole number from 0 to 2^53 - 1.")
    if not isinstance(kind, str) or kind not in KINDS:
        raise Refused(f"`ask` is one of {', '.join(KINDS)}.", None, id)
    try:
        return Ask(kind, id, **_READERS.get(kind, _nothing)(fields, graph))
    except InputError as error:
        raise Refused(str(error), kind, id) from None


def _fields(message: str | bytes | None, graph: Graph) -> dict[str, Any]:
    if not isinstance(message, str):
        raise Refused("A message is text, in JSON.")
    if len(message) > longest(graph):
        raise Refused(f"A message has {longest(graph):,} characters at most.")
    try:
        fields = json.loads(message, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused("A message is JSON, with finite numbers.") from None
    if not isinstance(fields, dict):
        raise Refused("A message is a JSON object.")
    return fields


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_id(value: Any) -> TypeGuard[int]:
    return _is_whole(value) and 0 <= value <= LARGEST_ID


def _nothing(fields: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    return {}


def _box(fields: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    lo, hi = (_numbers(fields, name, graph) for name in ("lo", "hi"))
    return {"box": input_box(graph.inputs, Box(lo, hi)), "box_id": _box_id(fields)}


def _box_id(fields: Mapping[str, Any]) -> int:
    found = fields.get("box", 0)
    if not _is_id(found):
        raise InputError("`box` is a whole number from 0 to 2^53 - 1: which input set it is.")
    return found


def _numbers(fields: Mapping[str, Any], name: str, graph: Graph) -> np.ndarray:
    values = fields.get(name)
    if not isinstance(values, list) or len(values) != graph.size:
        raise InputError(f"`{name}` is a list of {graph.size} numbers, one an input.")
    for i, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            raise InputError(f"`{name}` holds finite numbers only; entry {i} is not one.")
    return np.array(values, np.float64)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _point(fields: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    x = _numbers(fields, "x", graph)
    return {"point": input_box(graph.inputs, Box(x, x)).lo}


def _end(fields: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    output, side = fields.get("output"), fields.get("side")
    count = graph.value_size(graph.output)
    if not _is_whole(output) or not 0 <= output < count:
        raise InputError(f"`output` is a whole number from 0 to {count - 1}.")
    if side not in ("lo", "hi"):
        raise InputError("`side` is lo or hi.")
    return {"output": output, "side": side}


def _verify(fields: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    text = fields.get("property")
    if not isinstance(text, str) or not text.strip():
        raise InputError("A property is a text, such as y[0] <= 3.99.")
    if len(text) > PROPERTY:
        raise InputError(f"A property has {PROPERTY:,} characters at most.")
    return {"property": text, **_box(fields, graph)}


def _sample(fields: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    count = fields.get("count")
    if not _is_whole(count) or not 1 <= count <= MOST_SAMPLES:
        raise InputError(f"`count` is a whole number from 1 to {MOST_SAMPLES:,}.")
    return {"count": count, **_box(fields, graph)}


_READERS: dict[str, Callable[[Mapping[str, Any], Graph], dict[str, Any]]] = {
    "range": _box,
    "point": _point,
    "end": _end,
    "verify": _verify,
    "sample": _sample,
}
