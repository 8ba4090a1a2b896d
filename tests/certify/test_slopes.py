"""Certificates of trends and derivatives: written for each kind of curve, and checked."""

import keras
import numpy as np
import pytest

import outrange
from certify.small_networks import negate, small_network
from outrange import InputError
from outrange.certify.provers.float_bounds import FloatBounds
from outrange.certify.provers.float_gates import float_slopes, gate_lines
from outrange.certify.provers.float_network import FloatBlock, FloatNetwork
from outrange.certify.provers.growth_prover import prove_growth
from outrange.core import Box, Warrant
from outrange_check.bounds import Region
from outrange_check.certificate import check, growth, risen
from outrange_check.curves import ONE_BITS, SMOOTH, slopes
from outrange_check.network import Network


CURVES = ["relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "softplus", "elu"]


def model(*activations, seed=0, layers=()):
    """Build a model with mostly positive weights: output 0 rises, output 1 falls."""
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(5, a) for a in activations]
    net = keras.Sequential([keras.Input((2,)), *layers, *hidden, keras.layers.Dense(2)])
    rng = np.random.default_rng(seed)
    weights = [
        np.abs(rng.normal(size=w.shape)) + 0.1
        if w.ndim > 1
        else 0.5 + 0.1 * rng.normal(size=w.shape)
        for w in net.get_weights()
    ]
    weights[-2] = weights[-2] * np.array([1.0, -1.0])
    net.set_weights(weights)
    return net


@pytest.mark.parametrize("activation", CURVES)
def test_trends_are_certified(tmp_path, activation):
    file, net = tmp_path / "a.proof", model(activation, activation)
    answer = outrange.monotone(net, (0, 1), certificate=file)
    assert "checked by outrange-check" in answer.certificate
    assert [trend.direction for trend in answer.trends] == ["rises"] * 2 + ["falls"] * 2
    first, second = check(str(file)).sentences
    for by, sentence in enumerate((first, second)):
        assert (
            sentence.count(f"per unit of x[{by}] if no other input changes (it does not decrease)")
            == 2
        )
        assert "1.0 * y[0] + 0.0 grows" in sentence and "-1.0 * y[1] + 0.0 grows" in sentence


def test_the_checker_is_run_on_the_model_of_the_file(tmp_path):
    file, net = tmp_path / "a.proof", tmp_path / "net.keras"
    model("relu", "tanh").save(net)
    answer = outrange.monotone(net, (0, 1), inputs=1, outputs=0, certificate=file)
    assert answer.warrant.name == "CERTIFIED" and answer.holds
    assert len(check(str(file), str(net)).sentences) == 1
    with pytest.raises(Exception, match="SHA-256"):
        model("relu", "tanh", seed=1).save(net)
        check(str(file), str(net))


def test_convolutions_and_maxima(tmp_path):
    layers = [
        keras.layers.Reshape((2, 1)),
        keras.layers.Conv1D(3, 2, padding="same", activation="relu"),
        keras.layers.MaxPooling1D(2),
        keras.layers.Flatten(),
    ]
    file = tmp_path / "a.proof"
    answer = outrange.monotone(model("leaky_relu", layers=layers), (0, 1), certificate=file)
    assert answer.holds and len(check(str(file)).sentences) == 2


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_derivatives_are_certified(tmp_path, activation):
    file, net = tmp_path / "a.proof", model(activation)
    plain = outrange.gradient_range(net, (-1, 0.5), tol=1e-2)
    answer = outrange.gradient_range(net, (-1, 0.5), tol=1e-2, certificate=file)
    assert "checked by outrange-check" in answer.certificate
    theorem = check(str(file))
    assert (answer.lo <= plain.lo).all() and (plain.hi <= answer.hi).all()
    np.testing.assert_allclose(answer.lo, plain.lo, atol=1e-6)
    assert any(repr(float(answer.lo[1, 0])) in sentence for sentence in theorem.sentences)
    assert any(repr(float(-answer.hi[0, 1])) in sentence for sentence in theorem.sentences)


def test_derivatives_that_are_constant_or_0_or_tiny_are_certified(tmp_path):
    file = tmp_path / "a.proof"
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    first, then = np.array([[1e-6, 0.0], [0.1, 0.2], [0.0, 0.0]]), np.array([[3.0], [-7.0]])
    net.set_weights([first, np.ones(2), then, np.ones(1)])
    answer = outrange.gradient_range(net, (-1, 1), certificate=file)
    assert len(check(str(file)).sentences) == 3
    slopes = np.float32(first) @ np.float32(then)
    np.testing.assert_allclose(answer.lo.ravel(), slopes.ravel(), rtol=1e-6)
    assert answer.lo[0, 2] == answer.hi[0, 2] == 0.0
    assert outrange.monotone(net, (-1, 1), certificate=file).trends[2].rises
    assert check(str(file)).sentences[2].count("does not decrease") == 2


