"""Layers that create constants are supported, and rounding on constants is counted."""

import numpy as np
import pytest


pytest.importorskip("keras")

from keras import Input, Model, Sequential, layers as L, ops

import outrange


def rows(x):
    return ops.shape(x)[0]


MADE = {
    "zeros": (lambda x: ops.zeros((rows(x), 4)), np.zeros(4)),
    "ones": (lambda x: ops.ones((rows(x), 4)), np.ones(4)),
    "full": (lambda x: ops.full((rows(x), 4), 2.5), np.full(4, 2.5)),
    "eye": (lambda x: ops.tile(ops.eye(3)[None], (rows(x), 1, 1)), np.eye(3)),
    "arange": (lambda x: ops.broadcast_to(ops.arange(4.0), (rows(x), 4)), np.arange(4.0)),
    "one hot": (lambda x: ops.tile(ops.one_hot([1], 3), (rows(x), 1)), np.array([0.0, 1, 0])),
    "repeat": (lambda x: ops.repeat(np.ones((1, 2), "float32"), rows(x), axis=0), np.ones(2)),
    "linspace": (
        lambda x: ops.broadcast_to(ops.linspace(0.0, 1.0, 3), (rows(x), 3)),
        np.array([0.0, 0.5, 1.0]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_a_constant_is_its_own_range(name):
    function, expected = MADE[name]
    inputs = Input((2,))
    answer = outrange.output_range(Model(inputs, L.Lambda(function)(inputs)), (0, 1))
    assert np.array_equal(answer.lo, expected)
    assert np.array_equal(answer.hi, expected)


def test_a_constant_beside_the_input_is_joined_to_it():
    inputs = Input((2,))
    constant = L.Lambda(lambda x: ops.full((rows(x), 2), 0.3), name="made")(inputs)
    hidden = L.Dense(5, activation="tanh")(L.Concatenate()([inputs, constant]))
    model = Model(inputs, L.Dense(1)(hidden))
    answer = outrange.output_range(model, (0, 0.5), time_limit=20)
    x = np.random.default_rng(0).uniform(0, 0.5, (256, 2)).astype("float32")
    seen = model.predict(x, verbose=0)
    assert answer.lo[0] - 1e-6 <= seen.min() <= seen.max() <= answer.hi[0] + 1e-6


@pytest.mark.parametrize("seed", range(8))
def test_layers_on_constants_alone_are_no_contradiction(seed):
    """Check layers that were folded in float64 without rounding, though the model uses float32."""
    rng = np.random.default_rng(seed)
    model = Sequential(
        [
            Input((2,)),
            L.Lambda(lambda x: ops.full_like(x, 3.3)),
            L.Dense(6, activation="gelu"),
            L.Dense(2),
        ]
    )
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    answer = outrange.output_range(model, (0, 1))
    expected = model.predict(np.zeros((1, 2)), verbose=0)[0]
    assert np.allclose(answer.lo, expected, rtol=1e-4, atol=1e-5)
    assert (answer.hi - answer.lo <= 1e-6).all()


def test_a_constant_of_one_row_is_no_function_of_a_row():
    inputs = Input((2,))
    model = Model(inputs, L.Lambda(lambda x: ops.zeros((1, 4)))(inputs))
    with pytest.raises(
        outrange.UnsupportedError, match="whose number of rows is not that of the batch"
    ):
        outrange.load(model)
