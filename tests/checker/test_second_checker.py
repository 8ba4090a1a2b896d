"""Two checkers that share nothing but a page of documentation say the same of certificates."""

import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cases import cases
from checker import second_checker
from checker.cells import least
from checker.certificates import MEMBERS, certificate, pack_members, tight
from outrange.search.kernel.binding import library
from outrange_check.build import text
from outrange_check.certificate import check
from outrange_check.network import Network, Refused


pytestmark = pytest.mark.skipif(library() is None, reason="trees are written by the kernel")

KINDS = [
    (2, (4, 4), 14), (3, (6, 5), 14), (2, (8, 8), 14), (2, (5, 4), 2), (3, (4, 4), 3),
    (2, (8, 8), 5), (3, (7,), 2), (2, (3, 3, 3), 4),
]  # fmt: skip


def make_certificate(seed):
    inputs, sizes, leaf_units = KINDS[seed % len(KINDS)]
    return certificate(np.random.default_rng(seed), inputs, sizes, leaf_units, 1 + seed % 5 // 4)


def save_members(members, tmp_path):
    path = tmp_path / "a.proof"
    path.write_bytes(pack_members(members))
    return str(path)


@pytest.mark.parametrize("seed", range(cases(8, 100)))
def test_both_accept_what_is_written(seed, tmp_path):
    members = make_certificate(seed)
    path = save_members(members, tmp_path)
    assert tuple(members) == MEMBERS
    assert check(path).boxes == second_checker.check(path)


@pytest.mark.parametrize("seed", range(cases(2, 24)))
def test_what_both_accept_is_true_without_any_bound(seed, tmp_path):
    sizes = ((4, 4), (5, 3), (3, 3, 3), (6,))[seed % 4]
    members = certificate(np.random.default_rng(1000 + seed), 2, sizes, 3)
    second_checker.check(save_members(members, tmp_path))
    network = second_checker.network_of(json.loads(members["network.json"]))
    for part in json.loads(members["claim.json"])["parts"]:
        box, goals, units = second_checker.part_of(network, part)
        for goal in goals:
            assert goal.is_met(least(units, goal.form, box))


@pytest.mark.parametrize("seed", range(cases(4, 24)))
def test_neither_accepts_more_than_is_true(seed, tmp_path):
    """Raise a claim bit by bit above the same tree, until it is false."""
    members = certificate(np.random.default_rng(2000 + seed), 2, (4, 4), 14)
    network = second_checker.network_of(json.loads(members["network.json"]))
    part = json.loads(members["claim.json"])["parts"][0]
    box, goals, units = second_checker.part_of(network, part)
    for index, goal in enumerate(goals):
        low = float(least(units, goal.form, box))
        for number in (low - 1e-9, np.nextafter(low, -np.inf), low, np.nextafter(low, np.inf)):
            raised = json.loads(members["claim.json"])
            bound = raised["parts"][0]["claims"][index]
            bound["least"] = [float(number), float(number).hex()]
            path = save_members(members | {"claim.json": json.dumps(raised).encode()}, tmp_path)
            verdicts = [accepts(check, path), accepts(second_checker.check, path)]
            assert verdicts[1] >= verdicts[0], "the exact checker is the one that may accept more"
            if verdicts[0] or verdicts[1]:
                assert least(units, goal.form, box) >= Fraction(float(number))


@pytest.mark.parametrize("seed", range(cases(3, 36)))
def test_every_rounding_is_paid_for(seed, tmp_path):
    """Weights of sizes that 80 binary places hardly hold; claims at the last proved float."""
    sizes = ((4, 4), (6, 5), (3, 3, 3))[seed % 3]
    rng = np.random.default_rng(3000 + seed)
    members = certificate(rng, 2 + seed % 2, sizes, (14, 3)[seed // 3 % 2], scale=8)
    path = save_members(members, tmp_path)
    if not accepts(second_checker.check, path):  # the writer took a unit near its kink for open
        assert not accepts(check, path)
        return
    edge = json.loads(tight(members)["claim.json"])["parts"][0]["claims"]
    for index, bound in enumerate(edge):
        for number in (bound["least"][0], np.nextafter(bound["least"][0], np.inf)):
            claim = json.loads(members["claim.json"])
            claim["parts"][0]["claims"][index]["least"] = [float(number), float(number).hex()]
            path = save_members(members | {"claim.json": json.dumps(claim).encode()}, tmp_path)
            assert accepts(second_checker.check, path) or not accepts(check, path)


def accepts(checker, path):
    try:
        checker(path)
    except (Refused, second_checker.Refused):
        return False
    return True


def test_the_certificate_of_the_page_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "certificates.md").read_text(encoding="utf-8")
    claim, network = re.findall(r"```json\n(.*?)\n```", page, re.DOTALL)
    (tree,) = re.findall(r"```text\n((?:[0-9a-f]{2} ?)+)\n```", page)
    members = (claim.encode(), network.encode(), bytes.fromhex(tree))
    path = save_members(dict(zip(MEMBERS, members, strict=True)), tmp_path)
    assert check(path).boxes == second_checker.check(path) == 1
    assert text(Network.parse(network)) == network
