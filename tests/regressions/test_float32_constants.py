"""Numbers in a model's code are the float32 numbers that it computes with, not nearby decimals."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")


def single(number):
    return float(np.float32(number))


CASES = {
    "leaky relu": (lambda x: keras.layers.LeakyReLU(0.3)(x), -1.0, -single(0.3)),
    "power": (lambda x: x**0.3, 3.0, 3.0 ** single(0.3)),
    "where": (lambda x: keras.ops.where(x > 0.0, 0.1, 0.7), 1.0, single(0.1)),
    "select": (lambda x: keras.ops.select([x > 0.0], [0.1 + 0.0 * x], 0.7), -1.0, single(0.7)),
    "pad": (lambda x: keras.ops.pad(x, ((0, 0), (1, 0)), constant_values=0.3), 1.0, single(0.3)),
    "rescaling": (
        lambda x: keras.layers.Rescaling(0.3, 0.1)(x), 1.0, single(0.3) + single(0.1),
    ),
}  # fmt: skip
"""Formula, a point, and the first output there in real arithmetic."""


@pytest.mark.parametrize("name", CASES)
def test_the_value_at_a_point(name):
    function, point, value = CASES[name]
    x = keras.Input((1,))
    answer = outrange.output_range(keras.Model(x, function(x)), (point, point))
    np.testing.assert_allclose([answer.lo[0], answer.hi[0]], value, rtol=1e-13)
