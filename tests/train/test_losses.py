"""The losses for grouped classes: values, slopes, and training by `fit`."""

from itertools import pairwise

import keras
import numpy as np
import pytest
from keras import Input, Sequential, layers as L

from outrange.layers import GroupedSoftmax
from outrange.losses import GroupedCrossentropy, MonotoneIndexPenalty


def by_hand(p, by, margin):
    """The penalty of one row of groups `(groups, classes)`, from its definition."""
    total = 0.0
    for before, after in pairwise(p):
        if by == "index":
            index = np.arange(p.shape[1])
            total += max(before @ index - after @ index + margin, 0)
        else:
            rise = np.cumsum(after) - np.cumsum(before)
            total += np.maximum(rise[:-1] + margin, 0).sum()
    return total


@pytest.mark.parametrize("by", ["index", "cumulative"])
@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_the_penalty_is_its_definition(by, margin, rng):
    p = rng.dirichlet(np.ones(4), (30, 3))
    flat = p.reshape(30, 12)
    expected = [by_hand(row, by, margin) for row in p]
    loss = MonotoneIndexPenalty(3, by=by, margin=margin, reduction=None)
    np.testing.assert_allclose(np.asarray(loss(flat, flat)), expected, rtol=1e-5, atol=1e-6)
    logits = MonotoneIndexPenalty(3, by=by, margin=margin, from_logits=True, reduction=None)
    np.testing.assert_allclose(
        np.asarray(logits(flat, np.log(flat))), expected, rtol=1e-4, atol=1e-5
    )


def test_groups_of_different_sizes(rng):
    p = np.array([[0.5, 0.5, 0.1, 0.2, 0.7], [0.0, 1.0, 1.0, 0.0, 0.0]])
    penalties = MonotoneIndexPenalty([2, 3], by="cumulative", reduction=None)(p, p)
    np.testing.assert_allclose(np.asarray(penalties), [0, 1], atol=1e-6)


def test_it_adds_to_another_loss(rng):
    p = rng.dirichlet(np.ones(3), (8, 2)).reshape(8, 6)
    truth = np.tile(np.eye(3)[[0, 2]].reshape(1, 6), (8, 1))
    base = GroupedCrossentropy(2)
    both = MonotoneIndexPenalty(2, loss=base, weight=3.0)
    alone = MonotoneIndexPenalty(2)
    np.testing.assert_allclose(
        float(both(truth, p)), float(base(truth, p)) + 3 * float(alone(truth, p)), rtol=1e-5
    )
    logs = np.log(p).reshape(8, 2, 3)
    expected = -(truth.reshape(8, 2, 3) * logs).sum(axis=(1, 2)).mean()
    np.testing.assert_allclose(float(base(truth, p)), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        MonotoneIndexPenalty([2, 3], "mse", 2.0, 0.1, "cumulative", True),
        GroupedCrossentropy(3, True),
    ],
)
def test_rebuilt_from_its_config(loss):
    config = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(config)
    assert keras.saving.serialize_keras_object(again) == config


@pytest.mark.slow
@pytest.mark.parametrize("by", ["index", "cumulative"])
def test_fit_brings_falling_groups_into_order(by, rng):
    keras.utils.set_random_seed(0)
    x = rng.uniform(-1, 1, (256, 2)).astype("float32")
    # The labels fall: the penalty, ten times as strong, must win.
    truth = np.tile(np.eye(3)[[2, 0]].reshape(1, 6), (256, 1))
    model = Sequential([Input((2,)), L.Dense(8, "tanh"), L.Dense(6), GroupedSoftmax(2)])
    loss = MonotoneIndexPenalty(2, GroupedCrossentropy(2), weight=10.0, margin=0.2, by=by)
    model.compile(keras.optimizers.Adam(0.05), loss)
    before = float(MonotoneIndexPenalty(2)(truth, truth))
    model.fit(x, truth, epochs=30, batch_size=64, verbose=0)
    p = model.predict(x, verbose=0).reshape(-1, 2, 3)
    assert before == 2.0
    assert (p[:, 0] @ np.arange(3) <= p[:, 1] @ np.arange(3)).all()
