"""Measurements at the start equal those of TensorFlow's graph, in which `evaluate` runs.

There a cross-entropy reads the logits if it recognizes the operation that made its input.
"""

import numpy as np
import pytest

from outrange.frontends.keras.training.measure import Measurement


keras = pytest.importorskip("keras")
L = keras.layers
BACKEND, ROWS = keras.backend.backend(), 48


HEADS = {
    "sigmoid": (lambda x: L.Dense(3, "sigmoid")(x), "binary_crossentropy"),
    "activation layer": (lambda x: L.Activation("sigmoid")(L.Dense(3)(x)), "bce"),
    "operation": (lambda x: keras.ops.sigmoid(L.Dense(3)(x)), "binary_crossentropy"),
    "softmax layer": (lambda x: L.Softmax()(L.Dense(3)(x)), "categorical_crossentropy"),
    "softmax operation": (lambda x: keras.ops.softmax(L.Dense(3)(x)), "categorical_crossentropy"),
    "reshaped": (lambda x: L.Reshape((3,))(L.Dense(3, "softmax")(x)), "categorical_crossentropy"),
    "logits": (lambda x: L.Dense(3)(x), keras.losses.CategoricalCrossentropy(from_logits=True)),
    "raw": (lambda x: L.Dense(3)(x), "categorical_crossentropy"),
    "chosen by Keras": (lambda x: L.Dense(3, "softmax")(x), "crossentropy"),
    "squares": (lambda x: keras.ops.sigmoid(L.Dense(3)(x)), "mse"),
    "given as a function": (lambda x: L.Dense(3, lambda t: keras.ops.sigmoid(t))(x), "bce"),
}  # fmt: skip


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the others know no graph")
@pytest.mark.parametrize("name", HEADS)
def test_what_is_measured_is_what_a_graph_computes(name):
    make, loss = HEADS[name]
    keras.utils.set_random_seed(3)
    inputs = keras.Input((5,))
    model = keras.Model(inputs, make(inputs))
    model.compile("sgd", loss)
    rng = np.random.default_rng(1)
    x = (300 * rng.normal(size=(ROWS, 5))).astype("float32")  # so that clipped losses are others
    y = np.eye(3, dtype="float32")[rng.integers(0, 3, ROWS)]
    index = {id(v): i for i, v in enumerate(model.weights)}
    measured = Measurement(keras, model, index, False).measure(x, y)
    theirs = float(np.ravel(model.evaluate(x, y, batch_size=ROWS, verbose=0))[0])
    np.testing.assert_allclose(measured.loss, theirs, rtol=1e-4)
