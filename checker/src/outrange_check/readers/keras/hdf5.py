"""Reader of HDF5 files as h5py writes them by default: groups with symbol tables, and arrays.

Only the first version of the format is read (superblock 0, object headers 1, B-trees 1). Every
address is looked up in the bytes of the file, and no address is followed twice. Chunks and filters,
which Keras does not write, are refused, because the location of a chunk depends on the keys of a
tree that may be forged.
"""

import struct
from typing import Any

from ...build import exact
from ...network import Refused
from ..tensors import Tensor, size


_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SYMBOLS, _SPACE, _TYPE, _LAYOUT, _FILTERS, _CONTINUED = 0x11, 0x1, 0x3, 0x8, 0xB, 0x10
_READ = {_SYMBOLS, _SPACE, _TYPE, _LAYOUT, _FILTERS}
_ATTRIBUTES = {0xC, 0x15}
_HARMLESS = {0x0, 0x4, 0x5, 0xC, 0xE, 0x12, 0x15, 0x16}
"""Messages that are ignored: fill values, attributes, times, counts. Any other unknown message
might say that the data are stored elsewhere."""

_ELSEWHERE = "_layer_checkpoint_dependencies"
_MOST_MESSAGES, _MOST_LEVELS, _MOST_ENTRIES = 1024, 16, 1 << 20
_MOST_NAMES, _MOST_NAME = 1 << 20, 1 << 10

_TYPES = {
    bytes.fromhex("11201f00 04000000 00002000 17080017 7f000000"): ("f", 4),
    bytes.fromhex("11200f00 02000000 00001000 0a05000a 0f000000"): ("e", 2),
}
"""The HDF5 description of each supported type: little-endian IEEE 754 numbers.

float64 is not supported, because Keras would round it to float32 when it loads the file.
"""

Messages = dict[int, list[memoryview]]


