"""Programs that look faulty and are not, or cannot be followed: nothing may be PROVED of them."""

import numpy as np
import pytest

import outrange
from cases import cases, some
from outrange.diagnosis.context import DiagnosisContext
from outrange.diagnosis.sensitivity import sensitivity, steepest
from outrange.frontends.keras.training.program import read_program
from outrange.ops import CURVES, curve


keras = pytest.importorskip("keras")
layers, ops = (keras.layers, keras.ops) if keras else (None, None)


def data(n=20, features=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features)).astype("float32")
    return x, x[:, :1] - x[:, 1:2]


def compile_model(model, loss="mse"):
    model.compile("adam", loss)
    return model


def straight_through(x):
    return x + ops.stop_gradient(ops.round(x) - x)


@keras.saving.register_keras_serializable("outrange tests")
class Squared(layers.Layer):
    """Reads its kernel past the recorded operations."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 1), name="kernel")

    def call(self, x):
        return ops.matmul(x, ops.square(self.kernel))


class Branching(keras.Model):
    """Its code cannot be run on symbols."""

    def __init__(self):
        super().__init__()
        self.last = layers.Dense(1)

    def call(self, x):
        return self.last(x) if ops.convert_to_numpy(ops.sum(x)) < 1e9 else 2 * self.last(x)


def sequential(*parts, shape=(3,)):
    return keras.Sequential([keras.Input(shape), *parts])


def normalized_model():
    x = keras.Input((3,))
    z = layers.Dense(4, "softplus")(x)
    return compile_model(
        keras.Model(x, z / ops.sum(z, axis=-1, keepdims=True)), "categorical_crossentropy"
    )


HEALTHY = {
    "straight-through rounding": lambda: (
        compile_model(
            sequential(layers.Dense(4), layers.Lambda(straight_through), layers.Dense(1))
        ),
        *data(),
    ),
    "a kernel that is squared": lambda: (compile_model(sequential(Squared())), *data()),
    "code that branches": lambda: (compile_model(Branching()), *data()),
    "batch normalization before a relu": lambda: (
        compile_model(sequential(
            layers.Dense(8, bias_initializer=keras.initializers.Constant(-100.0)),
            layers.BatchNormalization(), layers.ReLU(), layers.Dense(1),
        )), *data(),
    ),
    "probabilities by division": lambda: (
        normalized_model(), data()[0], np.eye(4, dtype="float32")[np.arange(20) % 4]
    ),
    "hinge and targets of -1": lambda: (
        compile_model(sequential(layers.Dense(1, "tanh")), "hinge"), data()[0], np.sign(data()[1])
    ),
    "a loss of the user's over a sigmoid": lambda: (
        compile_model(
            sequential(layers.Dense(1, "sigmoid")),
            lambda t, p: ops.mean(ops.square(t - 10.0 * p)),
        ), data()[0], 3 + np.abs(data()[1]),
    ),
    "a target a rounding above 1": lambda: (
        compile_model(sequential(layers.Dense(1, "sigmoid"))), data()[0],
        np.linspace(0, 1, 20)[:, None] * (1 + 2e-16),
    ),
    "a low-rank linear autoencoder": lambda: (
        compile_model(sequential(layers.Dense(1), layers.Dense(3))), data()[0], data()[0]
    ),
    "one class column": lambda: (
        compile_model(sequential(layers.Dense(3, "softmax")), "sparse_categorical_crossentropy"),
        data()[0], data()[0].argmax(axis=1),
    ),
    "a last layer that starts at 0": lambda: (
        compile_model(
            sequential(layers.Dense(8, "tanh"), layers.Dense(1, kernel_initializer="zeros"))
        ),
        *data(),
    ),
    "two outputs, one loss": lambda: _two_outputs(),
    "two outputs by name, in another order": lambda: _named_outputs(),
    "an embedding": lambda: (
        compile_model(keras.Sequential([
            keras.Input((5,), dtype="int32"), layers.Embedding(10, 4),
            layers.GlobalAveragePooling1D(), layers.Dense(1, "sigmoid"),
        ]), "binary_crossentropy"),
        np.arange(100).reshape(20, 5) % 10, np.arange(20) % 2,
    ),
    "a recurrent layer": lambda: (
        compile_model(sequential(layers.LSTM(4), layers.Dense(1), shape=(5, 3))),
        np.random.default_rng(0).normal(size=(20, 5, 3)), data()[1],
    ),
    "not compiled": lambda: (sequential(layers.Dense(1, "sigmoid")), data()[0], 5 + data()[1]),
}  # fmt: skip


def _two_outputs():
    x = keras.Input((3,))
    model = keras.Model(x, [layers.Dense(1)(x), layers.Dense(1)(x)])
    model.compile("adam", ["mse", None])
    return model, data()[0], [data()[1], data()[1]]


def _named_outputs():
    x = keras.Input((3,))
    model = keras.Model(
        x,
        {
            "value": layers.Dense(1, name="value")(x),
            "kind": layers.Dense(3, "softmax", name="kind")(x),
        },
    )
    model.compile("adam", {"value": "mse", "kind": "sparse_categorical_crossentropy"})
    return model, data()[0], {"value": data()[1], "kind": data()[0].argmax(axis=1)[:, None]}


SLOW = ("a recurrent layer", "an embedding", "batch normalization before a relu")
"""The backend compiles these for seconds."""


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(build, id=name)
        for name, build in some(HEALTHY.items(), 8)
        if name not in cases(SLOW, ())
    ],
)
def test_nothing_is_proved_of_a_healthy_program(build):
    keras.utils.set_random_seed(1)
    answer = outrange.diagnose(*build(), train=0)
    branches = build is HEALTHY["code that branches"]
    if branches and keras.backend.backend() != "torch":
        # There `fit` cannot run this code either, and the error it would raise is measured.
        assert answer.codes == ("OR016",)
        assert not answer.at_least("proved")
        return
    assert not answer.at_least("measured"), answer


@pytest.mark.slow
def test_what_could_not_be_looked_at_is_said():
    branching = outrange.diagnose(*HEALTHY["code that branches"](), train=0)
    assert any("Branching" in reason for reason in branching.unread)


@pytest.mark.slow
def test_a_refused_layer_does_not_hide_what_comes_after():
    model = compile_model(sequential(layers.LSTM(4), layers.Dense(1, "sigmoid"), shape=(5, 3)))
    x = np.random.default_rng(0).normal(size=(20, 5, 3))
    answer = outrange.diagnose(model, x, 5 + data()[1], train=0)
    assert "OR001" in [finding.code for finding in answer.at_least("proved")]


def test_a_layer_that_hides_its_weights_is_measured_not_proved():
    class Rounded(layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 1), name="kernel")
            self.bias = self.add_weight(shape=(1,), name="bias")

        def call(self, x):
            return ops.matmul(x, ops.round(self.kernel)) + self.bias

    answer = outrange.diagnose(compile_model(sequential(Rounded())), *data(), train=0)
    (finding,) = answer
    assert (finding.code, finding.level.name) == ("OR005", "MEASURED")
    assert finding.cost["weights"] == ["rounded/kernel"]


def test_the_operation_and_its_weights_are_named():
    model = sequential(
        layers.Dense(4, name="first"),
        layers.Lambda(lambda t: ops.round(t), name="steps"),
        layers.Dense(1, name="last"),
    )
    (finding,) = outrange.diagnose(compile_model(model), *data(), train=0).at_least("proved")
    assert finding.layer == "steps"
    assert finding.cost["operations"] == ["round"]
    assert finding.cost["weights"] == ["first/kernel", "first/bias"]


@pytest.mark.parametrize("name", sorted(CURVES))
def test_no_slope_is_steeper_than_the_bound(name):
    """Against difference quotients, over random ranges inside the domain of the curve."""
    attributes = {
        "threshold": {"threshold": 0.5, "default": 0.5}, "power": {"exponent": 3.0},
        "clip": {"least": -1.0, "most": 2.0}, "leaky_relu": {"negative_slope": 0.1},
        "hard_shrink": {"threshold": 0.5}, "soft_shrink": {"threshold": 0.5},
        "relu_general": {"negative_slope": 0.1, "max_value": 6.0, "threshold": 1.0},
        "celu": {"alpha": 1.0}, "elu": {"alpha": 1.0}, "squareplus": {"b": 4.0},
    }.get(name, {})  # fmt: skip
    facts = curve(name, **attributes)
    rng = np.random.default_rng(5)
    centers = rng.normal(size=60) * 3
    lo, hi = centers - rng.uniform(0, 2, 60), centers + rng.uniform(0, 2, 60)
    inside = (lo > facts.on[0]) & (hi < facts.on[1])
    for hole in facts.holes:
        inside &= (lo > hole) | (hi < hole)
    lo, hi = lo[inside], hi[inside]
    bound = steepest(facts, lo, hi)
    for least, most, limit in zip(lo, hi, bound, strict=True):
        x = np.linspace(least, most, 200)
        with np.errstate(all="ignore"):
            quotient = np.abs(np.diff(facts.f(x)) / np.diff(x))
        assert np.nanmax(quotient, initial=0.0) <= limit * (1 + 1e-6) + 1e-9, (least, most)


def test_the_response_of_a_network_is_within_its_bound():
    keras.utils.set_random_seed(2)
    model = compile_model(sequential(
        layers.Dense(6, "tanh", name="first"), layers.Dense(5, "sigmoid"), layers.Dense(2),
    ), "mse")  # fmt: skip
    x, _ = data()
    case = DiagnosisContext(read_program(model, x, None), [x], None, (x, None))
    first = next(layer for layer in case.program.layers if layer.path == "first")
    bound = sensitivity(case, [first])
    rest = keras.Sequential([keras.Input((6,)), *model.layers[1:]])
    values = ops.convert_to_numpy(model.layers[0](x))

    def run(z):
        return ops.convert_to_numpy(rest(z))

    rng = np.random.default_rng(3)
    for _ in range(50):
        nudge = rng.choice([-1, 1], values.shape) * 1e-2
        moved = np.abs(run(values + nudge) - run(values))
        assert moved.max() <= bound * 1e-2 * (1 + 1e-3)
    assert bound < 20