def test_a_trend_that_is_not_there_gets_none(tmp_path):
    keras.utils.set_random_seed(1)
    net = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(2, "relu"), keras.layers.Dense(1)]
    )
    net.set_weights([np.array([[1.0, -1.0]]), np.array([-0.1, -0.1]), np.ones((2, 1)), np.zeros(1)])
    answer = outrange.monotone(net, (-1, 1), certificate=tmp_path / "a.proof")
    assert answer.trends[0].direction == "neither"
    assert "no trend is proved" in answer.certificate
    assert not list(tmp_path.iterdir())


def test_a_certificate_does_not_claim_that_an_output_does_neither(tmp_path):
    net = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(2, "relu"), keras.layers.Dense(2)]
    )
    weights = [np.array([[1.0, -1.0]]), np.full(2, -0.1), np.array([[1.0, 1.0], [1.0, 0.0]])]
    net.set_weights([*weights, np.zeros(2)])
    file = tmp_path / "a.proof"
    answer = outrange.monotone(net, (-1, 1), certificate=file)
    assert [trend.direction for trend in answer.trends] == ["neither", "rises"]
    assert answer.warrant is not Warrant.CERTIFIED
    assert "but not the refuted or undecided pairs" in answer.certificate
    assert "y[0]" not in check(str(file)).sentences[0]
    answer = outrange.monotone(net, (-1, 1), outputs=1, certificate=file)
    assert "neither" not in answer.certificate
    assert answer.warrant is Warrant.CERTIFIED


def test_unsupported_questions_are_refused_before_the_search(tmp_path):
    file, net = tmp_path / "a.proof", model("relu")
    for ask in (outrange.monotone, outrange.gradient_range):
        with pytest.raises(InputError, match="fixed"):
            ask(net, ([0, 1], [1, 1]), certificate=file)
        with pytest.raises(InputError, match="folder"):
            ask(net, (0, 1), certificate=tmp_path / "no" / "a.proof")
    with pytest.raises(InputError, match="groups"):
        outrange.monotone(net, (0, 1), groups=2, certificate=file)
    assert outrange.monotone(net, ([0, 1], [1, 1]), inputs=0, certificate=file).holds


# ---- float64 bounds agree with the checker's ---------------------------------------------------


@pytest.mark.parametrize("name", [*sorted(SMOOTH), "kink"])
def test_its_gates_are_those_of_the_checker(name):
    rng = np.random.default_rng(5)
    network = small_network(rng, 2, [4, 3], name, slopes=("1/8", 1))
    whole = Network(2, list(network.blocks), network.outputs)
    goal = risen(network.outputs[0], growth(whole, 1))
    for radius in (0.7, 0.05):
        lo, hi = np.array([0.1, -0.3]) - radius, np.array([0.1, -0.3]) + radius
        ends = [(int(a * ONE_BITS), int(b * ONE_BITS)) for a, b in zip(lo, hi, strict=True)]
        region = Region(whole, ends, [goal, negate(goal)])
        region.bound(deep=True)
        exact = [region.least(1, k) / ONE_BITS for k in region.goals]
        net = FloatNetwork(whole)
        assert len(net.blocks) == 4
        bounds = FloatBounds(net, lo[None], hi[None])
        least, _, _ = bounds.lower_bounds(*net.rows([goal, negate(goal)]), 4)
        least = np.maximum(least, bounds.sign_bounds(*net.rows([goal, negate(goal)])))
        np.testing.assert_allclose(least[0], exact, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_slopes_are_those_of_the_checker(name):
    block = FloatBlock(name, None, np.zeros(1), {})
    for low, high in ((-3, 2), (-1.5, -1.3), (1, 1), (-9, -2.4), (2, 2.4), (-0.5, 0.7)):
        low, high = float(low), float(high)
        float_result = float_slopes(block, np.array([low]), np.array([high]))
        exact = slopes(name, int(low * ONE_BITS), int(high * ONE_BITS))
        np.testing.assert_allclose(np.ravel(float_result), [v / ONE_BITS for v in exact], atol=1e-6)


def test_lines_of_gates_hold_their_products():
    rng = np.random.default_rng(0)
    least, most = np.sort(rng.normal(size=(2, 300)), axis=0)
    low, high = np.sort(rng.normal(size=(2, 300)), axis=0)
    ls, lt, hs, ht = gate_lines(least, most, low, high)
    for slope in (least, most, (least + most) / 2):
        for z in (low, high, (low + high) / 2):
            assert (ls * z + lt <= slope * z + 1e-12).all()
            assert (slope * z - 1e-12 <= hs * z + ht).all()


def test_a_false_claim_has_no_tree():
    network = small_network(np.random.default_rng(2), 2, [5, 4], "tanh")
    box = Box([-1.0, -1.0], [1.0, 1.0])
    forms = [network.outputs[0], negate(network.outputs[0])]
    assert prove_growth(network, 0, box, forms, np.zeros(2), 1e-9) is None
