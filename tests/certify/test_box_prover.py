"""Trees of box splits: the checker accepts them, and a false claim has none."""

import numpy as np
import pytest

from certify.small_networks import (
    CURVES,
    checker_bounds,
    count_boxes,
    negate,
    small_network,
    to_fixed_point,
    values,
)
from outrange.certify.provers.box_prover import prove_boxes
from outrange.certify.provers.float_bounds import FloatBounds
from outrange.certify.provers.float_lines import float_lines
from outrange.certify.provers.float_network import FloatNetwork
from outrange.core import Box, Clock, OutOfTime
from outrange.core.clock import deadline
from outrange_check.build import curve, entries
from outrange_check.curves import ONE_BITS, curve as checker_curve, lines
from outrange_check.network import Network, Refused


def _case(name, seed=0):
    rng = np.random.default_rng(seed)
    network = small_network(rng, 2, [5, 4], name, outputs=2)
    box = Box([-0.5, -0.3], [0.4, 0.5])
    axes = [np.linspace(a, b, 60) for a, b in zip(box.lo, box.hi, strict=True)]
    y = values(network, np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2))
    goals = network.outputs + [negate(form) for form in network.outputs]
    seen = np.concatenate([y.min(axis=0), -y.max(axis=0)])
    return network, box, goals, seen, np.tile(np.ptp(y, axis=0), 2)


@pytest.mark.parametrize("name", CURVES)
def test_a_tree_is_accepted(name):
    network, box, goals, seen, width = _case(name)
    claims = seen - 0.02 * width
    tree = prove_boxes(network, box, goals, claims + 1e-6 * width)
    assert count_boxes(network, box, goals, claims, tree) == 2 * tree.count(bytes([3, 15])) - 1


@pytest.mark.parametrize("name", CURVES)
def test_no_tree_proves_a_false_claim(name):
    network, box, goals, seen, width = _case(name)
    tree = prove_boxes(network, box, goals, seen - 0.02 * width)
    for k in range(len(goals)):
        claims = seen - 0.03 * width
        claims[k] = seen[k] + 1e-9 * width[k]
        with pytest.raises(Refused, match="not proved"):
            count_boxes(network, box, goals, claims, tree)


@pytest.mark.parametrize("name", CURVES)
def test_its_bounds_are_those_of_the_checker(name):
    rng = np.random.default_rng(3)
    network = small_network(rng, 3, [4, 4], name)
    net = FloatNetwork(network)
    for radius in (1.0, 0.3, 0.01):
        center = rng.normal(size=3)
        lo, hi = center - radius, center + radius
        bounds = FloatBounds(net, lo[None], hi[None])
        for k, (low, high, is_open) in enumerate(checker_bounds(network, lo, hi)):
            room = 1e-9 * (1 + np.abs(low) + np.abs(high))
            # The checker does not bound a decided kink through lines.
            inside = (bounds.low[k][0] <= low + room) & (bounds.high[k][0] >= high - room)
            assert inside[is_open].all()
            if name != "kink":
                np.testing.assert_allclose(bounds.low[k][0], low, rtol=1e-9, atol=1e-9)
                np.testing.assert_allclose(bounds.high[k][0], high, rtol=1e-9, atol=1e-9)


def test_a_false_claim_has_no_tree():
    network, box, goals, seen, width = _case("tanh")
    assert prove_boxes(network, box, goals, seen + 1e-3 * width) is None


def test_the_deadline_holds():
    network, box, goals, seen, width = _case("tanh")
    clock = Clock()
    with pytest.raises(OutOfTime), deadline(0.05):
        prove_boxes(network, box, goals, seen - 1e-9 * width)
    assert clock.seconds < 2.0


def test_a_box_that_cannot_be_halved_has_no_tree():
    network, _, goals, seen, width = _case("tanh")
    point = Box([0.1, 0.2], [0.1, 0.2])
    assert prove_boxes(network, point, goals, seen + 10 * width) is None


@pytest.mark.parametrize("slopes", [(0, 1), (1, 0), ("1/8", 2)])
@pytest.mark.parametrize("ends", [(-1, 1), (-1, 0.9995), (-1, 0.998), (-0.3, 2), (-2, 0.3)])
def test_the_lines_about_a_kink_are_those_of_the_checker(slopes, ends):
    network = Network(1)
    curve(network, "kink", entries(network), slopes)
    exact = lines(checker_curve(network.blocks[0]), *(to_fixed_point(v, False) for v in ends))
    low, high = np.array([float(ends[0])]), np.array([float(ends[1])])
    float_result = float_lines(FloatNetwork(network).blocks[0], low, high)
    np.testing.assert_allclose(np.ravel(float_result), [v / ONE_BITS for v in exact], atol=1e-12)
