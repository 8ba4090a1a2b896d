"""Files made to crash, hang or exhaust the checker are refused, like all that prove nothing."""

import io
import json
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from cases import cases
from checker.by_hand import LINES, certificate as by_hand, claim
from checker.certificates import certificate, pack_members, seal_members
from outrange.search.kernel.binding import library
from outrange_check.certificate import check
from outrange_check.network import Refused


pytestmark = pytest.mark.skipif(library() is None, reason="trees are written by the kernel")

DIGITS = b"9" * 1_000_000
DEEP = 200_000


@pytest.fixture(scope="module")
def sound():
    return certificate(np.random.default_rng(0))


def least(decimal, written=b"0x1.0000000000000p+0"):
    """The first `least` is another pair."""
    pair = b'"least": [' + decimal + b', "' + written + b'"], "was": ['
    return lambda members: (
        members | {"claim.json": members["claim.json"].replace(b'"least": [', pair, 1)}
    )


def raw(name, text):
    return lambda members: sealed_if(name, members | {name: text})


def sealed_if(name, members):
    return seal_members(members) if name == "network.json" else members


def network(**changes):
    def change_members(members):
        net = json.loads(members["network.json"]) | changes
        return seal_members(members | {"network.json": json.dumps(net).encode()})

    return change_members


def slopes(*pair):
    def change_members(members):
        net = json.loads(members["network.json"])
        for block in net["blocks"]:
            block["slopes"] = list(pair)
        return seal_members(members | {"network.json": json.dumps(net).encode()})

    return change_members


def about(text):
    return lambda members: (
        members
        | {
            "claim.json": members["claim.json"].replace(
                b'"about": {', b'"about": {"x":' + text + b","
            )
        }
    )


HOSTILE = {
    "a million digits": least(DIGITS),
    "a float of a million digits": least(b"1." + DIGITS),
    "an exponent of a million digits": least(b"1e" + DIGITS),
    "an integer beyond floats": least(b"9" * 4000),
    "NaN": least(b"NaN", b"nan"),
    "Infinity": least(b"-Infinity", b"-inf"),
    "true": least(b"true"),
    "null": raw("claim.json", b"null"),
    "a list": raw("claim.json", b"[]"),
    "not UTF-8": raw("claim.json", b"\xff\xfe\x00"),
    "nothing": raw("claim.json", b""),
    "a network of null": raw("network.json", b"null"),
    "a network of text": raw("network.json", b'"inputs"'),
    "a network that is not UTF-8": raw("network.json", b"\xff" * 1000),
    "a million digits as denominator": network(outputs={"over": 10**4000, "rows": [[[-1, 1]]] * 2}),
    "over 0": network(outputs={"over": 0, "rows": [[[-1, 1]]] * 2}),
    "over -1": network(outputs={"over": -1, "rows": [[[-1, 1]]] * 2}),
    "a weight of NaN": network(outputs={"over": 1, "rows": [[[0, float("nan")]]] * 2}),
    "a weight of 4000 digits": network(outputs={"over": 1, "rows": [[[0, 10**4000]]] * 2}),
    "-1 inputs": network(inputs=-1),
    "10^18 inputs": network(inputs=10**18),
    "true inputs": network(inputs=True),
    "2.0 inputs": network(inputs=2.0),
    "no slopes": slopes(),
    "slopes of NaN": slopes("nan", "0"),
    "slopes over 0": slopes("1/0", "0"),
    "slopes of a power": slopes("1e1000000000", "0"),
    "slopes of floats": slopes(0.5, 0.0),
    "slopes of thirds": slopes("1/3", "1"),
    "a tree of ones": raw("proof.bin", b"\xff" * 1_000_000),
    "a tree of zeros": raw("proof.bin", b"\0" * 1_000_000),
    "no tree": raw("proof.bin", b""),
    "splits without end": raw("proof.bin", b"\x08\x00" * 100_000),
    "decisions without end": raw("proof.bin", b"\x04\x01" + b"\x01\x00" * 1_000_000),
    "2^56 multipliers": raw("proof.bin", b"\x04\x01\x00" + b"\xff" * 7 + b"\x01" + b"\0" * 10**6),
    "a mask of 3500 bits": raw("proof.bin", b"\x02" + b"\xff" * 500 + b"\x01"),
    "a zip bomb": raw("proof.bin", b"\0" * (300 << 20)),
}

RECURSIVE = {
    "a deep claim": raw("claim.json", b"[" * DEEP),
    "a deep claim of objects": raw("claim.json", b'{"a":' * DEEP),
    "a deep network": raw("network.json", b"[" * DEEP + b"]" * DEEP),
    "deep words": about(b"[" * DEEP + b"]" * DEEP),
}

