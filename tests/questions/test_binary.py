"""Classifiers with one number: the threshold of a sigmoid is 0.5, that of a logit 0."""

import numpy as np
import pytest

import outrange
from outrange import y
from outrange.core import InputError


keras = pytest.importorskip("keras")
L = keras.layers


def linear(weight, bias, activation=None):
    model = keras.Sequential([keras.Input((len(weight),)), L.Dense(1, activation=activation)])
    model.set_weights([np.asarray(weight)[:, None], np.asarray([bias])])
    return model


def small_net(activation, seed=0):
    keras.utils.set_random_seed(seed)
    last = L.Dense(1, activation=activation)
    return keras.Sequential([keras.Input((3,)), L.Dense(12, activation="relu"), last])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("activation", "threshold"), [("sigmoid", 0.5), ("hard_sigmoid", 0.5), (None, 0), ("tanh", 0)]
)
def test_the_radius_is_the_distance_to_the_threshold(activation, threshold):
    model = linear([1.0, -2.0], 0.25, activation)
    for x, label in (([0.5, 0.0], 1), ([-1.0, 0.5], 0)):
        answer = outrange.robustness(model, x, tol=1e-3)
        radius = abs(x[0] - 2 * x[1] + 0.25) / 3
        assert answer.is_exact
        assert answer.lo <= radius * (1 + 1e-9) <= answer.hi * (1 + 1e-6)
        assert answer.claim == f"y[0] {'>' if label else '<='} {threshold:g}"
        assert f"above {threshold:g}" in str(answer).replace("\n ", "")
        assert outrange.robustness(model, x, label, tol=1e-3).lo == pytest.approx(answer.lo)
        assert outrange.robustness(model, x, 1 - label).status == "broken"


def test_at_the_threshold_it_is_class_0():
    model = linear([1.0], 0.0)
    assert outrange.robustness(model, [0.0], 1, tol=1e-2, time_limit=5).status == "broken"
    held = outrange.robust_accuracy(model, [[0.0], [-0.25], [0.25]], [0, 0, 1], 0.25)
    assert held.status.tolist() == ["broken", "robust", "broken"]
    assert outrange.verify(model, outrange.y[0] <= 0, (-1, 0)).holds


@pytest.mark.parametrize("activation", ["sigmoid", None])
@pytest.mark.parametrize("threshold", [None, 0.25])
def test_no_sampled_input_of_the_ball_contradicts_it(activation, threshold, rng):
    model = small_net(activation)
    x = rng.uniform(-1, 1, (16, 3)).astype("float32")
    at = threshold if threshold is not None else 0.5 if activation else 0.0
    labels = (model.predict(x, verbose=0)[:, 0] > at).astype(int)
    labels[0] = 1 - labels[0]
    answer = outrange.robust_accuracy(model, x, labels, 0.1, threshold=threshold)
    assert answer.threshold == at
    assert answer.status[0] == "wrong"
    assert answer.complete
    assert "open" not in answer.status
    for i in np.flatnonzero(answer.status == "robust"):
        near = x[i] + rng.uniform(-0.1, 0.1, (200, 3)).astype("float32")
        out = model.predict(near, verbose=0)[:, 0]
        clear = np.abs(out - at) > 1e-6
        assert ((out > at) == labels[i])[clear].all()
    for i, counterexample in answer.adversarial.items():
        assert (counterexample.flat_y[0] > at) != labels[i]


def test_a_sigmoid_costs_no_more_than_its_logit():
    """Its comparison with 0.5 is one of the logit with 0, so kinks alone are left."""
    with_sigmoid, logit = small_net("sigmoid"), small_net(None)
    answers = [
        outrange.robustness(model, [0.3, -0.2, 0.1], tol=1e-2) for model in (with_sigmoid, logit)
    ]
    assert answers[0].lo == pytest.approx(answers[1].lo, rel=1e-2)
    assert answers[0].cost.boxes <= 2 * answers[1].cost.boxes + 10


@pytest.mark.parametrize(
    ("function", "threshold"),
    [(lambda t: 1.0 - t, 0.5), (lambda t: 2.0 * t - 1.0, 0.0), (lambda t: 3.0 * t + 2.0, None)],
)
def test_what_comes_after_a_sigmoid_counts(function, threshold):
    model = keras.Sequential([keras.Input((2,)), L.Dense(1, "sigmoid"), L.Lambda(function)])
    if threshold is None:
        with pytest.raises(InputError, match=r"argument `threshold` of.*from 2 to 5"):
            outrange.robustness(model, [0.0, 1.0])
        return
    assert f"above {threshold:g}" in outrange.robustness(model, [0.0, 1.0], tol=0.1).reading


def test_a_relu_says_nothing_of_a_threshold():
    with pytest.raises(InputError, match="argument `threshold` of `robust_accuracy`"):
        outrange.robust_accuracy(linear([1.0], 0.0, "relu"), [[1.0]], [1], 0.1)
    answer = outrange.robustness(linear([1.0], 0.0, "relu"), [1.0], y[0] > 0.5, tol=1e-3)
    assert answer.lo == pytest.approx(0.5, rel=1e-2)


def test_refused_thresholds():
    two = keras.Sequential([keras.Input((2,)), L.Dense(2)])
    single = linear([1.0], 0.0)
    for model, threshold in ((two, 0.5), (single, float("nan")), (single, "half"), (single, [0.5])):
        with pytest.raises(InputError, match="threshold"):
            x = np.zeros((1, model.input_shape[1]))
            outrange.robust_accuracy(model, x, [0], 0.1, threshold=threshold)
    with pytest.raises(InputError, match="0 to 1"):
        outrange.robust_accuracy(single, [[0.0]], [2], 0.1)


def test_a_file_of_another_threshold_is_refused(tmp_path):
    model, file = linear([1.0], 0.0, "sigmoid"), tmp_path / "kept.jsonl"
    outrange.robust_accuracy(model, [[1.0]], [1], 0.1, file=file)
    assert outrange.robust_accuracy(model, [[1.0]], [1], 0.1, file=file).complete
    with pytest.raises(InputError, match="`threshold` differs"):
        outrange.robust_accuracy(model, [[1.0]], [1], 0.1, threshold=0.25, file=file)
