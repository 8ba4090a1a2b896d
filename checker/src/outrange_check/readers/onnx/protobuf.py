"""The wire format of protocol buffers: the fields of one message, unread until they are asked for.

Whatever two parsers could read differently (a field that must be single stands twice, a wire type
that does not fit) is refused, so that no file means one network here and another elsewhere.
"""

import struct
from dataclasses import dataclass, field

from ...network import Refused


_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5

_MOST_FIELDS = 1 << 20
_MOST_NUMBERS = 1 << 22


@dataclass
class Message:
    """One message: the number of a field to its wire types and values, in the order of the file."""

    found: dict[int, list[tuple[int, int | memoryview]]] = field(default_factory=dict)

    @classmethod
    def read(cls, data: memoryview) -> "Message":
        """Split the bytes of a message into fields.

        Raises:
            Refused: They are not one.
        """
        message, at, count = cls(), 0, 0
        while at < len(data):
            key, at = _varint(data, at)
            number, wire = key >> 3, key & 7
            value: int | memoryview
            if wire == _VARINT:
                value, at = _varint(data, at)
            else:
                size = {_EIGHT: 8, _FOUR: 4}.get(wire, -1)
                if wire == _BYTES:
                    size, at = _varint(data, at)
                if size < 0 or at + size > len(data):
                    raise Refused("the file is damaged: a field does not fit its message")
                value, at = data[at : at + size], at + size
            if not 0 < number < 1 << 29:  # of a longer one, parsers of C++ drop the upper bits
                raise Refused("the file is damaged: a field has a number that none may have")
            message.found.setdefault(number, []).append((wire, value))
            count += 1
            if count > _MOST_FIELDS:
                raise Refused(f"the file has more than {_MOST_FIELDS} fields in one message")
        return message

    def has(self, number: int) -> bool:
        """Whether a field is there."""
        return number in self.found

    def messages(self, number: int) -> list["Message"]:
        """A repeated field of messages."""
        return [Message.read(part) for part in self.parts(number)]

    def message(self, number: int) -> "Message":
        """A single message; one without fields where there is none."""
        return Message.read(self.part(number))

    def parts(self, number: int) -> list[memoryview]:
        """A repeated field of bytes."""
        return [self._as_bytes(number, *entry) for entry in self.found.get(number, [])]

    def part(self, number: int) -> memoryview:
        """Single bytes; none where there are none."""
        parts = self.parts(number)
        self._single(number, len(parts))
        return parts[0] if parts else memoryview(b"")

    def text(self, number: int) -> str:
        """A single string."""
        return _text(self.part(number))

    def texts(self, number: int) -> list[str]:
        """A repeated field of strings."""
        return [_text(part) for part in self.parts(number)]

    def whole(self, number: int) -> int:
        """A single integer, of 64 bits with a sign."""
        self._plain(number, _VARINT)
        values = self.wholes(number)
        return values[0] if values else 0

    def wholes(self, number: int) -> list[int]:
        """A repeated field of integers, packed or not."""
        values = []
        for wire, value in self.found.get(number, []):
            if wire == _VARINT and isinstance(value, int):
                values.append(_signed(value))
            else:
                data, at = self._as_bytes(number, wire, value), 0
                while at < len(data):
                    one, at = _varint(data, at)
                    values.append(_signed(one))
                    if len(values) > _MOST_NUMBERS:
                        raise Refused(f"a field holds more than {_MOST_NUMBERS} numbers")
        return values

    def floats(self, number: int) -> list[float]:
        """A repeated field of float32 numbers, packed or not."""
        return self._numbers(number, _FOUR, 4, "f")

    def doubles(self, number: int) -> list[float]:
        """A repeated field of float64 numbers, packed or not."""
        return self._numbers(number, _EIGHT, 8, "d")

    def real(self, number: int) -> float:
        """A single float32 number."""
        self._plain(number, _FOUR)
        values = self.floats(number)
        return values[0] if values else 0.0

    def _numbers(self, number: int, wire: int, size: int, letter: str) -> list[float]:
        values: list[float] = []
        for found, value in self.found.get(number, []):
            if isinstance(value, int) or found not in (wire, _BYTES) or len(value) % size:
                raise Refused(f"the file is damaged: field {number} holds no numbers")
            if len(value) // size + len(values) > _MOST_NUMBERS:
                raise Refused(f"a field holds more than {_MOST_NUMBERS} numbers")
            values += struct.unpack(f"<{len(value) // size}{letter}", value)
        return values

    def _as_bytes(self, number: int, wire: int, value: int | memoryview) -> memoryview:
        if wire != _BYTES or isinstance(value, int):
            raise Refused(f"the file is damaged: field {number} is of the wrong kind")
        return value

    def _plain(self, number: int, wire: int) -> None:
        """A single number must not be packed: parsers skip it then, and take the default."""
        found = self.found.get(number, [])
        self._single(number, len(found))
        if any(way != wire for way, _ in found):
            raise Refused(f"the file is damaged: field {number} holds no single number")

    def _single(self, number: int, count: int) -> None:
        if count > 1:
            raise Refused(f"field {number} of a message stands {count} times and must be single")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (2**64 - 1), at
    raise Refused("the file is damaged: an integer does not end")


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _text(data: memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise Refused("the file is damaged: a name is no text") from None
