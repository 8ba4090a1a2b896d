"""Long chains of elementwise ops: the work of loading them grows like their length, no faster."""

from fractions import Fraction

import numpy as np
import pytest

from cases import some
from outrange.core import UnsupportedError
from outrange.domains import bounds
from outrange.graph import Builder, Slot, entries
from outrange.graph.composites import pointwise
from outrange.graph.rewrites import fuse, regions
from outrange.ops import Curve, Product
from outrange.ops.pointwise import Expressions, analyze
from outrange.ops.pointwise.limits import MOST_TERMS, Effort, EffortError


def mix_layers(b, x, i):
    return b.affine_map(b.curve(("relu", "tanh", "sigmoid")[i % 3], x), 0.5, 1.0)


CHAINS = {
    "relu": lambda b, x, i: b.curve("relu", x),
    "tanh": lambda b, x, i: b.curve("tanh", x),
    "sigmoid": lambda b, x, i: b.curve("sigmoid", x),
    "leaky": lambda b, x, i: b.curve("leaky_relu", x, negative_slope=0.25),
    "mixed": mix_layers,
    "residual": lambda b, x, i: b.affine_map(b.add(x, b.curve("relu", x)), 0.5),
    "gated": lambda b, x, i: b.add(x, b.multiply(x, b.curve("sigmoid", x))),
    "different": lambda b, x, i: b.curve("tanh", b.affine_map(x, 1.0 + i / 256)),
    "tents": lambda b, x, i: b.affine_map(b.curve("abs", x), 2.0, -1.0),
}

TO_THE_START = {
    "relu": lambda b, x, y: b.curve("relu", b.add(y, x)),
    "tanh": lambda b, x, y: b.curve("tanh", b.add(y, x)),
    "product": lambda b, x, y: b.multiply(y, x),
    "polynomial": lambda b, x, y: b.multiply(b.add(y, x), b.add(y, np.ones(()))),
    "maximum": lambda b, x, y: b.maximum(b.affine_map(y, 0.5), x),
}
"""Steps that read the start of the chain again, so that no region ends in between."""


@pytest.fixture(autouse=True)
def little_work(monkeypatch):
    """A share of the work that is used up within these short chains."""
    monkeypatch.setattr(fuse, "OPTIONAL_WORK", 2**19)
    monkeypatch.setattr(fuse, "ONE_OPTION", 2**17)


def build_chain(step, length):
    """Return the graph of a chain, in which every value is a layer, and its plain graph."""
    b = Builder([Slot("x", (3,))])
    x = b.input_values()[0]
    for i in range(length):
        x = step(b, x, i)
        b.mark_layer(f"layer {i}", x)
    return b.finish([x], ["y"]), b.plain


def count_work(monkeypatch):
    """Count the steps of formulas and the work of all analyses from now on."""
    counts, step, spend = {"steps": 0, "work": 0}, entries._step, Effort.spend

    def stepped(*args):
        counts["steps"] += 1
        return step(*args)

    def spent(self, count):
        spend(self, count)
        counts["work"] += count

    monkeypatch.setattr(entries, "_step", stepped)
    monkeypatch.setattr(Effort, "spend", spent)
    return counts


@pytest.mark.parametrize("name", some(CHAINS, 2))
def test_work_grows_like_the_length(monkeypatch, name):
    counts = count_work(monkeypatch)
    for length in (16, 64):
        counts.update(steps=0, work=0)
        build_chain(CHAINS[name], length)
        # A value has some eight candidates of a few dozen ops; without a limit, `length**2` ops.
        assert counts["steps"] <= 100 * length
        assert counts["work"] <= fuse.OPTIONAL_WORK


@pytest.mark.parametrize("name", TO_THE_START)
def test_regions_without_an_end_are_given_up(monkeypatch, name):
    counts = count_work(monkeypatch)
    b = Builder([Slot("x", (3,))])
    x = y = b.affine_map(b.input_values()[0], 0.25)
    for i in range(40):
        y = TO_THE_START[name](b, x, y)
        b.mark_layer(f"layer {i}", y)
    graph = b.finish([y], ["y"])
    same(graph, b.plain)
    assert counts["work"] <= fuse.OPTIONAL_WORK


def same(graph, plain):
    """Both compute the same at random points, and the bounds of the first hold it."""
    if plain is None:
        return
    x = np.random.default_rng(1).uniform(-1, 1, (200, 3))
    assert np.allclose(graph.run(x), plain.run(x), rtol=1e-9, atol=1e-9)
    least, most = bounds(graph, [-1, -1, -1], [1, 1, 1])[-1]
    assert (least <= graph.run(x) + 1e-9).all() and (graph.run(x) <= most + 1e-9).all()


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_computes_what_was_written(name):
    same(*build_chain(CHAINS[name], 20))


