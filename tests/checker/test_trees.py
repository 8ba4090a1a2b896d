"""Trees by hand: each leaf has to prove its claim, and the leaves have to cover the box."""

import pytest
from flint import fmpq

from outrange_check.bounds import Region
from outrange_check.curves import ONE_BITS
from outrange_check.network import Block, Network, Refused
from outrange_check.tree import Proof, prove


BOUND, LINEAR, CASES, SPLIT, UNITS = 1, 2, 4, 8, 16
DECIDE, TIGHTEN, SHARES, VOID = 1, 2, 4, 8
HALF = [1, 0, 127]
"""The multiplier 1 * 2^-1."""


def net(forms, outputs, slopes=(0, 1), inputs=1):
    block = Block("kink", tuple(map(fmpq, slopes)), [dict(f) for f in forms])
    one = [{k: fmpq(v) for k, v in form.items()} for form in block.forms]
    out = [{k: fmpq(v) for k, v in form.items()} for form in outputs]
    return Network(inputs, [Block("kink", block.slopes, one)], out)


ABS = net([{0: 1}, {0: -1}], [{1: 1, 2: 1}, {1: 1, 2: 1, -1: 1}])
"""|x| as relu(x) + relu(-x), and |x| + 1."""

SUM = net([{0: 1, 1: 1}], [{2: 1, 0: -1, 1: -1}], inputs=2)
"""relu(x + y) - x - y, at least 0."""


def follow(network, tree, *least, box=(-1, 1)):
    ends = [tuple(v * ONE_BITS for v in box)] * network.inputs
    region = Region(network, ends, network.outputs)
    goals = {k: round(v * ONE_BITS) for k, v in zip(region.goals[: len(least)], least, strict=True)}
    proof = Proof(bytes(tree))
    prove(region, goals, proof)
    assert next(proof.data, None) is None
    return proof.boxes


LEAF = [BOUND | LINEAR, 1]


@pytest.mark.parametrize(
    ("network", "tree", "least", "boxes"),
    [
        (ABS, [BOUND | SPLIT, 0, *LEAF, *LEAF], [-1e-9], 3),
        (ABS, [SPLIT, 0, *LEAF, *LEAF], [-1e-9], 3),
        (ABS, [BOUND | LINEAR, 3], [-2.5, -1.5], 1),
        (ABS, [BOUND | LINEAR | SPLIT, 2, 0, *LEAF, *LEAF], [-1e-9, -1.5], 3),
        (ABS, [BOUND | LINEAR | SPLIT, 1, 0, *LEAF, *LEAF], [-2.5, 1 - 1e-9], 3),
        (
            ABS,
            [
                BOUND | CASES,
                1,
                DECIDE | TIGHTEN,
                0,
                0,
                0,
                DECIDE | TIGHTEN,
                1,
                0,
                1,
                0,
                1,
                0,
                128,
                0,
                0,
            ],
            [-1e-9],
            1,
        ),
        (
            ABS,
            [CASES, 1, DECIDE | TIGHTEN, 0, 0, 0, DECIDE | TIGHTEN, 1, 0, 1, 0, 1, 0, 128, 0, 0],
            [-1e-9],
            1,
        ),
        (SUM, [CASES, 1, SHARES, 255, 0], [-1e-9], 1),
    ],
)
def test_trees_that_prove_what_they_say(network, tree, least, boxes):
    assert follow(network, tree, *least) == boxes


@pytest.mark.parametrize(
    ("network", "tree", "least"),
    [
        (ABS, [BOUND | SPLIT, 0, *LEAF, *LEAF], [1e-9]),
        (ABS, [BOUND | SPLIT, 0, *LEAF], [-1e-9]),
        (ABS, [BOUND | SPLIT, 0, *LEAF, 0], [-1e-9]),
        (ABS, [BOUND | SPLIT, 1, *LEAF, *LEAF], [-1e-9]),
        (ABS, [BOUND | LINEAR, 1], [-2.5, -1.5]),
        (ABS, [BOUND | LINEAR, 0], [-2.5]),
        (ABS, [BOUND], [-2.5]),
        (ABS, [0], [-2.5]),
        (ABS, [BOUND | LINEAR, 1], [0.5]),
        (ABS, [BOUND | LINEAR | SPLIT, 1, 0, *LEAF, *LEAF], [-2.5]),
        (
            ABS,
            [
                BOUND | CASES,
                1,
                DECIDE | TIGHTEN,
                0,
                0,
                0,
                DECIDE | TIGHTEN,
                1,
                0,
                1,
                0,
                1,
                0,
                128,
                0,
                0,
            ],
            [1e-9],
        ),
        (ABS, [BOUND | CASES, 1, DECIDE | TIGHTEN, 0, 0, 0, 0, 0], [-1e-9]),
        (ABS, [BOUND | CASES, 1, DECIDE | TIGHTEN, 2, 0, 0, 0, 0], [-1e-9]),
        (ABS, [BOUND | CASES, 1, DECIDE | TIGHTEN, 0, VOID, 0, VOID, 0], [-1e-9]),
        (ABS, [BOUND | CASES, 1, DECIDE | TIGHTEN, 0, VOID, 0, 0, 0], [-1e-9]),
        (ABS, [BOUND | CASES, 1, DECIDE | TIGHTEN, 0, 0, 0, VOID, 0], [-1e-9]),
        (ABS, [BOUND | CASES, 1, VOID, 1, 0, *HALF], [-1e-9]),
        (ABS, [BOUND | CASES, 1, 0, 1, 0, *HALF], [-2.5]),
        (ABS, [BOUND | CASES, 1, *[DECIDE, 0] * 2, 0, 0, 0, 0, 0, 0], [-2.5]),
        (SUM, [BOUND | CASES, 1, SHARES, 0, 0], [-1e-9]),
        (ABS, [128] * 700, [-1e-9]),
        (ABS, [BOUND | LINEAR, *[255] * 700, 1], [-2.5]),
    ],
)
def test_trees_that_do_not(network, tree, least):
    with pytest.raises((Refused, StopIteration, KeyError, IndexError)):
        follow(network, tree, *least)