class Hdf5:
    """An HDF5 file in memory.

    Args:
        data: All bytes of the file.

    Raises:
        Refused: The bytes are not an HDF5 file, or its version is not supported.
    """

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        if bytes(data[:8]) != _SIGNATURE:
            raise Refused("the weights are not an HDF5 file")
        versions = bytes(self._bytes(8, 8))
        if versions[0] != 0 or versions[5] != 8 or versions[6] != 8:
            raise Refused("the weights are an HDF5 file of an unsupported version")
        if self._numbers(24, "Q") != (0,):
            raise Refused("the addresses in the HDF5 file are not relative to its first byte")
        self._groups: dict[int, dict[str, int] | None] = {}
        self._stated: dict[int, tuple[int, int]] = {}
        self._room = _MOST_ENTRIES
        _, self._root = self._entry(56)
        if _ELSEWHERE in (self._group(self._root) or {}):
            raise Refused(
                f"the weights file has a group `{_ELSEWHERE}`, which Keras may read instead"
            )

    def members(self, path: str) -> list[str]:
        """Return the names in a group, sorted; [] if there is no such group."""
        where = self._find(path)
        return sorted(self._group(where) or {}) if where is not None else []

    def array(self, path: str) -> Tensor:
        """Return the exact numbers of a dataset.

        Raises:
            Refused: There is no such dataset, or its format is not supported.
        """
        where = self._find(path)
        if where is None:
            raise Refused(f"the weights file does not contain `{path}`")
        messages = self._messages(where)
        if messages.keys() & _ATTRIBUTES:  # by one Keras rounds the numbers to bfloat16
            raise Refused(f"`{path}` has attributes, which are not supported")
        shape = _shape(_one(messages, _SPACE))
        kind = bytes(_one(messages, _TYPE))[:20]
        if kind not in _TYPES:
            raise Refused(f"`{path}` contains numbers of an unsupported type")
        letter, width = _TYPES[kind]
        raw = self._raw(messages, shape, width)
        values = struct.unpack(f"<{size(shape)}{letter}", raw)
        return Tensor(shape, [exact(v) for v in values], "real")

    def _bytes(self, at: int, count: int) -> memoryview:
        if count < 0 or at + count > len(self._data):
            raise Refused("the HDF5 file is damaged or truncated")
        return self._data[at : at + count]

    def _numbers(self, at: int, form: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{form}", self._bytes(at, struct.calcsize(f"<{form}")))

    def _spend(self, count: int) -> None:
        self._room -= count
        if self._room < 0:
            raise Refused(f"the HDF5 file has more than {_MOST_ENTRIES} entries")

    def _find(self, path: str) -> int | None:
        where: int | None = self._root
        for name in path.split("/"):
            found = None if where is None else self._group(where)
            where = None if found is None else found.get(name)
        return where

    def _messages(self, at: int) -> Messages:
        """Return the messages of the object header at an address, by type."""
        version, _, count, _, room = self._numbers(at, "BBHII")
        if version != 1 or count > _MOST_MESSAGES:
            raise Refused("an object in the HDF5 file has an unsupported header")
        found: Messages = {}
        blocks, seen = [(at + 16, room)], 0
        while blocks and seen < count:
            at, room = blocks.pop(0)
            end = at + room
            self._bytes(at, room)
            while at + 8 <= end and seen < count:
                kind, length, flags = self._numbers(at, "HHB")
                body = self._bytes(at + 8, length)
                at, seen = at + 8 + length, seen + 1
                if kind == _CONTINUED:
                    blocks.append(struct.unpack("<QQ", body[:16]))
                elif kind not in _HARMLESS and (kind not in _READ or flags & 2):
                    raise Refused(
                        f"the HDF5 file contains an unsupported header message (type {kind})"
                    )
                found.setdefault(kind, []).append(body)
        return found

    def _group(self, at: int) -> dict[str, int] | None:
        """Return the address of each object in a group by name; None if the object is no group."""
        if at not in self._groups:
            messages = self._messages(at)
            self._groups[at] = self._table(at, messages) if _SYMBOLS in messages else None
        return self._groups[at]

    def _table(self, at: int, messages: Messages) -> dict[str, int]:
        tree, heap = struct.unpack("<QQ", _one(messages, _SYMBOLS)[:16])
        if self._stated.get(at, (tree, heap)) != (tree, heap):
            raise Refused("the HDF5 file describes a group in two ways")
        if bytes(self._bytes(heap, 4)) != b"HEAP":
            raise Refused("the HDF5 file is damaged: a group has no names")
        length, _, first = self._numbers(heap + 8, "QQQ")
        if length > _MOST_NAMES:
            raise Refused("a group in the HDF5 file has too many names")
        names = bytes(self._bytes(first, length))
        found: dict[str, int] = {}
        for leaf in self._leaves(tree):
            mark, _, _, count = self._numbers(leaf, "4sBBH")
            if mark != b"SNOD":
                raise Refused("the HDF5 file is damaged: a group has no entries")
            self._spend(count)
            for i in range(count):
                start, where = self._entry(leaf + 8 + 40 * i)
                end = names.find(b"\0", start, start + _MOST_NAME)
                name = names[start : max(end, 0)].decode("utf-8", "replace")
                if end < 0 or name in found:
                    raise Refused("the HDF5 file contains an unsupported link")
                found[name] = where
        return found

    def _entry(self, at: int) -> tuple[int, int]:
        """Return where an entry's name starts in the heap, and the address of its object.

        An entry for a group repeats the addresses of the group's table, which must always be the
        same.
        """
        start, where, kind, _, tree, heap = self._numbers(at, "QQIIQQ")
        if kind == 1 and self._stated.setdefault(where, (tree, heap)) != (tree, heap):
            raise Refused("the HDF5 file describes a group in two ways")
        if kind > 1:
            raise Refused("the HDF5 file contains an unsupported link")
        return start, where

    def _leaves(self, root: int) -> list[int]:
        """Return the addresses of a group's symbol tables, the leaves of its B-tree, in order."""
        level, seen = [root], set()
        for _ in range(_MOST_LEVELS):
            found: list[int] = []
            depths: set[int] = set()
            for at in level:
                mark, own, depth, count = self._numbers(at, "4sBBH")
                if mark != b"TREE" or own != 0 or at in seen:
                    raise Refused("the HDF5 file is damaged: a B-tree has an invalid node")
                seen.add(at)
                depths.add(depth)
                self._spend(1 + count)
                found += [self._numbers(at + 32 + 16 * i, "Q")[0] for i in range(count)]
            if depths <= {0}:
                return found
            if 0 in depths:
                break
            level = found
        raise Refused("the HDF5 file is damaged: a B-tree does not end")

    def _raw(self, messages: Messages, shape: tuple[int, ...], width: int) -> bytes:
        """Return the bytes of a dataset, row-major."""
        layout = _one(messages, _LAYOUT)
        if len(layout) < 2 or layout[0] != 3 or layout[1] not in (0, 1) or _FILTERS in messages:
            raise Refused("a dataset in the HDF5 file is laid out in an unsupported way")
        count = size(shape) * width
        if layout[1] == 0:
            (length,) = struct.unpack("<H", layout[2:4])
            raw = layout[4 : 4 + length]
        else:
            at, length = struct.unpack("<QQ", layout[2:18])
            raw = self._bytes(at, length) if count else memoryview(b"")
        if len(raw) != count:
            raise Refused("the size of a dataset in the HDF5 file does not match its shape")
        return bytes(raw)


def _one(messages: Messages, kind: int) -> memoryview:
    found = messages.get(kind, [])
    if len(found) != 1:
        raise Refused("an object in the HDF5 file lacks a header message, or repeats one")
    return found[0]


def _shape(message: memoryview) -> tuple[int, ...]:
    version, rank = message[0], message[1]
    start = {1: 8, 2: 4}.get(version)
    if start is None or (version == 2 and message[3] == 2) or len(message) < start + 8 * rank:
        raise Refused("the shape of a dataset in the HDF5 file is not supported")
    shape = struct.unpack(f"<{rank}Q", message[start : start + 8 * rank])
    size(shape)
    return shape
