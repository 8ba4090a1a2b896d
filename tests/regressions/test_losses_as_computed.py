"""Proofs about a loss hold for the loss that Keras computes: masks, weights, axes, formats."""

import functools

import keras
import numpy as np
import pytest
from keras import layers as L, losses, ops

import outrange


RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 3)).astype("float32")
HOT = np.eye(3, dtype="float32")[X.argmax(1)]
YES = (X[:, :1] > 0).astype("float32")
SEQUENCES = np.zeros((40, 4, 2), "float32")
SEQUENCES[:, :2] = RNG.normal(size=(40, 2, 2))
LINE = np.arange(1.0, 8.0)[:, None]
BACKEND = keras.backend.backend()
STRICT = pytest.mark.skipif(BACKEND == "tensorflow", reason="looks through the activation")


def net(*layers):
    return keras.Sequential(list(layers))


def proved_findings(model, x, y, **options):
    """Return the proved findings and notes by code."""
    answer = outrange.diagnose(model, x, y, train=0, **options)
    return {f.code: f for f in (*answer, *answer.notes) if f.level.name == "PROVED"}


def compile_model(model, loss, **options):
    model.compile("adam", loss, **options)
    return model


# ---- masks --------------------------------------------------------------------------------


@pytest.mark.parametrize("loss, left_out", [
    ("mse", -1), ("hinge", 0), ("binary_crossentropy", 0.5), ("binary_crossentropy", -1),
])  # fmt: skip
def test_steps_that_a_mask_leaves_out_are_not_counted(loss, left_out):
    y = (SEQUENCES[:, :, :1] > 0) * 1.0
    y[:, 2:] = left_out
    for masked in (True, False):
        first = [L.Masking()] if masked else []
        model = compile_model(net(keras.Input((4, 2)), *first, L.Dense(1, "sigmoid")), loss)
        codes = {"OR001", "OR006", "OR010", "OR022"} & set(proved_findings(model, SEQUENCES, y))
        assert bool(codes) is not masked


@pytest.mark.slow
def test_a_mask_of_an_embedding_reaches_the_loss_and_no_further_than_a_last_state():
    x = RNG.integers(0, 4, (40, 4))
    y = np.full((40, 4, 1), 3.0)
    whole = L.LSTM(3, return_sequences=True), L.TimeDistributed(L.Dense(1, "sigmoid"))
    last = L.LSTM(3), L.Dense(1, "sigmoid")
    for parts, target, is_proved in ((whole, y, False), (last, y[:, 0], True)):
        model = net(keras.Input((4,)), L.Embedding(4, 2, mask_zero=True), *parts)
        assert ("OR001" in proved_findings(compile_model(model, "mse"), x, target)) is is_proved


@STRICT
def test_no_floor_is_said_of_masked_logits():
    y = np.zeros((40, 4), int)
    y[:, 2:] = 1
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model = net(keras.Input((4, 2)), L.Masking(), L.Dense(3, "sigmoid"))
    finding = proved_findings(compile_model(model, loss), SEQUENCES, y)["OR007"]
    assert "loss_floor" not in finding.cost


# ---- weights ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("weight", [0.01, 1.0, 3.0])
def test_a_floor_is_below_what_evaluate_returns(weight):
    cases = [("OR001", LINE, 2 * LINE + 1, "mse"), ("OR006", X, YES, "hinge")]
    if BACKEND != "tensorflow":
        cases.append(("OR007", X, YES, losses.BinaryCrossentropy(from_logits=True)))
    for code, x, y, loss in cases:
        model = net(keras.Input(x.shape[1:]), L.Dense(1, "sigmoid"))
        model.compile("sgd", loss, loss_weights=[weight])
        message = proved_findings(model, x, y)[code].message
        words = message.replace("(", " ").replace(")", " ").rstrip(".").split()
        last = len(words) - 1 - words[::-1].index("below")
        floor = float(words[last + 1].rstrip(",."))
        value = model.evaluate(x, y, verbose=0)
        assert 0.2 * value < floor <= value
        if code == "OR001":
            assert float(words[words.index("now") + 1]) == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize("code, loss", [("OR036", "mse"), ("OR039", "binary_crossentropy")])
