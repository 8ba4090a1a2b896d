"""A damaged certificate is refused, or proves what it then claims; nothing else happens."""

import json
from functools import lru_cache

import numpy as np
import pytest

from cases import cases
from checker import second_checker
from checker.cells import least
from checker.certificates import certificate, pack_members, tight
from checker.damage import MANY, WAYS
from outrange.search.kernel.binding import library
from outrange_check.certificate import check
from outrange_check.network import Refused


pytestmark = pytest.mark.skipif(library() is None, reason="trees are written by the kernel")

SHAPES = [
    (2, (4, 4), 14), (2, (5, 4), 2), (3, (6, 5), 14), (2, (8, 8), 5), (3, (7,), 2),
    (2, (3, 3, 3), 3),
]  # fmt: skip


MADE = cases(6, 18)
"""Number of certificates that are damaged."""


@lru_cache
def original(seed):
    """Certificates of which some have leaves only, some have splits, some have two parts."""
    inputs, sizes, leaf_units = SHAPES[seed % len(SHAPES)]
    rng = np.random.default_rng(seed)
    return tight(certificate(rng, inputs, sizes, leaf_units, 1 + seed % 3 // 2))


def is_accepted(data, path):
    path.write_bytes(data)
    try:
        return check(str(path)).boxes > 0
    except Refused as refused:
        assert str(refused)
        return False


def judge(path):
    """Check an accepted file in fractions; with two inputs, also compare it cell by cell."""
    second_checker.check(path)
    claim, network = (second_checker.read_members(path)[i] for i in (0, 1))
    network = second_checker.network_of(json.loads(network))
    for part in json.loads(claim)["parts"]:
        box, goals, units = second_checker.part_of(network, part)
        for goal in goals if len(box) == 2 else ():
            assert goal.is_met(least(units, goal.form, box))


@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_certificate_is_refused_or_proves_what_it_claims(way, tmp_path):
    path, stood = tmp_path / "a.proof", 0
    count = MANY.get(way, 1) * cases(1, 10)
    for seed in range(count):
        rng = np.random.default_rng([seed, *way.encode()])
        members, other = original(seed % MADE), original((seed + 1 + seed // MADE) % MADE)
        data = WAYS[way](rng, members, other)
        if is_accepted(data, path):
            judge(path)
            stood += data != pack_members(members)
    print(f"{way}: {stood} of {count} still prove what they claim")


def test_undamaged_all_are_accepted(tmp_path):
    for seed in range(MADE):
        assert is_accepted(pack_members(original(seed)), tmp_path / "a.proof")