SLOW = {"slopes of a million digits": slopes("1" + "0" * 1_000_000, "0")}


def refusal_text(members, tmp_path):
    path = tmp_path / "a.proof"
    path.write_bytes(pack_members(members))
    with pytest.raises(Refused) as refusal:
        check(str(path))
    return str(refusal.value)


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused(name, sound, tmp_path):
    refusal_text(HOSTILE[name](sound), tmp_path)


PLACES = [
    pytest.param(least(b"1.0", b"%s"), id="number"),
    pytest.param(
        lambda m: m | {"claim.json": m["claim.json"].replace(b'"0": [', b'"%s": [', 1)},
        id="output",
    ),
]

WORDS = {
    "line": b"\\nCERTIFIED",
    "escapes": b"\\u001b[2K\\rCERTIFIED",
    "long": b"0" * 1_000_000,
}


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("place", PLACES)
def test_no_file_puts_words_into_the_mouth_of_the_checker(words, place, sound, tmp_path):
    members = place(sound)
    members["claim.json"] = members["claim.json"].replace(b"%s", WORDS[words])
    text = refusal_text(members, tmp_path)
    assert text.isprintable()
    assert len(text) < 1000


@pytest.mark.parametrize("name", RECURSIVE)
def test_what_is_deep_is_refused(name, sound, tmp_path):
    refusal_text(RECURSIVE[name](sound), tmp_path)


@pytest.mark.parametrize("name", SLOW)
def test_what_is_long_is_refused(name, sound, tmp_path):
    refusal_text(SLOW[name](sound), tmp_path)


@pytest.mark.parametrize("pairs", [
    lambda m: [*m.items(), ("proof.bin", m["proof.bin"])],
    lambda m: [*m.items(), ("claim.json", m["claim.json"])],
    lambda m: list(m.items())[:2],
    lambda m: [(name.upper(), data) for name, data in m.items()],
    lambda m: [("./" + name, data) for name, data in m.items()],
    lambda m: [*m.items(), ("proof.bin/", b"")],
], ids=["tree twice", "claim twice", "no tree", "upper", "in a folder", "folder"])  # fmt: skip
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_other_members_are_refused(pairs, sound, tmp_path):
    refusal_text(pairs(sound), tmp_path)


def lying(members, method, count):
    """An archive whose claim unpacks to `count` MiB, where its directory says 100 bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("claim.json", b" " * (count << 20))
        for name in ("network.json", "proof.bin"):
            archive.writestr(name, members[name])
    data = bytearray(out.getvalue())
    entry = data.index(b"PK\1\2")
    data[entry + 24 : entry + 28] = struct.pack("<I", 100)
    return bytes(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_no_more_is_unpacked_than_is_declared(method, sound, tmp_path):
    path = tmp_path / "a.proof"
    path.write_bytes(lying(sound, method, cases(16, 256)))
    tracemalloc.start()
    try:
        with pytest.raises(Refused):
            check(str(path))
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_are_stored_or_deflated(method, sound, tmp_path):
    path = tmp_path / "a.proof"
    for other, stands in (
        (zipfile.ZIP_STORED, True),
        (zipfile.ZIP_DEFLATED, True),
        (method, False),
    ):
        with zipfile.ZipFile(path, "w", other) as archive:
            for name, data in sound.items():
                archive.writestr(name, data)
        if stands:
            check(str(path))
        else:
            with pytest.raises(Refused, match="stored or deflated"):
                check(str(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files here")
def test_what_is_no_regular_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/dev/zero")
    for path in (tmp_path / "fifo", tmp_path / "link", tmp_path, "/dev/zero"):
        with pytest.raises(Refused, match="not a regular file"):
            check(str(path))


@pytest.mark.parametrize("attained", [False, True])
@pytest.mark.parametrize(("depth", "digits"), [(300, 4200), (1200, 4200), (300, 200)])
def test_numbers_do_not_grow_without_end(depth, digits, attained, tmp_path):
    """A chain of units, each with a long coefficient."""
    chain = [
        {"curve": "kink", "slopes": ["0", "1"], "forms": {"over": 1, "rows": [[[k, 10**digits]]]}}
        for k in range(depth)
    ]
    outputs = {"over": 1, "rows": [[[depth, 1]]]}
    text = json.dumps({"inputs": 1, "blocks": chain, "outputs": outputs}).encode()
    bound = claim(-1.0, attained=([-1.0], 0.0) if attained else None)
    bound = refusal_text(by_hand(text, [(-1, 1)], LINES, bound), tmp_path)
    assert "bits" in bound