def test_floors_from_the_rows_have_the_weight_of_the_loss(code, loss):
    x = np.repeat([[0.0, 0], [0, 1], [1, 0], [1, 1]], 2, axis=0)
    y = np.array([0.0, 1] * 4)[:, None]  # no constant is better than 0.5, and no network
    model = net(keras.Input((2,)), L.Dense(1, "sigmoid", kernel_initializer="zeros"))
    model.compile("sgd", loss, loss_weights=[0.1])
    value, finding = model.evaluate(x, y, verbose=0), proved_findings(model, x, y)[code]
    assert finding.cost["loss_floor"] == pytest.approx(value, rel=1e-4)
    assert finding.cost["constant"] == pytest.approx(value, rel=1e-4)
    assert "loss, 0.1 times the" in finding.message


def test_scaled_targets_are_not_credited_with_the_weight_of_the_loss():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 3)), 5000 * rng.normal(size=(64, 1))
    model = net(keras.Input((3,)), L.Dense(1))
    model.compile(keras.optimizers.SGD(1e-4), "mse", loss_weights=[0.01])
    (finding,) = (f for f in outrange.diagnose(model, x, y, train=40) if f.code == "OR015")
    assert finding.level.name == "SUSPECTED"


def test_what_the_loss_is_now_is_said_without_penalties():
    layer = L.Dense(1, "sigmoid", kernel_regularizer=keras.regularizers.L2(1e4))
    model = compile_model(net(keras.Input((1,)), layer), "mse")
    message = proved_findings(model, LINE, 2 * LINE + 1)["OR001"].message
    now = float(message.split("(now ")[1].split(")")[0])
    assert now == pytest.approx(np.mean((model.predict(LINE, verbose=0) - 2 * LINE - 1) ** 2), 1e-3)


@pytest.mark.slow
def test_a_floor_of_many_rows_leaves_room_for_the_sums_of_keras():
    x, y = np.zeros((100_000, 1), "float32"), np.full((100_000, 1), 3.7)
    model = compile_model(net(keras.Input((1,)), L.Dense(1, "sigmoid")), "mse")
    message = proved_findings(model, x, y)["OR001"].message
    assert 7.28 < float(message.split("below ")[1].split(" ")[0]) < 7.2897


# ---- heads and axes -----------------------------------------------------------------------


def test_a_softmax_over_pieces_is_none_over_the_row():
    y = np.c_[HOT, HOT]
    pieces = L.Dense(6), L.Reshape((2, 3)), L.Softmax(), L.Flatten()
    whole = L.Dense(6), L.Reshape((1, 6)), L.Softmax(), L.Flatten()
    for parts, is_proved in ((pieces, False), (whole, True)):
        model = compile_model(net(keras.Input((3,)), *parts), "mse")
        assert ("OR001" in proved_findings(model, X, y)) is is_proved


@pytest.mark.slow
def test_classes_along_another_axis():
    x = RNG.normal(size=(64, 5, 3)).astype("float32")
    y = np.eye(5)[x[:, :, 0].argmax(1)]
    for loss, target in (
        ("categorical_crossentropy", y),
        (losses.CategoricalCrossentropy(axis=1), y[..., None]),
    ):
        model = net(keras.Input((5, 3)), L.Dense(1), L.Softmax(axis=1))
        assert "OR006" not in proved_findings(compile_model(model, loss), x, target)
    single = compile_model(net(keras.Input((3,)), L.Dense(1)), "categorical_crossentropy")
    assert "OR006" in proved_findings(single, X, YES)
    x = RNG.normal(size=(64, 2, 3)).astype("float32")
    for axis in (1, -1):
        loss = losses.CategoricalCrossentropy(axis=axis)
        model = compile_model(net(keras.Input((2, 3)), L.Dense(3, "softmax")), loss)
        findings = proved_findings(model, x, np.full((64, 2, 3), 1 / 3))
        assert ("OR022" in findings) is (axis == -1)


