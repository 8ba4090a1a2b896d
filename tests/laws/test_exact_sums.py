"""Sums on a grid are exact: interval ends of integers are those of integer arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from outrange.domains import bounds
from outrange.domains.exact_sums import exact_affine
from outrange.graph import Builder, Slot
from outrange.ops import dense
from outrange.ops.affine import dense_sum
from outrange.ops.convolution import convolution
from outrange.ops.numerics.grid import FINEST, grid_of


@pytest.mark.parametrize("power", [-20, -3, 0, 7])
def test_the_grid_divides_all_and_none_coarser_does(power):
    rng = np.random.default_rng(power + 30)
    values = rng.integers(-1000, 1000, 200) * 2.0**power
    values[7] = 3 * 2.0**power
    assert grid_of(values) == 2.0**power
    assert (values / grid_of(values) % 1 == 0).all()


def test_what_lies_on_no_coarse_grid_has_none():
    assert grid_of(np.array([0.1])) == grid_of(np.array([1.0, np.inf])) == 0.0
    assert grid_of(np.array([1.0, FINEST / 2])) == 0.0
    assert grid_of(np.append(np.ones(1000), 0.1)) == 0.0  # beyond the first look, too
    assert grid_of(np.zeros(4)) == np.inf


def operations(rng, unit):
    def weight(*shape):
        return rng.integers(-3, 4, shape) * unit

    yield dense(weight(6, 4), weight(4))
    yield dense_sum([weight(3, 4), weight(3, 4)], weight(4))
    yield convolution(
        (6,), weight(3, 1, 2), weight(2), strides=(1,), dilation=(1,), padding=((1, 1),)
    )


@pytest.mark.parametrize("unit", [1.0, 0.25, 2.0**-10])
def test_ends_are_those_of_rational_arithmetic(unit):
    rng = np.random.default_rng(5)
    for op in operations(rng, unit):
        sizes = op.sizes
        los = [rng.integers(-9, 9, (7, n)) * 0.125 for n in sizes]
        his = [lo + rng.integers(0, 3, lo.shape) * 0.125 for lo in los]
        exact_ends = exact_affine(op, los, his)
        assert exact_ends is not None
        rows = op.adjoint(np.eye(op.size))
        for box in range(7):
            for k in range(op.size):
                least = most = Fraction(float(op.bias[k]))
                for row, lo, hi in zip(rows, los, his, strict=True):
                    for c, a, b in zip(row[k], lo[box], hi[box], strict=True):
                        ends = sorted((Fraction(c) * Fraction(a), Fraction(c) * Fraction(b)))
                        least, most = least + ends[0], most + ends[1]
                assert (Fraction(exact_ends[0][box, k]), Fraction(exact_ends[1][box, k])) == (
                    least,
                    most,
                )


def test_numbers_off_the_grid_or_too_large_are_left_to_rounding():
    op = dense(np.ones((2, 1)))
    for x in ([0.1, 1.0], [2.0**52, 1.0]):
        at = [np.array([x])]
        assert exact_affine(op, at, at) is None
    uneven = dense(np.full((2, 1), 0.1))
    assert exact_affine(uneven, [np.ones((1, 2))], [np.ones((1, 2))]) is None


def test_a_sign_at_a_sum_that_is_zero_is_known():
    """In a binarized net, 1 - 1 + 1 - 1 is 0, where a sign jumps; rounding would leave it open."""
    b = Builder([Slot("x", (4,))])
    (x,) = b.input_values()
    signs = b.curve("sign", x)
    y = b.curve("sign", b.dense(signs, np.array([[1.0], [-1.0], [1.0], [-1.0]])))
    graph = b.finish([y], ["y"])
    at = np.array([0.3, 0.7, 0.2, 0.9])
    lo, hi = bounds(graph, at, at, "intervals")[-1]
    assert lo[0, 0] == hi[0, 0] == 0.0
