"""Proofs by the last layers alone: what they close, and what they must not."""

import keras
import numpy as np
import pytest
from keras import Input, Model, layers as L

import outrange
from outrange import implies, x, y
from outrange.layers import ArgmaxIsNot, Bounded, BoxGuard, Halfspaces, Ordered
from outrange.questions.evidence.output_tail import METHOD
from outrange.search import select_search


BOX = (-0.5, 0.5)


def network(head, guarded=False, seed=0, last=3):
    keras.utils.set_random_seed(seed)
    given = Input((4,))
    h = L.Dense(30, "relu")(L.Dense(30, "relu", bias_initializer="random_normal")(given))
    outputs = L.Dense(last, kernel_initializer="random_normal", name="y")(h)
    return Model(given, head([outputs, given]) if guarded else head(outputs))


PROVED = {
    "order with ties": (Ordered(0.0), (y[1] >= y[0]) & (y[2] >= y[1])),
    "half-space": (Halfspaces([1, 2, -1], 0.5), y[0] + 2 * y[1] - y[2] <= 0.5),
    "not argmax": (ArgmaxIsNot(0), y.argmax() != 0),
}


@pytest.mark.parametrize("name", PROVED)
def test_a_rule_layer_is_proved_without_a_search_of_the_network(name):
    head, claim = PROVED[name]
    verdict = outrange.verify(network(head), claim, (-1, 1))
    assert verdict.status == "HOLDS" and verdict.methods == (METHOD,)


def test_the_search_decides_the_other_boxes():
    model = network(Ordered(0.0))
    top = float(outrange.output_range(model, BOX, tol=0.01).hi[0])
    claim = implies(x[0] <= 0, y[1] >= y[0]) & implies(x[0] >= 0, y[0] <= top)
    verdict = outrange.verify(model, claim, BOX)
    assert verdict.status == "HOLDS" and METHOD in verdict.methods and len(verdict.methods) > 1
    assert verdict.margin == 0.0


def test_a_guard_is_proved_in_its_box_only():
    model = network(BoxGuard(Bounded(hi=-1.0), BOX, 100.0), guarded=True)
    assert outrange.verify(model, y[0] <= -1 + 1e-6, BOX).methods == (METHOD,)
    assert outrange.verify(model, y[0] <= -1 + 1e-6, (-0.6, 0.6)).status == "VIOLATED"


@pytest.mark.parametrize("seed", range(6))
def test_the_limit_of_a_guard_is_proved_without_the_kernel(seed, monkeypatch):
    """The distance from the box is exactly 0 inside it, and so the limit is exact."""
    monkeypatch.setattr(select_search, "has_kernel", lambda engine: False)
    keras.utils.set_random_seed(seed)
    given = Input((2,))
    outputs = L.Dense(1)(L.Dense(8, "relu")(given))
    model = Model(given, BoxGuard(Bounded(hi=0.5), (0, 1), fade=10)([outputs, given]))
    assert outrange.verify(model, y[0] <= 0.5, (0, 1), budget=1.0).status == "HOLDS"


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_proved_that_a_sample_breaks(seed, rng):
    heads = [Ordered(0.0), Halfspaces([1, -1, 0], 0.1), L.ReLU(), L.Activation("tanh"), L.Softmax()]
    model = network(heads[seed % len(heads)], seed=seed)
    at = rng.uniform(-1, 1, (500, 4)).astype("float32")
    out = model.predict(at, verbose=0).astype(float)
    worst, spread = out[:, 0].max(), np.ptp(out[:, 0])
    for share in (0.01, 0.2):
        verdict = outrange.verify(model, y[0] <= worst - share * spread - 1e-6, (-1, 1), budget=2)
        assert verdict.status != "HOLDS"