RAMP = net([{0: 1}, {0: 1, -1: 1}], [{1: 1, 2: -1}])
"""relu(x) - relu(x + 1): on [-1, 1] the second unit just touches its kink, and is settled."""


@pytest.mark.parametrize(
    ("tree", "least", "holds"),
    [
        # Unit 1 is decided, by the number it has in the network; then the one that is settled.
        ([2, 1, 2, DECIDE, 0, 0, 0, 0, 0], -1 - 1e-9, True),
        ([1, 1, DECIDE, 0, 0, 0, 0, 0], -1 - 1e-9, True),
        ([2, 2, 1, DECIDE, 0, DECIDE, 1, 0, 0, 0, 0, 0, 0], -1 - 1e-9, True),
        # Where x >= 0, twice x + 1 >= 0 of the settled unit is too much; none is enough.
        ([2, 1, 2, DECIDE, 1, 0, 1, 1, 0, 128, 128, 0, 0], -1 - 1e-9, False),
        ([2, 1, 2, SHARES, 0, 255, 0], -2 - 1e-9, True),
        ([2, 1, 2, SHARES, 0, 255, 0], -1 - 1e-9, False),
        ([1, 2, SHARES, 255, 0], -1 - 1e-9, True),
        ([1, 0, DECIDE, 0, 0, 0, 0, 0], -1 - 1e-9, False),
        ([1, 3, DECIDE, 0, 0, 0, 0, 0], -1 - 1e-9, False),
        ([1, 1, DECIDE, 1, 0, 0, 0, 0], -1 - 1e-9, False),
        ([2, 1, 1, DECIDE, 0, DECIDE, 1, 0, 0, 0, 0, 0, 0], -1 - 1e-9, False),
        ([1, 1, DECIDE, 0, 0, 0, 0, 0], -1 + 1e-9, False),
    ],
)
def test_units_may_be_named_by_a_list(tree, least, holds):
    tree = [BOUND | CASES | UNITS, 1, *tree]
    if holds:
        assert follow(RAMP, tree, least) == 1
    else:
        with pytest.raises((Refused, StopIteration, KeyError, IndexError)):
            follow(RAMP, tree, least)


def test_a_sign_is_used_the_right_way_round():
    """For x > 0, the multiplier 1 proves 0 >= -x; nothing larger is proved."""
    network = net([{0: 1}], [{0: 1}])
    tree = [BOUND | CASES, 1, DECIDE, 0, 0, 1, 0, 1, 0, 128, 0, 0]
    assert follow(network, tree, -1 - 1e-9) == 1
    with pytest.raises(Refused):
        follow(network, tree, -1 + 1e-6)
    with pytest.raises(Refused):  # below 0, x is no less than -1, and 2 x is
        follow(network, [*tree[:-2], 0, 1, 0, 1, 0, 128], -1 - 1e-9)


def test_no_input_is_left_where_two_signs_contradict_each_other():
    """relu(x) and relu(-x - 1/2): not both sums are above 0, as their sum shows."""
    both = net([{0: 1}, {0: -1, -1: fmpq(-1, 2)}], [{1: 1, 2: 1}])
    one = [1, 0, 128]
    void = [VOID, 2, 0, *one, 1, *one]
    tree = [BOUND | CASES, 1, DECIDE, 0, DECIDE, 1, *void, 0, 0, 0, 0]
    assert follow(both, tree, -1.5) == 1
    for worse in ([VOID, 1, 0, *one], [VOID, 2, 0, *one, 1, 1, 0, 127], [VOID, 0]):
        with pytest.raises(Refused):
            follow(both, [BOUND | CASES, 1, DECIDE, 0, DECIDE, 1, *worse, 0, 0, 0, 0], -1.5)
