"""Short trainings of copies: both ways to run them, and what they are compared with."""

import numpy as np
import pytest

from cases import some
from outrange.diagnosis import baselines
from outrange.diagnosis.context import DiagnosisContext
from outrange.diagnosis.signal import signal
from outrange.frontends.keras.training.measure import Measurement
from outrange.frontends.keras.training.program import read_program
from outrange.frontends.keras.training.rehearsal import Rehearser
from outrange.program import Loss


keras = pytest.importorskip("keras")
L = keras.layers
LEFT_OUT = ("noise", "penalties", "clipping")


def program(optimizer=None, loss="mse"):
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(70, 3)).astype("float32")
    frozen = L.Dense(4, "tanh", kernel_regularizer="l2", trainable=False)
    model = keras.Sequential([keras.Input((3,)), frozen, L.Dropout(0.1), L.Dense(4), L.Dense(1)])
    model.compile(optimizer or keras.optimizers.Adam(0.01, clipnorm=0.1), loss)
    return model, x, x[:, :1]


def rehearse(model, x, y, **options):
    index = {id(v): i for i, v in enumerate(model.weights)}
    return Rehearser(Measurement(keras, model, index, True)).rehearse(x, y, 12, 32, 0, **options)


@pytest.mark.slow
def test_what_is_changed_is_changed_in_the_copy_alone():
    model, x, y = program()
    before = [np.array(w) for w in model.get_weights()]
    plain = rehearse(model, x, y)
    assert not plain.error
    assert plain.moved[0] == 0 < plain.moved[2]
    slow = rehearse(model, x, y, rate=0.1)
    assert slow.moved[2] == pytest.approx(0.1 * plain.moved[2], rel=0.3)
    assert rehearse(model, x, y, without="freezing").moved[0] > 0
    assert rehearse(model, x, y, bent=((model.layers[2].name, "relu"),)).looks != plain.looks
    for what in some(LEFT_OUT, 1):
        assert not rehearse(model, x, y, without=what).error
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert [layer.trainable for layer in model.layers] == [False, True, True, True]
    assert model.layers[2].activation is keras.activations.linear
    assert model.layers[0].kernel.regularizer is not None
    assert int(model.optimizer.iterations) == 0


@pytest.mark.parametrize("kind", ["SGD", "Nadam", "Ftrl", "Lion", "Adafactor"])
def test_every_optimizer_can_be_rehearsed(kind):
    model, x, y = program(getattr(keras.optimizers, kind)(0.01))
    rehearsal = rehearse(model, x, y)
    assert not rehearsal.error
    assert len(rehearsal.losses) == 12


def test_a_schedule_is_kept_and_not_multiplied():
    model, x, y = program(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 50)))
    assert not rehearse(model, x, y).error
    assert "schedule" in rehearse(model, x, y, rate=0.1).error


def test_several_heads_count_themselves_outside_of_the_trace():
    x = keras.Input((3,))
    model = keras.Model(x, [L.Dense(1, name="a")(x), L.Dense(2, "softmax", name="b")(x)])
    model.compile(keras.optimizers.Nadam(0.1), ["mse", "sparse_categorical_crossentropy"])
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(40, 3)).astype("float32")
    y = [rows[:, :1], (rows[:, 1:2] > 0).astype(int)]
    case = DiagnosisContext(read_program(model, rows, y), [rows], y, (rows, y), steps=50)
    assert case.trials.run() is not None
    assert case.trials.constant == pytest.approx(
        float(y[0].var()) + baselines.constant(case.program.losses[1], y[1].astype(float), 2)
    )
    assert case.trials.stuck is False
    assert not case.unread


CASES = {
    "mean_squared_error": (lambda r: r.normal(size=(30, 2)), lambda r: r.normal(size=(30, 2)), {}),
    "mean_absolute_error": (lambda r: r.normal(size=(30, 2)), lambda r: r.normal(size=(30, 2)), {}),
    "huber": (
        lambda r: 3 * r.normal(size=(30, 2)), lambda r: 3 * r.normal(size=(30, 2)), {"delta": 0.7},
    ),
    "poisson": (
        lambda r: r.poisson(2.0, (30, 2)) * 1.0, lambda r: r.uniform(0.1, 5.0, (30, 2)), {},
    ),
    "binary_crossentropy": (
        lambda r: r.integers(0, 2, (30, 2)) * 1.0, lambda r: r.uniform(size=(30, 2)),
        {"label_smoothing": 0.1},
    ),
    "categorical_crossentropy": (
        lambda r: np.eye(4)[r.integers(0, 4, 30)], lambda r: r.dirichlet(np.ones(4), 30),
        {"label_smoothing": 0.2},
    ),
    "sparse_categorical_crossentropy": (
        lambda r: r.integers(0, 4, (30, 1)) * 1.0, lambda r: r.dirichlet(np.ones(4), 30), {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_losses_are_those_of_keras_and_no_constant_is_better(name):
    rng = np.random.default_rng(5)
    make_y, make_p, options = CASES[name]
    y, p = make_y(rng), make_p(rng)
    rest = {key: value for key, value in options.items() if key != "label_smoothing"}
    loss = Loss(name, True, 0, False, options.get("label_smoothing", 0.0), options=rest)
    theirs = getattr(keras.losses, "".join(part.title() for part in name.split("_")))(**options)
    expected = float(keras.ops.convert_to_numpy(theirs(y.astype("float32"), p.astype("float32"))))
    assert baselines.value(loss, y, p) == pytest.approx(expected, rel=1e-4)
    best = baselines.constant(loss, y, p.shape[1])
    for _ in range(50):
        constant = np.repeat(make_p(rng)[:1], len(y), axis=0)
        assert baselines.value(loss, y, constant) >= best - 1e-9
        assert baselines.value(loss, y, make_p(rng)) >= baselines.least(loss, y)


def test_the_least_loss_of_chances_is_their_entropy():
    y = np.array([[0.3], [0.9]])
    loss = Loss("binary_crossentropy", True, 0, False)
    assert baselines.least(loss, y) == pytest.approx(baselines.value(loss, y, y))
    rows = np.array([[0.2, 0.8], [0.5, 0.5]])
    loss = Loss("categorical_crossentropy", True, 0, False)
    assert baselines.least(loss, rows) == pytest.approx(baselines.value(loss, rows, rows))
    assert baselines.least(Loss("mean_squared_error", True, 0), rows) == 0.0


def test_a_signal_is_told_from_chance():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 4))
    clear = signal(x, x[:, :1] - x[:, 1:2])
    bent = signal(x, np.sign(x[:, :1] * x[:, 1:2]))
    none = signal(x, rng.normal(size=(200, 1)))
    assert clear.linear > 0.95 < clear.explained
    assert bent.linear < 0.3 < bent.explained
    assert none.explained <= max(0.02, *none.by_chance)
    assert signal(x[:20], x[:20, :1]) is None
