"""Odd but legal Keras models: exact ends, warnings and messages of theirs."""

import warnings

import numpy as np
import pytest

import outrange
from cases import cases


keras = pytest.importorskip("keras")
U = (-1, 1)


def build_model(function, shape=(3,), scale=1.0):
    """Return a functional model with fixed random weights."""
    x = keras.Input(shape)
    model = keras.Model(x, function(x))
    rng = np.random.default_rng(0)
    model.set_weights([scale * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize(
    "function, shape",
    [
        (lambda x: keras.layers.MaxPooling1D(2)(x), (32, 1)),
        (lambda x: keras.layers.Activation("tanh")(keras.layers.Dense(2)(x)), (6, 1)),
        (lambda x: keras.activations.softmax(1e4 * x), (3,)),
    ],
    ids=["pool", "tanh", "softmax"],
)
def test_the_search_ends_where_intervals_are_exact(function, shape):
    """The search went on for ever (to `time_limit`) though interval bounds had closed every gap."""
    answer = outrange.output_range(build_model(function, shape), U, time_limit=30)
    assert answer.status == "exact"
    assert answer.warrant.name == "FLOAT64_ROUNDED"
    assert answer.cost.seconds < 10


@pytest.mark.parametrize(
    "function", [lambda x: x - x, lambda x: keras.ops.relu(x) - keras.ops.relu(x)]
)
def test_exact_is_what_the_documents_say(function):
    """`status` was "exact" with a `relative_gap` of 1e285, for an output that is always 0."""
    answer = outrange.output_range(build_model(function), U, time_limit=10)
    assert answer.status == "rounding" or (answer.relative_gap <= 1e-6).all()


@pytest.mark.parametrize("variance", [-1.0, -0.001])
def test_negative_moving_variance(variance):
    """Ended in "this is a bug in outrange" (NaN and infinite bounds)."""
    norm = keras.layers.BatchNormalization(name="odd")
    model = keras.Sequential([keras.Input((2,)), norm])
    norm.moving_variance.assign([variance, 1.0])
    with pytest.raises(outrange.OutrangeError, match=r"`odd`.*variance"):
        outrange.output_range(model, U, time_limit=10)


def test_no_entries():
    """A NumPy ValueError about broadcasting reached the user."""
    model = build_model(lambda x: keras.layers.Dense(2)(x[:, :0]))
    with pytest.raises(outrange.UnsupportedError, match="no entries"):
        outrange.output_range(model, U, time_limit=10)


def test_a_product_of_the_input_with_itself_comes_first():
    """Such a model ended in a ValueError of `zip`, because a product has no fixed input sizes."""
    x = keras.Input((2, 2))
    y = keras.ops.exp(keras.ops.tanh(x)) + keras.ops.exp(keras.ops.tanh(keras.ops.matmul(x, x)))
    model = keras.Model(x, y)
    answer = outrange.output_range(model, U, budget=0.2)
    rows = np.random.default_rng(0).uniform(-1, 1, (1000, 2, 2)).astype(np.float32)
    values = model.predict(rows, verbose=0)
    assert (values >= answer.lo - 1e-5).all() and (values <= answer.hi + 1e-5).all()


def test_widths_beyond_float64():
    """OverflowError of numpy.random: the width of the box is not a float64 number."""
    model = build_model(
        lambda x: keras.layers.Dense(2)(keras.layers.Dense(5, activation="relu")(x))
    )
    for ask in (outrange.output_range, outrange.sample_range):
        ask(
            model,
            (-1.7e308, 1.7e308),
            **({"time_limit": 5} if ask is outrange.output_range else {}),
        )


@pytest.mark.parametrize("scale", [1e9, 1.0])
def test_no_warnings_of_numpy(scale):
    """`repr` of an answer above 1e6, and loading a model with a pole, warned of divisions."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        repr(outrange.output_range(build_model(keras.layers.Dense(2), scale=scale), U))
        outrange.load(build_model(lambda x: 1.0 / x))
        outrange.output_range(
            build_model(keras.layers.Dense(2)), U, rows=[[1e308, 1e308]], time_limit=5
        )


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: outrange.output_range(m, U, progress=3),
        lambda m: outrange.output_range(m, np),
        lambda m: outrange.Box("a", "b"),
    ],
    ids=["progress", "module", "Box"],
)
def test_wrong_arguments(ask):
    """TypeError or ValueError from inside, in place of InputError."""
    with pytest.raises(outrange.InputError):
        ask(build_model(keras.layers.Dense(2)))


def test_root_at_the_edge_of_its_domain():
    """`sqrt(x + 1)` on [-1, 1] was refused: rounding makes the lower end -3.6e-15."""
    answer = outrange.output_range(build_model(lambda x: keras.ops.sqrt(x + 1.0)), U, time_limit=10)
    np.testing.assert_allclose(answer.hi, np.sqrt(2.0), rtol=1e-6)


@pytest.mark.slow
def test_large_arguments_of_sine_have_evidence():
    """On [-2e4, 2e4] `seen_lo` was 2 and `seen_hi` -2: evaluation at a point said nothing."""
    model = build_model(lambda x: keras.ops.sin(x) + keras.ops.cos(3.0 * x))
    answer = outrange.output_range(model, (-2e4, 2e4), time_limit=cases(0.5, 2))
    assert (answer.seen_lo < -1.5).all() and (answer.seen_hi > 1.5).all()
