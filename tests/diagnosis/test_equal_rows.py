"""The floor that equal rows leave: never above what outputs reach, silent where nothing is due."""

import numpy as np
import pytest

import outrange
from outrange.diagnosis import RULES, baselines
from outrange.diagnosis.budget.equal_rows import FLOORS, floor_of
from outrange.program import Head, Loss


keras = pytest.importorskip("keras")
layers = keras.layers if keras else None

OTHERS = sorted(set(RULES) - {"OR036"})


def findings_and_notes(model, x, y, **options):
    """Findings and notes of the rule alone."""
    answer = outrange.diagnose(model, x, y, train=0, ignore=OTHERS, **options)
    return [*answer.findings, *answer.notes]


def floors(model, x, y):
    return [finding.cost["loss_floor"] for finding in findings_and_notes(model, x, y)]


def dense(units=1, activation=None, loss="mse", shape=(3,), **options):
    model = keras.Sequential(
        [keras.Input(shape), layers.Dense(4, "tanh"), layers.Dense(units, activation)]
    )
    model.compile("sgd", loss, **options)
    return model


def make_grouped_rows(seed=0, rows=60, kinds=4):
    """Rows of a few kinds, and the number of each row's kind."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, kinds, rows)
    return rng.normal(size=(kinds, 3)).astype("float32")[kind], kind, rng


class _Program:
    """The part of a program that `floor_of` reads."""

    def __init__(self, shape, activation):
        self.outputs = (("out", shape),)
        self.heads = (Head(activation, "", shape[-1]),)


def targets(name, rng, rows, places, width):
    """Build a program with a loss and the activation that fits it."""
    if name == "sparse_categorical_crossentropy":
        return rng.integers(0, width, (rows, *places)).astype(float), "softmax"
    y = rng.normal(3, 2, (rows, *places, width))
    if name == "binary_crossentropy":
        return rng.choice([0.0, 0.2, 1.0], y.shape), "sigmoid"
    if name == "categorical_crossentropy":
        y = np.exp(2 * y)
        return y / y.sum(axis=-1, keepdims=True), "softmax"
    return y, "linear"


def best(name, y, groups, width):
    """The best outputs, one a group, by a formula that is written anew here."""
    if name == "sparse_categorical_crossentropy":
        y = np.eye(width)[y.astype(int)]
    of = np.median if name == "mean_absolute_error" else np.mean
    p = np.empty(y.shape)
    for group in np.unique(groups):
        p[groups == group] = of(y[groups == group], axis=0)
    return p


@pytest.mark.parametrize("name", FLOORS)
@pytest.mark.parametrize("places", [(), (5,)])
def test_the_floor_is_what_the_best_outputs_reach_and_no_outputs_are_below(name, places):
    width = 3
    for seed in range(5):
        rng = np.random.default_rng(seed)
        y, activation = targets(name, rng, 40, places, width)
        groups = rng.integers(0, 9, 40)
        loss = Loss(name, True, 0, False if "cross" in name else None)
        floor = floor_of(_Program((*places, width), activation), loss, y)(groups)
        p = best(name, y, groups, width)
        reached = baselines.value(loss, y, p)
        assert floor <= reached
        assert floor == pytest.approx(reached, rel=1e-5)
        for _ in range(20):
            other = (
                p
                + rng.normal(0, 0.05, p.shape)[np.unique(groups, return_index=True)[1]][
                    np.unique(groups, return_inverse=True)[1]
                ]
            )
            if "cross" in name:
                other = np.clip(other, 1e-9, 1 - 1e-9)
            assert floor <= baselines.value(loss, y, other)


@pytest.mark.parametrize("name", FLOORS)
def test_what_keras_computes_at_the_best_outputs_is_not_below_the_floor(name):
    rng = np.random.default_rng(7)
    y, activation = targets(name, rng, 50, (), 4)
    groups = rng.integers(0, 5, 50)
    loss = Loss(name, True, 0, False if "cross" in name else None)
    floor = floor_of(_Program((4,), activation), loss, y)(groups)
    p = best(name, y, groups, 4).astype("float32")
    value = keras.losses.get(name)(y.astype("float32"), p)
    reached = float(np.mean(keras.ops.convert_to_numpy(value), dtype=np.float64))
    assert floor <= reached * (1 + 1e-6) + 1e-6
    assert floor == pytest.approx(reached, rel=1e-4)


def test_clipping_makes_no_floor_where_labels_are_sure():
    """Chances that Keras clips from below add up to more than 1, so labels get a little less."""
    y = np.zeros((30, 1000))
    y[:, 0] = 1
    loss = Loss("categorical_crossentropy", True, 0, False)
    floor = floor_of(_Program((1000,), "softmax"), loss, y)
    assert floor(np.zeros(30, int)) == 0.0


def test_squares_far_from_zero_have_the_variance_of_their_groups():
    rng = np.random.default_rng(0)
    y = (1e9 + rng.integers(0, 2, (40, 1)) * 2.0**7).astype(np.float64)
    groups = np.repeat(np.arange(4), 10)
    loss = Loss("mean_squared_error", True, 0)
    exact = np.mean([np.var(y[groups == g] - 1e9) for g in range(4)])
    assert floor_of(_Program((1,), "linear"), loss, y)(groups) <= exact


def test_training_does_not_get_below_what_is_said():
    x, kind, rng = make_grouped_rows()
    y = (kind % 2 + rng.normal(0, 2, 60))[:, None]
    model = dense()
    (finding,) = findings_and_notes(model, x, y)
    assert finding.level.name == "PROVED"
    assert "equal to another row in x" in finding.message
    model.compile(keras.optimizers.Adam(0.05), "mse")
    model.fit(x, y, epochs=150, verbose=0)
    assert (
        finding.cost["loss_floor"]
        <= model.evaluate(x, y, verbose=0)
        <= 1.3 * finding.cost["loss_floor"]
    )


def test_all_rows_equal_is_said_so():
    y = np.arange(20.0)[:, None]
    (finding,) = findings_and_notes(dense(), np.zeros((20, 3)), y)
    assert finding.message.startswith("every entry of x is 0")
    (finding,) = findings_and_notes(dense(), np.tile([[1.0, 0.0, 2.0]], (20, 1)), y)
    assert finding.message.startswith("every row of x is the same, [1, 0, 2]")
    assert finding.cost["loss_floor"] == pytest.approx(np.var(y))


def test_it_comes_before_units_that_are_dead():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(8, "relu"), layers.Dense(1)])
    model.compile("sgd", "mse")
    answer = outrange.diagnose(model, np.zeros((20, 3)), np.arange(20.0), train=0)
    assert answer.findings[0].code == "OR036", answer


def test_rows_equal_only_in_float32_are_equal():
    x = 1.0 + np.arange(30.0)[:, None] * 1e-12 + np.zeros((30, 3))
    assert len(np.unique(x, axis=0)) == 30
    assert floors(dense(), x, np.arange(30.0))
    assert not floors(dense(), x.astype("float32") + np.arange(30)[:, None] * 1e-5, np.arange(30.0))


def test_a_model_in_float64_tells_them_apart():
    x = 1.0 + np.arange(30.0)[:, None] * 1e-12 + np.zeros((30, 3))
    # The policy is made of the float type when it is first asked for, and kept.
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        model = dense()
        # JAX has no 64 bits unless it is told: the rows are equal there.
        dtype = keras.backend.standardize_dtype(keras.ops.convert_to_tensor(x, "float64").dtype)
        assert bool(findings_and_notes(model, x, np.arange(30.0))) is (dtype == "float32")
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy)


def test_whole_numbers_are_compared_as_they_are():
    """Beyond 2**24 neighbours are one number in float32; a lookup may tell them apart."""
    x = (2**24 + np.arange(30))[:, None] + np.zeros((30, 3), np.int64)
    assert not findings_and_notes(dense(), x, np.arange(30.0))


def test_minus_zero_is_another_row():
    x = np.zeros((30, 3), "float32")
    x[::2] = -0.0
    y = np.arange(30.0)
    (finding,) = findings_and_notes(dense(), x, y)
    assert finding.cost["loss_floor"] <= np.mean([np.var(y[::2]), np.var(y[1::2])])


def test_rows_that_are_not_finite_are_equal_to_none():
    x = np.full((30, 3), np.nan, "float32")
    assert not findings_and_notes(dense(), x, np.arange(30.0))


def test_several_inputs_must_all_be_equal():
    a, b = keras.Input((2,)), keras.Input((2,))
    model = keras.Model([a, b], layers.Dense(1)(layers.Concatenate()([a, b])))
    model.compile("sgd", "mse")
    y = np.arange(24.0)
    zeros, free = np.zeros((24, 2)), np.random.default_rng(0).normal(size=(24, 2))
    assert not findings_and_notes(model, [zeros, free], y)
    assert floors(model, [zeros, zeros + 1], y) == [pytest.approx(np.var(y))]


def test_a_few_rows_that_came_twice_are_no_finding():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3))
    x[90:] = x[:10]
    assert not findings_and_notes(dense(), x, rng.normal(size=100))
    assert not findings_and_notes(dense(), np.repeat(x[:30], 3, axis=0), np.repeat(x[:30, 0], 3))


def test_a_table_with_little_noise_is_silent_and_with_more_a_note():
    kind = np.arange(200) % 4
    x = np.eye(4)[kind]
    rng = np.random.default_rng(0)
    model = dense(shape=(4,))
    assert not findings_and_notes(model, x, kind + rng.normal(0, 0.3, 200))
    answer = outrange.diagnose(model, x, kind + rng.normal(0, 0.8, 200), train=0, ignore=OTHERS)
    assert not answer.findings
    assert [note.code for note in answer.notes] == ["OR036"]


@pytest.mark.parametrize("labels", ["whole", "column", "hot", "soft"])
def test_labels_in_every_form(labels):
    x, kind, rng = make_grouped_rows(rows=80, kinds=2)
    y = rng.integers(0, 3, 80)
    loss = (
        "sparse_categorical_crossentropy"
        if labels in ("whole", "column")
        else ("categorical_crossentropy")
    )
    encoded = {
        "whole": y, "column": y[:, None].astype("int8"), "hot": np.eye(3)[y],
        "soft": 0.9 * np.eye(3)[y] + 0.1 / 3,
    }[labels]  # fmt: skip
    (finding,) = findings_and_notes(dense(3, "softmax", loss), x, encoded)
    shares = np.eye(3)[y] if labels != "soft" else encoded
    exact = -sum(
        (kind == g).mean() * (m * np.log(m)).sum()
        for g in (0, 1) for m in [shares[kind == g].mean(axis=0)]
    )  # fmt: skip
    assert exact * (1 - 1e-5) <= finding.cost["loss_floor"] <= exact


SILENT = {
    "a loss of one's own": lambda: dense(1, None, lambda y, p: keras.ops.mean((y - p) ** 2)),
    "a sum over rows": lambda: dense(1, None, keras.losses.MeanSquaredError(reduction="sum")),
    "smoothed labels": lambda: dense(
        1, "sigmoid", keras.losses.BinaryCrossentropy(label_smoothing=0.1)
    ),
    "a class that is left out": lambda: dense(
        3, "softmax", keras.losses.SparseCategoricalCrossentropy(ignore_class=0)
    ),
    "outputs that are no chances": lambda: dense(3, None, "sparse_categorical_crossentropy"),
    "another loss": lambda: dense(1, None, "huber"),
    "a loss that does not count": lambda: dense(1, None, "mse", loss_weights=[0.0]),
}


@pytest.mark.parametrize("name", SILENT)
def test_nothing_is_proved_of_other_losses(name):
    x, _, rng = make_grouped_rows()
    y = rng.integers(0, 2, 60).astype("float32")
    assert not findings_and_notes(SILENT[name](), x, y)
    findings = findings_and_notes(SILENT[name](), np.zeros((60, 3)), y)
    assert all(finding.level.name == "SUSPECTED" for finding in findings)


@pytest.mark.slow
def test_targets_that_do_not_fit_the_loss_are_left_to_other_rules():
    x, _, rng = make_grouped_rows()
    labels = dense(3, "softmax", "sparse_categorical_crossentropy")
    for y in (rng.integers(0, 9, 60), rng.random(60), rng.integers(-1, 2, 60)):
        assert not findings_and_notes(labels, x, y)
    binary = dense(1, "sigmoid", "binary_crossentropy")
    assert not findings_and_notes(binary, x, rng.integers(0, 3, 60))
    y = rng.normal(size=60)
    y[3] = np.nan
    assert not findings_and_notes(dense(), x, y)
    assert not findings_and_notes(dense(3), x, rng.normal(size=60))  # broadcast over three outputs


def masked_model(reads_mask=True):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Embedding(9, 3, mask_zero=reads_mask),
            layers.LSTM(5, return_sequences=True),
            layers.Dense(2, "softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.slow
def test_a_mask_that_reaches_the_loss_is_no_mean():
    rng = np.random.default_rng(0)
    x, y = np.tile([[3, 2, 0, 0]], (40, 1)), rng.integers(0, 2, (40, 4))
    assert not [
        finding
        for finding in findings_and_notes(masked_model(), x, y)
        if finding.level.name == "PROVED"
    ]
    assert floors(masked_model(False), x, y)


@keras.saving.register_keras_serializable("outrange tests")
class Drawing(layers.Layer):
    """Draws numbers at inference, too."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x), seed=self.seeds)

    def compute_output_shape(self, shape):
        return shape


