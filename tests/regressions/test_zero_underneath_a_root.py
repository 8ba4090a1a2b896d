"""A curve that is exactly 0 at 0 was evaluated as 1e-300 there, which a root then magnified."""

import keras
import numpy as np
import pytest
from keras import ops

import outrange
from outrange import y
from outrange.ops.pointwise import Expressions, analyze
from outrange.ops.pointwise.intervals import enclose


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


def test_a_power_that_underflows_is_not_exactly_0():
    t = Expressions()
    power = t.apply("power", t.x, exponent=2.5)
    lo, hi = np.zeros(1), np.full(1, 1e-200)
    low, high = enclose(t, power, lo, hi)
    assert low[0] == 0.0 < high[0]
    _, high = enclose(t, t.multiply(t.power(t.x, -2), power), lo, hi)
    assert high[0] >= 1e-100


@pytest.mark.parametrize("factor", [1, 2])
def test_zero_times_a_pole_is_a_pole(factor):
    t = Expressions()
    quotient = t.scale(t.power(t.x, -3), 1, 1)
    curve = analyze(t, t.multiply(t.power(t.x, factor), quotient))
    assert curve.holes == (0.0,)
