"""Trees of the compiled prover: goals in groups of eight, units in rows of any number."""

import numpy as np
import pytest

from certify.small_networks import count_boxes, dense, negate, small_network, values
from outrange.certify.prove import Goal, prove_box
from outrange.core import Box
from outrange.search.kernel.binding import library
from outrange.search.kernel.prover import LEAF_UNITS, KinkBlock, TreeProver
from outrange_check.build import curve, entries
from outrange_check.network import Network


pytestmark = pytest.mark.skipif(library() is None, reason="no kernel was compiled")

SLOPES = [(0, 1), ("1/8", 1), (1, 0), (-1, 1)]


def _case(seed, slopes, outputs, build=small_network):
    rng = np.random.default_rng(seed)
    network = build(rng, 3, [13, 9], "kink", outputs=outputs, slopes=slopes)
    box = Box(np.full(3, -1.0), np.full(3, 1.0))
    x = rng.uniform(-1.3, 1.3, (20000, 3)).clip(-1, 1)  # many at faces and corners
    y = values(network, x)
    forms = network.outputs + [negate(form) for form in network.outputs]
    seen = np.concatenate([y.min(axis=0), -y.max(axis=0)])
    return network, box, forms, seen, np.tile(np.ptp(y, axis=0), 2)


def residual_network(rng, inputs, widths, name, outputs, slopes):
    """Build layers each of which reads all before it."""
    network = Network(inputs)
    forms = entries(network)
    for width in widths:
        forms = forms + curve(network, name, dense(rng, forms, width, True), slopes)
    network.outputs = dense(rng, forms, outputs, False)
    return network


@pytest.mark.parametrize("slopes", SLOPES)
@pytest.mark.parametrize("outputs", [1, 4, 9])
def test_a_tree_proves_every_goal(outputs, slopes):
    network, box, forms, seen, width = _case(outputs, slopes, outputs)
    claims = seen - 0.05 * width
    goals = [Goal([f], float(c), float(w)) for f, c, w in zip(forms, claims, width, strict=True)]
    tree = prove_box(network, box, goals)
    assert count_boxes(network, box, forms, claims, tree) > 1


@pytest.mark.parametrize("seed", range(3))
def test_layers_may_be_skipped(seed):
    network, box, forms, seen, width = _case(seed, SLOPES[seed], 2, residual_network)
    claims = seen - 0.05 * width
    goals = [Goal([f], float(c), float(w)) for f, c, w in zip(forms, claims, width, strict=True)]
    tree = prove_box(network, box, goals)
    assert count_boxes(network, box, forms, claims, tree) > 1


def test_a_false_goal_among_others_is_not_proved():
    network, box, forms, seen, width = _case(0, (0, 1), 9)
    claims = seen - 0.1 * width
    claims[13] = seen[13] + 0.01 * width[13]
    goals = [Goal([f], float(c), float(w)) for f, c, w in zip(forms, claims, width, strict=True)]
    assert prove_box(network, box, goals) is None


def test_cases_decide_what_weighs_most():
    """Decide the signs of `relu(x) - relu(x - 1/2)` in full before its copies in thousandths."""
    pairs = LEAF_UNITS // 2
    weights = np.zeros((2 * pairs, 1 + pairs))
    for i in range(2 * pairs):
        weights[i, 1 + i // 2], weights[i, 0] = 1.0, -0.5 * (i % 2)
    goal = np.zeros((1, 1 + 3 * pairs))
    goal[0, 1 + pairs :] = np.tile([1e-3, -1e-3], pairs)
    goal[0, -2:] = 1.0, -1.0
    block = KinkBlock(1 + pairs, 0.0, 1.0, np.arange(1 + pairs), weights)
    prover = TreeProver(pairs, [block], goal, np.array([-0.01]), np.ones(1))
    prover.begin(np.full(pairs, -1.0), np.full(pairs, 1.0))
    assert prover.run(1000) == 1
    boxes, leaves, programs = prover.tree()[1]
    assert boxes == leaves == 1 and programs <= 7
