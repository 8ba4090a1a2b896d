"""Seven architectures of keras.applications: nothing is proved against any of them."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")

ARCHITECTURES = {
    "MobileNetV3Small": 32, "EfficientNetV2B0": 32, "ResNet50V2": 32, "NASNetMobile": 32,
    "VGG16": 32, "Xception": 71,
}  # fmt: skip
"""Name to image size."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_nothing_is_found_in_a_published_architecture(name):
    size = ARCHITECTURES[name]
    build = getattr(keras.applications, name)
    keras.utils.set_random_seed(0)
    model = build(weights=None, classes=10, input_shape=(size, size, 3))
    model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (16, size, size, 3)).astype("float32")
    answer = outrange.diagnose(model, x, rng.integers(0, 10, (16, 1)))
    assert not answer.at_least("measured"), answer
