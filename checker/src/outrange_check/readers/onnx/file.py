"""The contents of an ONNX file: nodes, tensors and declared shapes, decoded and checked."""

import struct
from dataclasses import dataclass, field
from typing import Any

from ... import build
from ...network import MOST_TERMS, Refused
from ..tensors import Tensor, size
from .protobuf import Message


FLOAT, INT32, INT64, BOOL, HALF, DOUBLE = 1, 6, 7, 9, 10, 11

_REAL = {FLOAT: ("f", 4), HALF: ("e", 2), DOUBLE: ("d", 8)}
_WHOLE = {INT32: ("i", 4), INT64: ("q", 8), BOOL: ("B", 1)}

OLDEST, NEWEST = 7, 28
"""The oldest and newest operator sets whose definitions of operators are supported."""

MOST_NODES = 1 << 16


@dataclass
class Node:
    """A node of an ONNX graph.

    Args:
        op: Name of the operator.
        name: Name of the node.
        inputs: Names of the input tensors; "" for each that is omitted.
        outputs: Names of the output tensors; "" for each that is omitted.
        attributes: Decoded attributes by name; None for a kind that is not supported.
    """

    op: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Model:
    """A decoded ONNX model.

    Args:
        opset: Operator set of the default operators.
        nodes: The nodes, in the order in which they run.
        constants: Stored tensors by name.
        inputs: Name and full shape of each input, including a batch axis of 1.
        outputs: Names of the outputs.
    """

    opset: int
    nodes: list[Node]
    constants: dict[str, Tensor]
    inputs: list[tuple[str, tuple[int, ...]]]
    outputs: list[str]


def decode(data: bytes) -> Model:
    """Decode the bytes of an ONNX file.

    Raises:
        Refused: The bytes are not an ONNX model, or contain something unsupported.
    """
    message = Message.read(memoryview(data))
    if not message.has(7):
        raise Refused("the file is not an ONNX model: it contains no graph")
    if message.has(25):
        raise Refused("a model with its own functions is not supported")
    opset = _opset(message)
    graph = message.message(7)
    if graph.has(15):
        raise Refused("sparse tensors are not supported")
    constants: dict[str, Tensor] = {}
    room = [MOST_TERMS]
    for stored in graph.messages(5):
        name = stored.text(8)
        if name in constants or not name:
            raise Refused(f"the stored tensor `{name}` occurs twice, or has no name")
        constants[name] = tensor(stored, room)
    inputs = [_declared(part) for part in graph.messages(11) if part.text(1) not in constants]
    names = [name for name, _ in inputs]
    outputs = [part.text(1) for part in graph.messages(12)]
    if not names or not outputs or len(set(names)) < len(names):
        raise Refused("the model has no inputs or no outputs, or lists an input twice")
    parts = graph.parts(1)
    if len(parts) > MOST_NODES:
        raise Refused(f"the model has more than {MOST_NODES} nodes")
    return Model(
        opset, [_node(Message.read(part), room) for part in parts], constants, inputs, outputs
    )


def _opset(message: Message) -> int:
    found = [part.whole(2) for part in message.messages(8) if part.text(1) in ("", "ai.onnx")]
    if len(found) != 1 or not OLDEST <= found[0] <= NEWEST:
        raise Refused(f"operator set {found} is not supported, only {OLDEST} to {NEWEST} are")
    return found[0]


def _declared(part: Message) -> tuple[str, tuple[int, ...]]:
    """Return the name and the shape of an input; only its first axis, the batch, may be open."""
    name, kind = part.text(1), part.message(2).message(1)
    if kind.whole(1) not in _REAL:
        raise Refused(f"input `{name}` does not contain floating-point numbers")
    if not kind.has(2):
        raise Refused(f"input `{name}` declares no shape")
    sizes = []
    dims = kind.message(2).messages(1)
    for i, dim in enumerate(dims):
        n = dim.whole(1)
        if n <= 0 and (i > 0 or len(dims) == 1):
            raise Refused(f"input `{name}` leaves an axis other than the batch open")
        sizes.append(1 if n <= 0 else n)
    shape = tuple(sizes)
    size(shape)
    return name, shape


def _node(part: Message, room: list[int]) -> Node:
    op = part.text(4)
    if part.text(7) not in ("", "ai.onnx") or part.has(8):
        raise Refused(f"the operator {op} of domain `{part.text(7)}` is not supported")
    node = Node(op, part.text(3), part.texts(1), part.texts(2))
    for found in part.messages(5):
        name = found.text(1)
        if name in node.attributes:
            raise Refused(f"the attribute `{name}` of {op} occurs twice")
        node.attributes[name] = _attribute(found, room)
    return node


def _attribute(part: Message, room: list[int]) -> Any:
    """Return the value of an attribute, with exact floats; None for an unsupported kind."""
    if part.has(21):
        return None
    match part.whole(20):
        case 1:
            return build.exact(part.real(2))
        case 2:
            return part.whole(3)
        case 3:
            return str(part.part(4), "utf-8", "replace")
        case 4:
            return tensor(part.message(5), room)
        case 6:
            return [build.exact(v) for v in part.floats(7)]
        case 7:
            return part.wholes(8)
    return None


def tensor(part: Message, room: list[int]) -> Tensor:
    """Return a stored tensor with exact numbers.

    Args:
        part: The encoded tensor.
        room: The remaining count of numbers in the file, which is reduced in place.

    Raises:
        Refused: The tensor is damaged, stored elsewhere, or of an unsupported type.
    """
    shape, kind = tuple(part.wholes(1)), part.whole(2)
    count = size(shape)
    room[0] -= count
    if room[0] < 0:
        raise Refused(f"the model stores more than {MOST_TERMS} numbers")
    if part.has(13) or part.whole(14) or part.has(3):
        raise Refused(f"tensor `{part.text(8)}` is stored in another file, or in pieces")
    if kind not in _REAL and kind not in _WHOLE:
        raise Refused(f"tensor `{part.text(8)}` is of type {kind}, which is not supported")
    letter, width = (_REAL | _WHOLE)[kind]
    typed = [number for number in (4, 5, 6, 7, 10, 11) if part.has(number)]
    if part.has(9):
        raw = part.part(9)
        if typed or len(raw) != count * width:
            raise Refused(f"tensor `{part.text(8)}` of shape {shape} is stored in {len(raw)} bytes")
        values: list[Any] = list(struct.unpack(f"<{count}{letter}", raw))
    else:
        home = {FLOAT: 4, DOUBLE: 10, INT64: 7}.get(kind, 5)
        if any(number != home for number in typed):
            raise Refused(
                f"tensor `{part.text(8)}` stores numbers of a type that it does not declare"
            )
        values = _typed(part, kind, home)
        if len(values) != count:
            raise Refused(f"tensor `{part.text(8)}` of shape {shape} stores {len(values)} numbers")
    if kind in _WHOLE:
        return Tensor(shape, values, "whole")
    return Tensor(shape, [build.exact(v) for v in values], "real")


def _typed(part: Message, kind: int, home: int) -> list[Any]:
    if kind == FLOAT:
        return part.floats(home)
    if kind == DOUBLE:
        return part.doubles(home)
    values = part.wholes(home)
    if kind != INT64 and any(not -(1 << 31) <= v < 1 << 31 for v in values):
        raise Refused(f"tensor `{part.text(8)}` contains an integer of more than 32 bits")
    if kind == HALF:
        if any(not 0 <= v < 1 << 16 for v in values):
            raise Refused("a float16 number has more than 16 bits")
        return list(struct.unpack(f"<{len(values)}e", struct.pack(f"<{len(values)}H", *values)))
    return values