@pytest.mark.slow
def test_targets_that_keras_squeezes_fit():
    model = compile_model(net(keras.Input((3,)), L.Dense(3, "softmax")), "categorical_crossentropy")
    assert "OR010" not in proved_findings(model, X, HOT[..., None])
    assert "OR010" in proved_findings(model, X, YES)


def test_broadcast_targets_have_no_floor_and_say_the_batch():
    i = keras.Input((3,))
    both = L.Concatenate()([L.Dense(1, "sigmoid")(i), L.Dense(1)(i)])
    model = compile_model(keras.Model(i, L.Reshape((1, 2))(both)), "mse")
    assert "OR001" not in proved_findings(model, X, np.tile([[[5.0], [0.5]]], (64, 1, 1)))
    assert "OR001" in proved_findings(model, X, np.tile([[[5.0, 0.5]]], (64, 1, 1)))
    model = compile_model(net(keras.Input((3,)), L.Dense(3)), "mse")
    finding = proved_findings(model, X, HOT[:, None])["OR011"]
    assert "(batch, batch, 3)" in finding.message
    assert "Dense" not in finding.fix


# ---- what is Keras's ----------------------------------------------------------------------


def test_a_function_that_wraps_one_of_keras_is_not_known():
    @functools.wraps(losses.mean_squared_error)
    def hundredth(y, p):
        return 0.01 * losses.mean_squared_error(y, p)

    class Own(losses.MeanSquaredError):
        def call(self, y, p):
            return 0.01 * super().call(y, p)

    plain = "mse", losses.mean_squared_error, losses.MeanSquaredError(), losses.get("MSE")
    for loss in (hundredth, Own(), *plain):
        model = compile_model(net(keras.Input((1,)), L.Dense(1, "sigmoid")), loss)
        assert ("OR001" in proved_findings(model, LINE, 2 * LINE + 1)) is any(
            loss is p for p in plain
        )


@pytest.mark.parametrize("name", ["compute_loss", "train_step", "compute_loss_and_updates"])
def test_a_way_of_training_set_on_the_model_counts(name):
    model = compile_model(net(keras.Input((1,)), L.Dense(1, "sigmoid")), "mse")
    assert "OR001" in proved_findings(model, LINE, 2 * LINE + 1)
    if not hasattr(model, name):
        return
    original = getattr(model, name)
    object.__setattr__(model, name, lambda *a, **k: original(*a, **k))
    assert "OR001" not in proved_findings(model, LINE, 2 * LINE + 1)


@pytest.mark.parametrize("weight", [0.5, 4.0])
def test_the_entropy_of_soft_targets_bounds_a_weighted_loss(weight):
    """With a loss weight there was no bound at all."""
    y = np.full((64, 3), 1 / 3)
    model = net(keras.Input((3,)), L.Dense(3, "softmax"))
    model.compile("sgd", "categorical_crossentropy", loss_weights=weight)
    finding = proved_findings(model, X, y)["OR022"]
    assert finding.cost["loss_floor"] == pytest.approx(weight * np.log(3), rel=1e-4)
    assert finding.cost["loss_floor"] <= model.evaluate(X, y, verbose=0)
    assert f"{weight:g} times the cross-entropy" in finding.message


def test_another_epsilon_is_another_loss():
    y = np.full((64, 3), 1 / 3)
    model = compile_model(net(keras.Input((3,)), L.Dense(3, "softmax")), "categorical_crossentropy")
    assert "OR022" in proved_findings(model, X, y)
    try:
        keras.config.set_epsilon(0.3)
        assert "OR022" not in proved_findings(model, X, y)
    finally:
        keras.config.set_epsilon(1e-7)


