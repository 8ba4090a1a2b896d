"""y = 2 x + 1 and its like: the very numbers."""

import json

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")

X = np.arange(1.0, 8.0)[:, None]
Y = 2 * X + 1


def one(activation, weight=1.0, loss="mse"):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation, name="line")])
    model.set_weights([np.array([[weight]], "float32"), np.zeros(1, "float32")])
    model.compile(keras.optimizers.SGD(0.01), loss)
    return model


def diagnose(model, x=X, y=Y, **options):
    return outrange.diagnose(model, x, y, train=0, **options)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_seven_of_seven_targets_are_unreachable(activation):
    (finding,) = diagnose(one(activation))
    assert (finding.code, finding.level.name, finding.layer) == ("OR001", "PROVED", "line")
    assert "7 of 7 targets are unreachable, and MSE cannot go below 80.0" in finding.message
    assert finding.cost["loss_floor"] == pytest.approx(80.0, rel=1e-9)
    assert finding.cost["loss_floor"] <= 80.0
    assert finding.interval == {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}[activation]


@pytest.mark.parametrize(
    ("activation", "least"), [("softplus", 0.0), ("exponential", 0.0), ("elu", -1.0)]
)
def test_activations_without_an_upper_bound_have_a_lower_one(activation, least):
    (finding,) = diagnose(one(activation), y=-Y).at_least("proved")
    assert (finding.code, finding.interval) == ("OR001", (least, np.inf))
    assert finding.cost["loss_floor"] == pytest.approx(np.mean((Y + least) ** 2), rel=1e-9)
    words = f"number below {least:g}" if least else "negative numbers"
    assert f"# {activation} returns no {words}" in finding.fix


def test_a_line_is_healthy_and_so_is_a_relu_that_starts_on():
    assert not diagnose(one(None)).findings
    assert not diagnose(one("relu")).findings


def test_a_relu_that_starts_off_is_proved_dead():
    answer = diagnose(one("relu", -1.0))
    (finding,) = answer.at_least("proved")
    assert finding.code == "OR003"
    assert "its only unit receives inputs in [-7, -1]" in finding.message
    assert finding.cost["share"] == 1.0


def test_the_floor_is_one_no_weights_can_beat():
    """Against the best of many weights, which an independent formula evaluates."""
    (finding,) = diagnose(one("sigmoid"))
    w, b = np.meshgrid(np.linspace(-50, 50, 201), np.linspace(-50, 50, 201))
    p = 1 / (1 + np.exp(-(w[..., None] * X[:, 0] + b[..., None]).clip(-500, 500)))
    assert np.mean((p - Y[:, 0]) ** 2, axis=-1).min() >= finding.cost["loss_floor"]


@pytest.mark.skipif(
    keras.backend.backend() == "tensorflow", reason="there Keras looks through the sigmoid"
)
def test_from_logits_after_a_sigmoid_has_the_floor_of_a_confined_logit():
    model = one("sigmoid", loss=keras.losses.BinaryCrossentropy(from_logits=True))
    y = (X > 4).astype("float32")
    (finding,) = diagnose(model, X, y).at_least("proved")
    positive, negative = np.log1p(np.exp(-1.0)), np.log(2.0)
    assert finding.code == "OR007"
    assert finding.cost["loss_floor"] == pytest.approx((3 * positive + 4 * negative) / 7)


def test_the_largest_rate_of_a_line_is_that_of_its_hessian():
    model = one(None)
    model.compile(keras.optimizers.SGD(0.5), "mse")
    (finding,) = diagnose(model).at_least("proved")
    columns = np.concatenate([X, np.ones_like(X)], axis=1)
    largest = np.linalg.eigvalsh(2 / 7 * columns.T @ columns).max()
    assert finding.code == "OR017"
    assert finding.cost["largest_rate"] == pytest.approx(2 / largest, rel=1e-6)


def test_ranges_are_of_the_whole_graph_not_of_the_last_activation():
    """A sigmoid beside a linear part, or scaled up, reaches what a sigmoid alone does not."""
    x = keras.Input((1,))
    deep, wide = keras.layers.Dense(1, "sigmoid")(x), keras.layers.Dense(1)(x)
    both = keras.Model(x, keras.layers.Add()([deep, wide]))
    scaled = keras.Model(x, keras.layers.Rescaling(20.0)(keras.layers.Dense(1, "sigmoid")(x)))
    little = keras.Model(x, keras.layers.Rescaling(5.0)(keras.layers.Dense(1, "sigmoid")(x)))
    for model in (both, scaled, little):
        model.compile("sgd", "mse")
    assert "OR001" not in diagnose(both).codes
    assert "OR001" not in diagnose(scaled).codes
    (finding,) = diagnose(little).at_least("proved")
    assert finding.cost["unreachable"] == 5  # 7, 9, 11, 13, 15


def test_frozen_layers_count_with_their_weights():
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(1, "sigmoid"),
            keras.layers.Dense(1, trainable=False, name="scale"),
        ]
    )
    model.layers[1].set_weights([np.array([[4.0]], "float32"), np.array([1.0], "float32")])
    model.compile("sgd", "mse")
    (finding,) = diagnose(model).at_least("proved")
    assert finding.interval == pytest.approx((1.0, 5.0))


def test_an_answer_in_every_medium():
    answer = diagnose(one("sigmoid"))
    text = str(answer)
    assert "OR001" in text
    assert "PROVED" in text
    assert "Fix: " in text
    assert "<table" in answer._repr_html_()
    assert json.loads(json.dumps(answer.as_dict()))["findings"][0]["cost"]["targets"] == 7
    log = json.loads(json.dumps(answer.sarif("model.keras")))
    result = log["runs"][0]["results"][0]
    assert (result["ruleId"], result["level"]) == ("OR001", "error")
    assert log["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "OR001"
    assert repr(answer).endswith("1 PROVED, 0 MEASURED, 0 SUSPECTED)")


def test_codes_can_be_explained_and_ignored():
    answer = diagnose(one("sigmoid"), ignore=["OR001"])
    assert not answer.findings
    assert answer.ignored == ("OR001",)
    assert "whatever the trainable weights are" in answer.explain("OR001").lower()
    with pytest.raises(outrange.InputError, match="OR001"):
        answer.explain("R1")
    with pytest.raises(outrange.InputError, match="Received: 'R1'"):
        diagnose(one("sigmoid"), ignore=["R1"])


def test_a_diagnosis_can_fail_a_test():
    model = one("sigmoid")
    with pytest.raises(AssertionError, match=r"80\.0"):
        diagnose(model).raise_on("proved")
    with pytest.raises(AssertionError, match="OR001"):
        outrange.training.assert_no_findings(model, X, Y, train=0)
    assert outrange.training.assert_no_findings(one(None), X, Y, train=0).findings == ()
    with pytest.raises(outrange.InputError, match="certain"):
        diagnose(model).raise_on("certain")


@pytest.mark.parametrize(
    ("x", "y", "match"),
    [
        (X[:3], Y, "same number of rows"),
        (np.ones((7, 2)), Y, "input shape"),
        (X, np.array(["a"] * 7), "numbers"),
        (X[:0], Y[:0], "at least one"),
    ],
)
def test_data_that_does_not_fit_is_refused(x, y, match):
    with pytest.raises(outrange.InputError, match=match):
        diagnose(one(None), x, y)


def test_what_is_no_keras_model_is_refused():
    for thing in (None, 3, X):
        with pytest.raises(outrange.InputError, match="Keras model"):
            outrange.diagnose(thing, X, Y)
