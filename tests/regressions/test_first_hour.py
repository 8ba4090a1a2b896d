"""First questions of a new user that did not finish, or finished without an answer."""

import numpy as np
import pytest

import outrange
from cases import cases
from outrange.diagnosis import RULES


keras = pytest.importorskip("keras")
L = keras.layers


def model_of(*layers, seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(list(layers))


def test_every_pair_of_one_hidden_layer_is_decided():
    model = model_of(keras.Input((5,)), L.Dense(10, "relu"), L.Dense(4))
    answer = outrange.monotone(model, (0, 1), time_limit=60)
    assert len(answer.trends) == 20
    assert {trend.direction for trend in answer.trends} <= {"rises", "falls", "neither", "constant"}


def test_slopes_of_one_hidden_layer_are_exact():
    model = model_of(keras.Input((5,)), L.Dense(10, "relu"), L.Dense(4))
    answer = outrange.gradient_range(model, (0, 1), time_limit=60)
    assert answer.is_exact
    # Every activation pattern of the inputs drawn gives a derivative of that range.
    first, bias, second = model.layers[0].kernel, model.layers[0].bias, model.layers[1].kernel
    first, bias, second = (np.asarray(w, float) for w in (first, bias, second))

    def slopes(x):
        return np.einsum("ik,nk,kj->nji", first, x @ first + bias > 0, second)

    seen = slopes(np.random.default_rng(0).uniform(0, 1, (20_000, 5)))
    assert (seen >= answer.lo - 1e-9).all() and (seen <= answer.hi + 1e-9).all()
    at_lo = slopes(answer.at_lo.reshape(20, 5)).reshape(20, 20)
    np.testing.assert_allclose(np.diag(at_lo).reshape(4, 5), answer.lo, atol=1e-9)


@pytest.mark.slow
def test_slopes_have_bounds_when_their_cells_are_too_many_for_the_time():
    model = model_of(keras.Input((8,)), L.Dense(16, "relu"), L.Dense(2), seed=1)
    slopes = outrange.gradient_range(model, (0, 1), time_limit=0.2)
    assert np.isfinite(slopes.lo).all() and np.isfinite(slopes.hi).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_dead_unit_without_bias_is_exactly_dead(sign):
    """Rounding put its upper end at 1e-15, and the answer was "not exact"."""
    weights = [np.array([[-0.3], [-0.71], [-0.123]]) * sign, np.zeros(1)]
    dense = model_of(keras.Input((3,)), L.Dense(1, "relu"))
    dense.set_weights(weights)
    image = model_of(keras.Input((2, 2, 3)), L.Conv2D(1, 1, activation="relu"))
    image.set_weights([weights[0].reshape(1, 1, 3, 1), weights[1]])
    for model in (dense, image):
        bounds = outrange.output_range(model, (0, 1) if sign > 0 else (-1, 0))
        assert bounds.is_exact
        assert not bounds.lo.any() and not bounds.hi.any()


@pytest.mark.slow
def test_many_outputs_of_a_convolution_are_exact():
    model = model_of(keras.Input((19, 19, 3)), L.Conv2D(5, 1, activation="relu"))
    bounds = outrange.output_range(model, (0, 1), time_limit=60)
    assert bounds.is_exact and bounds.lo.shape == (19, 19, 5)
    kernel, bias = (np.asarray(w, float) for w in model.get_weights())
    kernel = kernel.reshape(3, 5)
    np.testing.assert_allclose(
        bounds.hi[3, 4], np.maximum(0, np.maximum(kernel, 0).sum(0) + bias), atol=1e-6
    )
    np.testing.assert_allclose(
        bounds.lo[3, 4], np.maximum(0, np.minimum(kernel, 0).sum(0) + bias), atol=1e-6
    )


@pytest.mark.slow
def test_what_plain_bounds_decide_takes_no_optimized_ones(monkeypatch):
    """A recurrent network was bounded for seconds where intervals had the answer."""
    from outrange.search.engines import array_engine

    model = model_of(keras.Input((12, 4)), L.LSTM(6), L.Dense(1, "sigmoid"))
    x = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
    middle = float(model(x[None])[0, 0])
    monkeypatch.setattr(array_engine, "OptimizedCrownPass", None)
    y = outrange.y
    for room in (0.2, 0.02):
        assert outrange.verify(model, abs(y[0] - middle) <= room, outrange.ball(x, 0.01))


@pytest.mark.slow
def test_a_rehearsal_keeps_what_an_adapted_layer_has_learned():
    """`set_weights` does not refresh `Normalization`: the trained copy was another model."""
    rng = np.random.default_rng(0)
    x = rng.normal(50, 10, (300, 3)).astype("float32")
    labels = (x[:, 0] > 50).astype(int)
    scaling = L.Normalization()
    scaling.adapt(x)
    model = model_of(keras.Input((3,)), scaling, L.Dense(8, "relu"), L.Dense(1, "sigmoid"))
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    model.fit(x, labels, epochs=10, verbose=0)
    apart = cases(set(RULES) - {"OR017"}, set())
    findings = outrange.diagnose(model, x, labels, ignore=apart).findings
    assert not [finding for finding in findings if finding.code == "OR017"]


def test_a_loss_that_is_no_number_at_first_is_not_blamed_on_the_rate():
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    targets = x[:, :1] * 2
    x[5, 1] = np.nan
    model = model_of(keras.Input((3,)), L.Dense(8, "relu"), L.Dense(1))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    codes = {finding.code for finding in outrange.diagnose(model, x, targets).findings}
    assert "OR016" in codes and "OR017" not in codes
