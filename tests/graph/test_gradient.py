"""The surrogate slope at jumps in a gradient: for descents only, never for bounds."""

from dataclasses import replace

import numpy as np
import pytest

from outrange.graph import Builder, Slot
from outrange.graph.gradient import output_gradient, vector_jacobian_product
from outrange.ops import curve
from outrange.ops.lookup import lookup
from outrange.search.attack.pgd import FIRST, descend
from outrange.search.common.domain_boxes import DomainBoxes


def one_curve(op, size=1):
    """Return a graph of one curve; `op` is its name, or the curve itself."""
    b = Builder([Slot("x", (size,))])
    (x,) = b.input_values()
    graph = b.finish([b.curve("sign" if not isinstance(op, str) else op, x)], ["y"])
    if not isinstance(op, str):
        graph = replace(graph, nodes=(replace(graph.nodes[0], op=op),))
    return graph


def slopes(graph, x):
    values = graph.run_all(np.asarray(x, float))
    return vector_jacobian_product(graph, values, np.ones_like(values[-1]))


@pytest.mark.parametrize("name", ["floor", "ceil", "round"])
def test_a_staircase_has_its_mean_slope(name):
    op, x = curve(name), np.linspace(-20.3, 20.3, 7)[:, None]
    far = 1e6 * op.spacing
    mean = (op.f(np.array(far)) - op.f(np.array(-far))) / (2 * far)
    np.testing.assert_allclose(slopes(one_curve(name), x), mean, rtol=1e-5)


@pytest.mark.parametrize("name", ["sign", "heaviside"])
def test_a_jump_has_a_peak(name):
    op = curve(name)
    (knot,) = op.jumps
    x = knot + np.array([[-4.0, -1.0, -0.25, 0.0, 0.25, 1.0, 4.0]])
    (slope,) = slopes(one_curve(name, x.size), x)
    assert (slope > 0).all() and slope.argmax() == 3
    assert (np.diff(slope[:4]) > 0).all()
    np.testing.assert_allclose(slope, slope[::-1])
    # The peaks of a unit that stays far away are as wide: something is left of them.
    (far,) = slopes(one_curve(name, 2), [[knot + 100.0, knot + 110.0]])
    assert (far > 1e-4).all()


def test_a_falling_jump_has_a_falling_slope():
    op = curve("sign")
    down = replace(op, f=lambda x: -np.sign(x), rises=False)
    (slope,) = slopes(one_curve(down, 2), [[-1.0, 0.5]])
    assert (slope < 0).all()


def test_a_table_has_none():
    """Its rows have no order, so there is no slope from one to the next."""
    graph = one_curve(lookup([3.0, -1.0, 2.0, 9.0]))
    np.testing.assert_array_equal(slopes(graph, [[0.0], [1.0], [2.5]]), 0.0)


def sign_units(inputs=40, units=30):
    """Return a sum of signs; it is least where nearly all units agree with one direction."""
    rng = np.random.default_rng(0)
    b = Builder([Slot("x", (inputs,))])
    (x,) = b.input_values()
    hidden = b.curve("sign", b.dense(x, rng.normal(size=(inputs, units)), rng.normal(size=units)))
    return b.finish([b.dense(hidden, np.abs(rng.normal(size=(units, 1))))], ["y"])


def test_a_descent_finds_a_violation_that_random_points_miss():
    graph, rng = sign_units(), np.random.default_rng(1)
    box = DomainBoxes(-np.ones((1, 40)), np.ones((1, 40)), np.zeros(40, bool))
    x = rng.uniform(-1, 1, (20_000, 40))
    random = np.minimum(graph.run(x).min(), graph.run(np.sign(x)).min())
    steps = descend(output_gradient(graph), x[:8], np.zeros(8, int), box, FIRST)
    least = min(y.min() for _, y in steps)
    assert least < random - 1.0
