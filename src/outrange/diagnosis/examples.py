"""Programs that several rules show their faults in."""

from types import ModuleType

import numpy as np

from .registry import ModelAndData


def three_classes(keras: ModuleType) -> ModelAndData:
    """A small classifier, rows of three classes, and the number of each row's class."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 4)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, "relu"),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model, x, x[:, :3].argmax(axis=1)
