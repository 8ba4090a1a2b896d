"""A value that a fused curve bypasses, or that weights and layers go around, was read as idle."""

import keras
import numpy as np
import pytest
from keras import layers as L, ops

import outrange


X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")


def randomize_weights(model, **scales):
    """Set random weights, scaled in some layers."""
    rng = np.random.default_rng(3)
    for variable in model.weights:
        scale = next((s for name, s in scales.items() if name in variable.path.split("/")), 1.0)
        variable.assign(rng.normal(size=variable.shape) * scale)
    return model


def proved_findings(model, x=X, y=None):
    return {f.code: f for f in outrange.diagnose(model, x, y).at_least("proved")}


def tiny_way(model):
    """The model of `first`, then `tiny` and more, then what else reads `first`."""
    return randomize_weights(model, tiny=1e-9)


def test_two_activations_in_a_row_pass_a_gradient():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((4,)), L.Dense(16, "relu"), L.LeakyReLU(), L.Dense(16, "relu"),
        L.Dense(16, "relu"), L.Dense(1, "sigmoid"),
    ])  # fmt: skip
    assert "OR012" not in proved_findings(model)


def test_a_layer_that_cannot_be_read_may_pass_everything():
    class Unread(L.Layer):
        def call(self, z):
            return ops.erfinv(ops.tanh(z))

    x = keras.Input((4,))
    first = L.Dense(4, name="first")(x)
    rest = L.Dense(4)(L.Dense(4, name="tiny")(first))
    model = tiny_way(keras.Model(x, L.Dense(1)(L.Add()([Unread()(first), rest]))))
    assert outrange.diagnose(model, X).unread
    assert "OR012" not in proved_findings(model)


def test_a_kernel_used_a_second_time_gets_its_gradient_there():
    class Tied(L.Layer):
        def __init__(self, other):
            super().__init__()
            self.other = other

        def call(self, z):
            return ops.matmul(z, ops.transpose(self.other.kernel))

    x = keras.Input((4,))
    first = L.Dense(4, name="first")
    rest = L.Dense(4)(L.Dense(4, name="tiny")(first(x)))
    model = tiny_way(keras.Model(x, L.Dense(1)(Tied(first)(rest))))
    assert "OR012" not in proved_findings(model)


def test_a_recurrent_cell_is_called_at_every_step():
    model = randomize_weights(keras.Sequential([
        keras.Input((30, 4)), L.SimpleRNN(4, name="first"), L.Dense(4), L.Dense(4), L.Dense(1),
    ]), first=0.1)  # fmt: skip
    rows = np.random.default_rng(0).normal(size=(32, 30, 4)).astype("float32")
    assert "OR012" not in proved_findings(model, rows)


def test_activations_with_weights_are_no_affine_map_for_all_weights():
    """Two PReLU that start as the identity were fused into it."""
    model = randomize_weights(keras.Sequential([
        keras.Input((4,)), L.Dense(8), L.PReLU(name="a"), L.PReLU(name="b"), L.Dense(8), L.Dense(1),
    ]))  # fmt: skip
    for name in ("a", "b"):
        model.get_layer(name).alpha.assign(np.ones(8))
    assert "OR009" not in proved_findings(model)


@pytest.mark.slow
def test_what_stands_before_a_dead_layer_learns_around_it():
    def dead(skips):
        x = keras.Input((4,))
        early = L.Dense(4, name="early")(x)
        z = L.Dense(4, "relu", name="dead")(early)
        model = randomize_weights(keras.Model(x, L.Dense(1)(L.Add()([early, z]) if skips else z)))
        model.get_layer("dead").bias.assign(np.full(4, -100.0))
        model.compile("sgd", "mse")
        return proved_findings(model, y=X[:, :1])["OR003"].message

    assert "no weight of this layer or before it gets a gradient" in dead(skips=False)
    assert "no weight of this layer gets a gradient" in dead(skips=True)


def test_a_layer_with_a_skip_of_its_own_is_not_dead():
    class Residual(L.Layer):
        def __init__(self):
            super().__init__()
            self.dense, self.activation = L.Dense(4, bias_initializer="ones"), ops.relu

        def build(self, shape):
            self.dense.build(shape)

        def call(self, z):
            return z + self.activation(self.dense(z))

    model = keras.Sequential([keras.Input((4,)), Residual(), L.Dense(1)])
    model.layers[0].dense.bias.assign(np.full(4, -100.0))
    assert "OR003" not in proved_findings(model)


def test_a_summary_knows_activations_of_several_parts_and_behind_others():
    model = keras.Sequential([
        keras.Input((4,)), L.Dense(4, kernel_initializer="ones"), L.PReLU(name="bent"),
        L.Dense(4, "relu", bias_initializer="ones", name="first"), L.ReLU(name="second"),
        L.Dense(1),
    ])  # fmt: skip
    model.get_layer("bent").alpha.assign([0.1, 0.2, 0.3, 0.4])
    model.get_layer("first").kernel.assign(100 * np.eye(4))
    table = outrange.summary(model, -np.abs(X) - 1.0)
    assert table["bent"].count("dead") == 0
    assert table["first"].count("dead") == table["second"].count("dead") == 4
    chances = outrange.training.dead_start(model, -np.abs(X), trials=2)
    assert {"first", "second"} <= {layer.name for layer in chances.layers}
