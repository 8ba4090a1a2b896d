"""Attention whose values are wider or narrower than its queries and keys."""

import pytest

import outrange


keras = pytest.importorskip("keras")
LAYERS = keras.layers


def attending(value_dim):
    """A model of three steps; Keras initializes it with random weights."""
    keras.utils.set_random_seed(0)
    x = keras.Input((3, 4))
    y = LAYERS.MultiHeadAttention(2, 2, value_dim=value_dim)(x, x)
    return keras.Model(x, LAYERS.Dense(1)(LAYERS.Flatten()(y)))


def attend(query, key, value, scale, **options):
    """Attention as the backends other than JAX compute it: values of any width."""
    weights = keras.ops.softmax(keras.ops.einsum("btnh,bsnh->bnts", query, key) * scale)
    return keras.ops.einsum("bnts,bsnh->btnh", weights, value)


def test_values_may_have_another_width(monkeypatch):
    """Keras states the shape of the queries for the result of its attention."""
    monkeypatch.setattr(keras.src.backend.nn, "dot_product_attention", attend)
    network = outrange.load(attending(3))  # it compares the graph with the model
    assert network.graph.outputs[0].shape == (1,)


def test_a_model_that_its_backend_does_not_run(monkeypatch):
    def refuse(*args, **options):
        raise TypeError("cannot reshape")

    model = attending(3)
    monkeypatch.setattr(keras.src.backend.nn, "dot_product_attention", refuse)
    with pytest.raises(outrange.ModelError, match=r"`model.predict` runs on this backend \(jax\)"):
        outrange.load(model)
