"""Networks too deep for their initial weights, rates too small, and the copies that show it."""

from types import SimpleNamespace

import numpy as np
import pytest

import outrange
from diagnosis.test_trials import program, rehearse
from outrange.diagnosis import RULES
from outrange.diagnosis.changes import AS_IS, replaced_with
from outrange.diagnosis.context import DiagnosisContext
from outrange.diagnosis.rules.depth import _describe_clear_gain, check_depth
from outrange.diagnosis.trials import LEAST, Trials
from outrange.frontends.keras.training.program import read_program


keras = pytest.importorskip("keras")
L = keras.layers


def tower(depth):
    """A context of a stack of relus with small weights that sorts rows by the sign of a product."""
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(0).normal(size=(128, 4)).astype("float32")
    y = (x[:, :1] * x[:, 1:2] > 0).astype("float32")
    hidden = [L.Dense(8, "relu", kernel_initializer="random_uniform") for _ in range(depth)]
    model = keras.Sequential([keras.Input((4,)), *hidden, L.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return DiagnosisContext(read_program(model, x, y), [x], [y], (x, y))


@pytest.mark.slow
def test_too_many_layers_are_named_with_the_depth_that_learns():
    (finding,) = check_depth(RULES["OR012"], tower(14))
    assert finding.level.name == "MEASURED"
    assert finding.cost["layers"] == 13
    assert "its values to about 0." in finding.message
    assert "without 12 of these layers" in finding.message
    assert finding.fix.startswith("fewer layers")
    assert not list(check_depth(RULES["OR012"], tower(3)))


class Copies(Trials):
    """Trials with planned ratios by the rate and whether layers are left out."""

    def __init__(self, planned):
        self.planned, self.started = planned, set()

    def run(self, change=AS_IS, seed=0):
        self.started.add((change, seed))
        return SimpleNamespace(losses=[1.0] * LEAST, change=change)

    def ratio(self, training, change=AS_IS):
        return self.planned[change.rate, bool(change.bent)]

    def describe_gain(self, left, how, loss="loss"):
        return f"{left}"


@pytest.mark.parametrize(("apart", "is_gain"), [(np.inf, False), (1.2, False), (0.5, True)])
def test_copies_that_diverge_are_no_gain(apart, is_gain):
    """Unchanged copies diverge at the higher rate; a change must do more than diverge less."""
    change = replaced_with(["middle"], "identity")
    fast = {(1.0, False): 0.95, (1.0, True): 0.95, (10.0, False): np.inf, (10.0, True): apart}
    copies = Copies(fast)
    assert (copies.gain_at_faster_rate(change) is not None) == is_gain
    assert len(copies.started) == (9 if is_gain else 3)
    deep = SimpleNamespace(trials=Copies({(1.0, False): np.inf, (1.0, True): apart - 0.25}))
    assert (_describe_clear_gain(deep, change, "") is not None) == is_gain


def words(rate):
    """Sparse rows of counts, which plain gradient descent learns slowly."""
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 8, 128)
    often = np.full((8, 60), 0.05) + 0.5 * (rng.uniform(size=(8, 60)) < 0.15)
    x = (rng.uniform(size=(128, 60)) < often[y]).astype("float32")
    model = keras.Sequential([keras.Input((60,)), L.Dense(64, "relu"), L.Dense(8, "softmax")])
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    return model, x, y[:, None]


@pytest.mark.slow
def test_slow_descent_is_named_with_the_rate_that_learns():
    (finding,) = outrange.diagnose(*words(0.005)).at_least("measured")
    assert finding.code == "OR017"
    assert "the model learns slowly at a learning rate of" in finding.message
    assert not outrange.diagnose(*words(0.5)).at_least("measured")


@pytest.mark.slow
def test_a_layer_that_is_left_out_is_there_again_afterward():
    model, x, y = program()
    model = keras.Sequential([keras.Input((3,)), L.Dense(3, "tanh", name="middle"), L.Dense(1)])
    model.compile("adam", "mse")
    before = model.predict(x, verbose=0)
    plain, short = (rehearse(model, x, y, bent=b) for b in ((), (("middle", "identity"),)))
    assert not short.error
    assert short.looks[0] != plain.looks[0]
    assert short.moved[0] == 0 < plain.moved[0]
    assert "call" not in vars(model.layers[0])
    np.testing.assert_array_equal(before, model.predict(x, verbose=0))
