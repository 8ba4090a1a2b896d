"""Proofs that fresh seeds broke: slopes that are trained, edges in float32, noise after dropout."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")
L = keras.layers
RNG = np.random.default_rng(0)
X = (100 * RNG.normal(size=(12, 4))).astype("float32")


def proved_findings(model, x, y):
    model.compile("sgd", "mse")
    answer = outrange.diagnose(model, x, y, train=0)
    return [f for f in (*answer, *answer.notes) if f.level.name == "PROVED"]


def test_the_slope_of_a_prelu_is_a_weight_like_others():
    """It was read as the number that it starts with, and [0.04, 0.33] was proved of [0, 0.59]."""
    last = L.Dense(1, "hard_sigmoid", trainable=False)
    model = keras.Sequential([keras.Input((4,)), L.PReLU(), L.Activation("sigmoid"), last])
    last.kernel.assign([[-1.5], [0.5], [-0.8], [-0.7]])
    findings = proved_findings(model, X, -np.ones((12, 1)))
    (finding,) = [f for f in findings if f.code == "OR001"]
    model.layers[0].alpha.assign(np.ones(4))
    reached = np.asarray(keras.ops.convert_to_numpy(model(X)))
    lo, hi = finding.interval
    assert lo - 1e-6 <= reached.min() and reached.max() <= hi + 1e-6
    assert reached.max() > 0.4


def test_a_prelu_behind_negative_numbers_is_no_constant():
    last = L.Dense(1, "selu", trainable=False, bias_initializer="ones")
    model = keras.Sequential([keras.Input((4,)), L.Dense(4, "sigmoid"), last, L.PReLU()])
    last.bias.assign([-10.0])
    assert "OR002" not in [f.code for f in proved_findings(model, X, X[:, :1])]


def test_a_unit_that_float32_puts_on_the_edge_of_a_clip_is_not_proved_dead():
    layer = L.Dense(2, "hard_tanh", name="clip")
    model = keras.Sequential([keras.Input((4,)), layer, L.Dense(1)])
    # In real numbers -1 - 1e-8 and less, in float32 -1.
    layer.set_weights([np.full((4, 2), -1e-10, "float32"), np.array([-1.0, 0.5], "float32")])
    x = np.abs(X) / 100
    assert "OR020" not in [f.code for f in proved_findings(model, x, x[:, :1])]


@pytest.mark.parametrize(
    "layers", [[L.Dropout(0.4), L.GaussianNoise(0.1)], [L.GaussianDropout(0.4)],
               [L.Dropout(0.4), L.Dropout(0.3)]],
)  # fmt: skip
def test_noise_behind_a_dropout_leaves_no_zeros(layers):
    model = keras.Sequential([keras.Input((4,)), L.Dense(1), *layers])
    assert "OR019" not in [f.code for f in proved_findings(model, X, X[:, :1])]


@pytest.mark.slow
def test_nothing_but_zeros_stays_a_probability():
    """Behind a frozen kernel of zeros a kernel without a bias gives zeros, whatever it holds."""
    zeros = L.Dense(4, "relu", kernel_initializer="zeros", trainable=False)
    model = keras.Sequential([keras.Input((4,)), zeros, L.Dense(3, "relu", use_bias=False)])
    model.compile("sgd", "binary_crossentropy")
    y = (X[:, :3] > 0).astype("float32")
    levels = {f.code: f.level.name for f in outrange.diagnose(model, X, y, train=0)}
    assert levels["OR006"] == "SUSPECTED"
    model.add(L.Dense(3, "relu"))
    model.compile("sgd", "binary_crossentropy")
    levels = {f.code: f.level.name for f in outrange.diagnose(model, X, y, train=0)}
    assert levels["OR006"] == "PROVED"
