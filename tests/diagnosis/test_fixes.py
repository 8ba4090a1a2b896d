"""Fixes are read as they are printed, made on a copy, and what they did is told as it was."""

import numpy as np
import pytest

import outrange
from outrange.diagnosis.repairs.read_fix import parse_repairs


keras = pytest.importorskip("keras")
layers = keras.layers if keras else None

READ = [
    ("activation=None in the last layer", [["activation"]]),
    (
        "activation=None in the last layer\n"
        "or scale: y = 2 * (y - y.min()) / np.ptp(y) - 1",
        [["activation"], ["y"]],
    ),
    ('Dense(1, activation="sigmoid") with loss="binary_crossentropy"',
     [["loss", "units", "activation"]]),
    ('activation="softmax" in the last layer   or   '
     "loss=keras.losses.CategoricalCrossentropy(from_logits=True)", [["activation"], ["loss"]]),
    ("keras.optimizers.Adam(1e-3)", [["optimizer"]]),
    ("keras.optimizers.SGD(0.001, clipnorm=1.0)", [["optimizer"]]),
    ("y = (y - y.mean()) / y.std()   # and undo the scaling after predict()", [["y"]]),
    ("y = y - 1", [["y"]]),
    ("y = np.rint(y * 255)   # class numbers", [["y"]]),
    ("model.fit(x, y, epochs=30, batch_size=32)", [["30 epochs"]]),
    ('activation="relu", kernel_initializer="he_normal" in every hidden layer   or   skips',
     [["initializer", "activation"]]),
    ("keras.layers.Normalization() first, adapted to x   or   x = (x - x.mean(0)) / x.std(0)",
     [["x"], ["x"]]),
    ('kernel_initializer="he_normal", bias_initializer=keras.initializers.Constant(0.1)   or   '
     'activation="leaky_relu"', [["bias", "initializer"], ["activation"]]),
    ("keep = np.isfinite(x).reshape(len(x), -1).all(axis=1)   # use only these rows of x and y",
     [["rows"]]),
    ("look for argmax, round, comparisons", []),
    ("see the other findings, or look for argmax", []),
]  # fmt: skip


@pytest.mark.parametrize(("fix", "kinds"), READ)
def test_fixes_are_read_as_printed(fix, kinds):
    repairs = parse_repairs(fix, "dense")
    read = [
        [c.kind for c in r.model] + [c.of for c in r.data]
        + ([f"{r.plan.epochs} epochs"] if r.plan else [])
        for r in repairs
    ]  # fmt: skip
    assert read == kinds
    everywhere = [c.layer == "*" for r in repairs for c in r.model]
    assert all(everywhere) if "in every" in fix else not any(everywhere)


@pytest.mark.parametrize(
    ("activation", "code", "scaled"),
    [
        ("sigmoid", "y = (y - y.min()) / np.ptp(y)", [0.0, 0.5, 1.0]),
        ("tanh", "y = 2 * (y - y.min()) / np.ptp(y) - 1", [-1.0, 0.0, 1.0]),
        ("relu6", "y = 6 * (y - y.min()) / np.ptp(y)", [0.0, 3.0, 6.0]),
    ],
)
def test_targets_are_scaled_into_the_range_of_the_activation(activation, code, scaled):
    x, y = np.arange(3.0)[:, None], np.array([[13.0], [15.0], [17.0]])
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, activation)])
    model.compile("sgd", "mse")
    (finding,) = outrange.diagnose(model, x, y, train=0).at_least("proved")
    assert finding.fix.endswith(f"or scale: {code}")
    repair = parse_repairs(finding.fix, "")[-1]
    _, result = repair.data[0].apply(None, y)
    assert result.ravel().tolist() == scaled
    assert repair.data[0].unit(y) == 4.0 / (scaled[-1] - scaled[0])


def try_fix_of(model, x, y, code, **options):
    """The finding of a code, with its fix tried."""
    answer = outrange.diagnose(model, x, y, train="fixes", **options)
    return next(f for f in answer if f.code == code)


def line():
    x = np.linspace(-1, 1, 32)[:, None].astype("float32")
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, "sigmoid", name="last")])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    return model, x, 2 * x + 5


def test_a_fix_that_helps_says_by_how_much():
    model, x, y = line()
    before = [np.array(w) for w in model.get_weights()]
    finding = try_fix_of(model, x, y, "OR001")
    trial = finding.cost["tried"]
    assert trial["lowers"]
    assert trial["gone"]
    assert trial["loss"] < 0.5 * trial["loss_without"]
    assert "the loss after 200 steps is" in str(finding).replace("\n       ", " ")
    assert "this finding is gone" in finding.tried
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert model.layers[-1].activation is keras.activations.sigmoid


def test_losses_of_scaled_targets_are_told_in_the_users_unit():
    x = np.linspace(-1, 1, 64)[:, None].astype("float32")
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, name="last")])
    model.compile(keras.optimizers.Adam(0.003), "mse")
    finding = try_fix_of(model, x, 1000 * x + 5000, "OR015", epochs=2)
    trial = finding.cost["tried"]
    assert trial["fix"].startswith("y = (y - y.mean()) / y.std()")
    # In units of the scaled targets, whose deviation is 1, no loss would be above 100.
    assert 1000 < trial["loss"] < trial["loss_without"]


