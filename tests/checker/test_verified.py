"""The proved checker agrees with `outrange-check`, and refuses what is false, damaged or hostile.

The tests need the program that `make verified` builds, and are skipped without it.
"""

import io
import json
import zipfile
from collections import Counter
from functools import lru_cache

import numpy as np
import pytest

from cases import cases
from checker import by_hand
from checker.cells import least
from checker.certificates import MEMBERS, certificate, pack_members, tight
from checker.damage import WAYS, mangle
from checker.second_checker import network_of, part_of
from checker.second_tree import Bytes, boxes
from outrange.search.kernel.binding import library
from outrange_check import verified
from outrange_check.build import text
from outrange_check.certificate import check
from outrange_check.network import Network, Refused


def is_built():
    try:
        return bool(verified.find_program())
    except Refused:
        return False


pytestmark = [
    pytest.mark.skipif(not is_built(), reason="the proved checker is not built: make verified"),
    pytest.mark.skipif(library() is None, reason="trees are written by the kernel"),
]

SHAPES = [
    (2, (4, 4), 14), (2, (5, 4), 2), (3, (6, 5), 14), (2, (8, 8), 5), (3, (7,), 2),
    (2, (3, 3, 3), 3),
]  # fmt: skip


@lru_cache
def made(seed):
    """Return a certificate whose claims are as strong as its tree proves, up to rounding."""
    inputs, sizes, leaf_units = SHAPES[seed % len(SHAPES)]
    rng = np.random.default_rng(seed)
    return tight(certificate(rng, inputs, sizes, leaf_units, 1 + seed % 3 // 2))


def question_of(members):
    claim, network = json.loads(members["claim.json"]), members["network.json"].decode()
    return verified.format_question(claim, Network.parse(network)) + members["proof.bin"]


def is_accepted(members):
    return verified.ask_program(question_of(members)) == "CERTIFIED"


def changed(members, change):
    claim = json.loads(members["claim.json"])
    change(claim)
    return members | {"claim.json": json.dumps(claim).encode()}


@pytest.mark.parametrize("seed", range(cases(6, 18)))
def test_both_checkers_accept_a_sound_certificate(seed, tmp_path):
    path = tmp_path / "a.proof"
    path.write_bytes(pack_members(made(seed)))
    assert "accepts it" in verified.check_proved(*check(str(path)).evidence)


@pytest.mark.parametrize("step", [1e-9, 1e-5])
def test_an_end_moved_inwards_is_refused(step):
    for seed in range(cases(4, 18)):
        members = made(seed)
        assert is_accepted(members)
        for place, part in enumerate(json.loads(members["claim.json"])["parts"]):
            for i in range(len(part["claims"])):

                def move(claim, place=place, i=i):
                    end = claim["parts"][place]["claims"][i]["least"]
                    end[:] = [end[0] + step, (end[0] + step).hex()]

                assert not is_accepted(changed(members, move)), (seed, place, i)


@pytest.mark.parametrize("way", WAYS)
def test_the_proved_checker_alone_accepts_nothing_false(way):
    """Damaged certificates skip the check in Python; only its reader is in front of the program."""
    for seed in range(cases(1, 5)):
        rng = np.random.default_rng([seed, *way.encode()])
        data = WAYS[way](rng, made(seed % 6), made((seed + 1) % 6))
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = {name: archive.read(name) for name in MEMBERS}
            accepted = is_accepted(members)
        except Exception:  # whatever a damaged file makes the reader raise
            continue
        if accepted:
            judge(members)


def judge(members):
    """Check in fractions what was accepted; with two inputs, also cell by cell."""
    network = Network.parse(members["network.json"].decode())
    proof = Bytes(members["proof.bin"])
    for part in json.loads(members["claim.json"])["parts"]:
        box, goals, units = part_of(network_of(json.loads(text(network))), part)
        boxes(box, goals, units, proof)
        for goal in goals if len(box) == 2 else ():
            assert goal.is_met(least(units, goal.form, box))
    assert proof.at == len(proof.data)


def test_a_mutated_question_is_refused_cleanly():
    """Integers or bytes of a question change; the program answers, and does not crash."""
    rng, answers = np.random.default_rng(0), Counter()
    originals = [question_of(made(seed)) for seed in (0, 1, 2)]
    for i in range(cases(60, 1000)):
        original = originals[i % 3]
        head, tree = original.split(b"\n", 1)
        if i % 2:
            words = head.split(b" ")
            at = rng.integers(len(words))
            odd = [b"-1", b"0", b"f" * 4000, b"7fffffffffffffff", b"", b"-", b"zz", b"40000000"]
            words[at : at + rng.integers(2)] = [odd[rng.integers(len(odd))]]
            data = b" ".join(words) + b"\n" + tree
        else:
            data = mangle(rng, original)
        verdict = verified.ask_program(data)
        assert verdict == "CERTIFIED" or verdict.startswith("REFUSED: "), verdict
        answers[verdict] += 1
    assert len(answers) > 2, answers


HOSTILE = {
    "nothing": b"",
    "no end": b"1",
    "a count of all inputs": b"7fffffffffffffff 0 0 0\n",
    "a count that fits the length": b"4 4 4 4 4 4 4 4 4\n",
    "a denominator of 0": b"1 0 0 1 1 0 1 0\n",
    "no parts": b"1 0 0 0\n",
    "an integer without end": b"f" * 10_000_000,
    "blanks": b" " * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_question_is_refused(name):
    assert verified.ask_program(HOSTILE[name]).startswith("REFUSED: ")


def test_a_tree_without_end_is_refused_within_its_memory():
    members = made(1)
    for tree in (b"\x08\x00" * 500_000, b"\xff" * 1_000_000, b"\x04\x01" + b"\x01\x00" * 500_000):
        assert not is_accepted(members | {"proof.bin": tree})


def test_a_tree_that_splits_no_input_is_refused():
    members = by_hand.certificate(by_hand.LINE, [(0, 1)], by_hand.LINES, by_hand.claim(0.0))
    assert is_accepted(members)
    for tree in ([8, 127, *by_hand.LINES, *by_hand.LINES], [*by_hand.LINES, 0], [9, 0], []):
        assert not is_accepted(members | {"proof.bin": bytes(tree)})


def test_it_refuses_by_name_what_the_proof_does_not_cover():
    smooth = by_hand.network(1, [("tanh", [{0: 1}])], [{1: 1}])
    with pytest.raises(Refused, match="not the curve 'tanh'"):
        verified.format_question({"parts": []}, smooth)
    with pytest.raises(Refused, match="claims about growth"):
        verified.format_question({"parts": [{"by": 0}]}, by_hand.LINE)