def test_ranges_are_not_those_of_16_bits_behind_the_last_weights():
    y = np.full((64, 1), 302.0)
    for dtype in ("mixed_bfloat16", "float32"):
        parts = L.Dense(1, "sigmoid", dtype=dtype), L.Rescaling(301.2, dtype=dtype)
        model = compile_model(net(keras.Input((3,)), *parts), "mse")
        assert ("OR001" in proved_findings(model, X, y)) is (dtype == "float32")
    model = net(keras.Input((3,)), L.Dense(1, "sigmoid", dtype="mixed_bfloat16"))
    finding = proved_findings(compile_model(model, "mse"), X, y)["OR001"]
    assert finding.interval == (0.0, 1.0)
    assert finding.cost["loss_floor"] == pytest.approx(301.0**2)


# ---- the loss and the last layer ----------------------------------------------------------


def message_of(parts, loss, x, y):
    return proved_findings(compile_model(net(keras.Input(x.shape[1:]), *parts), loss), x, y)[
        "OR006"
    ].message


def test_kl_divergence_does_not_divide_by_the_sum():
    message = message_of([L.Dense(3, "sigmoid")], "kl_divergence", X, HOT)
    assert "does not scale the outputs to sum to 1" in message
    y = HOT.astype("float64")
    ones = losses.kl_divergence(y, np.full((64, 3), 0.99)), losses.kl_divergence(y, y * 0.9)
    low, high = (float(ops.convert_to_numpy(ops.mean(v))) for v in ones)
    assert low < high
    if BACKEND != "tensorflow":
        assert "divides each row" in message_of(
            [L.Dense(3, "sigmoid")], "categorical_crossentropy", X, HOT
        )


@pytest.mark.parametrize("layer, said", [
    (lambda: L.ReLU(), "[0, inf)"), (lambda: L.ReLU(max_value=6), "[0, 6]"),
    (lambda: L.ReLU(negative_slope=0.3), "not confined"),
    (lambda: L.ELU(alpha=5.0), "[-5, inf)"), (lambda: L.LeakyReLU(negative_slope=0.0), "[0"),
])  # fmt: skip
def test_what_an_activation_gives_is_read_with_its_arguments(layer, said):
    model = compile_model(net(keras.Input((3,)), L.Dense(1), layer()), "binary_crossentropy")
    x = 10 * X
    finding = proved_findings(model, x, YES).get("OR006")
    if finding is None:
        finding = outrange.diagnose(model, x, YES, train=0)
        finding = next(f for f in finding if f.code == "OR006")
    assert said in finding.message
    assert "any number" not in finding.message


def test_constrained_weights_need_not_leave_the_unit_interval():
    class Unit(keras.constraints.Constraint):
        def __call__(self, w):
            return ops.clip(w, 0.0, 1.0)

    x = np.eye(4, dtype="float32")[RNG.integers(0, 4, 64)]
    for bound in (Unit(), None):
        layer = L.Dense(1, kernel_constraint=bound, kernel_initializer="zeros")
        model = compile_model(net(keras.Input((4,)), layer), "binary_crossentropy")
        assert ("OR006" in proved_findings(model, x, YES)) is (bound is None)


def test_only_entries_that_the_loss_reads_are_counted():
    layer = L.Dense(3)
    model = compile_model(net(keras.Input((1,)), layer), "categorical_crossentropy")
    layer.set_weights([np.zeros((1, 3)), np.array([0.5, 0.9, -0.4])])
    x = np.ones((1, 1), "float32")
    for entry, clipped in ((0, False), (2, True)):
        message = proved_findings(model, x, np.eye(3)[[entry]])["OR006"].message
        assert ("gradient is 0" in message) is clipped


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow looks through")
def test_a_dropout_hides_the_logits():
    for parts, is_proved in (([], True), ([L.Dropout(0.5)], False)):
        model = net(keras.Input((3,)), L.Dense(3, "softmax"), *parts)
        assert (
            "OR006" in proved_findings(compile_model(model, "binary_crossentropy"), X, HOT)
        ) is is_proved


# ---- labels -------------------------------------------------------------------------------


