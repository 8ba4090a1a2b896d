"""Parses the questions of a page, and rejects other messages with an explanation."""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from ..core import Box, InputError
from ..questions.inputs.parse_box import input_box


if TYPE_CHECKING:
    from ..graph import Graph


LONGEST = 1 << 16
"""Maximum number of characters of a message, not counting the bounds of the inputs."""

AN_INPUT = 64
"""Number of further characters that a message may have for the two bounds of each input."""

PROPERTY = 4096
"""Maximum number of characters of a property."""

MOST_SAMPLES = 1_000_000

LARGEST_ID = 2**53 - 1
"""Largest ID of a question; JavaScript represents all integers up to this one exactly."""

KINDS = ("range", "point", "end", "verify", "sample", "report")


@dataclass(frozen=True, eq=False)
class Ask:
    """One question that a page sends to the explorer.

    Args:
        kind: Kind of the question, one of `KINDS`.
        id: ID of the question, which every answer repeats.
        box: For `range`, `verify` and `sample`: the input set.
        box_id: ID of the input set, which the answers to `verify` and `sample` repeat.
        point: For `point`: the input, `(inputs,)`.
        output: For `end`: flat index of the output.
        side: For `end`: `"lo"` for its lower bound, `"hi"` for its upper bound.
        property: For `verify`: the text that the user typed.
        count: For `sample`: number of random inputs.
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
    """Raised for an invalid message.

    Args:
        text: Explanation for the user of the page.
        kind: Kind of the question, if it can be read.
        id: ID of the question, if it can be read.
    """

    def __init__(self, text: str, kind: str | None = None, id: int | None = None) -> None:
        super().__init__(text)
        self.kind, self.id = kind, id


def max_length(graph: Graph) -> int:
    """Return the maximum number of characters of a message about `graph`."""
    return LONGEST + AN_INPUT * graph.size


def read_message(message: str | bytes | None, graph: Graph) -> Ask:
    """Parse the question in a message.

    Args:
        message: The received message; only JSON text is valid.
        graph: The network of the page.

    Raises:
        Refused: The message is invalid.
    """
    fields = _fields(message, graph)
    kind, id = fields.get("ask"), fields.get("id")
    if not _is_id(id):
        raise Refused(f"`id` must be an integer from 0 to 2^53 - 1. {_received_sentence(id)}")
    if not isinstance(kind, str) or kind not in KINDS:
        raise Refused(
            f"`ask` must be one of {', '.join(KINDS)}. {_received_sentence(kind)}", None, id
        )
    try:
        return Ask(kind, id, **_READERS.get(kind, _nothing)(fields, graph))
    except InputError as error:
        raise Refused(str(error), kind, id) from None


def _fields(message: str | bytes | None, graph: Graph) -> dict[str, Any]:
    if not isinstance(message, str):
        raise Refused(f"A message must be JSON text. {_received_sentence(message)}")
    if len(message) > max_length(graph):
        raise Refused(
            f"A message must have at most {max_length(graph):,} characters. "
            f"Received: {len(message):,} characters."
        )
    try:
        fields = json.loads(message, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        rule = "A message must be valid JSON in which all numbers are finite."
        raise Refused(f"{rule} {_received_sentence(message)}") from None
    if not isinstance(fields, dict):
        raise Refused(f"A message must be a JSON object. {_received_sentence(fields)}")
    return fields


def _received_sentence(value: Any) -> str:
    """Return the last sentence of a message, which shows an invalid value abridged."""
    return f"Received: {reprlib.repr(value)}."


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _is_integer(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_id(value: Any) -> TypeGuard[int]:
    return _is_integer(value) and 0 <= value <= LARGEST_ID


def _nothing(fields: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    return {}


def _box(fields: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    lo, hi = (_numbers(fields, name, graph) for name in ("lo", "hi"))
    return {"box": input_box(graph.inputs, Box(lo, hi)), "box_id": _box_id(fields)}


def _box_id(fields: Mapping[str, Any]) -> int:
    box_id = fields.get("box", 0)
    if not _is_id(box_id):
        raise InputError(
            "`box`, the number of the input set, must be an integer from 0 to 2^53 - 1. "
            f"{_received_sentence(box_id)}"
        )
    return box_id


def _numbers(fields: Mapping[str, Any], name: str, graph: Graph) -> np.ndarray:
    values = fields.get(name)
    if not isinstance(values, list) or len(values) != graph.size:
        rule = f"`{name}` must be a list of {graph.size} numbers, one per input."
        raise InputError(f"{rule} {_received_sentence(values)}")
    for i, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            rule = f"`{name}` must contain only finite numbers; entry {i} is not a finite number."
            raise InputError(f"{rule} {_received_sentence(value)}")
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
    if not _is_integer(output) or not 0 <= output < count:
        raise InputError(
            f"`output` must be an integer from 0 to {count - 1}. {_received_sentence(output)}"
        )
    if side not in ("lo", "hi"):
        raise InputError(f"`side` must be lo or hi. {_received_sentence(side)}")
    return {"output": output, "side": side}


def _verify(fields: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    text = fields.get("property")
    if not isinstance(text, str) or not text.strip():
        raise InputError(
            f'A property must be a string, such as "y[0] <= 3.99". {_received_sentence(text)}'
        )
    if len(text) > PROPERTY:
        raise InputError(
            f"A property must have at most {PROPERTY:,} characters. "
            f"Received: {len(text):,} characters."
        )
    return {"property": text, **_box(fields, graph)}


def _sample(fields: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    count = fields.get("count")
    if not _is_integer(count) or not 1 <= count <= MOST_SAMPLES:
        rule = f"`count` must be an integer from 1 to {MOST_SAMPLES:,}."
        raise InputError(f"{rule} {_received_sentence(count)}")
    return {"count": count, **_box(fields, graph)}


_READERS: dict[str, Callable[[Mapping[str, Any], Graph], dict[str, Any]]] = {
    "range": _box,
    "point": _point,
    "end": _end,
    "verify": _verify,
    "sample": _sample,
}
