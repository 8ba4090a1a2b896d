"""Proofs about units hold in float32, on the data that the model receives.

In real arithmetic each of these layers is dead, saturated or on: in the backend's it is not.
"""

import keras
import numpy as np
import pytest
from keras import layers as L, ops

import outrange
from outrange.diagnosis.context import DiagnosisContext
from outrange.frontends.keras.training.program import read_program


RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
Y = np.sin(X[:, :1])
STAMPS = 1.7e9 + 128.0 * RNG.integers(0, 1000, size=(64, 1))
CONSTANT = keras.initializers.Constant


def net(*layers, inputs, loss="mse", optimizer="adam"):
    model = keras.Sequential([keras.Input(inputs), *layers])
    model.compile(optimizer, loss)
    return model


def proved_messages(model, x, y=None):
    """Return the messages of proved findings and notes by code."""
    answer = outrange.diagnose(model, x, y, train=0)
    return {
        f.code: f.message for f in (*answer.findings, *answer.notes) if f.level.name == "PROVED"
    }


def of_differences(activation, bias):
    """Twelve units of the difference of two inputs."""
    model = net(L.Dense(12, activation), L.Dense(1), inputs=(2,))
    model.layers[0].set_weights([np.repeat([[1.0], [-1.0]], 12, 1), bias])
    return model


@pytest.mark.parametrize("data", [np.float64, np.int64])
def test_time_stamps_are_rounded_to_float32(data):
    tanh = of_differences("tanh", np.full(12, -128.0))
    x = np.concatenate([STAMPS + 70, STAMPS], axis=1).astype(data)
    assert "OR004" not in proved_messages(tanh, x, Y)
    bias = np.full(12, -110.0)
    bias[-1] = 0
    x = np.concatenate([STAMPS + 100, STAMPS], axis=1).astype(data)
    relu = of_differences("relu", bias)
    assert "OR020" not in proved_messages(relu, x, Y)
    assert "OR003" not in proved_messages(of_differences("relu", bias - 1), x)


def test_differences_that_float32_keeps_stay_proved():
    x = np.concatenate([STAMPS % 4096 + 70, STAMPS % 4096], axis=1)
    assert "OR004" in proved_messages(of_differences("tanh", np.full(12, -128.0)), x, Y)
    assert "OR003" in proved_messages(of_differences("relu", np.full(12, -128.0)), x)


def cancelling(size):
    """Float32 loses what two biases of this size take away and give back."""
    layers = [L.Dense(12), L.Dense(12), L.Dense(12, "relu")]
    model = net(*layers, L.Dense(1), inputs=(1,))
    layers[0].set_weights([np.ones((1, 12)), np.full(12, size)])
    layers[1].set_weights([np.eye(12), np.full(12, -size)])
    layers[2].set_weights([np.eye(12), np.full(12, -6.0)])
    return model


def test_a_chain_of_layers_that_cancel():
    x = np.linspace(4.5, 5.9, 64)[:, None].astype("float32")
    model = cancelling(1e8)
    z = model.layers[2](model.layers[1](model.layers[0](x)))
    assert (ops.convert_to_numpy(z) > 0).any()
    assert "OR003" not in proved_messages(model, x)
    assert "OR012" not in proved_messages(model, x, Y)
    assert {"OR003", "OR012"} <= set(proved_messages(cancelling(1.0), x, Y))


def test_whole_numbers_that_wrap_around():
    i = keras.Input((1,), dtype="int32")
    t = L.Lambda(lambda t: ops.cast(t * t, "float32"))(i)
    dense = L.Dense(12, "relu", kernel_initializer=CONSTANT(-1e-9))
    model = keras.Model(i, L.Dense(1)(dense(t)))
    model.compile("adam", "mse")
    assert "OR003" not in proved_messages(model, np.full((64, 1), 50_000, "int32"))
    assert "OR003" in proved_messages(model, np.full((64, 1), 40_000, "int32"))


def test_what_overflows_is_not_dead():
    def beyond(t):
        large = t * 1e30 * 1e20
        return large - 2 * large

    x = np.ones((64, 6), "float32")
    model = net(L.Lambda(beyond), L.ReLU(), L.Dense(1), inputs=(6,))
    assert "OR003" not in proved_messages(model, x)


def test_what_float32_flushes_to_0_is_not_on():
    def tiny(t):
        return 1 / ops.exp(95 + 0 * t)

    model = net(L.Lambda(tiny), L.ReLU(), L.Dense(1), inputs=(6,))
    assert "OR020" not in proved_messages(model, X, Y)
    dense = L.Dense(6, "relu", kernel_initializer=CONSTANT(0.2), bias_initializer=CONSTANT(20.0))
    on = proved_messages(net(dense, L.Dense(1), inputs=(6,)), X, Y)
    assert "always on" in on["OR020"]


def test_16_bits_round_more():
    x = np.linspace(1.0, 2.0, 64)[:, None].astype("float32")
    for dtype, dead in (("float32", True), ("bfloat16", False)):
        layer = L.Dense(12, "relu", dtype=dtype)
        model = net(layer, L.Dense(1), inputs=(1,))
        layer.set_weights([np.full((1, 12), 30.0), np.full(12, -60.1)])
        assert ("OR003" in proved_messages(model, x)) is dead