def test_a_longer_training_is_compared_with_the_one_planned():
    x = np.random.default_rng(0).normal(size=(320, 4)).astype("float32")
    start = keras.initializers.GlorotUniform(seed=1)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, kernel_initializer=start)])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    finding = next(
        f
        for f in outrange.diagnose(model, x, x[:, :1] + 6, epochs=2, train="fixes")
        if f.code == "OR030"
    )
    assert finding.fix.startswith("model.fit(x, y, epochs=")
    assert "after 20" in finding.tried
    assert finding.cost["tried"]["lowers"]


@pytest.mark.slow
def test_labels_functional_models_and_separate_activations():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype("float32")
    inputs = keras.Input((4,))
    z = layers.Dense(3, name="scores")(layers.Dense(8, "tanh")(inputs))
    model = keras.Model(inputs, layers.Activation("softmax", name="head")(z))
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    finding = try_fix_of(model, x, x[:, :3].argmax(axis=1)[:, None] + 1, "OR010")
    assert finding.cost["tried"]["gone"]
    model.compile(keras.optimizers.Adam(0.05), keras.losses.CategoricalCrossentropy(True))
    if keras.backend.backend() == "jax":
        finding = try_fix_of(model, x, np.eye(3)[x[:, :3].argmax(axis=1)], "OR007")
        assert finding.layer == "head"
        assert finding.cost["tried"]["gone"]


def of_ones_own(activation, loss):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.last = layers.Dense(1, activation)

        def call(self, x):
            return self.last(x)

    model = Own()
    model.compile(keras.optimizers.Adam(0.1), loss)
    return model


def test_what_cannot_be_made_is_not_tried():
    _, x, y = line()
    finding = try_fix_of(of_ones_own("softmax", "binary_crossentropy"), x, y > 0, "OR002")
    assert finding.tried == ""
    assert "tried" not in finding.cost


def test_other_numbers_need_no_other_model():
    _, x, y = line()
    finding = try_fix_of(of_ones_own("sigmoid", "mse"), x, y, "OR001")
    assert finding.cost["tried"]["lowers"] and "y - y.min()" in finding.tried


@pytest.mark.slow
def test_of_two_heads_the_one_of_the_finding_is_mended():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 4)).astype("float32")
    numbers, labels = x[:, :1] * 2, x[:, :3].argmax(axis=1)[:, None]
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(16, "relu")(inputs)
    heads = [keras.layers.Dense(1)(hidden), keras.layers.Dense(1, "sigmoid", name="kind")(hidden)]
    model = keras.Model(inputs, heads)
    model.compile(keras.optimizers.Adam(0.01), ["mse", "binary_crossentropy"])
    answer = outrange.diagnose(model, x, [numbers, labels], train="fixes")
    (finding,) = [f for f in answer if f.code == "OR010"]
    assert finding.layer == "kind"
    assert finding.cost["tried"]["gone"]


@pytest.mark.slow
def test_a_longer_training_than_is_tried_is_left_to_the_user():
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(1e-6), "mse")
    answer = outrange.diagnose(model, x, x[:, :1] + 900, epochs=2, batch_size=32, train="fixes")
    (finding,) = [f for f in answer if f.code == "OR030"]
    assert "epochs=" in finding.fix
    assert "epochs=" not in finding.tried


@pytest.mark.slow
def test_layers_with_the_same_fault_are_mended_at_once():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 4)).astype("float32")
    dead = keras.initializers.Constant(-20.0)
    hidden = [keras.layers.Dense(12, "relu", bias_initializer=dead, name=n) for n in ("a", "b")]
    model = keras.Sequential([keras.Input((4,)), *hidden, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    answer = outrange.diagnose(model, x, x[:, :1], train="fixes")
    findings = [f for f in answer if f.code == "OR003"]
    assert {f.layer for f in findings} == {"a", "b"}
    for finding in findings:
        assert finding.cost["tried"]["lowers"]
        assert "in `a`, `b`" in finding.tried


def test_what_has_no_other_cause_keeps_its_own_fix():
    from dataclasses import replace

    from outrange.answers.diagnosis import Level
    from outrange.diagnosis import RULES
    from outrange.diagnosis.run_rules import resolve_references

    own = RULES["OR023"].finding(
        Level.MEASURED, "a", "text", "see the other findings, or x = (x - x.mean(0)) / x.std(0)"
    )
    (alone,) = resolve_references([own])
    assert alone.fix == "x = (x - x.mean(0)) / x.std(0)"
    later = replace(own, code="OR030", fix="model.fit(x, y, epochs=9, batch_size=32)")
    assert resolve_references([own, later])[0].fix == alone.fix
    cause = replace(own, code="OR014", layer="b", fix="x = (x - x.mean(0)) / x.std(0)")
    assert resolve_references([own, cause])[0].fix.endswith("# see OR014")
