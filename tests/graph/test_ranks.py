"""Comparisons within a softmax are decided by its logits alone."""

import numpy as np
import pytest

from outrange.core import Atom
from outrange.core.formula import holds
from outrange.graph import Builder, Slot, log_softmax, softmax
from outrange.graph.measure import measure
from outrange.graph.rewrites.rewrite import extract_subgraph, fold


def group_softmax(rng, function, classes=(3, 4)):
    """Return two softmax groups of affine logits and one plain output, reversed in the end."""
    builder = Builder([Slot("x", (2,))])
    (x,) = builder.input_values()
    parts = [
        function(builder, builder.dense(x, rng.normal(size=(2, n)), rng.normal(size=n)))
        for n in classes
    ]
    parts.append(builder.dense(x, rng.normal(size=(2, 1))))
    joined = builder.concat(parts, axis=1)
    return builder.finish([builder.structural(lambda a: a[0][:, ::-1], [joined])], ["y"])


@pytest.mark.parametrize("function", [softmax, log_softmax])
@pytest.mark.parametrize("pair", [(1, 2), (3, 1), (5, 6), (7, 5), (1, 6), (0, 1), (0, 7)])
def test_the_measure_has_the_sign_of_the_comparison(function, pair, rng):
    graph = group_softmax(rng, function)
    i, j = (graph.size + k for k in pair)
    atom = Atom.of({i: 1.0, j: -1.0}, 0.0)
    measured = measure(graph, [[atom]])
    x = rng.normal(size=(500, 2)) * 3
    y = graph.run(x)
    for point, out, value in zip(x, y, measured.run(x)[:, 0], strict=True):
        if abs(out[pair[0]] - out[pair[1]]) > 1e-12:
            both = np.concatenate([point, out])
            assert holds(atom, both, both) == (value <= 0)
    # Within a group no curve is left between the inputs and the measure.
    same = {tuple(sorted(p)) for p in ((1, 2), (1, 3), (5, 6), (5, 7))}
    curves = [n for n in fold(measured).nodes if type(n.op).__name__ == "Curve"]
    assert bool(curves) != (tuple(sorted(pair)) in same)


def test_what_is_not_a_plain_comparison_reads_the_softmax(rng):
    graph = group_softmax(rng, softmax)
    d = graph.size
    atoms = [
        Atom.of({d + 1: 1.0, d + 2: -1.0}, -0.1),
        Atom.of({d + 1: 1.0, d + 2: -2.0}, 0.0),
        Atom.of({d + 1: 1.0}, -0.3),  # one half is decided by the logits: see below
        Atom.of({0: 1.0, d + 2: -1.0}, 0.0),
    ]
    x = rng.normal(size=(50, 2))
    both = np.concatenate([x, graph.run(x)], axis=1)
    measured = measure(graph, [[a] for a in atoms]).run(x)
    for k, atom in enumerate(atoms):
        expected = sum(c * both[:, i] for i, c in atom.terms) + atom.offset
        np.testing.assert_allclose(measured[:, k], expected, rtol=1e-12, atol=1e-15)


def test_an_entry_of_a_softmax_is_compared_with_one_half_by_its_logits(rng):
    """It is a sigmoid of the logits, which is 0.5 at 0.

    At another level the entry itself is read.
    """
    graph = group_softmax(rng, softmax)
    x = rng.normal(size=(200, 2)) * 3
    y = graph.run(x)[:, 1]
    assert (y > 0.5).any() and (y < 0.5).any()
    for height, is_sign_alone in ((0.5, True), (0.3, False)):
        (measured,) = measure(graph, [[Atom.of({graph.size + 1: 1.0}, -height)]]).run(x).T
        assert ((y <= height) == (measured <= 0)).all()
        assert np.allclose(measured, y - height, atol=1e-9) != is_sign_alone


@pytest.mark.parametrize(("name", "height"), [("sigmoid", 0.5), ("tanh", 0.0)])
@pytest.mark.parametrize("strict", [False, True])
def test_a_curve_that_rises_is_compared_by_what_enters_it(name, height, strict, rng):
    builder = Builder([Slot("x", (2,))])
    (x,) = builder.input_values()
    inside = builder.dense(x, rng.normal(size=(2, 3)), rng.normal(size=3))
    graph = builder.finish([builder.curve(name, inside)], ["y"])
    atoms = [Atom.of({graph.size + 1: s}, -s * height, strict) for s in (1.0, -1.0)]
    measured = measure(graph, [[atom] for atom in atoms])
    assert not any(type(node.op).__name__ == "Curve" for node in fold(measured).nodes)
    points = rng.normal(size=(200, 2))
    both = np.concatenate([points, graph.run(points)], axis=1)
    for k, atom in enumerate(atoms):
        expected = [holds(atom, row, row) for row in both]
        assert expected == (measured.run(points)[:, k] <= 0).tolist()
    other = Atom.of({graph.size + 1: 1.0}, -height - 0.125, strict)
    assert any(type(node.op).__name__ == "Curve" for node in fold(measure(graph, [[other]])).nodes)


def test_rankings_survive_an_early_end_and_are_gone_after_other_rewrites(rng):
    graph = group_softmax(rng, softmax)
    (value, ranking) = next(iter(graph.rankings.items()))
    part = extract_subgraph(graph, [value], [Slot("p", (graph.value_size(value),))])
    ((_, remaining),) = part.rankings.items()
    np.testing.assert_array_equal(remaining.groups, ranking.groups)
    logits = part.run_all(rng.normal(size=(5, 2)))[remaining.source]
    assert logits.shape == (5, graph.value_size(value))
    assert fold(graph).rankings == {}
