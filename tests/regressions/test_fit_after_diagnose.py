"""A first `fit` after `diagnose` took other steps on PyTorch: Keras's loss was built already."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")


def plain(**options):
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(1)]
    )
    model.compile("adam", options.get("loss", "mse"), metrics=["mae"])
    return model


def several(**options):
    inputs = keras.Input((3,))
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(8, "relu")(inputs))
    ends = {"a": keras.layers.Dense(1)(hidden), "b": keras.layers.Dense(1, "sigmoid")(hidden)}
    model = keras.Model(inputs, ends)
    losses, weights = {"a": "mse", "b": "binary_crossentropy"}, {"a": 0.5, "b": 1.0}
    model.compile("adam", losses, loss_weights=weights)
    return model


X = np.random.default_rng(0).normal(size=(48, 3)).astype("float32")
FIRST = X[:, :1]


def targets(make):
    return FIRST if make is plain else {"a": FIRST, "b": (FIRST > 0).astype("float32")}


@pytest.mark.slow
@pytest.mark.parametrize("make", [plain, several])
def test_fit_takes_the_steps_of_a_twin(make):
    after = []
    for asked in (False, True):
        keras.utils.set_random_seed(1)
        model = make()
        if asked:
            outrange.diagnose(model, X, targets(make), epochs=2, batch_size=16)
        losses = model.fit(X, targets(make), epochs=2, batch_size=16, verbose=0).history
        after.append([*map(np.array, model.weights), *(np.array(v) for v in losses.values())])
    for one, other in zip(*after, strict=True):
        np.testing.assert_array_equal(one, other)


class Written(keras.Model):
    def __init__(self):
        super().__init__()
        self.only = keras.layers.Dense(1)

    def call(self, x):
        return self.only(x)


def subclassed_model():
    model = Written()
    model.compile("adam", "mse")
    return model


def in_a_list():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, [keras.layers.Dense(1)(inputs)])
    model.compile("adam", "mse")
    return model


CHANCES = (FIRST > 0).astype("float32")
GIVEN = {
    "a list for a dict": (several, [FIRST, CHANCES]),
    "a tuple for a dict": (several, (FIRST, CHANCES)),
    "a list of one": (plain, [FIRST]),
    "a list of one for a class": (subclassed_model, [FIRST]),
    "an array for a list of one": (in_a_list, FIRST),
    "rows in a list": (plain, FIRST.tolist()),
}


@pytest.mark.parametrize("given", GIVEN)
def test_targets_are_brought_into_the_structure_of_outputs(given):
    """JAX: an error of its own at the first, and "the loss raises an error" at those of one."""
    make, y = GIVEN[given]
    model = make()
    answer = outrange.diagnose(model, X, y, epochs=2, batch_size=16)
    assert "OR016" not in answer.codes and not answer.unread
    flat = y if given != "rows in a list" else FIRST
    assert np.isfinite(model.fit(X, flat, verbose=0).history["loss"]).all()
