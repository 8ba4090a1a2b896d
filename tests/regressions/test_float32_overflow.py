"""A model that overflows float32 at an input is shown so, and is no error of the reader."""

import keras
import numpy as np
import pytest
from keras import layers as L, ops

import outrange


def test_a_step_inside_a_curve_overflows():
    model = keras.Sequential([
        keras.Input((1,)), L.Activation(lambda x: ops.log(1 + ops.exp(30 * x)) / 30),
    ])  # fmt: skip
    answer = outrange.output_range(model, (-3, 3), time_limit=5)
    assert answer.lo[0] <= 0 < 3 <= answer.hi[0] <= 3.001
    assert np.isinf(np.asarray(model(np.array([[3.0]])))).all()


@pytest.mark.parametrize("box", [(1, 2), (0, 2), (0, 0.1)])
def test_bounds_that_are_infinite_are_not_contradicted_by_what_overflows(box):
    model = keras.Sequential([keras.Input((1,)), L.Activation(lambda x: ops.exp(1000 * x))])
    answer = outrange.output_range(model, box, arithmetic="float32", time_limit=0.5)
    assert answer.lo[0] <= answer.seen_lo[0] <= answer.hi[0] == np.inf
    assert not answer.is_exact and "nan" not in str(answer)
