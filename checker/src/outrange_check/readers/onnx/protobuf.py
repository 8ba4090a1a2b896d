"""Reader of the wire format of protocol buffers, which decodes the fields of a message on demand.

Anything that two parsers could read differently is refused, such as a repeated single field or a
wrong wire type. So no file describes one network here and another one elsewhere.
"""

import struct
from dataclasses import dataclass, field

from ...network import Refused


_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5

_MOST_FIELDS = 1 << 20
_MOST_NUMBERS = 1 << 22


@dataclass
class Message:
    """A message: for each field number, its wire types and values in the order of the file."""

    found: dict[int, list[tuple[int, int | memoryview]]] = field(default_factory=dict)

    @classmethod
    def read(cls, data: memoryview) -> "Message":
        """Split the bytes of a message into fields.

        Raises:
            Refused: The bytes are not a message.
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
                    raise Refused("the file is damaged: a field extends beyond its message")
                value, at = data[at : at + size], at + size
            if not 0 < number < 1 << 29:  # of a longer one, parsers of C++ drop the upper bits
                raise Refused("the file is damaged: a field has an invalid number")
            message.found.setdefault(number, []).append((wire, value))
            count += 1
            if count > _MOST_FIELDS:
                raise Refused(f"the file has more than {_MOST_FIELDS} fields in one message")
        return message

    def has(self, number: int) -> bool:
        """Return whether a field is present."""
        return number in self.found

    def messages(self, number: int) -> list["Message"]:
        """Return a repeated field of messages."""
        return [Message.read(part) for part in self.parts(number)]

    def message(self, number: int) -> "Message":
        """Return a single message; one without fields if it is absent."""
        return Message.read(self.part(number))

    def parts(self, number: int) -> list[memoryview]:
        """Return a repeated field of bytes."""
        return [self._as_bytes(number, *entry) for entry in self.found.get(number, [])]

    def part(self, number: int) -> memoryview:
        """Return a single field of bytes; empty if it is absent."""
        parts = self.parts(number)
        self._single(number, len(parts))
        return parts[0] if parts else memoryview(b"")

    def text(self, number: int) -> str:
        """Return a single string."""
        return _text(self.part(number))

    def texts(self, number: int) -> list[str]:
        """Return a repeated field of strings."""
        return [_text(part) for part in self.parts(number)]

    def whole(self, number: int) -> int:
        """Return a single signed 64-bit integer; 0 if it is absent."""
        self._plain(number, _VARINT)
        values = self.wholes(number)
        return values[0] if values else 0

    def wholes(self, number: int) -> list[int]:
        """Return a repeated field of integers, packed or not."""
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
                        raise Refused(f"a field contains more than {_MOST_NUMBERS} numbers")
        return values

    def floats(self, number: int) -> list[float]:
        """Return a repeated field of float32 numbers, packed or not."""
        return self._numbers(number, _FOUR, 4, "f")

    def doubles(self, number: int) -> list[float]:
        """Return a repeated field of float64 numbers, packed or not."""
        return self._numbers(number, _EIGHT, 8, "d")

    def real(self, number: int) -> float:
        """Return a single float32 number; 0 if it is absent."""
        self._plain(number, _FOUR)
        values = self.floats(number)
        return values[0] if values else 0.0

    def _numbers(self, number: int, wire: int, size: int, letter: str) -> list[float]:
        values: list[float] = []
        for found, value in self.found.get(number, []):
            if isinstance(value, int) or found not in (wire, _BYTES) or len(value) % size:
                raise Refused(f"the file is damaged: field {number} does not contain valid numbers")
            if len(value) // size + len(values) > _MOST_NUMBERS:
                raise Refused(f"a field contains more than {_MOST_NUMBERS} numbers")
            values += struct.unpack(f"<{len(value) // size}{letter}", value)
        return values

    def _as_bytes(self, number: int, wire: int, value: int | memoryview) -> memoryview:
        if wire != _BYTES or isinstance(value, int):
            raise Refused(f"the file is damaged: field {number} is of the wrong kind")
        return value

    def _plain(self, number: int, wire: int) -> None:
        """Refuse a single number in packed encoding; other parsers skip it and use the default."""
        found = self.found.get(number, [])
        self._single(number, len(found))
        if any(way != wire for way, _ in found):
            raise Refused(f"the file is damaged: field {number} is not a single number")

    def _single(self, number: int, count: int) -> None:
        if count > 1:
            raise Refused(
                f"field {number} of a message occurs {count} times, but may occur only once"
            )


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
        raise Refused("the file is damaged: a name is not text in UTF-8") from None
