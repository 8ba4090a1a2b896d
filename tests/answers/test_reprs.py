"""Tests of the short texts of answers: singular nouns, bounds, advice that suits the model."""

import keras
import numpy as np

import outrange


LINE = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="line")


def test_a_single_layer_is_singular():
    assert "; 1 layer)" in repr(outrange.load(LINE))
    assert "1 layer, " in repr(outrange.summary(LINE, (0, 1)))


def test_answers_about_sets_show_their_bounds():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "relu", use_bias=False)])
    model.set_weights([np.eye(2)])
    assert "hi=[1.00001, 1.00001], 4 pieces" in repr(outrange.reach_set(model, (-1, 1)))
    loop = outrange.ControlLoop(lambda x: [-0.5 * x[0]], lambda x, u: [x[0] + u[0]], ([1], [2]))
    assert "last states lo=[0.24999" in repr(outrange.closed_loop(loop, 2))
    assert "at the end with lo=[0.24999" in repr(outrange.loop_reach_sets(loop, 2))


def test_the_repair_of_a_keras_model_is_suggested_for_python_and_the_command_line():
    text = str(outrange.verify(LINE, "y[0] <= -100", (0, 1)))
    assert "`outrange.repair`" in text and "`outrange repair`" in text


def test_no_repair_is_suggested_for_another_model():
    from sklearn.neural_network import MLPRegressor

    rng = np.random.default_rng(0)
    x, targets = rng.random((20, 2)), rng.random(20)
    fitted = MLPRegressor(hidden_layer_sizes=(3,), max_iter=1).fit(x, targets)
    assert "repair" not in str(outrange.verify(fitted, "y[0] <= -100", (0, 1)))