@pytest.mark.parametrize(
    ("first", "second", "attributes"),
    [
        ("relu", "relu", {}),
        ("sigmoid", "relu", {}),
        ("tanh", "clip", {"least": -1.0, "most": 1.0}),
        ("abs", "leaky_relu", {"negative_slope": 0.5}),
        ("softplus", "abs", {}),
    ],
)
def test_a_curve_that_changes_no_value_is_left_out(first, second, attributes):
    b = Builder([Slot("x", (3,))])
    x = b.curve(first, b.input_values()[0])
    graph = b.finish([b.curve(second, x, **attributes)], ["y"])
    assert [node.op.knots for node in graph.nodes] == [b.plain.nodes[0].op.knots]
    same(graph, b.plain)


def test_a_curve_that_changes_some_values_stays():
    for level in (0.999, -0.5):
        b = Builder([Slot("x", (3,))])
        x = b.curve("tanh", b.input_values()[0])
        graph = b.finish([b.curve("clip", x, least=-1.0, most=level)], ["y"])
        assert (graph.run(np.full((1, 3), 10.0)) == level).all()


def test_a_product_without_a_curve_stays_a_product():
    """`x**200` has no facts that could be proved; bounds of a product are only looser."""
    b = Builder([Slot("x", (3,))])
    x = y = b.input_values()[0]
    for _ in range(199):
        y = b.multiply(y, x)
    graph = b.finish([y], ["y"])
    kinds = {type(node.op) for node in graph.nodes}
    assert kinds <= {Curve, Product} and Product in kinds
    same(graph, b.plain)


def test_tables_are_asked_for_whole_numbers_once(monkeypatch):
    """A value that is read twice was asked about twice: `2**40` times after forty sums."""
    from outrange.graph import integer_inference

    asked, answer = [], integer_inference._of_node
    monkeypatch.setattr(integer_inference, "_of_node", lambda *a: asked.append(a) or answer(*a))
    b = Builder([Slot("x", (2,), True, (0.0, 9.0))])
    x = b.input_values()[0]
    for _ in range(40):
        x = b.add(x, x)
        assert integer_inference.is_integer_valued(b, x)
    assert len(asked) <= 40


def test_a_deep_graph_of_whole_numbers_does_not_recur():
    from outrange.graph import integer_inference

    b = Builder([Slot("x", (2,), True, (0.0, 9.0))])
    x = b.input_values()[0]
    for _ in range(3000):
        x = b.affine_map(x, -1.0)
    assert integer_inference.is_integer_valued(b, x)


def gate_chain(t, length):
    e = t.x
    for _ in range(length):
        e = t.add(e, t.multiply(e, t.apply("sigmoid", e)))
    return e


def test_a_formula_is_shown_without_writing_it_out():
    """Written out, this one has more than `2**60` characters."""
    t = Expressions()
    assert len(t.show(gate_chain(t, 60), 60)) == 60


def test_an_analysis_ends_where_its_work_is_used_up():
    t = Expressions(Effort(most=2**16))
    with pytest.raises(EffortError, match="too long to analyze"):
        analyze(t, gate_chain(t, 8))
    assert t.effort.spent <= 2**16


def test_polynomials_are_not_multiplied_out_for_ever():
    t = Expressions()
    e = t.x
    for _ in range(40):
        e = t.multiply(t.add(e, t.x), t.scale(e, 1, 1))
    assert all(len(getattr(node, "terms", ())) <= MOST_TERMS for node in t.nodes)


@pytest.mark.parametrize("factor", [1e30, 1e-30])
def test_numbers_that_float64_does_not_hold(factor):
    t = Expressions()
    e = t.x
    with pytest.raises(UnsupportedError, match="coefficient"):
        for _ in range(40):
            e = t.scale(e, Fraction(factor))
    b = Builder([Slot("x", (3,))])
    x = b.input_values()[0]
    for i in range(40):
        x = b.curve("relu", b.affine_map(x, factor, 1.0))
        b.mark_layer(f"layer {i}", x)
    b.finish([x], ["y"])


def test_a_walk_back_ends():
    """No walk reaches the first of many sums: each one visits a bounded number of values."""
    b = Builder([Slot("x", (3,))])
    x = b.input_values()[0]
    values = [x]
    for i in range(600):
        x = b.add(x, values[i // 2])
        values.append(x)
    y = pointwise.multiply(b, b.curve("relu", x), b.curve("tanh", values[300]))
    assert y is None
    assert len(regions.regions(b.nodes, x.index, None)) == 0
