"""Merged gates compute the same function, and their bounds are no looser."""

import numpy as np

from outrange.domains import bounds
from outrange.graph import Builder, Slot
from outrange.graph.rewrites.gates import merge_gates, simplify
from outrange.ops import Product


def gate(turned: bool):
    rng = np.random.default_rng(0)
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    z = b.curve("sigmoid", b.dense(x, rng.normal(size=(3, 4))))
    first, second = (b.curve("tanh", b.dense(x, rng.normal(size=(3, 4)))) for _ in range(2))
    rest = b.subtract(np.ones((1, 4)), z)
    parts = [b.multiply(z, first), b.multiply(second, rest)]
    y = b.add(*(parts[::-1] if turned else parts))
    return b.finish([b.dense(y, rng.normal(size=(4, 2)))], ["y"])


def products(graph):
    return sum(isinstance(node.op, Product) for node in graph.nodes)


def test_merged_gates_are_the_same_function_and_tighter():
    for turned in (False, True):
        graph = gate(turned)
        merged = simplify(graph)
        assert products(graph) == 2 and products(merged) == 1
        x = np.random.default_rng(1).normal(size=(50, 3))
        np.testing.assert_allclose(merged.run(x), graph.run(x), atol=1e-12)
        widths = []
        for each in (graph, merged):
            least, most = bounds(each, -np.ones(3), np.ones(3))[each.output]
            widths.append(most - least)
        assert (widths[1] < widths[0]).all()


def test_other_sums_stay():
    b = Builder([Slot("x", (4,)), Slot("z", (4,))])
    x, z = b.input_values()
    near = b.affine_map(z, -1.0, 1.0 + 2.0**-52)
    for rest in (near, b.affine_map(z, 1.0, 1.0), b.affine_map(x, -1.0, 1.0)):
        y = b.add(b.multiply(z, b.affine_map(x, 2.0)), b.multiply(rest, x))
        graph = b.finish([y], ["y"])
        assert products(merge_gates(graph)) == products(graph)
        weighted = b.combine((1, 2), [b.multiply(z, x), b.multiply(b.affine_map(z, -1.0, 1.0), x)])
        graph = b.finish([weighted], ["y"])
        assert products(merge_gates(graph)) == products(graph)


def _unroll(steps, units, features=2, seed=0):
    """Unroll a GRU with one product per gate, as Keras writes it, from a zero state."""
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (steps, features))])
    (x,) = b.input_values()
    h = np.zeros((1, units))
    for t in range(steps):
        now = b.reshape(b.structural(lambda a, t=t: a[0][:, t], [x]), (1, features))
        z = b.curve("sigmoid", b.add(
            b.dense(now, rng.normal(size=(features, units))),
            b.dense(h, rng.normal(size=(units, units)))))  # fmt: skip
        new = b.curve("tanh", b.dense(now, rng.normal(size=(features, units))))
        h = b.add(b.multiply(z, h), b.multiply(b.affine_map(z, -1.0, 1.0), new))
    return b.finish([h], ["state"])


def test_a_mixture_stays_in_the_hull_of_what_it_mixes():
    graph = _unroll(8, 3)
    lo, hi = -5.0 * np.ones(graph.size), 5.0 * np.ones(graph.size)
    least, most = bounds(simplify(graph), lo, hi)[-1]
    assert (least >= -1.0 - 1e-9).all() and (most <= 1.0 + 1e-9).all()
    before = bounds(graph, lo, hi, "intervals")[graph.output]
    assert before[1].max() > 2.0  # what it would be otherwise
    x = np.random.default_rng(1).uniform(lo, hi, (2000, graph.size))
    np.testing.assert_allclose(simplify(graph).run(x), graph.run(x), atol=1e-12)


def test_a_mixture_of_unknown_parts_is_left_alone():
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    z = b.curve("sigmoid", x)
    y = b.add(b.multiply(z, b.affine_map(x, 2.0)), b.multiply(b.affine_map(z, -1.0, 1.0), x))
    assert not any(node.op.name == "clip" for node in simplify(b.finish([y], ["y"])).nodes)
