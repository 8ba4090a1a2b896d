"""Elementwise sub-graphs of one tensor become single curves, and nothing else changes."""

import numpy as np
import pytest

from cases import cases
from outrange.domains import bounds
from outrange.graph import Builder, Slot
from outrange.graph.composites import pointwise
from outrange.ops import Curve, Product


WEIGHT = np.random.default_rng(5).normal(0, 1, (3, 4))


def build_graph(*makes, size=4):
    """Return the graph of several functions of one dense layer, and the graph as recorded."""
    b = Builder([Slot("x", (3,))])
    h = b.dense(b.input_values()[0], WEIGHT)
    outputs = [make(b, h) for make in makes]
    graph = b.finish(outputs, [f"y{i}" for i in range(len(outputs))])
    return graph, b.plain


def same(graph, plain):
    """Check that both graphs compute the same at random points."""
    x = np.random.default_rng(1).normal(0, 2, (300, 3))
    assert np.allclose(graph.run(x), plain.run(x), rtol=1e-12, atol=1e-12)


def encloses(graph):
    """Check that bounds hold the outputs of the graph."""
    least, most = bounds(graph, [-1, -1, -1], [1, 1, 1])[-1]
    y = graph.run(np.random.default_rng(2).uniform(-1, 1, (500, 3)))
    assert (least <= y + 1e-12).all() and (y <= most + 1e-12).all()


def curves(graph):
    return [node.op for node in graph.nodes if isinstance(node.op, Curve)]


def gate(b, h):
    return b.multiply(h, b.curve("sigmoid", h))


def where(b, h):
    return pointwise.select(
        b, pointwise.compare(b, "greater", h, np.zeros(())), h, b.affine_map(h, 0.1)
    )


def by_channel(b, h):
    """Return a sigmoid, two gates, and a product with a constant."""
    first = b.structural(lambda a: a[0][:, :1], [h])
    rest = b.structural(lambda a: a[0][:, 1:], [h])
    scaled = b.affine_map(rest, np.array([1.0, 1.0, 3.0]))
    return b.concat([b.curve("sigmoid", first), b.multiply(rest, b.curve("tanh", scaled))], 1)


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (gate, 1),
        (where, 1),
        (by_channel, 3),
        (lambda b, h: b.subtract(b.curve("relu", h), b.curve("relu", b.affine_map(h, -1.0))), 0),
        (lambda b, h: b.divide(h, b.add(np.ones(()), b.curve("abs", h))), 1),
        (lambda b, h: b.maximum(h, b.multiply(np.full((), 0.25), gate(b, h))), 1),
        (lambda b, h: b.multiply(b.multiply(h, h), h), 1),
        (lambda b, h: b.curve("tanh", b.curve("relu", h)), 1),
    ],
)
def test_one_curve(make, count):
    graph, plain = build_graph(make)
    assert len(curves(graph)) == count
    same(graph, plain)
    encloses(graph)


def test_a_value_that_others_read_stays():
    """`relu` is both an output and a factor."""
    graph, plain = build_graph(
        lambda b, h: b.curve("relu", h),
        lambda b, h: b.multiply(b.curve("relu", h), b.curve("sigmoid", h)),
    )
    same(graph, plain)
    b = Builder([Slot("x", (3,))])
    h = b.dense(b.input_values()[0], WEIGHT)
    shared = b.curve("relu", h)
    product = b.multiply(shared, b.curve("sigmoid", h))
    graph = b.finish([shared, product], ["shared", "product"])
    same(graph, b.plain)
    encloses(graph)


def test_marked_layers_stay():
    b = Builder([Slot("x", (3,))])
    h = b.dense(b.input_values()[0], WEIGHT)
    s = b.curve("sigmoid", h)
    b.mark_layer("gate", s)
    graph = b.finish([b.multiply(h, s)], ["y"])
    (gate,) = graph.layers["gate"]
    assert graph.nodes[gate - 1].op.name == "sigmoid"


def test_different_entries_stay_a_product():
    def rotate(b, h):
        return b.multiply(h, b.structural(lambda a: a[0][:, ::-1], [h]))

    graph, _ = build_graph(rotate)
    assert any(isinstance(node.op, Product) for node in graph.nodes)


def test_nothing_to_fuse_is_left_alone():
    b = Builder([Slot("x", (3,))])
    h = b.curve("relu", b.dense(b.input_values()[0], WEIGHT))
    before = list(b.nodes)
    graph = b.finish([h], ["y"])
    assert list(graph.nodes) == before and b.plain is None


def tower(rng, steps=9):
    """Build a random tower of elementwise and other operations, and keep all values."""
    b = Builder([Slot("x", (3,))])
    values = [b.dense(b.input_values()[0], WEIGHT)]
    for _ in range(steps):
        x, y = (values[-1 - min(int(rng.geometric(0.6)) - 1, len(values) - 1)] for _ in range(2))
        match rng.integers(7):
            case 0 | 1:
                z = b.curve(str(rng.choice(["relu", "tanh", "sigmoid", "leaky_relu", "silu"])), x)
            case 2:
                z = b.affine_map(x, float(rng.normal()), float(rng.normal()))
            case 3:
                z = b.add(x, y)
            case 4:
                z = b.multiply(x, b.curve("sigmoid", x))
            case 5:
                z = b.maximum(x, y)
            case _:
                z = b.dense(x, rng.normal(size=(4, 4)))
        values.append(z)
    return b, values


def nudge(graph, x, value, step):
    """Return the output if one value is off by a step."""
    values = [x]
    for i, node in enumerate(graph.nodes, 1):
        result = node.op.run(tuple(values[j] for j in node.inputs))
        values.append(result + step if i == value else result)
    return values[graph.output]


@pytest.mark.slow
def test_only_bypassed_values_lose_what_depends_on_them():
    lost, seeds = 0, cases(10, 25)
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        b, values = tower(rng)
        graph = b.finish([values[-1]], ["y"], [v.index for v in values])
        x = rng.normal(size=(20, 3))
        for old in (v.index for v in values if b.plain is not None):
            new = b.moved[old]
            assert b.places[new] == old
            moved, expected = nudge(graph, x, new, 0.3), nudge(b.plain, x, old, 0.3)
            same = np.allclose(moved, expected, rtol=1e-9, atol=1e-9)
            assert same or new in b.bypassed, (seed, old)
            lost += not same
    assert lost > 0.8 * seeds
