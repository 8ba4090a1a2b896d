"""Comparisons: every lane is the training Keras does by itself, and studies can be gone on with."""

import functools
import random

import keras
import numpy as np
import pytest

import outrange
from cases import cases
from outrange.train.comparison.compare import compare
from outrange.train.comparison.plan import Options, epoch_orders


X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
AND, XOR = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 0])
X3 = np.random.default_rng(0).normal(size=(23, 2)).astype(np.float32)
Y3 = np.random.default_rng(1).integers(0, 3, 23)
OPTIMIZERS = {
    "sgd": keras.optimizers.SGD(0.3, momentum=0.5),
    "adam": keras.optimizers.Adam(0.03),
    "clipped": keras.optimizers.RMSprop(0.02, clipnorm=0.1),
}


ENGINES = cases(["lanes"], ["lanes", "one by one"])


def mlp(outputs):
    def build(activation):
        return keras.Sequential(
            [
                keras.Input((2,)),
                keras.layers.Dense(4, "tanh", kernel_regularizer=keras.regularizers.L2(1e-3)),
                keras.layers.Dense(outputs, activation=activation),
            ]
        )

    return build


def neuron(activation):
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation=activation)])


@functools.cache
def plain_keras(outputs, activation, loss, optimizer, start, epochs, batch_size):
    """The loop a user would write: the final loss of one training, by Keras alone."""
    random.seed(start)
    model = mlp(outputs)(activation)
    fresh = OPTIMIZERS[optimizer]
    model.compile(type(fresh).from_config(fresh.get_config()), loss)
    x, y = (X, XOR[:, None].astype(np.float32)) if outputs == 1 else (X3, Y3)
    if loss != "sparse_categorical_crossentropy" and outputs > 1:
        y = np.eye(outputs, dtype=np.float32)[y]
    orders = epoch_orders(Options(epochs, batch_size, 1, 0), len(x), 0, epochs)
    if batch_size >= len(x):
        model.fit(x, y, batch_size=len(x), epochs=epochs, shuffle=False, verbose=0)
    for order in orders if batch_size < len(x) else ():
        for i in range(0, len(x), batch_size):
            batch = order[i : i + batch_size]
            model.train_on_batch(x[batch], y[batch])
    return model.evaluate(x, y, batch_size=len(x), verbose=0)


def agrees(study, outputs, epochs, batch_size, starts):
    for c in study.combinations:
        for start in starts:
            expected = plain_keras(
                outputs, c.activation, c.loss, c.optimizer, start, epochs, batch_size
            )
            assert c.trials[start].loss == pytest.approx(expected, rel=2e-5, abs=1e-6), c.name


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["lanes", "one by one"])
def test_final_losses_are_those_of_plain_keras(engine):
    study = compare(
        mlp(1),
        X,
        XOR,
        activations=["sigmoid"],
        losses=cases(["binary_crossentropy"], ["mse", "binary_crossentropy"]),
        optimizers={name: OPTIMIZERS[name] for name in cases(["clipped"], ["sgd", "clipped"])},
        starts=2,
        epochs=12,
        engine=engine,
        goal=0,
    )
    agrees(study, 1, 12, 32, [1])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["lanes", "one by one"])
def test_all_final_losses_are_those_of_plain_keras(engine):
    study = compare(
        mlp(1),
        X,
        XOR,
        activations=["linear", "relu", "tanh"],
        losses=["mae", "hinge"],
        optimizers=OPTIMIZERS,
        starts=2,
        epochs=15,
        engine=engine,
    )
    agrees(study, 1, 15, 32, [0, 1])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_batches_are_drawn_from_the_seed_and_trained_as_keras_does(engine):
    study = compare(
        mlp(3),
        X3,
        Y3,
        activations=["softmax"],
        losses=cases(
            ["categorical_hinge"], ["sparse_categorical_crossentropy", "categorical_hinge"]
        ),
        optimizers={"adam": OPTIMIZERS["adam"]},
        starts=2,
        epochs=4,
        batch_size=8,
        engine=engine,
        goal=0,
    )
    agrees(study, 3, 4, 8, [1])


