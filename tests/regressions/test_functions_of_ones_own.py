"""A loss or a rate that is a function of the user's own: short trainings ended in an error."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")


def far(y, found):
    return keras.ops.mean(keras.ops.square(y - found))


@pytest.mark.parametrize("what", ["loss", "nameless loss", "rate"])
def test_own_functions_are_trained_with(what):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "relu", name="hidden"),
                              keras.layers.Dense(1)])  # fmt: skip
    losses = {"loss": far, "nameless loss": lambda y, found: far(y, found)}
    rate = (lambda: 1e-6) if what == "rate" else 1e-6
    model.compile(keras.optimizers.SGD(rate), losses.get(what, "mse"))
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    found = outrange.diagnose(model, x, 50 * x[:, :1], epochs=3, batch_size=16, try_fixes=True)
    assert not any("short trainings" in one for one in found.unread)
    assert model.compiled and model.optimizer.iterations == 0
    if what == "rate":  # of other losses nobody knows what is little
        assert found.codes
