"""A vector of zeros is normalized to zeros, as the model does it."""

import keras
import numpy as np
import pytest
from keras import layers as L

import outrange
from cases import cases


@pytest.mark.parametrize("before", [[], [L.Dense(2, "relu", kernel_initializer="ones")]])
def test_zero_vectors(before):
    model = keras.Sequential([keras.Input((2,)), *before, L.UnitNormalization()])
    assert not np.asarray(model(np.zeros((1, 2)))).any()
    answer = outrange.output_range(model, (-1, 1), tol=1e-2, time_limit=cases(0.7, 3.0))
    assert (answer.lo >= -1).all() and (answer.hi <= 1).all()
    x = np.random.default_rng(0).uniform(-1, 1, (1000, 2)).astype("float32")
    y = np.asarray(model(x))
    assert (answer.lo <= y + 1e-6).all() and (y - 1e-6 <= answer.hi).all()
