"""A curve that is exactly 0 at 0 was evaluated as 1e-300 there, which a root then magnified."""

import keras
import numpy as np
import pytest
from keras import ops

import outrange
from outrange import y


def magnify(inner, exponent):
    x = keras.Input((1,))
    return keras.Model(x, ops.power(inner(x), exponent))


@pytest.mark.parametrize(
    ("inner", "exponent"),
    [
        (lambda x: ops.abs(x) * ops.abs(x), 0.001),
        (lambda x: ops.power(ops.abs(x) * ops.abs(x), 20.0), 1 / 64),
        (lambda x: ops.power(ops.abs(x), 60.0), 1 / 64),
        (lambda x: ops.square(ops.relu(x) - ops.relu(-x)), 0.01),
    ],
)
def test_the_least_value_is_0(inner, exponent):
    model = magnify(inner, exponent)
    answer = outrange.output_range(model, (-1, 1))
    assert answer.lo[0] <= 0.0 and answer.seen_lo[0] <= 1e-6
    assert not outrange.verify(model, y[0] >= 1e-5, (-1, 1)).holds
    assert float(np.asarray(model(np.zeros((1, 1)))).item()) >= answer.lo[0]


@pytest.mark.parametrize("box", [(0, 3), (-1, 1)])
def test_a_root_of_a_high_power_is_not_contradicted(box):
    model = magnify(lambda x: ops.power(ops.abs(x) * ops.abs(x), 60.0), 0.5)
    answer = outrange.output_range(model, box)
    assert answer.lo[0] <= 0.0 <= answer.seen_lo[0] + 1e-12
