"""Recurrent layers in a given state, with masks, and their unsupported forms."""

import numpy as np
import pytest

from cases import cases


pytest.importorskip("keras")

from keras import Input, Sequential, layers as L

from outrange.core import UnsupportedError
from outrange.domains import bounds
from outrange.frontends.keras import load_keras


def stateful(batch, states):
    model = Sequential([Input(batch_shape=(batch, 3, 2)), L.GRU(3, stateful=True), L.Dense(2)])
    model.layers[0].states[0].assign(np.asarray(states, "float32"))
    return model


@pytest.mark.slow
@pytest.mark.parametrize("batch", cases([1], [1, 2]))
def test_a_stateful_layer_is_read_at_its_state_and_keeps_it(batch):
    state = np.repeat([[0.3, -0.2, 0.7]], batch, axis=0)
    model = stateful(batch, state)
    network = load_keras(model)
    x = np.random.default_rng(0).normal(size=(1, 6)).astype("float32").repeat(batch, axis=0)
    np.testing.assert_allclose(model.layers[0].states[0], state, rtol=1e-6)
    first = np.asarray(model(x.reshape(batch, 3, 2)))
    np.testing.assert_allclose(network.graph.run(x.astype(float)), first, atol=1e-6)
    again = load_keras(model)
    second = np.asarray(model(x.reshape(batch, 3, 2)))
    np.testing.assert_allclose(again.graph.run(x.astype(float)), second, atol=1e-6)
    assert np.abs(second - first).max() > 1e-3


def test_rows_in_different_states_are_refused():
    with pytest.raises(UnsupportedError, match="different states"):
        load_keras(stateful(2, [[0, 0, 0], [1, 0, 0]]))


@pytest.mark.slow
def test_a_long_sequence_is_bounded():
    model = Sequential([Input((12, 1)), L.GRU(3), L.Dense(1)])
    graph = load_keras(model).graph
    lo, hi = -0.01 * np.ones(12), 0.01 * np.ones(12)
    least, most = bounds(graph, lo, hi)[graph.output]
    seen = graph.run(np.random.default_rng(0).uniform(lo, hi, (300, 12)))
    assert (least[0] <= seen).all() and (seen <= most[0]).all()
    assert most[0, 0] - least[0, 0] < 3.0 * np.ptp(seen) + 0.1
