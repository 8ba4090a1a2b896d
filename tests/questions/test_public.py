"""`outrange.*` on live Keras models: the questions people ask, with answers known by hand."""

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
    for told, status in (("y[0] <= 22", "HOLDS"), ("2 <= y[0] <= 20.5 or x[0] >= 9.5", "HOLDS"),
                         ("(x[0] >= 5).implies(y[0] >= 12)", "VIOLATED")):  # fmt: skip
        assert outrange.verify(model, told, (1, 10)).status == status
    assert outrange.bad_inputs(model, "y[0] <= 12", (1, 10)).share_hi == pytest.approx(0.5)
    outrange.assert_holds(model, "y[0] <= 22", (1, 10))
    with pytest.raises(outrange.InputError, match="`z` is unknown"):
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
