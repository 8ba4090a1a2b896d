"""The questions of the first user, and the story of y = 2x + 1."""

import numpy as np
import pytest

import independent_milp
import outrange
from cases import cases


keras = pytest.importorskip("keras")


def stack(widths, activations, weights):
    """A Sequential model with these weights."""
    model = keras.Sequential([keras.Input((widths[0],))])
    for width, activation in zip(widths[1:], activations, strict=True):
        model.add(keras.layers.Dense(width, activation=activation))
    model.set_weights(weights)
    return model


@pytest.mark.parametrize(
    ("weights", "lo", "hi"), [([1.0, 1.0], 0.0, 2.0), ([-0.5, 1.0], -0.5, 1.0)]
)
def test_one_linear_neuron(weights, lo, hi):
    model = stack([2, 1], [None], [np.reshape(weights, (2, 1)), np.zeros(1)])
    answer = outrange.output_range(model, (0, 1))
    np.testing.assert_allclose([answer.lo[0], answer.hi[0]], [lo, hi], rtol=0, atol=3e-6)
    assert answer.lo[0] <= lo and hi <= answer.hi[0]
    assert answer.is_exact


def test_two_linear_layers_of_ones():
    weights = [np.ones((2, 2)), np.zeros(2), np.ones((2, 1)), np.zeros(1)]
    answer = outrange.output_range(stack([2, 2, 1], [None, None], weights), (0, 1))
    np.testing.assert_allclose([answer.lo[0], answer.hi[0]], [0.0, 4.0], rtol=0, atol=6e-6)


@pytest.mark.parametrize("seed", range(cases(2, 5)))
def test_random_relu_layer_has_the_range_of_a_mixed_integer_program(seed):
    rng = np.random.default_rng(seed)
    shapes = [(5, 10), (10,), (10, 4), (4,)]
    weights = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    answer = outrange.output_range(stack([5, 10, 4], ["relu", None], weights), (0, 1))
    w0, b0, w1, b1 = (w.astype(np.float64) for w in weights)
    net = [("dense", w0, b0), ("pieces", (0.0,), (0.0, 1.0), 0.0), ("dense", w1, b1)]
    for output in range(4):
        least, most = independent_milp.output_range(net, np.zeros(5), np.ones(5), output)
        assert least.closed and most.closed
        width = most.value - least.value
        apart = [answer.lo[output] - least.bound, answer.hi[output] - most.bound]
        assert np.max(np.abs(apart)) <= 1.1e-6 * width


def learned_neuron(activation):
    """Return one neuron with the best fit of y = 2x + 1 on 1, 2, ... 10."""
    x = np.arange(1.0, 11.0, dtype=np.float32)[:, None]
    model = stack([1, 1], [activation], [np.array([[0.5]]), np.zeros(1)])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(x, 2 * x + 1, epochs=400, batch_size=10, verbose=0)
    return model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("activation", "ceiling"), [(None, 21.0), ("relu", 21.0), ("sigmoid", 1.0), ("tanh", 1.0)]
)
def test_what_one_neuron_can_learn(activation, ceiling):
    answer = outrange.output_range(learned_neuron(activation), (1, 10))
    lo, hi = answer.lo[0], answer.hi[0]
    if ceiling == 1.0:
        # Whatever it learned, 15 (wanted at x = 7) is out of reach.
        assert hi <= 1.0 + 1e-6 < 15.0
    else:
        np.testing.assert_allclose([lo, hi], [3.0, ceiling], atol=0.3)
        assert lo < 15.0 < hi


def test_a_dead_unit_is_exactly_zero():
    answer = outrange.output_range(
        stack([1, 1], ["relu"], [np.array([[-2.0]]), np.array([1.0])]), (1, 10)
    )
    assert answer.lo[0] == 0.0 == answer.hi[0]
