"""A rewritten graph computes the same function as the graph."""

import numpy as np
import pytest

from cases import cases
from graph.random_graphs import random_graph
from outrange.core import InputError
from outrange.graph import Builder, Graph, Slot
from outrange.graph.rewrites.rewrite import extract_subgraph, fold, piecewise_to_pairs
from outrange.ops import Largest, Rearrange


SEEDS = range(cases(20, 40))


def points(graph: Graph, rng, count=7):
    return rng.standard_normal((count, graph.size))


def layers_agree(before: Graph, after: Graph, x, tolerance=0.0):
    """Check that every remaining layer names the same values."""
    old, new = before.run_all(x), after.run_all(x)
    for path, values in after.layers.items():
        assert len(values) == len(before.layers[path])
        for here, there in zip(values, before.layers[path], strict=True):
            np.testing.assert_allclose(new[here], old[there], rtol=0, atol=tolerance)


@pytest.mark.parametrize("seed", SEEDS)
def test_ending_at_any_values(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    x = points(graph, rng)
    everything = graph.run_all(x)
    for count in (1, 2, 3):
        values = [int(v) for v in rng.integers(0, len(graph.nodes) + 1, count)]
        slots = [Slot(f"v{v}", (graph.value_size(v),)) for v in values]
        end = extract_subgraph(graph, values, slots)
        expected = np.concatenate([everything[v] for v in values], axis=1)
        np.testing.assert_array_equal(end.run(x), expected)
        assert end.outputs == tuple(slots)
        assert sum(s.size for s in end.outputs) == end.value_size(end.output)
        assert len(end.nodes) <= max(values) + 1
        layers_agree(graph, end, x)


def test_ending_at_keeps_only_what_is_needed():
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    y = b.curve("relu", x)
    b.mark_layer("wanted", y)
    b.mark_layer("other", b.dense(x, np.ones((2, 2))))
    end = extract_subgraph(
        b.finish([b.dense(y, np.ones((2, 1)))], ["y"]), [y.index], [Slot("r", (2,))]
    )
    assert [node.op.name for node in end.nodes] == ["relu"]
    assert end.layers == {"wanted": (1,)}


@pytest.mark.parametrize(
    ("values", "slots"),
    [([], []), ([1], []), ([9], [Slot("y", (2,))]), ([-1], [Slot("y", (2,))]),
     ([1], [Slot("y", (3,))])],
)  # fmt: skip
def test_ending_at_what_is_not_there(values, slots):
    b = Builder([Slot("x", (2,))])
    graph = b.finish([b.curve("relu", b.input_values()[0])], ["y"])
    with pytest.raises(InputError, match="Received: "):
        extract_subgraph(graph, values, slots)


@pytest.mark.parametrize("seed", SEEDS)
def test_fold_is_exact_and_leaves_nothing_to_fold(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    x = points(graph, rng)
    folded = fold(graph)
    np.testing.assert_array_equal(folded.run(x), graph.run(x))
    assert folded.outputs == graph.outputs
    assert len(folded.nodes) <= len(graph.nodes)
    layers_agree(graph, folded, x)
    for node in folded.nodes:
        if isinstance(node.op, Rearrange):
            assert node.op.sizes == tuple(folded.value_size(v) for v in node.inputs)
            inner = [folded.nodes[v - 1].op for v in node.inputs if v]
            assert not any(isinstance(op, Rearrange) for op in inner)
    again = fold(folded)
    assert len(again.nodes) == len(folded.nodes)
    assert_adjoint(folded, rng)


def assert_adjoint(graph: Graph, rng):
    """Check that the adjoint of every rearrangement is the transpose of its matrix."""
    for node in graph.nodes:
        if isinstance(node.op, Rearrange):
            xs = tuple(rng.standard_normal((1, n)) for n in node.op.sizes)
            y = rng.standard_normal((1, node.op.size))
            parts = zip(node.op.adjoint(y), xs, strict=True)
            transposed = sum(float((a * b).sum()) for a, b in parts)
            assert np.isclose((node.op.run(xs, fill=False) * y).sum(), transposed)


def test_fold_of_an_identity_leaves_the_input():
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    y = b.affine_map(b.transpose(b.transpose(b.reshape(x, (3, 1)))), 1.0)
    y = b.structural(lambda a: a[0][::-1], [b.structural(lambda a: a[0][::-1], [y])])
    folded = fold(b.finish([b.reshape(y, (1, 3))], ["y"]))
    assert folded.nodes == ()
    assert folded.output == 0


def test_fold_keeps_what_only_looks_like_an_identity():
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    swap = b.dense(x, np.eye(3)[[1, 0, 2]], [0.0, 0.0, 2.0])
    shifted = b.affine_map(swap, 1.0, 1e-300)
    almost = b.affine_map(shifted, 1.0 + 2.0**-52)
    folded = fold(b.finish([almost], ["y"]))
    assert len(folded.nodes) == 3


@pytest.mark.parametrize("seed", SEEDS)
def test_pairs_compute_the_maximum(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    x = points(graph, rng)
    pairs = piecewise_to_pairs(graph)
    assert not any(isinstance(node.op, Largest) for node in pairs.nodes)
    largest = max(1.0, max(np.abs(v).max(initial=0) for v in graph.run_all(x)))
    np.testing.assert_allclose(pairs.run(x), graph.run(x), rtol=0, atol=1e-13 * largest)
    assert set(pairs.layers) == set(graph.layers)
    layers_agree(graph, pairs, x, 1e-13 * largest)
    np.testing.assert_array_equal(fold(pairs).run(x), pairs.run(x))


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 9])
def test_pairs_share_and_count_rounds(width):
    b = Builder([Slot("x", (10,))])
    (x,) = b.input_values()
    windows = np.arange(10 - width + 1)[:, None] + np.arange(width)
    graph = b.finish([b.largest(x, windows, (1, len(windows)))], ["y"])
    pairs = piecewise_to_pairs(graph)
    curves = [node for node in pairs.nodes if node.op.name == "relu"]
    assert len(curves) == int(np.ceil(np.log2(width)))
    assert all(node.size <= 10 * width for node in curves)
    x = np.random.default_rng(0).standard_normal((20, 10))
    np.testing.assert_allclose(pairs.run(x), graph.run(x), rtol=0, atol=1e-15 * 10)


def test_pairs_skip_absent_entries():
    b = Builder([Slot("x", (4,))])
    windows = np.array([[-1, 2, -1, -1], [0, -1, 1, 3], [3, -1, -1, 3]])
    graph = b.finish([b.largest(b.input_values()[0], windows, (1, 3))], ["y"])
    x = np.random.default_rng(0).standard_normal((50, 4))
    np.testing.assert_allclose(piecewise_to_pairs(graph).run(x), graph.run(x), atol=1e-15)


def test_a_shift_becomes_the_bias_before_it():
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    rng = np.random.default_rng(0)
    first = b.dense(x, rng.normal(size=(3, 4)))
    b.mark_layer("dense", first)
    y = b.affine_map(first, 1.0, rng.normal(size=4))
    b.mark_layer("shift", y)
    # Not these: somebody else reads the affine op, or it has a bias of its own.
    other = b.dense(x, rng.normal(size=(3, 4)))
    z = b.add(b.affine_map(other, 1.0, 2.0), b.curve("relu", other))
    again = b.affine_map(b.curve("tanh", b.affine_map(b.affine_map(y, 2.0, 1.0), 1.0, 3.0)), 1.0)
    graph = b.finish([y, z, again], list("abc"))
    small = fold(graph)
    assert len(small.nodes) == len(graph.nodes) - 2  # the shift, and a factor of 1 with nothing
    assert "shift" in small.layers and "dense" not in small.layers
    points = rng.normal(size=(5, 3))
    np.testing.assert_array_equal(small.run(points), graph.run(points))
    (value,) = small.layers["shift"]
    np.testing.assert_array_equal(
        small.run_all(points)[value], graph.run_all(points)[graph.layers["shift"][0]]
    )