@pytest.mark.slow
def test_a_layer_is_linear_only_if_all_of_it_is():
    def cosine(z):
        return ops.cos(3 * ops.relu(z))

    def line(z):
        return 3 * ops.relu(z) - 1

    messages = {}
    for activation in (cosine, line):
        layer = L.Dense(8, activation=activation, kernel_initializer=CONSTANT(0.2), name="bent")
        model = net(layer, L.Dense(1), inputs=(6,))
        messages[activation] = proved_messages(model, abs(X) + 1, Y)
        layers = outrange.summary(outrange.load(model), (np.ones(6), np.full(6, 2.0))).layers
        on = next(row for row in layers if row.name == "bent").always_on
        assert on.all() == (activation is line)
    assert "OR020" not in messages[cosine]
    assert "OR020" in messages[line]


# ---- gradients that vanish ----------------------------------------------------------------


def sigmoids(*layers, **options):
    start = keras.initializers.RandomNormal(stddev=0.05, seed=1)
    dense = [L.Dense(8, "sigmoid", kernel_initializer=start) for _ in range(8)]
    return net(*layers, *dense, L.Dense(1), inputs=(6,), **options)


def test_a_small_unit_of_the_output_is_no_vanishing_gradient():
    def loss(t, p):
        return ops.mean(ops.square((t - p) * 1e9))

    keras.utils.set_random_seed(0)
    relus = [L.Dense(16, "relu") for _ in range(3)]
    model = net(*relus, L.Dense(1), L.Rescaling(1e-9), inputs=(6,), loss=loss)
    assert "OR012" not in proved_messages(model, X, 1e-9 * Y)
    assert "OR012" not in proved_messages(model, X)


@pytest.mark.slow
def test_a_gradient_that_does_not_come_through_the_output():
    assert "OR012" in proved_messages(sigmoids(), X, Y)
    penalized = L.Dense(6, activity_regularizer=lambda z: 0.1 * ops.mean(ops.square(z)))
    model = sigmoids(penalized)
    assert "OR012" not in proved_messages(model, X, Y)
    old = np.array(ops.convert_to_numpy(model.layers[0].kernel))
    model.fit(X, Y, epochs=1, verbose=0)
    assert (ops.convert_to_numpy(model.layers[0].kernel) != old).all()


@pytest.mark.slow
def test_only_layers_on_the_way_are_counted():
    start = keras.initializers.RandomNormal(stddev=0.05, seed=1)
    i = keras.Input((6,))
    z = i
    for _ in range(8):
        z = L.Dense(8, "sigmoid", kernel_initializer=start)(z)
    other = L.Dense(8, "relu")(L.Dense(8, "relu")(L.Dense(8, "relu")(i)))
    model = keras.Model(i, L.Dense(1)(L.Concatenate()([z, other])))
    model.compile("adam", "mse")
    assert "has 9 layers with weights" in proved_messages(model, X, Y)["OR012"]
    assert "flows back from the network's output" in proved_messages(model, X, Y)["OR012"]


# ---- words --------------------------------------------------------------------------------


@pytest.mark.slow
def test_steps_are_no_layers_and_positions_no_units():
    x = RNG.normal(size=(64, 5, 6)).astype("float32")
    model = net(L.SimpleRNN(4, activation="linear", name="steps"), L.Dense(1), inputs=(5, 6))
    assert proved_messages(model, x, Y)["OR009"].startswith("the 2 layers")
    dead = L.Dense(8, "relu", bias_initializer=CONSTANT(-30.0))
    model = net(dead, L.Flatten(), L.Dense(1), inputs=(5, 6))
    assert "8 of 8 units at each of 5 positions receive" in proved_messages(model, x, Y)["OR003"]


# ---- the bounds themselves ----------------------------------------------------------------


def stack(seed):
    """Layers whose values large biases carry off and back, and a probe of each of them."""
    rng = np.random.default_rng(seed)
    i = keras.Input((6,))
    z, probes = i, []
    for _ in range(int(rng.integers(2, 6))):
        units = int(rng.integers(2, 12))
        size = 10.0 ** rng.uniform(-1, 7)
        z = L.Dense(units, bias_initializer=CONSTANT(size))(z)
        if rng.random() < 0.5:
            z = L.BatchNormalization(
                moving_mean_initializer=CONSTANT(size), moving_variance_initializer=CONSTANT(size)
            )(z)
        probes.append(z)
        kinds = ["relu", "tanh", "sigmoid", "silu", "gelu", "softplus", "elu"]
        z = L.Activation(str(rng.choice(kinds)))(z)
    return keras.Model(i, [*probes, L.Dense(1)(z)])


@pytest.mark.parametrize("seed", range(12))
def test_the_backend_stays_within_the_bounds(seed):
    keras.utils.set_random_seed(seed)
    model = stack(seed)
    x = RNG.normal(size=(32, 6)) * 10.0 ** RNG.uniform(-2, 4)
    case = DiagnosisContext(read_program(model, x, None), [x], None, (x, None), steps=0)
    bounded = 0
    for tensor, prediction in zip(case.program.output_tensors, case.predictions, strict=True):
        rows, off = case.rows_of(tensor), case.roundings.at_rows(tensor)
        assert (rows.lo - off <= prediction).all()
        assert (prediction <= rows.hi + off).all()
        middle = 0.5 * (rows.lo + rows.hi)
        assert (
            np.abs(prediction - middle) <= case.roundings.over_box(tensor) + rows.hi - rows.lo
        ).all()
        bounded += int(np.isfinite(off).all())
    assert bounded == len(case.predictions)