@pytest.mark.slow
def test_a_model_with_state_and_noise_trains_alike_in_both_engines(rng):
    x = rng.normal(size=(16, 3)).astype(np.float32)
    y = x.sum(axis=1)

    def build(activation):
        return keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dense(4, activation),
                keras.layers.BatchNormalization(),
                keras.layers.Dropout(0.5),
                keras.layers.Dense(1),
            ]
        )

    options = {
        "activations": ["relu"], "losses": ["mse"], "optimizers": {"adam": OPTIMIZERS["adam"]},
        "starts": 2, "epochs": 5, "batch_size": 8,
    }  # fmt: skip
    lanes = compare(build, x, y, engine="lanes", **options)
    loops = compare(build, x, y, engine="one by one", **options)
    for a, b in zip(lanes.combinations[0].trials, loops.combinations[0].trials, strict=True):
        np.testing.assert_allclose(a.losses, b.losses, rtol=1e-4)
    assert lanes.metric == "mse"
    assert lanes.better == "lower"


@pytest.mark.slow
def test_every_failure_is_explained_and_the_best_pair_is_named():
    study = outrange.compare(
        neuron,
        X,
        AND,
        candidates={
            "activation": ["sigmoid", "relu", "softmax"],
            "loss": ["mse", "binary_crossentropy"],
            "optimizer": {"sgd": keras.optimizers.SGD(1.0)},
        },
        training={"starts": 4, "epochs": 200},
    )
    assert study.best_pair == ("sigmoid", "binary_crossentropy")
    assert study.best.solved.all()
    assert study.failures
    for _, trial in study.failures:
        assert trial.why
    for loss in study["softmax", "mse", "sgd"], study["softmax", "binary_crossentropy", "sgd"]:
        assert not loss.solved.any()
        assert any(r.level == "PROVED" for r in loss.why)
    codes = {r.code for r in study["softmax", "mse", "sgd"].why}
    assert {"OR002", "T2"} <= codes


def test_zero_start_of_a_relu_is_found_dead():
    def build(activation):
        zeros = keras.layers.Dense(1, activation, kernel_initializer="zeros")
        return keras.Sequential([keras.Input((2,)), zeros])

    study = outrange.compare(
        build,
        X,
        AND,
        candidates={
            "activation": ["relu", "sigmoid"],
            "loss": ["mse"],
            "optimizer": {"sgd": keras.optimizers.SGD(1.0)},
        },
        training={"starts": 2, "epochs": 300},
    )
    relu, sigmoid = study.combinations
    assert not relu.solved.any()
    assert {"OR003", "T2"} <= {r.code for r in relu.why}
    assert sigmoid.solved.all()


def test_divergence_is_found():
    study = outrange.compare(
        neuron,
        100 * X,
        AND,
        candidates={
            "activation": ["linear"],
            "loss": ["mse"],
            "optimizer": {"sgd": keras.optimizers.SGD(10.0)},
        },
        training={"starts": 1, "epochs": 50},
    )
    (trial,) = study.best.trials
    assert "T1" in {r.code for r in trial.why}


ASKED = {
    "activations": ["sigmoid", "tanh"], "losses": ["mse"],
    "optimizers": {"adam": OPTIMIZERS["adam"]}, "starts": 2, "epochs": 20, "batch_size": 2,
    "goal": 0,  # nothing falls short, so nothing is diagnosed
}  # fmt: skip


class Stop:
    """Ctrl-C at the n-th report of progress."""

    def __init__(self, after):
        self.left = after

    def __call__(self, now):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_study_goes_on_where_it_was_stopped(tmp_path, engine):
    file = tmp_path / "study.json"
    whole = compare(mlp(1), X, XOR, engine=engine, **ASKED)
    part = compare(mlp(1), X, XOR, engine=engine, file=file, progress=Stop(after=9), **ASKED)
    assert part.status == "interrupted"
    assert {t.epochs for c in part.combinations for t in c.trials} == {4, 5}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["study.json", "study.json.state.npz"]
    after = compare(mlp(1), X, XOR, engine=engine, file=file, **ASKED)
    assert after.status == "complete"
    assert [p.name for p in tmp_path.iterdir()] == ["study.json"]
    for a, b in zip(after.combinations, whole.combinations, strict=True):
        for one, other in zip(a.trials, b.trials, strict=True):
            np.testing.assert_array_equal(one.losses, other.losses)
            np.testing.assert_array_equal(one.metrics, other.metrics)
    again = compare(mlp(1), X, XOR, engine=engine, file=file, **ASKED)
    assert again.as_dict() == after.as_dict()
    with pytest.raises(outrange.InputError, match=r"epochs.*20, not 21"):
        compare(mlp(1), X, XOR, engine=engine, file=file, **(ASKED | {"epochs": 21}))
    with pytest.raises(outrange.InputError, match="whose data differs"):
        compare(mlp(1), X, AND, engine=engine, file=file, **ASKED)


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["30s", "1min"])
def test_a_time_limit_may_be_text(limit):
    assert compare(mlp(1), X, XOR, time_limit=limit, **ASKED).status == "complete"


