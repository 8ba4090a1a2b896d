"""`outrange.*` on live Keras models: typical questions with answers known by hand."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")


def one_neuron(activation, weight, bias):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation=activation)])
    model.set_weights([np.array([[weight]]), np.array([bias])])
    return model


@pytest.mark.parametrize(
    ("activation", "weight", "bias", "lo", "hi"),
    [
        (None, 2.0, 1.0, 3.0, 21.0),
        ("relu", 2.0, 1.0, 3.0, 21.0),
        ("relu", -2.0, -1.0, 0.0, 0.0),
        ("sigmoid", 2.0, 1.0, 1 / (1 + np.exp(-3.0)), 1 / (1 + np.exp(-21.0))),
        ("tanh", 2.0, 1.0, np.tanh(3.0), np.tanh(21.0)),
    ],
)
def test_what_one_neuron_can_learn(activation, weight, bias, lo, hi):
    answer = outrange.output_range(one_neuron(activation, weight, bias), (1, 10))
    np.testing.assert_allclose([answer.lo[0], answer.hi[0]], [lo, hi], rtol=1e-6, atol=1e-9)


def test_a_dead_relu_is_exactly_zero():
    answer = outrange.output_range(one_neuron("relu", -2.0, -1.0), (1, 10))
    assert (answer.lo.tolist(), answer.hi.tolist()) == ([0.0], [0.0])
    assert outrange.summary(one_neuron("relu", -2.0, -1.0), (1, 10)).total("dead") == 1


def test_inputs_and_outputs_by_name():
    x, u = keras.Input((2,), name="x"), keras.Input((1,), name="u")
    both = keras.layers.Concatenate()([x, u])
    total = keras.layers.Dense(1, kernel_initializer="ones", name="total")(both)
    scaled = keras.layers.Rescaling(3.0, name="scaled")(u)
    model = keras.Model({"x": x, "u": u}, {"total": total, "scaled": scaled})
    answer = outrange.output_range(model, {"x": (0, 1), "u": 0.5})
    np.testing.assert_allclose(answer["total"].hi, [2.5], atol=1e-5)
    np.testing.assert_allclose(answer["scaled"].lo, [1.5], atol=1e-5)
    assert answer["total"].at_hi["x"].tolist() == [[1.0, 1.0]]
    sampled = outrange.sample_range(model, {"x": (0, 1), "u": 0.5}, samples=50)
    assert np.all(answer.lo <= sampled.lo + 1e-12)
    assert np.all(sampled.hi <= answer.hi + 1e-12)


def test_a_model_is_read_once_for_several_questions():
    network = outrange.load(one_neuron("tanh", 2.0, 1.0))
    assert outrange.load(network) is network
    assert outrange.output_range(network, (1, 10)).model_lo is not None
    assert outrange.summary(network, (1, 10)).total("saturated") == 0


def test_what_is_no_model_is_refused():
    for thing in (None, 3, "model.txt", [1, 2]):
        with pytest.raises(outrange.InputError, match="Received"):
            outrange.output_range(thing, (0, 1))


def test_a_property_may_be_written_out_as_the_shell_takes_it():
    model = one_neuron(None, 2.0, 1.0)
    for text, status in (("y[0] <= 22", "HOLDS"), ("2 <= y[0] <= 20.5 or x[0] >= 9.5", "HOLDS"),
                         ("(x[0] >= 5).implies(y[0] >= 12)", "VIOLATED")):  # fmt: skip
        assert outrange.verify(model, text, (1, 10)).status == status
    assert outrange.bad_inputs(model, "y[0] <= 12", (1, 10)).share_hi == pytest.approx(0.5)
    outrange.testing.assert_holds(model, "y[0] <= 22", (1, 10))
    with pytest.raises(outrange.InputError, match="`z` is not a known name"):
        outrange.verify(model, "z <= 1", (0, 1))
    with pytest.raises(outrange.InputError, match=r"ends in \.vnnlib"):
        outrange.verify(model, "safe.txt", (0, 1))


def test_a_function_that_states_a_property_is_told_by_what_it_states():
    verdict = outrange.verify(one_neuron(None, 2.0, 1.0), lambda x, y: y[0] <= 21 * x[0], (1, 10))
    assert verdict.claim == "y[0] <= 21 * x[0]"


def test_a_condition_implies_another_by_a_method_too():
    from outrange import x, y

    assert str((x[0] >= 5).implies(y[0] >= 11)) == str(outrange.implies(x[0] >= 5, y[0] >= 11))
    with pytest.raises(outrange.InputError, match="where a condition is needed"):
        (x[0] >= 5).implies(y[0])


def three():
    return keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(2)], name="net")


@pytest.mark.parametrize(("box", "message"), [
    (([0, 0], [1, 1]), r"`lo` and `hi` of input `x` need one number.*shape \(2,\)\."),
    (([0, 0], [1, 1, 1, 1]), r"`lo` and `hi` of .*shape \(2,\), \(4,\)\."),
    (([0, 0, 0], [1, 1]), r"^`hi` of input `x` needs one number"),
    (([0, 0], [1, 1, 1]), r"^`lo` of input `x` needs one number"),
    ((0, [1, np.inf, 1]), r"a finite `hi`; `x`\[1\] does not"),
    (([0, -np.inf, 0], 1), r"a finite `lo`; `x`\[1\] does not"),
])  # fmt: skip
def test_a_wrong_box_is_told_by_its_wrong_end(box, message):
    with pytest.raises(outrange.InputError, match=message):
        outrange.output_range(three(), box)


def test_names_that_are_known_are_listed_once():
    named = outrange.load(three(), names=["speed", "load", "slope"])
    with pytest.raises(outrange.InputError) as raised:
        outrange.monotone(named, (0, 1), inputs="sped")
    text, meant = str(raised.value).split("Did you mean")
    assert all(text.count(name) == 1 for name in ("speed", "load", "slope")) and "speed" in meant


def test_a_call_with_other_arguments_says_which_there_are():
    rows = np.zeros((4, 3)), np.zeros(4)
    for call, message in (
        (lambda: outrange.robust_accuracy(three(), data=rows, eps=0.1), "as two arguments"),
        (lambda: outrange.verify(three(), "y[0] <= 1", (0, 1), timelimit=3), "mean `time_limit`"),
        (lambda: outrange.output_range(three()), "takes model, box;"),
        (lambda: outrange.output_range(three(), (0, 1), 3), "too many positional"),
    ):
        with pytest.raises(
            outrange.InputError, match=message.replace("as two", "are two")
        ) as error:
            call()
        assert isinstance(error.value, TypeError) and "Received: " in str(error.value)


@pytest.mark.parametrize(("name", "meant"), [
    ("model.kears", "model.keras"), ("a.b/net.onxx", "a.b/net.onnx"), ("net.h6", "net.h5"),
    ("net.Kera", "net.keras"), ("notes.txt", None), ("model", None),
])  # fmt: skip
def test_a_file_with_nearly_the_right_ending_is_guessed(name, meant):
    with pytest.raises(outrange.InputError) as raised:
        outrange.load(name)
    assert (f"Did you mean `{meant}`?" in str(raised.value)) == (meant is not None)
    assert ("Did you mean" in str(raised.value)) == (meant is not None)


def test_robustness_takes_a_property_written_out():
    answer = outrange.robustness(one_neuron(None, 2.0, 1.0), [5.0], property="y[0] >= 9")
    assert answer.claim == "y[0] >= 9" and answer.hi == pytest.approx(1.0, rel=1e-3)
