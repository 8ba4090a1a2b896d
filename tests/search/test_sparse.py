"""Sparse matrices, layer programs and bounds agree with dense ones."""

import numpy as np
import pytest

from outrange.core import Box
from outrange.graph import Builder, Slot
from outrange.graph.rewrites.gates import simplify
from outrange.ops import affine
from outrange.search.kernel import sparse
from outrange.search.kernel.binding import CompiledProgram, library
from outrange.search.kernel.compile import compile_layers
from outrange.search.kernel.sparse import SparseMatrix


def random_matrix(rng, shape, share=0.2):
    return np.where(rng.random(shape) < share, rng.normal(size=shape), 0.0)


def as_sparse(matrix):
    row, column = np.nonzero(matrix)
    return SparseMatrix(row, column, matrix[row, column], matrix.shape)


@pytest.mark.parametrize("shape", [(7, 5), (1, 9), (6, 1)])
def test_a_sparse_matrix_computes_as_the_array_does(shape):
    rng = np.random.default_rng(1)
    for share in (0.0, 0.3, 1.0):
        a, b = random_matrix(rng, shape, share), random_matrix(rng, shape, 0.5)
        ours, other = as_sparse(a), as_sparse(b)
        x, v = rng.normal(size=(4, shape[0])), rng.normal(size=shape[1])
        pairs = [
            (x @ ours, x @ a),
            (ours @ v, a @ v),
            (ours @ rng.normal(size=(shape[1], 0)), np.zeros((shape[0], 0))),
            (v @ ours.T, v @ a.T),
            ((ours + other).dense(), a + b),
            (ours + b, a + b),
            (b + ours, a + b),
            (abs(ours).dense(), np.abs(a)),
            ((np.float64(-2.5) * ours).dense(), -2.5 * a),
        ]
        for result, wanted in pairs:
            np.testing.assert_allclose(result, wanted, atol=1e-14)


def test_entries_of_one_place_are_added_up():
    matrix = SparseMatrix(
        np.array([1, 0, 1]), np.array([2, 0, 2]), np.array([1.0, 5.0, 3.0]), (2, 3)
    )
    assert matrix.most == 2
    np.testing.assert_array_equal(matrix.dense(), [[5, 0, 0], [0, 0, 4]])


@pytest.mark.parametrize("share", [0.0, 0.02, 0.05])
def test_a_matrix_of_few_numbers_is_a_sum_of_few_terms(monkeypatch, share):
    rng = np.random.default_rng(2)
    weight, bias = random_matrix(rng, (90, 40), share), rng.normal(size=40)
    plain = affine.dense(weight, bias)
    monkeypatch.setattr(affine, "SPARSE_FROM", 0)
    monkeypatch.setattr(affine, "SPARSE", 1)
    few = affine.dense(weight, bias)
    assert plain.entries is None and few.entries is not None and few.plain
    assert few.terms < plain.terms
    x, rows = rng.normal(size=(3, 90)), rng.normal(size=(5, 40))
    np.testing.assert_allclose(few.run((x,)), plain.run((x,)), atol=1e-13)
    np.testing.assert_allclose(few.adjoint(rows)[0], plain.adjoint(rows)[0], atol=1e-13)
    ((row, column, value),) = few.entries()
    assert sorted(zip(column, row, strict=True)) == [*map(tuple, np.argwhere(weight))]
    assert np.array_equal(value, weight[column, row])


def lattice(seed, count=6):
    """Build the largest of least affine functions of two inputs, by pairs: wide and sparse."""
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    planes = b.dense(x, rng.normal(size=(2, count)), rng.normal(size=count))
    picks = np.zeros((count, 4 * count))
    picks[rng.integers(0, count, 4 * count), np.arange(4 * count)] = 1.0
    rows = b.reshape(b.dense(planes, picks), (1, count, 4))
    y = b.curve("hard_sigmoid", b.reduce("max", b.reduce("min", rows, [2]), [1], keepdims=True))
    return b.finish([y, b.dense(planes, picks[:, :3])], ["y", "z"])


@pytest.mark.skipif(library() is None, reason="built without a compiler")
@pytest.mark.parametrize("seed", range(4))
def test_programs_of_sparse_layers_are_those_of_dense_ones(monkeypatch, seed):
    graph = simplify(lattice(seed))
    rows = np.concatenate([np.eye(4), -np.eye(4)])
    lo, hi = np.array([-1.0, -0.5]), np.array([0.5, 1.0])
    fixed = np.full(2, np.nan)
    dense = compile_layers(graph, rows, np.zeros(8), fixed)
    monkeypatch.setattr(sparse, "SPARSE_FROM", 0)
    monkeypatch.setattr(affine, "SPARSE_FROM", 0)
    monkeypatch.setattr(affine, "SPARSE", 1)
    few = compile_layers(simplify(lattice(seed)), rows, np.zeros(8), fixed)
    kinds = [type(m) for layer in few.layers for m in layer.sources.values()]
    assert SparseMatrix in kinds
    rng = np.random.default_rng(seed)
    x, k = rng.uniform(lo, hi, (50, 2)), rng.integers(0, 8, 50)
    for a, b in zip(dense.gradient(x, k), few.gradient(x, k), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    reach, box = np.ones(2), Box(lo, hi)
    for width in (1.0, 0.2):
        low, high = box.lo * width, box.hi * width
        results = []
        for program in (dense, few):
            kernel = CompiledProgram(program, reach)
            np.testing.assert_allclose(kernel.evaluate(x), program.evaluate(x), atol=1e-12)
            results.append(kernel.bound(low, high, np.zeros(program.states, np.int8), 4)[0])
        # Lines that the ascent has turned may differ because of the order of sums.
        np.testing.assert_allclose(results[0], results[1], atol=1e-6)
        inside = rng.uniform(low, high, (4000, 2))
        assert (results[1] <= dense.evaluate(inside).min(axis=0) + 1e-12).all()
