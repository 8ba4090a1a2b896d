"""`diagnose` with plans and data of unusual size or type."""

import keras
import numpy as np
import pytest

import outrange
from outrange.core import InputError


def _model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def test_a_plan_of_many_steps_has_no_bound(rng):
    x = rng.normal(size=(20, 2)).astype("float32")
    diagnosis = outrange.diagnose(_model(), x, x[:, :1], epochs=10**12, train=3)
    assert any("10,000,000 steps" in line for line in diagnosis.unread)


class _Rows(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, i):
        return np.zeros((5, 2)), np.zeros((5, 1))


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([[1.0, 2.0], [3.0]], "rows must have the same shape"),
        (_Rows(), "collect the output of a data set"),
        (np.array([[1.0, 2], [3, np.float32(4)]], object), "numbers of different types"),
    ],
)
def test_the_hint_fits_the_data(x, words):
    with pytest.raises(InputError, match=words):
        outrange.diagnose(_model(), x, np.zeros((2, 1)))