def labels_said(parts, loss, y):
    finding = proved_findings(compile_model(net(keras.Input((3,)), *parts), loss), X, y).get(
        "OR010"
    )
    return "" if finding is None else finding.message


@pytest.mark.slow
def test_losses_without_a_lower_bound_are_those_of_free_logits():
    y, loss = np.where(YES, 1.0, -1.0), losses.BinaryCrossentropy(from_logits=True)
    assert "falls forever" in labels_said([L.Dense(1)], loss, y)
    assert "falls forever" not in labels_said([L.Dense(1, "tanh")], loss, y)
    message = labels_said([L.Dense(1, "sigmoid")], "binary_crossentropy", y)
    assert ("rejects" in message) is (BACKEND == "torch")


@pytest.mark.slow
def test_labels_are_judged_as_the_loss_casts_and_smooths_them():
    smooth = losses.BinaryCrossentropy(label_smoothing=0.1)
    sigmoid, softmax = [L.Dense(1, "sigmoid")], [L.Dense(3, "softmax")]
    assert not labels_said(sigmoid, smooth, np.where(YES, 1.02, -0.02))
    assert labels_said(sigmoid, smooth, np.where(YES, 1.2, -0.2))
    assert not labels_said(sigmoid, "binary_crossentropy", np.where(YES, 1 + 2.2e-16, 0.0))
    assert "1.00001" in labels_said(sigmoid, "binary_crossentropy", np.where(YES, 1.00001, 0.0))
    nearly = np.where(YES[:, 0], 1.9999999999999998, 0.0)
    assert not labels_said(softmax, "sparse_categorical_crossentropy", nearly)
    assert labels_said(softmax, "sparse_categorical_crossentropy", nearly - 0.5)


def test_rows_are_called_sorted_only_where_they_are():
    y = RNG.integers(0, 2, 64)
    y[:2], y[-1] = (0, 1), 2
    model = net(keras.Input((3,)), L.Dense(3, "softmax"))
    compile_model(model, "sparse_categorical_crossentropy")
    for labels, is_sorted in ((y, False), (np.sort(y), True)):
        findings = proved_findings(model, X, labels, validation_split=0.2)
        assert ("sorted" in findings["OR028"].message) is is_sorted
        assert "training" in findings["OR025"].message
    half = np.where(YES, 0.5, 1.5)
    half[-10:] = 0.7
    model = compile_model(net(keras.Input((3,)), L.Dense(1)), "mse")
    assert "OR028" not in proved_findings(model, X, half, validation_split=0.2)


def test_a_constant_that_is_out_of_reach_does_not_fit():
    model = compile_model(net(keras.Input((3,)), L.Dense(1, "sigmoid")), "mse")
    for value in (5.0, 0.5):
        findings = proved_findings(model, X, np.full((64, 1), value))
        assert ("fits" in findings["OR025"].message) is ("OR001" not in findings)


# ---- dropout ------------------------------------------------------------------------------


class Dropout(L.Layer):
    """Named like Keras's, and drops nothing."""

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def call(self, x):
        return x


class Asked(keras.Model):
    """Tells its dropout whether to drop, or leaves that to Keras."""

    def __init__(self, asked):
        super().__init__()
        self.dense, self.dropout, self.asked = L.Dense(1), L.Dropout(0.5), asked

    def call(self, x):
        return self.dropout(self.dense(x), **self.asked)


@pytest.mark.parametrize("make, drops", [
    (lambda: Asked({"training": False}), False),
    (lambda: Asked({}), True),
    (lambda: net(keras.Input((3,)), L.Dense(1), Dropout(0.5)), False),
    (lambda: net(keras.Input((3,)), L.Dense(1), L.Dropout(0.5)), True),
])  # fmt: skip
def test_a_last_dropout_is_one_that_drops_in_training(make, drops):
    model = make()
    model(X)
    zeros = ops.convert_to_numpy(model(X, training=True)) == 0
    assert bool(zeros.any()) is drops
    assert ("OR019" in proved_findings(compile_model(model, "mse"), X, X[:, :1])) is drops
