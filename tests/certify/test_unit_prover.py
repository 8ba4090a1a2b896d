"""Trees over the signs of units: the checker accepts them, and a false claim has none."""

import numpy as np
import pytest

from certify.small_networks import checker_bounds, count_boxes, negate, small_network, values
from outrange.certify.provers.float_network import FloatNetwork
from outrange.certify.provers.tree_bytes import mask, multiplier, number
from outrange.certify.provers.unit_prover import prove_units
from outrange.certify.provers.unstable_units import UnstableUnits
from outrange.core import Box, Clock, OutOfTime
from outrange.core.clock import deadline
from outrange_check.certificate import largest
from outrange_check.curves import ONE_BITS
from outrange_check.network import Network, Refused
from outrange_check.tree import Proof


KINKS = [(0, 1), ("1/8", 1), (1, 0), (-1, 1)]


def _case(seed, slopes=(0, 1), radius=0.4):
    rng = np.random.default_rng(seed)
    network = small_network(rng, 6, [9, 7], "kink", outputs=2, slopes=slopes)
    center = rng.normal(size=6)
    box = Box(center - radius, center + radius)
    x = rng.uniform(box.lo, box.hi, (4000, 6))
    x[:2000] = np.where(rng.random((2000, 6)) < 0.5, box.lo, box.hi)
    y = values(network, x)
    goals = network.outputs + [negate(form) for form in network.outputs]
    seen = np.concatenate([y.min(axis=0), -y.max(axis=0)])
    return network, box, goals, seen, np.tile(np.ptp(y, axis=0), 2), y


@pytest.mark.parametrize("slopes", KINKS)
@pytest.mark.parametrize("seed", range(2))
def test_a_tree_is_accepted(slopes, seed):
    network, box, goals, seen, width, _ = _case(seed, slopes)
    claims = seen - 0.3 * width
    tree = prove_units(network, box, goals, claims + 1e-9)
    assert count_boxes(network, box, goals, claims, tree) == 1


@pytest.mark.parametrize("seed", range(2))
def test_no_tree_proves_a_false_claim(seed):
    network, box, goals, seen, width, _ = _case(seed)
    tree = prove_units(network, box, goals, seen - 0.3 * width)
    for k in range(len(goals)):
        claims = seen - 0.4 * width
        claims[k] = seen[k] + 1e-9
        with pytest.raises(Refused, match="not proved"):
            count_boxes(network, box, goals, claims, tree)


def test_the_largest_of_several_forms():
    network, box, _, _, _, y = _case(5)
    whole = Network(network.inputs, list(network.blocks), network.outputs)
    goal = largest(whole, network.outputs)
    least = y.max(axis=1).min()
    claim = least - 0.3 * np.ptp(y.max(axis=1))
    tree = prove_units(whole, box, [goal], np.array([claim + 1e-9]))
    assert count_boxes(whole, box, [goal], [claim], tree) == 1
    with pytest.raises(Refused):
        count_boxes(whole, box, [goal], [least + 1e-9], tree)


@pytest.mark.parametrize("name", ["kink", "tanh"])
def test_the_unstable_units_are_those_of_the_checker(name):
    rng = np.random.default_rng(7)
    network = small_network(rng, 5, [8, 8, 6], name, slopes=("1/16", 1))
    for radius in (1.0, 0.2, 0.02):
        lo, hi = np.full(5, 0.1 - radius), np.full(5, 0.1 + radius)
        exact = [part for part in checker_bounds(network, lo, hi) if part[2].any()]
        units = UnstableUnits(FloatNetwork(network), Box(lo, hi))
        for level, (low, high, is_open) in zip(units.levels, exact, strict=True):
            np.testing.assert_allclose(level.low, low[is_open], rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(level.high, high[is_open], rtol=1e-9, atol=1e-9)


def test_the_deadline_holds():
    network, box, goals, seen, _, _ = _case(1, radius=2.0)
    clock = Clock()
    with pytest.raises(OutOfTime), deadline(0.05):
        prove_units(network, box, goals, seen - 1e-9)
    assert clock.seconds < 2.0


def test_numbers_are_read_as_written():
    for value in (0, 1, 127, 128, 3**50):
        assert Proof(number(value)).number() == value
    assert Proof(mask([0, 9])).number() == 513
    for size in (0.0, 1e-30, 0.3, 1.0, 65535.9, 1e30):
        written, read = multiplier(size)
        assert Proof(written).multiplier() == int(read * ONE_BITS)
        assert 0.9999 * size <= read <= size
