"""Claims below the checker's resolution get no certificate and leave the answer unchanged."""

import keras
import numpy as np
import pytest

import outrange
from cases import combine
from outrange import y
from outrange_check.certificate import check


def model(activation, *weights, outputs=1):
    inputs, width = np.shape(weights[0])
    layers = [keras.layers.Dense(width, activation), keras.layers.Dense(outputs)]
    net = keras.Sequential([keras.Input((inputs,)), *layers])
    net.set_weights([np.array(w, "f") for w in weights])
    return net


def one_unit(activation, weight, bias, after):
    return model(activation, [[weight]], [bias], [[after]], [0])


HIDDEN = [("relu", 1e-20, 1, 1, 1e20), ("relu", 1e-12, 1, 1e-12, 1), ("silu", 1e-20, 1e10, 1, 1e30)]


@pytest.mark.parametrize(("activation", "weight", "bias", "after", "most"), HIDDEN)
def test_a_range_keeps_its_ends(tmp_path, activation, weight, bias, after, most):
    file, net = tmp_path / "a.proof", one_unit(activation, weight, bias, after)
    plain = outrange.output_range(net, (-most, most))
    answer = outrange.output_range(net, (-most, most), certificate=file)
    assert answer.is_exact and answer.warrant == plain.warrant
    assert (answer.lo == plain.lo).all() and (answer.hi == plain.hi).all()
    assert "steps of 2^-80" in answer.certificate and "only to within" in answer.certificate
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("weight", "after", "most"), [(1e-10, 1, 1e10), (1e-6, 1e-6, 1)])
def test_ends_move_within_the_tolerance(tmp_path, weight, after, most):
    file, net = tmp_path / "a.proof", one_unit("relu", weight, 0, after)
    answer = outrange.output_range(net, (-most, most), certificate=file)
    assert answer.warrant.name == "CERTIFIED" and check(str(file)).boxes
    assert answer.is_exact and (answer.relative_gap <= answer.tol).all()


def test_an_optimum_keeps_its_end(tmp_path):
    file, net = tmp_path / "a.proof", one_unit("relu", 1e-20, 1, 1)
    answer = outrange.minimize(net, y[0], (-1e20, 1e20), certificate=file)
    assert answer.is_exact and 0 < answer.lo < 1e-6
    assert "steps of 2^-80" in answer.certificate and not file.exists()
    larger = outrange.minimize(one_unit("relu", 1, 1, 1), y[0], (-1, 2), certificate=file)
    assert larger.warrant.name == "CERTIFIED" and abs(larger.lo) < 1e-9


def test_an_output_that_is_always_0_does_not_stop_the_others(tmp_path):
    file, net = tmp_path / "a.proof", model("relu", [[1, 1]], [0, -9], np.eye(2), [0, 0], outputs=2)
    answer = outrange.output_range(net, (-1, 1), certificate=file)
    assert answer.warrant.name == "CERTIFIED" and abs(answer.hi[1]) < 1e-12


SLOPES = [
    ("relu", [[1e-10]], [1], [[1e-10]], 1),
    ("leaky_relu", [[-1e-10, 1e-10]], [1e-10, 0], [[1e-10], [1e-10]], 1e6),
    ("sigmoid", [[3e-4, -3e-4]], [1e-3, 0], [[2e-4], [-2e-4]], 1e10),
]


@pytest.mark.parametrize(("activation", "weights", "bias", "after", "most"), SLOPES)
def test_a_message_about_slopes_names_the_steps(tmp_path, activation, weights, bias, after, most):
    file, net = tmp_path / "a.proof", model(activation, weights, bias, after, [0])
    answer = outrange.gradient_range(net, (-most, most), certificate=file, time_limit=60)
    assert "fault" not in answer.certificate and "steps of 2^-80" in answer.certificate
    assert answer.warrant.name == "FLOAT64_ROUNDED" and not list(tmp_path.iterdir())


SMOOTH = ["tanh", "sigmoid", "elu", "gelu", "silu", "softplus", "exponential"]


@pytest.mark.parametrize(("activation", "width"), combine(SMOOTH, [0, 1e-7, 1e-4]))
def test_narrow_sets_of_smooth_networks(tmp_path, activation, width):
    file, rng = tmp_path / "a.proof", np.random.default_rng(0)
    net = model(activation, *(rng.normal(size=s) for s in ((2, 3), 3, (3, 1), 1)))
    box = [0.3, 0.4], [0.3 + width, 0.4 + width]
    answer = outrange.output_range(net, box, certificate=file)
    assert "checked by outrange-check" in answer.certificate and check(str(file)).boxes
    assert (answer.hi - answer.seen_hi <= 1e-12 * (1 + abs(answer.hi)) + 2e-6 * width).all()