@keras.saving.register_keras_serializable("outrange tests")
class Numbered(layers.Layer):
    """Adds the place of a row in its batch."""

    def call(self, x):
        return x + keras.ops.cast(keras.ops.arange(keras.ops.shape(x)[0])[:, None], "float32")

    def compute_output_shape(self, shape):
        return shape


@pytest.mark.parametrize("layer", [Drawing, Numbered])
def test_nothing_is_said_where_equal_rows_get_different_outputs(layer):
    model = keras.Sequential([keras.Input((3,)), layer(), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert not findings_and_notes(model, np.zeros((30, 3)), np.arange(30.0))


def test_rows_that_are_mixed_are_no_function_of_themselves():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1), layers.Softmax(axis=0)])
    model.compile("sgd", "mse")
    x, _, rng = make_grouped_rows()
    assert not findings_and_notes(model, x, rng.normal(size=60))


def test_dropout_does_not_matter_and_outputs_are_told_apart():
    x, kind, rng = make_grouped_rows()
    i = keras.Input((3,))
    h = layers.Dropout(0.5)(layers.Dense(4, "relu")(i))
    model = keras.Model(i, [layers.Dense(1, name="a")(h), layers.Dense(1, name="b")(h)])
    model.compile("sgd", ["mse", "mae"], loss_weights=[1.0, 3.0])
    y = [kind.astype(float), rng.normal(size=60)]
    (finding,) = findings_and_notes(model, x, y)
    assert "MAE of output `b`" in finding.message
    exact = np.mean([abs(v - np.median(y[1][kind == g])) for v, g in zip(y[1], kind, strict=True)])
    assert finding.cost["loss_floor"] == pytest.approx(exact)


def test_rows_kept_for_validation_do_not_count():
    x = np.concatenate([np.random.default_rng(0).normal(size=(40, 3)), np.zeros((40, 3))])
    assert not findings_and_notes(dense(), x, np.arange(80.0), validation_split=0.5)