@pytest.mark.slow
def test_when_the_time_is_over_all_combinations_are_equally_far():
    study = compare(mlp(1), X, XOR, time_limit=1e-9, **(ASKED | {"goal": None}))
    assert study.status == "time"
    assert {t.epochs for c in study.combinations for t in c.trials} == {0}
    assert "Stopped early" in str(study)
    assert all(t.why for _, t in study.failures)


def test_the_users_random_numbers_are_left_alone():
    random.seed(5)
    np.random.seed(5)
    compare(mlp(1), X, XOR, **(ASKED | {"epochs": 1}))
    seen = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    assert seen == (random.random(), np.random.random())


def test_a_metric_of_ones_own():
    def worst(y, p):
        return keras.ops.max(keras.ops.abs(y - p))

    study = compare(mlp(1), X, XOR, metric=(worst, "lower"), **(ASKED | {"epochs": 2, "goal": 0.6}))
    assert study.metric == "worst"
    assert study.goal == 0.6
    assert study.baseline == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"training": {"starts": 0}}, "starts=0"),
        ({"training": {"seed": -1}}, "seed=-1"),
        ({"training": {"epoch": 3}}, "Did you mean `epochs`"),
        ({"training": 300}, "`training` must be a dict"),
        ({"time_limit": "soon"}, "time_limit='soon'"),
        ({"candidates": {"loss": ["no such loss"]}}, "no such loss"),
        ({"candidates": {"optimizer": ["no such"]}}, "no such"),
        ({"candidates": {"loss": ["mse", "mse"]}}, "'mse' twice"),
        ({"candidates": {"loss": []}}, "losses must have at least one entry"),
        ({"candidates": {"losses": ["mse"]}}, "Did you mean `loss`"),
        ({"candidates": ["relu"]}, "`candidates` must be a dict"),
        ({"metric": "auc"}, "metric='auc'"),
        ({"metric": len}, "needs its direction"),
        ({"metric": (len, "least")}, "needs its direction"),
    ],
)
def test_arguments_that_break_a_rule(change, message):
    with pytest.raises(outrange.InputError, match=message):
        outrange.compare(mlp(1), X, XOR, **change)


def test_another_engine_is_refused():
    with pytest.raises(outrange.InputError, match="engine='gpu'"):
        compare(mlp(1), X, XOR, engine="gpu", **ASKED)


def test_the_type_of_integers_decides_between_classes_and_numbers():
    y = np.arange(40) % 4
    short = {"candidates": {"activation": "relu"}, "training": {"starts": 1, "epochs": 1}}
    assert (
        outrange.compare(mlp(4), X3[:1].repeat(40, 0), y.astype(str), **short).metric == "accuracy"
    )
    assert outrange.compare(mlp(1), X3[:1].repeat(40, 0), y.astype(float), **short).metric == "mse"


def test_what_build_must_return():
    with pytest.raises(outrange.InputError, match="not built"):
        compare(lambda a: keras.Sequential([keras.layers.Dense(1)]), X, XOR, **ASKED)
    with pytest.raises(outrange.InputError, match="that returns a new Keras model"):
        compare(lambda a: a, X, XOR, **ASKED)
    with pytest.raises(outrange.InputError, match="one output per target column or class"):
        compare(mlp(3), X, XOR, **ASKED)
    with pytest.raises(outrange.InputError, match="the same number of rows"):
        compare(mlp(1), X[:3], XOR, **ASKED)


@pytest.mark.parametrize("engine", ["auto", "one by one"])
@pytest.mark.parametrize(("build", "message"), [
    (lambda a: keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, a)]),
     r"accepts the rows of `x`.*data of shape \(4, 2\).*input shape \(None, 5\): ValueError"),
    (lambda a: keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "rellu")]),
     r"`build\('tanh'\)` raises ValueError: Could not interpret.*rellu"),
    (lambda a: keras.layers.Dense(1 // 0), "raises ZeroDivisionError"),
])  # fmt: skip
def test_mistakes_in_build_are_told_as_such(build, message, engine):
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float), np.array([0, 0, 0, 1])
    with pytest.raises(outrange.InputError, match=message) as raised:
        compare(build, x, y, activations=["tanh"], epochs=1, starts=1, engine=engine)
    assert "\x1b" not in str(raised.value) and "\n" not in str(raised.value)
    assert isinstance(raised.value.__cause__, Exception)
