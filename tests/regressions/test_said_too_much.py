"""Sentences of PROVED findings that training contradicts: what weights do meanwhile, and where."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")
L, ops = keras.layers, keras.ops
C = keras.initializers.Constant
X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
Y = np.sin(X[:, :1])


def compile_model(model, loss="mse", optimizer="adam"):
    model.compile(optimizer, loss)
    return model


def chain(*layers, **options):
    return compile_model(keras.Sequential([keras.Input((6,)), *layers]), **options)


def proved_findings(code, model, x, y=None):
    answer = outrange.diagnose(model, x, y, train=0)
    findings = (f for f in (*answer.findings, *answer.notes) if f.code == code)
    return [f for f in findings if f.level.name == "PROVED"]


def measure_moves(model, x, y):
    before = [np.array(v) for v in model.trainable_variables]
    model.fit(x, y, epochs=1, verbose=0)
    return [
        float(abs(np.array(v) - b).max())
        for v, b in zip(model.trainable_variables, before, strict=True)
    ]


@pytest.mark.slow
def test_a_penalty_moves_the_kernel_of_a_dead_layer():
    model = chain(
        L.Dense(8, "relu", kernel_regularizer="l2", bias_initializer=C(-30.0), name="h"), L.Dense(1)
    )
    (finding,) = proved_findings("OR003", model, X)
    assert "no weight" not in finding.message and "no gradient passes" in finding.message
    assert measure_moves(model, X, Y)[0] > 0


@pytest.mark.slow
def test_where_gradients_are_measured_the_weights_are_named():
    model = chain(L.Dense(8, "relu", bias_initializer=C(-30.0), name="h"), L.Dense(1))
    (finding,) = proved_findings("OR003", model, X, Y)
    assert "no weight of this layer or before it" in finding.message
    (finding,) = proved_findings("OR003", model, np.tile(X, (10, 1)), np.tile(Y, (10, 1)))
    assert "no weight" not in finding.message  # gradients are measured at the first 512 rows


def rounded_loss(y, p):
    return ops.mean(ops.square(y - ops.round(p)))


def test_weight_decay_moves_what_gets_no_gradient():
    model = chain(
        L.Dense(1), loss=rounded_loss, optimizer=keras.optimizers.AdamW(0.1, weight_decay=0.5)
    )
    (finding,) = proved_findings("OR005", model, X, Y)
    assert "frozen" not in finding.message
    if keras.backend.backend() == "jax":
        assert max(measure_moves(model, X, Y)) > 0


def test_momentum_of_before_moves_what_gets_no_gradient():
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    model = chain(L.Dense(1), optimizer=optimizer)
    model.fit(X, Y, verbose=0)
    model.compile(optimizer, rounded_loss)
    assert all("frozen" not in finding.message for finding in proved_findings("OR005", model, X, Y))


def test_fit_raises_where_it_is_said_to():
    model = chain(L.Dense(1), loss=lambda y, p: ops.mean(ops.square(y - ops.sign(p))))
    (finding,) = proved_findings("OR005", model, X, Y)
    if "there is no error" in finding.message:
        assert max(measure_moves(model, X, Y)) == 0
    else:
        with pytest.raises((ValueError, RuntimeError)):
            model.fit(X, Y, verbose=0)


RATES = {
    "momentum": (lambda: keras.optimizers.SGD(0.1, momentum=0.99), {}),
    "constraint": (lambda: keras.optimizers.SGD(0.0), {"kernel_constraint": "unit_norm"}),
    "ftrl": (lambda: keras.optimizers.Ftrl(0.0), {}),
}


@pytest.mark.parametrize("what", RATES)
def test_a_rate_of_zero_may_move_weights(what):
    optimizer, options = RATES[what]
    model = chain(L.Dense(1, **options), optimizer=optimizer())
    if what == "momentum":
        model.fit(X, Y, verbose=0)
        model.optimizer.learning_rate = 0.0
    assert not proved_findings("OR021", model, X, Y)


def test_a_negative_rate_climbs():
    model = chain(L.Dense(1), optimizer=keras.optimizers.SGD(-0.01))
    (finding,) = proved_findings("OR021", model, X, Y)
    assert finding.title == "the learning rate is negative"
    assert "increases the loss" in finding.message


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="nothing is clipped there")
def test_another_loss_and_rows_that_were_not_measured_may_move_weights():
    x = abs(np.random.default_rng(0).normal(size=(600, 4))).astype("float32")
    inputs = keras.Input((4,))
    ends = [L.Dense(1, "sigmoid", kernel_initializer=C(200.0))(inputs), L.Dense(1)(inputs)]
    model = compile_model(keras.Model(inputs, ends), ["binary_crossentropy", "mse"])
    targets = [np.zeros((600, 1)), x[:, :1]]
    for finding in proved_findings("OR024", model, x, targets):
        assert "none of the weights" not in finding.message


class Softer(L.Layer):
    """Other logits in training."""

    def call(self, x, training=False):
        return x / 1000 if training else x


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="nothing is clipped there")
def test_logits_of_inference_are_not_those_of_training():
    soft = keras.Sequential(
        [keras.Input((6,)), L.Dropout(0.5), L.Dense(1, kernel_initializer=C(200.0)), Softer(),
         L.Activation("sigmoid")]
    )  # fmt: skip
    assert not proved_findings(
        "OR024", compile_model(soft, "binary_crossentropy"), abs(X), np.zeros((64, 1))
    )


def test_a_constant_output_is_one_in_the_range_of_the_data():
    inputs = keras.Input((6,))
    model = compile_model(keras.Model(inputs, [L.Dense(1)(inputs), L.Rescaling(2.0)(inputs)]))
    assert not proved_findings("OR002", model, X[:1], [Y[:1], X[:1]])
    axis = chain(L.Dense(5), L.Reshape((1, 5)), L.Softmax(axis=1))
    for finding in proved_findings("OR002", axis, X, np.ones((64, 1, 5))):
        assert "softmax over 5" not in finding.message


@pytest.mark.slow
def test_another_head_behind_noise_may_get_a_gradient():
    inputs = keras.Input((6,))
    noisy = L.Dense(1, "relu", kernel_initializer=C(-0.1), name="r")(L.GaussianNoise(1.0)(inputs))
    model = compile_model(keras.Model(inputs, [L.Dense(1, "softmax", name="s")(inputs), noisy]))
    for finding in proved_findings("OR002", model, abs(X), [Y, abs(X[:, :1])]):
        assert "does not change" not in finding.message


def test_targets_of_unlike_spreads_are_scaled_column_by_column():
    wide = np.concatenate([Y, 1e4 * X[:, 1:2]], axis=1)
    model = chain(L.Dense(2), optimizer="sgd")
    finding = {f.code: f for f in outrange.diagnose(model, X, wide, train=0).findings}["OR015"]
    y, scaled = wide, {}
    exec(finding.fix.split("#")[0], {"y": y}, scaled)
    np.testing.assert_allclose(scaled["y"].std(axis=0), 1.0)
