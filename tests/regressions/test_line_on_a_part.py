"""A function that is a straight line where it was followed is none where it was not."""

import keras
import numpy as np
import pytest
from keras import layers as L, ops

import outrange


def define_at_zero(x):
    near = ops.abs(x) < 1e-3
    return ops.where(near, 1.0, ops.sin(x) / ops.where(near, 1.0, x))


@pytest.mark.slow
def test_a_constant_in_the_middle_is_not_the_function():
    model = keras.Sequential([keras.Input((1,)), L.Activation(define_at_zero)])
    try:
        answer = outrange.output_range(model, (-3, 3), time_limit=1)
    except (outrange.InputError, outrange.UnsupportedError, outrange.ModelError) as error:
        assert "Received" in str(error) or "described" in str(error)
        return
    y = np.asarray(model(np.linspace(-3, 3, 101)[:, None]))
    assert answer.lo[0] <= y.min() + 1e-6


def test_no_line_is_written_for_it():
    from outrange.graph import Builder, Slot

    b = Builder([Slot("x", (1,))])
    x = b.input_values()[0]
    near = b.curve("heaviside", b.affine_map(b.curve("abs", x), -1.0, 1e-3))
    over = b.add(x, b.multiply(near, b.subtract(b.constant_value(np.ones((1, 1))), x)))
    y = b.divide(b.curve("sin", x), over)
    constant = b.constant_value(np.ones((1, 1)))
    graph = b.finish([b.add(y, b.multiply(near, b.subtract(constant, y)))], ["y"])
    with np.errstate(all="ignore"):
        value = float(graph.run(np.array([[2.0]]))[0, 0])
    assert np.isnan(value) or value == pytest.approx(np.sin(2.0) / 2.0)
