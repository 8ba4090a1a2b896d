"""Memory of a check: it grows with the network and with the depth of a tree, not their product."""

import tracemalloc

import pytest

import outrange_check.bounds
import outrange_check.tree
from checker.by_hand import (
    BOUND,
    CASES,
    DECIDE,
    LINE,
    LINEAR,
    LINES,
    RELU,
    SPLIT,
    TIGHTEN,
    certificate,
    claim,
    network,
    refusal,
    words,
)  # fmt: skip
from outrange_check.bounds import Region
from outrange_check.curves import ONE_BITS
from outrange_check.tree import Proof, prove


UNIT = network(1, [(RELU, [{0: 1}])], [{1: 1}])


def peak(net, tree):
    """Bytes that following a tree needs beside the network; each claim is that a value is >= -9."""
    region = Region(net, [(0, ONE_BITS)] * net.inputs, net.outputs)
    todo = dict.fromkeys(region.goals, -9 * ONE_BITS)
    tracemalloc.start()
    try:
        prove(region, todo, Proof(bytes(tree)))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_path_shares_its_box():
    """A copy of the box takes 30 KB."""
    net, depth = network(1000, [], [{0: 1}]), 20
    for node in ([SPLIT, 0], [BOUND | SPLIT, 0]):
        assert peak(net, node * depth + LINES * (depth + 1)) < depth * 10_000


def test_a_path_shares_its_claims():
    """A copy of the claims takes 9 KB."""
    net, depth = network(1, [], [{0: 1}] * 301), 10
    leaf = [BOUND | LINEAR, *[255] * 42, 127]  # a mask of 301 ones
    memory = peak(net, [SPLIT, 0, *leaf, *leaf])
    assert peak(net, [SPLIT, 0] * depth + leaf * (depth + 1)) < memory + depth * 3_000


TREES = [
    (LINES, 5 + 8 + 7, 16),
    ([BOUND | SPLIT, 0, *LINES, *LINES], 20 + 7 + 8 + 5, 14 + (7 + 5) + (7 + 5 + 2)),
    ([CASES, 1, DECIDE, 0, 0, 0, 0, 0], 20 + 6, 14 + 2 * (6 + 2)),
    ([CASES, 1, DECIDE | TIGHTEN, 0, 0, 0, 0, 0], 20 + 6 + 8 + 5 + 2, 14 + (6 + 5 + 2) + (6 + 5)),
]
"""Trees about `UNIT`; the most numbers of a path, and all products and copies.

A copy of a region is that of two rows and two errors, of ranges, lines and slopes where there are
some, and of the claim at a node of boxes. Of a unit there are eight numbers and the words that they
take. A row that reads a settled unit is written anew: a product, and a number where its slope is 1.
"""


@pytest.mark.parametrize(("tree", "held", "work"), TREES)
def test_what_a_proof_may_take(tree, held, work, monkeypatch, tmp_path):
    monkeypatch.setattr(outrange_check.bounds, "MOST_HELD", held)
    monkeypatch.setattr(outrange_check.tree, "MOST_WORK", work)
    assert words(UNIT, [(-1, 1)], tree, claim(-9.0), folder=tmp_path) is None
    for module, name, most in (
        (outrange_check.bounds, "MOST_HELD", held),
        (outrange_check.tree, "MOST_WORK", work),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, most - 1)
            why = words(UNIT, [(-1, 1)], tree, claim(-9.0), folder=tmp_path)
            assert "products and copies, holds more than" in str(why)


def test_an_input_that_was_split_is_whole_again(tmp_path):
    """`y - x` is at least -1/2 in the lower half of x, and in the upper halves of both."""
    net = network(2, [], [{1: 1, 0: -1}])
    tree = [SPLIT, 0, SPLIT, 1, *LINES, *LINES, *LINES]
    for least, stands in ((-1 - 1e-9, True), (-0.5 - 1e-9, False)):
        why = words(net, [(0, 1), (0, 1)], tree, claim(least), folder=tmp_path)
        assert (why is None) == stands


def test_the_parts_of_a_certificate_share_their_work(monkeypatch, tmp_path):
    """One limit holds for all of them.

    Each part: a row and its term; a copy of it, its error and the claim; two ends of the inputs;
    the row's ends.
    """
    for parts, stands in ((3, True), (4, False)):
        monkeypatch.setattr(outrange_check.tree, "MOST_WORK", 3 * (2 + 3 + 2 + 1))
        more = [([(0, 1)], [claim(-9.0)])] * (parts - 1)
        members = certificate(LINE, [(0, 1)], LINES * parts, claim(-9.0), more=more)
        why = refusal(members, tmp_path)
        assert why is None if stands else "products and copies" in why
